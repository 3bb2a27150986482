package rptest

import (
	"encoding/hex"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// COSE_Key's labels (RFC 9052 §7, RFC 9053 §7): those below zero depend on the
// key type.
const (
	coseAlg = 3

	coseCrv = -1 // of EC2 and OKP
	coseX   = -2
	coseY   = -3
	coseD   = -4

	coseN = -1 // of RSA
	coseE = -2
)

// A point of P-256 whose x begins with a zero byte, which is left out here; and a
// product of two primes of 256 bits.
const (
	shortX       = "d30e646ee8c34641e8620f05c76e02fa814607da1beecca8f7228b17589a87"
	shortY       = "bec5ac8fbb1d845e22ff1d8f4d2608d1e62a808904a29da307a4caeef2d45e58"
	smallModulus = "db062f890597bb073c299cf04822211e491cc61345ef323a7435e67982ddc8049265980d89d7fafa78b8c5ec291c5e1fa243a5fe56a52f60b6f57563c4b35505"
)

// keyCases spoil the credential public key (§7.1 step 20). The registration is
// not attested: a signature that did not fit would be another fault.
func keyCases() []Case {
	const key = "attestationObject.authData.credentialPublicKey"
	broken := "what is no key verifies nothing, or everything: a crash or worse at the next sign-in"
	return at("§7.1 step 20", []Case{
		keyCase(NeedES256, Case{ID: "register.key.alg-not-offered", Sev: Medium, Field: key,
			References: []string{"CVE-2026-8830"},
			Recipe:     "the key is good, and of an algorithm that the options did not offer",
			Why:        "the site's choice of algorithms is enforced by nobody",
			Edits:      edits(ceremony.Edit{Stage: ceremony.PublicKey, Apply: keyNotOffered})}),
		keyCase(NeedES256, Case{ID: "register.key.kty", Sev: Medium, Field: key + ".alg",
			Needs:  []Need{NeedRS256},
			Recipe: "an elliptic curve's key has the algorithm RS256",
			Why:    broken,
			Edits:  edits(setLabel(coseAlg, ctap.RS256))}),
		keyCase(NeedES256, Case{ID: "register.key.off-curve", Sev: Medium, Field: key + ".y",
			Recipe: "the point is not on its curve",
			Why:    "a point off the curve may lie on a weak one, where signatures can be made without the private key",
			Edits: edits(changeLabel(coseY, func(b []byte) []byte {
				b[len(b)-1] ^= 1
				return b
			}))}),
		keyCase(NeedES256, Case{ID: "register.key.zero-point", Sev: Medium, Field: key,
			Recipe: "both coordinates are zero",
			Why:    broken,
			Edits:  edits(setLabel(coseX, make([]byte, 32)), setLabel(coseY, make([]byte, 32)))}),
		keyCase(NeedES256, Case{ID: "register.key.short-x", Sev: Medium, Field: key,
			Recipe: "the coordinate x begins with a zero byte, which is left out",
			Why:    "coordinates have their curve's width; two encodings of one key are two keys to whoever compares",
			Edits:  edits(setLabel(coseX, unhex(shortX)), setLabel(coseY, unhex(shortY)))}),
		keyCase(NeedES256, Case{ID: "register.key.crv", Sev: Medium, Field: key + ".crv",
			Recipe: "the curve is P-384, and the coordinates are P-256's",
			Why:    broken,
			Edits:  edits(setLabel(coseCrv, 2))}),
		keyCase(NeedES256, Case{ID: "register.key.compressed", Sev: Medium, Field: key + ".y",
			Recipe: "y is a boolean: the sign of a compressed point",
			Why:    "WebAuthn wants whole points; two encodings of one key are two keys to whoever compares",
			Edits:  edits(ceremony.COSE(compress))}),
		keyCase(NeedES256, Case{ID: "register.key.duplicate-alg", Sev: Medium, Field: key + ".alg",
			Recipe: "the algorithm is there twice: the right one and RS256",
			Why:    "two parsers may take two different ones",
			Edits: edits(ceremony.COSE(func(m *ceremony.Map) {
				m.Duplicate(coseAlg, ctap.RS256)
			}))}),
		keyCase(NeedES256, Case{ID: "register.key.no-alg", Sev: Medium, Field: key + ".alg",
			Recipe: "the algorithm is missing",
			Why:    "whoever guesses it verifies by the attacker's choice",
			Edits:  edits(ceremony.COSE(func(m *ceremony.Map) { m.Delete(coseAlg) }))}),
		keyCase(NeedES256, Case{ID: "register.key.private", Sev: Low, Field: key + ".d",
			Recipe: "the key has its private part",
			Why:    "a private key that was sent is nobody's alone any more",
			Edits:  edits(setLabel(coseD, unhex(shortX+"01")))}),
		keyCase(NeedRS256, Case{ID: "register.key.rsa-exponent", Sev: High, Field: key + ".e",
			Recipe: "the RSA key's exponent is 1",
			Why:    "everybody can sign by such a key: the signature is the padded message",
			Edits:  edits(setLabel(coseE, []byte{1}))}),
		keyCase(NeedRS256, Case{ID: "register.key.rsa-512", Sev: High, Field: key + ".n",
			Recipe: "the RSA key has 512 bits",
			Why:    "such keys are factored in hours",
			Edits:  edits(setLabel(coseN, unhex(smallModulus)))}),
		keyCase(NeedEdDSA, Case{ID: "register.key.ed25519-zero", Sev: Medium, Field: key + ".x",
			Recipe: "the Ed25519 key is all zeros, a point of small order",
			Why:    "signatures by it can be made without any private key",
			Edits:  edits(setLabel(coseX, make([]byte, 32)))}),
		keyCase(NeedEdDSA, Case{ID: "register.key.ed25519-short", Sev: Medium, Field: key + ".x",
			Recipe: "the Ed25519 key has 31 bytes",
			Why:    broken,
			Edits:  edits(changeLabel(coseX, func(b []byte) []byte { return b[:31] }))}),
		keyCase(NeedES256, Case{ID: "register.key.unordered", Want: Policy, Sev: Low, Field: key,
			Recipe: "the key's labels stand in another order",
			Why:    "CTAP orders them; all known libraries take any order",
			Edits:  edits(ceremony.PublicKeyBytes(reversed))}),
		keyCase(NeedES256, Case{ID: "register.key.indefinite", Want: Policy, Sev: Low, Field: key,
			Recipe: "the key is a map of indefinite length",
			Why:    "CTAP has definite lengths only",
			Edits:  edits(ceremony.PublicKeyBytes((*ceremony.Map).Indefinite))}),
	})
}

// keyCase is a case about keys of the algorithm that the need is about.
func keyCase(need Need, c Case) Case {
	c.Needs = append([]Need{NeedNoAttestation, need}, c.Needs...)
	alg := map[Need]ctap.Algorithm{NeedES256: ctap.ES256, NeedRS256: ctap.RS256, NeedEdDSA: ctap.EdDSA}[need]
	c.Device.Algorithms = []ctap.Algorithm{alg}
	return c
}

func setLabel(label int, value any) ceremony.Edit {
	return ceremony.COSE(func(m *ceremony.Map) { m.Set(label, value) })
}

// changeLabel changes the value of a label that is a byte string of 32 bytes.
func changeLabel(label int, f func([]byte) []byte) ceremony.Edit {
	const head = 2 // of a byte string of 24 to 255 bytes
	return ceremony.Edit{Stage: ceremony.PublicKey, Apply: func(c *ceremony.Ceremony) error {
		if c.COSE == nil {
			return errors.New("there is no public key: this is a sign-in")
		}
		v := c.COSE.Get(label)
		if len(v) != head+32 {
			return errors.New("the key has no such coordinate")
		}
		c.COSE.Set(label, f(append([]byte(nil), v[head:]...)))
		return nil
	}}
}

// compress puts the sign of y in its place.
func compress(m *ceremony.Map) {
	y := m.Get(coseY)
	if len(y) > 0 {
		m.Set(coseY, y[len(y)-1]&1 == 1)
	}
}

func reversed(m *ceremony.Map) []byte {
	m = m.Clone()
	m.Reverse()
	return m.CBOR()
}

// keyNotOffered puts in a key of an algorithm that the options do not offer.
func keyNotOffered(c *ceremony.Ceremony) error {
	o, err := parseOffered(c.Options)
	if err != nil {
		return err
	}
	for _, alg := range []ctap.Algorithm{ctap.ES384, ctap.ES512, ctap.ES256K, ctap.EdDSA} {
		if !o.has(alg) {
			return ceremony.Key(alg).Apply(c)
		}
	}
	return errors.New("the options offer every algorithm")
}

func unhex(s string) []byte {
	b, _ := hex.DecodeString(s) // of constants, which tests read
	return b
}
