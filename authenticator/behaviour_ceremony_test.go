package authenticator_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"math/big"

	secp "github.com/decred/dcrd/dcrec/secp256k1/v4"
	secpecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Flags of authenticator data (WebAuthn §6.1).
const (
	flagUP = 0x01
	flagUV = 0x04
	flagBE = 0x08
	flagBS = 0x10
	flagAT = 0x40
	flagED = 0x80
)

// authData is authenticator data, taken apart.
type authData struct {
	raw        []byte
	rpIDHash   []byte
	flags      byte
	count      uint32
	aaguid, id []byte
	key        dict
	keyBytes   []byte
	extensions dict
}

// authData takes apart member 2 of a ceremony's reply.
func (b *bench) authData(r reply) authData {
	b.Helper()
	data := b.octets(r, 2)
	a := authData{raw: data}
	if len(data) < 37 {
		b.Fatalf("authenticator data of %d bytes", len(data))
	}
	a.rpIDHash, a.flags, a.count = data[:32], data[32], binary.BigEndian.Uint32(data[33:])
	data = data[37:]
	if a.flags&flagAT != 0 {
		n := int(binary.BigEndian.Uint16(data[16:]))
		a.aaguid, a.id, data = data[:16], data[18:18+n], data[18+n:]
		a.key, a.keyBytes, data = b.leadingMap(data)
	}
	if a.flags&flagED != 0 {
		a.extensions, _, data = b.leadingMap(data)
	}
	if len(data) != 0 {
		b.Fatalf("authenticator data with %d bytes too many: %x", len(data), data)
	}
	return a
}

func (b *bench) leadingMap(data []byte) (m dict, item, rest []byte) {
	b.Helper()
	v, rest, err := decodeFirst(data)
	m, ok := v.(dict)
	if err != nil || !ok {
		b.Fatalf("%x does not start with a canonical map: %v", data, err)
	}
	return m, data[:len(data)-len(rest)], rest
}

// A credential is what registering gave.
type credential struct {
	id   []byte
	key  dict
	data authData
	body dict // the whole reply
}

func (b *bench) credential(r reply) credential {
	b.Helper()
	a := b.authData(r)
	if a.flags&flagAT == 0 || len(a.id) == 0 {
		b.Fatalf("no credential in authenticator data %x", a.raw)
	}
	return credential{id: a.id, key: a.key, data: a, body: r.body}
}

// register makes a credential. Where a PIN is set and the device does not
// verify by itself, it fetches the token that this takes.
func (b *bench) register(edits ...edit) credential {
	b.Helper()
	r := makeCredential(edits...)
	b.prove(r, mayMake, r.body[2].(dict)["id"].(string))
	return b.credential(b.ok(r))
}

// An assertion is what signing in gave.
type assertion struct {
	id        []byte
	data      authData
	signature []byte
	user      dict
	body      dict // the whole reply
}

func (b *bench) assertion(r reply) assertion {
	b.Helper()
	a := assertion{data: b.authData(r), signature: b.octets(r, 3), body: r.body}
	d, _ := r.body[1].(dict)
	a.id, _ = d["id"].([]byte)
	if len(a.id) == 0 || d["type"] != "public-key" {
		b.Errorf("the assertion names its credential %v", d)
	}
	a.user, _ = r.body[4].(dict)
	return a
}

// signIn gets an assertion, with a token where one is needed, like register.
func (b *bench) signIn(edits ...edit) assertion {
	b.Helper()
	r := getAssertion(edits...)
	b.prove(r, maySignIn, r.body[1].(string))
	return b.assertion(b.ok(r))
}

func (b *bench) prove(r request, permission int, rpID string) {
	b.Helper()
	_, proven := r.body[r.key(8, 6)]
	if b.pin != "" && !b.verifiesItself() && !proven {
		by(b.token(permission, rpID))(r)
	}
}

// verifies fails unless a signature is the credential's over authData and the
// usual client data.
func (b *bench) verifies(c credential, a assertion) {
	b.Helper()
	b.equal("credential ID", a.id, c.id)
	if !b.signed(c.key, append(bytes.Clone(a.data.raw), clientData...), a.signature) {
		b.Errorf("the assertion's signature does not verify under %v", c.key)
	}
}

// signed tells whether a COSE_Key verifies a signature over a message.
func (b *bench) signed(key dict, message, signature []byte) bool {
	b.Helper()
	x, _ := key[-2].([]byte)
	y, _ := key[-3].([]byte)
	digest := func(h crypto.Hash) []byte {
		sum := h.New()
		sum.Write(message)
		return sum.Sum(nil)
	}
	ec := func(curve elliptic.Curve, h crypto.Hash) bool {
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
		return err == nil && ecdsa.VerifyASN1(pub, digest(h), signature)
	}
	switch key[3] {
	case -7, -9:
		return ec(elliptic.P256(), crypto.SHA256)
	case -35, -51:
		return ec(elliptic.P384(), crypto.SHA384)
	case -36, -52:
		return ec(elliptic.P521(), crypto.SHA512)
	case -8, -19:
		return len(x) == ed25519.PublicKeySize && ed25519.Verify(x, message, signature)
	case -257:
		n, _ := key[-1].([]byte)
		pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
		e, _ := key[-2].([]byte)
		return bytes.Equal(e, []byte{1, 0, 1}) && rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest(crypto.SHA256), signature) == nil
	case -47:
		pub, err := secp.ParsePubKey(append(append([]byte{4}, x...), y...))
		if err != nil {
			return false
		}
		s, err := secpecdsa.ParseDERSignature(signature)
		return err == nil && s.Verify(digest(crypto.SHA256), pub)
	}
	b.Fatalf("a key of algorithm %v", key[3])
	return false
}

// coseLabels are the labels that a key of an algorithm has, and no others.
func coseLabels(alg int) []any {
	switch alg {
	case -8, -19:
		return []any{1, 3, -1, -2}
	case -257:
		return []any{1, 3, -1, -2}
	}
	return []any{1, 3, -1, -2, -3}
}

// octets, number and fields read a reply's member, which must be there.
func (b *bench) octets(r reply, key any) []byte { b.Helper(); return member[[]byte](b, r.body, key) }
func (b *bench) number(r reply, key any) int    { b.Helper(); return member[int](b, r.body, key) }
func (b *bench) fields(r reply, key any) dict   { b.Helper(); return member[dict](b, r.body, key) }

func member[T any](b *bench, m dict, key any) T {
	b.Helper()
	v, ok := m[key].(T)
	if !ok {
		b.Fatalf("member %v is %#v, want a %T", key, m[key], v)
	}
	return v
}

// has tells whether a map has a member.
func has(m dict, key any) bool {
	_, ok := m[key]
	return ok
}

// lacks fails if a map has any of the members.
func (b *bench) lacks(m dict, keys ...any) {
	b.Helper()
	for _, k := range keys {
		if v, ok := m[k]; ok {
			b.Errorf("member %v is there: %v", k, v)
		}
	}
}

// info is getInfo's reply.
func (b *bench) info() dict {
	b.Helper()
	return b.ok(bare(cmdGetInfo)).body
}

// option reads a member of getInfo's options; nil where it is absent.
func (b *bench) option(name string) any {
	b.Helper()
	return member[dict](b, b.info(), 4)[name]
}

// wants fails unless a value is as expected; nil stands for absent.
func (b *bench) wants(what string, got, want any) {
	b.Helper()
	if got != want {
		b.Errorf("%s is %v, want %v", what, got, want)
	}
}

// strings reads a list of text.
func (b *bench) strings(m dict, key any) []string {
	b.Helper()
	var s []string
	for _, e := range member[list](b, m, key) {
		t, ok := e.(string)
		if !ok {
			b.Fatalf("member %v holds a %T", key, e)
		}
		s = append(s, t)
	}
	return s
}

func sum256(data []byte) []byte {
	h := sha256.Sum256(data)
	return h[:]
}
