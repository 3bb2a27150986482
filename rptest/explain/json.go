package explain

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

var b64 = base64.RawURLEncoding

// parse takes anything apart that Explain takes.
func parse(data []byte) *node {
	plain, o := recognised(data)
	if o == nil {
		return otherNode(plain)
	}
	n := &node{kind: kindOf(o), raw: plain, parts: []*node{}}
	switch n.kind {
	case ClientData:
		n.add(clientDataNode("clientDataJSON", plain))
	case RegistrationResponse, AuthenticationResponse, Response:
		n.addResponse(responseOf(o))
	default:
		if inner, err := ceremony.ParseObject(o.Get("publicKey")); err == nil {
			o = inner
		}
		n.addMembers(o.Members)
	}
	annotate(n)
	if len(n.parts) == 0 {
		n.kind = Empty
	}
	return n
}

// otherNode takes apart what is no JSON object.
func otherNode(b []byte) *node {
	n := &node{kind: Unknown, raw: b, value: hexed(b)}
	if h, _, ok := ceremony.CutHead(b); ok && h.Major == ceremony.MajorMap {
		if _, _, err := ceremony.CutItem(b); err == nil {
			n.kind = AttestationObject
			n.add(objectNode("attestationObject", b))
			return n
		}
	}
	switch list := jsonNode("", b); {
	case list.parts != nil && len(list.parts) == 0:
		n.kind, n.parts = Empty, list.parts
	case list.parts != nil:
		n.kind, n.parts = JSON, list.parts
	case isSequence(b):
		n.addSequence(b)
	case len(b) >= authDataFixed:
		authData := authDataNode("authenticatorData", b)
		n.kind = AuthenticatorData
		if authData.part("trailing") != nil {
			n.kind = AuthenticatorDataPerhaps
		}
		n.add(authData)
	}
	return n
}

func (n *node) addMembers(members []ceremony.Member) {
	for _, m := range members {
		n.add(jsonNode(m.Name, m.Value))
	}
}

// addResponse adds a credential's members, those of its member response among
// them, and what came with it.
func (n *node) addResponse(r *response) {
	for _, m := range r.credential {
		inner, err := ceremony.ParseObject(m.Value)
		if m.Name != "response" || err != nil {
			n.add(jsonNode(m.Name, m.Value))
			continue
		}
		n.addInner(inner)
	}
	if r.credential == nil {
		n.addInner(r.inner)
	}
	n.addMembers(r.beside)
}

func (n *node) addInner(inner *ceremony.Object) {
	for _, m := range inner.Members {
		n.add(memberNode(m, inner.Get("attestationObject") != nil))
	}
}

// memberNode takes a member of response apart.
func memberNode(m ceremony.Member, registration bool) *node {
	var s string
	if json.Unmarshal(m.Value, &s) != nil {
		return jsonNode(m.Name, m.Value)
	}
	b, err := b64.DecodeString(s)
	if err != nil {
		return jsonNode(m.Name, m.Value)
	}
	switch m.Name {
	case "clientDataJSON":
		return clientDataNode(m.Name, b)
	case "attestationObject":
		return objectNode(m.Name, b)
	case "authenticatorData":
		if registration {
			return bytesLeaf(m.Name, b) // a copy of what is within attestationObject
		}
		return authDataNode(m.Name, b)
	case "signature", "userHandle", "publicKey":
		return bytesLeaf(m.Name, b)
	}
	return jsonNode(m.Name, m.Value)
}

func clientDataNode(name string, b []byte) *node {
	text, marked := bytes.CutPrefix(b, byteOrderMark)
	n := jsonNode(name, text)
	n.raw = b
	if n.parts == nil {
		n.value = string(b)
	}
	if marked {
		n.note = "behind a byte order mark"
	}
	return n
}

// maxDepth is how deep JSON is taken apart; what is deeper is shown as it is.
const maxDepth = 16

// jsonNode takes any JSON apart; what is none stays as it is.
func jsonNode(name string, raw []byte) *node { return jsonNodeAt(name, raw, 0) }

func jsonNodeAt(name string, raw []byte, depth int) *node {
	n := &node{name: name, raw: raw, value: string(raw)}
	if depth == maxDepth || !bytes.ContainsAny(raw, "{[") {
		return n
	}
	if o, err := ceremony.ParseObject(raw); err == nil {
		n.parts, n.value = []*node{}, emptyMap
		for _, m := range o.Members {
			n.add(jsonNodeAt(m.Name, m.Value, depth+1))
		}
		return n
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && list != nil {
		n.parts, n.value = []*node{}, emptyList
		for i, item := range list {
			n.add(jsonNodeAt(fmt.Sprintf("[%d]", i), item, depth+1))
		}
	}
	return n
}

// annotate says what numbers and encodings of options mean.
func annotate(n *node) {
	if challenge := n.part("challenge"); challenge != nil {
		challenge.note = encodedNote(challenge.raw)
	}
	if user := n.part("user"); user != nil {
		if id := user.part("id"); id != nil {
			id.note = encodedNote(id.raw)
		}
	}
	if list := n.part("pubKeyCredParams"); list != nil {
		for _, p := range list.parts {
			if alg := p.part("alg"); alg != nil {
				alg.note = algName(alg.value)
			}
		}
	}
	if alg := n.part("publicKeyAlgorithm"); alg != nil {
		alg.note = algName(alg.value)
	}
	noteRPIDHash(n)
	for _, name := range []string{"id", "rawId"} {
		if id := n.part(name); id != nil {
			id.note = encodedNote(id.raw)
		}
	}
}

// maxHost is how long a host's name can be (RFC 1035 §2.3.4).
const maxHost = 255

// noteRPIDHash says of what the rpIdHash is one: the origin's host, or a domain
// above it.
func noteRPIDHash(n *node) {
	hash := n.part("attestationObject").part("authData").part("rpIdHash")
	if hash == nil {
		hash = n.part("authenticatorData").part("rpIdHash")
	}
	origin := n.part("clientDataJSON").part("origin")
	if hash == nil || origin == nil {
		return
	}
	var text string
	if json.Unmarshal(origin.raw, &text) != nil {
		return
	}
	u, err := url.Parse(text)
	if err != nil || len(u.Hostname()) > maxHost {
		return
	}
	hash.note = "of no domain that the origin is in"
	for domain, more := u.Hostname(), true; more; _, domain, more = strings.Cut(domain, ".") {
		if h := sha256.Sum256([]byte(domain)); bytes.Equal(h[:], hash.raw) {
			hash.note = "SHA-256 of " + domain
		}
	}
}

func encodedNote(raw []byte) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "not a string"
	}
	b, err := b64.DecodeString(s)
	if err != nil {
		return "not base64url without padding"
	}
	return fmt.Sprintf("%d bytes", len(b))
}

// Explain takes apart, for people, a response's JSON (bare, as a member of what a
// page posts, or its member response alone), options' JSON (bare or as member
// publicKey), client data, an attestation object, authenticator data, or in DER a
// public key, a certificate or a signature. Each may come as it is, in quotation
// marks, or in base64url, base64 or hexadecimal. What it cannot read it shows as it
// is: Recognise tells of what kind it takes all to be.
func Explain(data []byte) string {
	n := parse(data)
	var b strings.Builder
	if n.parts == nil {
		b.WriteString("unknown: " + cut(n.value) + "\n")
		return b.String()
	}
	for _, p := range n.parts {
		p.write(&b, 0)
	}
	return b.String()
}
