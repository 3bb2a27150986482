package authenticator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
)

// Commands, by their bytes (§6).
const (
	cmdMakeCredential   = 0x01
	cmdGetAssertion     = 0x02
	cmdGetInfo          = 0x04
	cmdClientPIN        = 0x06
	cmdReset            = 0x07
	cmdGetNextAssertion = 0x08
	cmdCredentials      = 0x0a
	cmdSelection        = 0x0b
	cmdLargeBlobs       = 0x0c
	cmdConfig           = 0x0d
)

// Permissions of a token (§6.5.5.7).
const (
	mayMake   = 0x01
	maySignIn = 0x02
	mayManage = 0x04
	mayEnroll = 0x08
	mayWrite  = 0x10
	maySet    = 0x20
	mayRead   = 0x40 // with the persistent token
)

// A request is a command byte and its parameters; body nil sends none.
type request struct {
	command byte
	body    dict
}

func (r request) bytes() []byte {
	if r.body == nil {
		return []byte{r.command}
	}
	return append([]byte{r.command}, encode(r.body)...)
}

// bare is a command without parameters.
func bare(command byte) request { return request{command: command} }

// An edit changes a request before it is sent.
type edit func(request)

func (r request) edited(edits []edit) request {
	for _, e := range edits {
		e(r)
	}
	return r
}

// site is the relying party of every request that names no other.
const site = "example.org"

// clientData is the clientDataHash of every request that sets no other.
var clientData = hash("client data")

func hash(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// makeCredential asks for an ES256 credential for alice at site, neither
// discoverable nor verified.
func makeCredential(edits ...edit) request {
	return request{cmdMakeCredential, dict{
		1: clientData,
		2: dict{"id": site, "name": "Example"},
		3: dict{"id": []byte("alice"), "name": "alice@example.org", "displayName": "Alice"},
		4: list{param(-7)},
	}}.edited(edits)
}

// getAssertion asks to sign in at site, with whatever credential is there.
func getAssertion(edits ...edit) request {
	return request{cmdGetAssertion, dict{1: site, 2: clientData}}.edited(edits)
}

func param(alg int) dict { return dict{"alg": alg, "type": "public-key"} }

func descriptor(id []byte) dict { return dict{"id": id, "type": "public-key"} }

// set gives a member another value, or adds it.
func set(key, value any) edit { return func(r request) { r.body[key] = value } }

// without leaves a member out.
func without(key any) edit { return func(r request) { delete(r.body, key) } }

// inside sets a member of a map that is a member.
func inside(key, inner, value any) edit {
	return func(r request) {
		m, _ := r.body[key].(dict)
		m = maps.Clone(m)
		if m == nil {
			m = dict{}
		}
		m[inner] = value
		r.body[key] = m
	}
}

// withoutInside leaves out a member of a map that is a member.
func withoutInside(key, inner any) edit {
	return func(r request) {
		m := maps.Clone(r.body[key].(dict))
		delete(m, inner)
		r.body[key] = m
	}
}

// The members that the two ceremonies number differently.
func (r request) key(makeCredential, getAssertion int) int {
	if r.command == cmdMakeCredential {
		return makeCredential
	}
	return getAssertion
}

func option(name string, value any) edit {
	return func(r request) { inside(r.key(7, 5), name, value)(r) }
}

func extension(name string, value any) edit {
	return func(r request) { inside(r.key(6, 4), name, value)(r) }
}

// discoverable asks for a credential that the device finds by the site alone.
func discoverable(r request) { option("rk", true)(r) }

// silent asks for an assertion without anybody's presence.
func silent(r request) { option("up", false)(r) }

// at names the site.
func at(rpID string) edit {
	return func(r request) {
		if r.command == cmdMakeCredential {
			inside(2, "id", rpID)(r)
		} else {
			r.body[1] = rpID
		}
	}
}

// as names the account, by user handle and name.
func as(user string) edit {
	return set(3, dict{"id": []byte(user), "name": user + "@example.org", "displayName": "The " + user})
}

// using names the algorithms, best first.
func using(algs ...int) edit {
	params := list{}
	for _, alg := range algs {
		params = append(params, param(alg))
	}
	return set(4, params)
}

// listing fills the excludeList or allowList.
func listing(ids ...[]byte) edit {
	return func(r request) {
		l := list{}
		for _, id := range ids {
			l = append(l, descriptor(id))
		}
		r.body[r.key(5, 3)] = l
	}
}

// A token is a pinUvAuthToken, in the clear.
type token struct {
	protocol int
	key      []byte
}

func (t token) authenticate(message ...[]byte) []byte {
	return authenticate(t.protocol, t.key, message...)
}

// by proves a ceremony's request with a token. It comes behind every edit of
// the clientDataHash.
func by(t token) edit {
	return func(r request) {
		cdh := r.body[r.key(1, 2)].([]byte)
		proof(t.protocol, t.authenticate(cdh))(r)
	}
}

// proof sets a ceremony's pinUvAuthParam and pinUvAuthProtocol.
func proof(protocol, param any) edit {
	return func(r request) {
		r.body[r.key(8, 6)] = param
		r.body[r.key(9, 7)] = protocol
	}
}

// manage is a credentialManagement request; params nil leaves them out, and
// the zero token leaves out the proof.
func manage(t token, sub int, params dict, edits ...edit) request {
	r := request{cmdCredentials, dict{1: sub}}
	message := []byte{byte(sub)}
	if params != nil {
		r.body[2] = params
		message = append(message, encode(params)...)
	}
	if t.key != nil {
		r.body[3], r.body[4] = t.protocol, t.authenticate(message)
	}
	return r.edited(edits)
}

var ones = bytes.Repeat([]byte{0xff}, 32)

// configure is an authenticatorConfig request, like manage.
func configure(t token, sub int, params dict, edits ...edit) request {
	r := request{cmdConfig, dict{1: sub}}
	message := []byte{cmdConfig, byte(sub)}
	if params != nil {
		r.body[2] = params
		message = append(message, encode(params)...)
	}
	if t.key != nil {
		r.body[3], r.body[4] = t.protocol, t.authenticate(ones, message)
	}
	return r.edited(edits)
}

// readBlob asks for up to n bytes of the large-blob array.
func readBlob(offset, n int, edits ...edit) request {
	return request{cmdLargeBlobs, dict{1: n, 3: offset}}.edited(edits)
}

// writeBlob sends a fragment of the array; total is its whole length, sent with
// the first fragment.
func writeBlob(t token, offset int, fragment []byte, total int, edits ...edit) request {
	r := request{cmdLargeBlobs, dict{2: fragment, 3: offset}}
	if offset == 0 {
		r.body[4] = total
	}
	if t.key != nil {
		r.body[5], r.body[6] = t.authenticate(blobMessage(offset, fragment)), t.protocol
	}
	return r.edited(edits)
}

// blobMessage is what a token proves of a fragment (§6.10.2).
func blobMessage(offset int, fragment []byte) []byte {
	m := append(bytes.Clone(ones), cmdLargeBlobs, 0)
	m = binary.LittleEndian.AppendUint32(m, uint32(offset))
	sum := sha256.Sum256(fragment)
	return append(m, sum[:]...)
}

// blobArray puts the trailer behind a large-blob array.
func blobArray(content []byte) []byte {
	sum := sha256.Sum256(content)
	return append(bytes.Clone(content), sum[:16]...)
}
