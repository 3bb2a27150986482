package brokenrp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// forger is a device and client of its own, as small as can be, that a test
// bends at every stage. What follows a bent stage is made anew, so that one
// check alone can object.
type forger struct {
	b       *browser
	key     *ecdsa.PrivateKey
	id      []byte
	user    string // user handle, base64url
	counter uint32
	fault
}

// fault is what is bent, and how. Nil functions leave things as they are.
type fault struct {
	clientData func(s string) string
	id         []byte
	flags      func(flags byte) byte
	rpIDHash   func(hash []byte) []byte
	cose       func(key []byte) []byte
	authData   func(data []byte) []byte
	format     string // "none" if empty; "packed" is self attestation
	chain      func() ([]*x509.Certificate, *ecdsa.PrivateKey)
	stmt       func(stmt object)
	statement  func(f *forger, data, clientDataHash []byte) (format string, attStmt []byte) // instead of format and stmt
	sig        func(sig []byte) []byte
	object     func(o []byte) []byte
	outer      func(response object)
	request    object // members of the request for options
	config     Config
}

func newForger(b *browser, f fault) *forger {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	id := f.id
	if id == nil {
		id = make([]byte, 32)
		rand.Read(id)
	}
	return &forger{b: b, key: key, id: id, counter: 1, fault: f}
}

func apply[T any](f func(T) T, v T) T {
	if f == nil {
		return v
	}
	return f(v)
}

func encode64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (f *forger) clientDataJSON(kind string, options object) []byte {
	return []byte(apply(f.clientData, `{"type":"webauthn.`+kind+`","challenge":"`+options["challenge"].(string)+
		`","origin":"https://login.example","crossOrigin":false}`))
}

func (f *forger) sign(key *ecdsa.PrivateKey, message []byte) []byte {
	sum := sha256.Sum256(message)
	n := key.Params().N
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		f.b.t.Fatal(err)
	}
	if half := new(big.Int).Rsh(n, 1); s.Cmp(half) > 0 {
		s.Sub(n, s)
	}
	sig, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		f.b.t.Fatal(err)
	}
	return sig
}

func (f *forger) head(flags byte) []byte {
	hash := sha256.Sum256([]byte("login.example"))
	b := append(bytes.Clone(apply(f.rpIDHash, hash[:])), apply(f.flags, flags))
	return binary.BigEndian.AppendUint32(b, f.counter)
}

// options asks for options of a registration.
func (f *forger) options(user string) object {
	request := object{"username": user, "displayName": user}
	for k, v := range f.request {
		request[k] = v
	}
	options := f.b.must("POST", "/attestation/options", request)
	f.user = options["user"].(object)["id"].(string)
	return options
}

// registration answers options.
func (f *forger) registration(options object) object {
	t := f.b.t
	clientData := f.clientDataJSON("create", options)
	cose, err := ctap.MarshalPublicKey(ctap.ES256, &f.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	data := append(f.head(flagUP|flagUV|flagAT), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(f.id)))
	data = append(append(data, f.id...), apply(f.cose, cose)...)
	data = apply(f.authData, data)

	stmt, format := object{}, f.format
	if format == "" {
		format = "none"
	} else {
		hash := sha256.Sum256(clientData)
		signer := f.key
		stmt["alg"] = -7
		if f.chain != nil {
			chain, key := f.chain()
			signer = key
			var x5c [][]byte
			for _, cert := range chain {
				x5c = append(x5c, cert.Raw)
			}
			stmt["x5c"] = x5c
		}
		stmt["sig"] = apply(f.sig, f.sign(signer, append(bytes.Clone(data), hash[:]...)))
	}
	if f.stmt != nil {
		f.stmt(stmt)
	}
	var attStmt any = stmt
	if f.statement != nil {
		var raw []byte
		format, raw = f.statement(f, data, hash(string(clientData)))
		attStmt = cbor.RawMessage(raw)
	}
	attestation := marshalCBOR(t, object{"fmt": format, "attStmt": attStmt, "authData": data})
	return f.finish(object{
		"clientDataJSON": encode64(clientData), "attestationObject": encode64(apply(f.object, attestation)), "transports": []string{"usb"},
	})
}

// assertion answers the options of a login.
func (f *forger) assertion(options object) object {
	clientData := f.clientDataJSON("get", options)
	f.counter++
	data := apply(f.authData, f.head(flagUP|flagUV))
	hash := sha256.Sum256(clientData)
	sig := apply(f.sig, f.sign(f.key, append(bytes.Clone(data), hash[:]...)))
	return f.finish(object{
		"clientDataJSON": encode64(clientData), "authenticatorData": encode64(data), "signature": encode64(sig), "userHandle": f.user,
	})
}

func (f *forger) finish(response object) object {
	out := object{
		"id": encode64(f.id), "rawId": encode64(f.id), "type": "public-key", "clientExtensionResults": object{}, "response": response,
	}
	if f.outer != nil {
		f.outer(out)
	}
	return out
}

func marshalCBOR(t testing.TB, v any) []byte {
	t.Helper()
	mode, err := cbor.EncOptions{Sort: cbor.SortCTAP2}.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var (
	aDay = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

	attestationSubject = pkix.Name{
		Country: []string{"SE"}, Organization: []string{"Maker"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Device",
	}
)

// issue makes a certificate by parent, or by itself.
func issue(t testing.TB, parent *authority, key *ecdsa.PrivateKey, change func(c *x509.Certificate)) *authority {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: attestationSubject, BasicConstraintsValid: true,
		NotBefore: aDay.AddDate(-1, 0, 0), NotAfter: aDay.AddDate(1, 0, 0),
	}
	if change != nil {
		change(template)
	}
	issuer, signer := template, key
	if parent != nil {
		issuer, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, crypto.Signer(signer))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func asCA(name string) func(c *x509.Certificate) {
	return func(c *x509.Certificate) {
		c.IsCA, c.Subject, c.KeyUsage = true, pkix.Name{CommonName: name}, x509.KeyUsageCertSign
	}
}

func replace(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

func set(name string, v any) func(object) {
	return func(o object) { o[name] = v }
}

func setInner(name string, v any) func(object) {
	return func(o object) {
		if inner := o["response"].(object); v == nil {
			delete(inner, name)
		} else {
			inner[name] = v
		}
	}
}

func unset(name string) func(object) {
	return func(o object) { delete(o, name) }
}

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func clock() time.Time { return aDay }
