package brokenrp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// pairs changes an attestation object's pairs, each an encoded key and
// value.
func pairs(f func(p []string) []string) func([]byte) []byte {
	return func(b []byte) []byte {
		var m map[string]cbor.RawMessage
		if err := cbor.Unmarshal(b, &m); err != nil {
			return b
		}
		list := []string{"\x63fmt" + string(m["fmt"]), "\x67attStmt" + string(m["attStmt"]), "\x68authData" + string(m["authData"])}
		list = f(list)
		return append([]byte{0xA0 | byte(len(list))}, strings.Join(list, "")...)
	}
}

func coseKey(members ...any) func([]byte) []byte {
	return func([]byte) []byte {
		b := []byte{0xA0 | byte(len(members)/2)}
		for _, m := range members {
			if raw, ok := m.(cbor.RawMessage); ok {
				b = append(b, raw...)
				continue
			}
			e, _ := cbor.Marshal(m)
			b = append(b, e...)
		}
		return b
	}
}

// point gives x and y of a COSE key on P-256.
func point(b []byte) (x, y []byte) {
	var m map[int]any
	_ = cbor.Unmarshal(b, &m) // made by the test
	x, _ = m[-2].([]byte)
	y, _ = m[-3].([]byte)
	return x, y
}

// onPoint makes a COSE key from the device's own point.
func onPoint(f func(x, y []byte) []any) func([]byte) []byte {
	return func(b []byte) []byte {
		x, y := point(b)
		return coseKey(f(x, y)...)(b)
	}
}

func nested(depth int) []byte { return append(bytes.Repeat([]byte{0x81}, depth), 0) }

func rsaKeyOf(bits int, e []byte) func([]byte) []byte {
	n := bytes.Repeat([]byte{0xC5}, bits/8)
	return coseKey(1, 3, 3, -257, -1, n, -2, e)
}

func registrationBent() []bent {
	f4 := []byte{1, 0, 1}
	return []bent{
		{check: "register.shape", fault: fault{outer: setInner("attestationObject", nil)}},
		{check: "register.attestationObject.trailing", fault: fault{object: func(b []byte) []byte { return append(b, 0) }}},
		{check: "register.attestationObject.keys", fault: fault{object: pairs(func(p []string) []string {
			return []string{"\x01" + p[0][4:], "\x02" + p[2][9:], "\x03" + p[1][8:]}
		})}},
		{check: "register.attestationObject.fmt", fault: fault{object: pairs(func(p []string) []string { return p[1:] })}},
		{check: "register.attestationObject.fmt", fault: fault{object: pairs(func(p []string) []string { return []string{"\x63fmt\x01", p[1], p[2]} })}},
		{check: "register.attestationObject.attStmt", fault: fault{object: pairs(func(p []string) []string { return []string{p[0], p[2]} })}},
		{check: "register.attestationObject.attStmt", fault: fault{object: pairs(func(p []string) []string { return []string{p[0], "\x67attStmt\x80", p[2]} })}},
		{check: "register.attestationObject.authData", fault: fault{object: pairs(func(p []string) []string { return p[:2] })}, crash: true},
		{check: "register.attestationObject.duplicate", fault: fault{object: pairs(func(p []string) []string { return append(p, p[0]) })}},
		{check: "register.cbor.depth", fault: fault{object: func([]byte) []byte { return nested(5000) }}, crash: true},
		{check: "register.cbor.length", fault: fault{object: func([]byte) []byte { return []byte{0x5A, 0xFF, 0xFF, 0xFF, 0xFF} }}, crash: true},
		{check: "register.attestationObject.indefinite", fault: fault{object: func(b []byte) []byte {
			return append(append([]byte{0xBF}, b[1:]...), 0xFF)
		}}},
		{check: "register.attestationObject.tag", fault: fault{object: func(b []byte) []byte { return append([]byte{0xD9, 0xD9, 0xF7}, b...) }}},
		{check: "register.attestationObject.extra", fault: fault{object: pairs(func(p []string) []string { return append(p, "\x69zadditive\x01") })}},
		{check: "register.at.flag", fault: fault{flags: without(flagAT)}},
		{check: "register.at.present", fault: fault{flags: without(flagAT), authData: func(b []byte) []byte { return b[:37] }}, crash: true},
		{check: "register.at.data", fault: fault{authData: func(b []byte) []byte { return b[:37] }}, crash: true},
		{check: "register.idLength", fault: fault{authData: func(b []byte) []byte { b[53], b[54] = 0xEA, 0x60; return b }}, crash: true},
		{check: "register.accept.up.conditional", fault: fault{flags: without(flagUP), request: object{"mediation": "conditional"}}},
		{check: "register.backup.policy", fault: fault{flags: with(flagBE), config: Config{DeviceBound: true}}},
		{check: "register.type", fault: fault{clientData: replace("webauthn.create", "webauthn.get")}},
		{check: "register.clientData.raw", fault: fault{format: "packed", outer: func(o object) {
			inner := o["response"].(object)
			b, _ := base64.RawURLEncoding.DecodeString(inner["clientDataJSON"].(string))
			inner["clientDataJSON"] = encode64(bytes.Replace(b, []byte(`,"origin"`), []byte(`, "origin"`), 1))
		}}},

		{check: "register.id.long", fault: fault{id: make([]byte, 1024)}},
		{check: "register.accept.id.long", fault: fault{id: make([]byte, 1023)}},
		{check: "register.id.empty", fault: fault{id: []byte{}}},
		{check: "register.id.outer", fault: fault{outer: func(o object) { o["id"], o["rawId"] = "AAAA", "AAAA" }}},
		{check: "register.publicKey", fault: fault{outer: func(o object) {
			other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			der, _ := x509.MarshalPKIXPublicKey(&other.PublicKey)
			setInner("publicKey", encode64(der))(o)
		}}},
		{check: "register.publicKeyAlgorithm", fault: fault{outer: setInner("publicKeyAlgorithm", -257)}},
		{check: "register.accept.transports.unknown", fault: fault{outer: setInner("transports", []string{"telepathy"})}},
		{check: "register.accept.transports.missing", fault: fault{outer: setInner("transports", nil)}},
		{check: "register.accept.transports.type", fault: fault{outer: setInner("transports", "usb")}},
		{check: "register.accept.unsolicited.client", fault: fault{outer: set("clientExtensionResults", object{"credProps": object{"rk": true}})}},
		{check: "register.accept.unsolicited.authenticator", fault: fault{flags: with(flagED), authData: func(b []byte) []byte {
			return append(b, "\xA1\x6BcredProtect\x01"...)
		}}},
		{check: "register.accept.prf", fault: fault{outer: set("clientExtensionResults", object{"prf": object{"enabled": true}})}},

		{check: "register.alg.requested", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, 3, -47, -1, 8, -2, secpX, -3, secpY} })}},
		{check: "register.key.kty", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, 3, -257, -1, 1, -2, x, -3, y} })}},
		{check: "register.key.curve", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, 3, -7, -1, 1, -2, x, -3, x} })}},
		{check: "register.key.curve", fault: fault{cose: onPoint(func(x, y []byte) []any {
			return []any{1, 2, 3, -7, -1, 1, -2, make([]byte, 32), -3, make([]byte, 32)}
		})}},
		{check: "register.key.crv", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, 3, -7, -1, 2, -2, x, -3, y} })}},
		{check: "register.key.y", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, 3, -7, -1, 1, -2, x, -3, y[31]&1 == 1} })}},
		{check: "register.key.duplicate", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, 3, -7, 3, -7, -1, 1, -2, x, -3, y} })}},
		{check: "register.key.alg", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, -1, 1, -2, x, -3, y} })}},
		{check: "register.key.private", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{1, 2, 3, -7, -1, 1, -2, x, -3, y, -4, x} })}},
		{check: "register.key.order", fault: fault{cose: onPoint(func(x, y []byte) []any { return []any{3, -7, 1, 2, -1, 1, -2, x, -3, y} })}},
		{check: "register.key.indefinite", fault: fault{cose: func(b []byte) []byte { return append(append([]byte{0xBF}, b[1:]...), 0xFF) }}},
		{check: "register.key.exponent", fault: fault{cose: rsaKeyOf(2048, []byte{1})}},
		{check: "register.key.modulus", fault: fault{cose: rsaKeyOf(512, f4)}},
		{check: "register.key.okp.point", fault: fault{cose: coseKey(1, 1, 3, -8, -1, 6, -2, make([]byte, 32))}},
		{check: "register.key.okp.length", fault: fault{cose: coseKey(1, 1, 3, -8, -1, 6, -2, bytes.Repeat([]byte{1}, 31))}},

		{check: "register.fmt.known", fault: fault{format: "telepathy"}},
		{check: "register.fmt.case", fault: fault{format: "None", stmt: func(o object) { clear(o) }}},
		{check: "register.none.empty", fault: fault{stmt: set("x", 1)}},
		{check: "register.accept.none.aaguid", fault: fault{authData: func(b []byte) []byte { b[37] = 1; return b }}},
	}
}

var (
	secpX, _ = base64.RawURLEncoding.DecodeString("eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g") // the generator of secp256k1
	secpY, _ = base64.RawURLEncoding.DecodeString("SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg")
)

// A new key is made until one has a coordinate that begins with zero.
func TestKeyWidth(t *testing.T) {
	short := func(b []byte) []byte {
		x, y := point(b)
		return coseKey(1, 2, 3, -7, -1, 1, -2, bytes.TrimLeft(x, "\x00"), -3, y)(b)
	}
	for _, off := range [][]Check{nil, {"register.key.width"}} {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		f := newForger(b, fault{cose: short})
		for f.key.X.BitLen() > 248 {
			f.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		code, out := b.call("POST", "/attestation/result", f.registration(f.options("alice")))
		if (code == 200) != (off != nil) {
			t.Errorf("with %v off: %d %v", off, code, out)
		}
	}
}

func TestRegistrationSwitches(t *testing.T) {
	for _, f := range slices.Concat(registrationBent(), packedBent(t), u2fBent(t), trustBent(t)) {
		t.Run(string(f.check), f.prove)
	}
}

func packedBent(t *testing.T) []bent {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	packed := func(check Check, f fault) bent {
		f.format = "packed"
		return bent{check: "register." + check, fault: f}
	}
	basic := func(check Check, change func(c *x509.Certificate), f fault) bent {
		a := issue(t, nil, nil, change)
		if f.chain == nil {
			f.chain = func() ([]*x509.Certificate, *ecdsa.PrivateKey) { return []*x509.Certificate{a.cert}, a.key }
		}
		return packed(check, f)
	}
	aaguid := func(critical bool, wraps int, value byte) func(c *x509.Certificate) {
		return func(c *x509.Certificate) {
			b := append(make([]byte, 15), value)
			for range wraps {
				b, _ = asn1.Marshal(b)
			}
			c.ExtraExtensions = []pkix.Extension{{Id: oidAAGUID, Critical: critical, Value: b}}
		}
	}
	n := elliptic.P256().Params().N
	integers := func(r, s *big.Int) func([]byte) []byte {
		b, _ := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		return func([]byte) []byte { return b }
	}
	zero := new(big.Int)
	return []bent{
		packed("packed.signature", fault{sig: func([]byte) []byte { return (&forger{}).sign(other, []byte("x")) }}),
		packed("packed.alg", fault{stmt: set("alg", -257)}),
		packed("packed.alg.present", fault{stmt: unset("alg")}),
		packed("packed.sig.present", fault{stmt: unset("sig")}),
		packed("packed.members", fault{stmt: set("ecdaaKeyId", []byte{1})}),
		packed("signature.empty", fault{sig: func([]byte) []byte { return []byte{} }}),
		packed("signature.range", fault{sig: integers(zero, zero)}),
		packed("signature.range", fault{sig: integers(n, n)}),
		packed("signature.trailing", fault{sig: func(b []byte) []byte { return append(b, 0) }}),
		packed("accept.highS", fault{sig: highS}),
		packed("x5c.list", fault{stmt: set("x5c", []byte{1})}),
		packed("x5c.empty", fault{stmt: set("x5c", []any{})}),
		packed("x5c.certificate", fault{stmt: set("x5c", []any{[]byte("junk")})}),
		basic("packed.x5c.alg", nil, fault{stmt: set("alg", -8)}),
		basic("packed.cert.ca", func(c *x509.Certificate) { c.IsCA = true }, fault{}),
		basic("packed.cert.basicConstraints", func(c *x509.Certificate) { c.BasicConstraintsValid = false }, fault{}),
		basic("packed.cert.ou", func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Sales"} }, fault{}),
		basic("packed.cert.subject", func(c *x509.Certificate) { c.Subject.Country = nil }, fault{}),
		basic("accept.packed.country", func(c *x509.Certificate) { c.Subject.Country = []string{"ZZ"} }, fault{}),
		basic("packed.cert.aaguid", aaguid(false, 1, 7), fault{}),
		basic("packed.cert.aaguid.critical", aaguid(true, 1, 0), fault{}),
		basic("packed.cert.aaguid.wrapped", aaguid(false, 0, 0), fault{}),
	}
}

// Without its check the credential's own key may sign where a certificate is
// shown.
func TestPackedSignedByCredential(t *testing.T) {
	a := issue(t, nil, nil, nil)
	f := bent{check: "register.packed.x5c.key"}
	f.fault.format = "packed"
	f.fault.stmt = set("x5c", [][]byte{a.cert.Raw})
	f.prove(t)
}

func highS(b []byte) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(b, &v); err != nil {
		return b
	}
	n := elliptic.P256().Params().N
	if v.S.Cmp(new(big.Int).Rsh(n, 1)) <= 0 {
		v.S.Sub(n, v.S)
	}
	b, _ = asn1.Marshal(v)
	return b
}

// u2fBent remakes the signature, for the format signs something of its own.
func u2fBent(t *testing.T) []bent {
	u2f := func(check Check, a *authority, aaguid byte, more func(stmt object)) bent {
		var data []byte
		f := fault{format: "fido-u2f"}
		f.authData = func(b []byte) []byte { b[52] = aaguid; data = b; return b }
		f.chain = func() ([]*x509.Certificate, *ecdsa.PrivateKey) { return []*x509.Certificate{a.cert}, a.key }
		var clientData string
		f.clientData = func(s string) string { clientData = s; return s }
		f.stmt = func(stmt object) {
			length := int(binary.BigEndian.Uint16(data[53:]))
			id, key := data[55:55+length], data[55+length:]
			x, y := point(key)
			message := slices.Concat([]byte{0}, data[:32], hash(clientData), id, []byte{4}, x, y)
			delete(stmt, "alg")
			stmt["sig"] = (&forger{}).sign(a.key, message)
			if more != nil {
				more(stmt)
			}
		}
		return bent{check: "register." + check, fault: f}
	}
	a := issue(t, nil, nil, nil)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide := issue(t, nil, key, nil)
	return []bent{
		u2f("u2f.aaguid", a, 1, nil),
		u2f("u2f.x5c.single", a, 0, set("x5c", [][]byte{a.cert.Raw, a.cert.Raw})),
		u2f("u2f.x5c.present", a, 0, unset("x5c")),
		u2f("u2f.cert.curve", wide, 0, nil),
		u2f("u2f.signature", a, 0, set("sig", (&forger{}).sign(a.key, []byte("x")))),
	}
}

func trustBent(t *testing.T) []bent {
	root := issue(t, nil, nil, asCA("Root"))
	rogue := issue(t, nil, nil, asCA("Root"))
	middle := issue(t, root, nil, asCA("Middle"))
	old := issue(t, root, nil, func(c *x509.Certificate) {
		asCA("Old")(c)
		c.NotAfter = aDay.AddDate(0, 0, -1)
	})
	chain := func(check Check, cfg Config, leaf *authority, rest ...*authority) bent {
		cfg.Now = clock
		if cfg.Roots == nil {
			cfg.Roots = []*x509.Certificate{root.cert}
		}
		f := fault{format: "packed", config: cfg, request: object{"attestation": "direct"}}
		f.chain = func() ([]*x509.Certificate, *ecdsa.PrivateKey) {
			certs := []*x509.Certificate{leaf.cert}
			for _, a := range rest {
				certs = append(certs, a.cert)
			}
			return certs, leaf.key
		}
		return bent{check: "register." + check, fault: f}
	}
	by := func(parent *authority) *authority { return issue(t, parent, nil, nil) }
	swapped := chain("trust.order", Config{}, by(middle), root, middle)
	return []bent{
		chain("trust.expired", Config{}, issue(t, root, nil, func(c *x509.Certificate) { c.NotAfter = aDay.AddDate(0, 0, -1) })),
		chain("trust.notYet", Config{}, issue(t, root, nil, func(c *x509.Certificate) { c.NotBefore = aDay.AddDate(0, 0, 1) })),
		chain("trust.root", Config{}, by(rogue)),
		chain("trust.root", Config{}, by(rogue), rogue),
		chain("trust.path", Config{}, by(middle)),
		chain("trust.intermediate", Config{}, by(old), old),
		chain("accept.trust.root", Config{}, by(middle), middle, root),
		swapped,
		chain("metadata.revoked", Config{Metadata: map[ctap.AAGUID]string{{}: "REVOKED"}}, by(root)),
		chain("metadata.compromised", Config{Metadata: map[ctap.AAGUID]string{{}: "USER_KEY_REMOTE_COMPROMISE"}}, by(root)),
		chain("attestation.model", Config{Models: []ctap.AAGUID{{1}}}, by(root)),
		{check: "register.attestation.required", fault: fault{config: Config{Attestation: "direct"}}},
		{check: "register.attestation.required", fault: fault{config: Config{Attestation: "direct"}, format: "packed"}},
	}
}
