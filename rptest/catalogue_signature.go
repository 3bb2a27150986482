package rptest

import (
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// signatureCases spoil the signature (§7.2 step 21). Those that take it apart are of
// ES256.
func signatureCases() []Case {
	es256 := DeviceConfig{Algorithms: []ctap.Algorithm{ctap.ES256}}
	const step, field = "§7.2 step 21", "signature"
	p256 := []Need{NeedES256}
	return []Case{
		{ID: "login.signature.other-key", Sev: Critical, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "another key made the signature",
			Why:    "whoever has any key is in",
			Edits:  edits(ceremony.SignedByOther(ctap.ES256))},
		{ID: "login.signature.auth-data-only", Sev: Critical, Anchor: step, Field: field,
			Recipe: "the signature is over the authenticator data alone",
			Why:    "then the client data, and with them origin and challenge, are not signed",
			Edits:  edits(ceremony.SignedOver(func(c *ceremony.Ceremony) []byte { return c.AuthenticatorData }))},
		{ID: "login.signature.empty-client-data", Sev: Critical, Anchor: step, Field: field,
			Recipe: "the signature is over the authenticator data and the hash of {}",
			Why:    "a site that hashes client data that it wrote anew takes it",
			Edits: edits(ceremony.SignedOver(func(c *ceremony.Ceremony) []byte {
				h := sha256.Sum256([]byte("{}"))
				return append(slices.Clone(c.AuthenticatorData), h[:]...)
			}))},
		{ID: "login.signature.unhashed", Sev: Critical, Anchor: step, Field: field,
			Recipe: "the signature is over the authenticator data and the client data, not their hash",
			Why:    "it is another message",
			Edits: edits(ceremony.SignedOver(func(c *ceremony.Ceremony) []byte {
				return slices.Concat(c.AuthenticatorData, c.ClientDataJSON)
			}))},
		{ID: "login.signature.stale-client-data", Sev: Critical, Anchor: step, Field: "clientDataJSON",
			Recipe: "a member was added to the client data after they were signed",
			Why:    "whoever can change what is not signed can change origin and challenge",
			Edits:  edits(stale(ceremony.ClientDataMember("added", "after signing")))},
		{ID: "login.signature.stale-counter", Sev: Critical, Anchor: step, Field: "authenticatorData.signCount",
			Recipe: "the counter was raised after the data were signed",
			Why:    "whoever can change what is not signed can change the flags, too",
			Edits:  edits(stale(ceremony.SignCount(1 << 20)))},
		{ID: "login.signature.empty", Sev: Critical, Anchor: step, Field: field,
			Recipe: "the signature is empty",
			Why:    "nothing is proven",
			Edits:  edits(ceremony.SignatureBytes([]byte{}))},
		{ID: "login.signature.bit", Sev: Critical, Anchor: step, Field: field,
			Recipe: "the last bit of the signature is flipped",
			Why:    "nothing is proven",
			Edits: edits(ceremony.At(ceremony.Signature, func(c *ceremony.Ceremony) {
				c.Signature = slices.Clone(c.Signature)
				c.Signature[len(c.Signature)-1] ^= 1
			}))},
		{ID: "login.signature.zero", Sev: Critical, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe:     "r and s of the signature are 0",
			Why:        "a verifier that does not check their range takes it for every key",
			References: []string{"CVE-2022-21449"},
			Edits:      edits(rs(func(r, s, n *big.Int) { r.SetInt64(0); s.SetInt64(0) }))},
		{ID: "login.signature.order", Sev: Critical, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "r and s of the signature are the order of the curve's group",
			Why:    "a verifier that checks for zero before it reduces takes it for every key",
			Edits:  edits(rs(func(r, s, n *big.Int) { r.Set(n); s.Set(n) }))},
		{ID: "login.signature.r-plus-order", Sev: Low, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "the group's order is added to r",
			Why:    "r is out of range: one signature would have two forms",
			Edits:  edits(rs(func(r, s, n *big.Int) { r.Add(r, n) }))},
		{ID: "login.signature.high-s", Want: MustAccept, Sev: Medium, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "s of the signature is in the upper half",
			Why:    "half of all devices' signatures are like that; WebAuthn does not ask for a low s",
			Edits: edits(rs(func(r, s, n *big.Int) {
				if s.Cmp(new(big.Int).Rsh(n, 1)) <= 0 {
					s.Sub(n, s)
				}
			}))},
		{ID: "login.signature.long-length", Sev: Low, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "the signature's DER writes its length in two bytes where one does",
			Why:    "it is not DER: one signature would have several forms",
			Edits:  edits(signature(func(b []byte) []byte { return append([]byte{b[0], 0x81}, b[1:]...) }))},
		{ID: "login.signature.trailing-byte", Sev: Low, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "a byte follows the signature's DER",
			Why:    "one signature would have several forms",
			Edits:  edits(signature(func(b []byte) []byte { return append(slices.Clone(b), 0) }))},
		{ID: "login.signature.third-integer", Sev: Low, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "the signature's DER has a third INTEGER",
			Why:    "one signature would have several forms",
			Edits: edits(signature(func(b []byte) []byte {
				out := append(slices.Clone(b), 2, 1, 1)
				out[1] += 3
				return out
			}))},
		{ID: "login.signature.leading-zeros", Sev: Low, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "r has leading zeros that DER does not allow",
			Why:    "one signature would have several forms",
			Edits: edits(signature(func(b []byte) []byte {
				out := slices.Insert(slices.Clone(b), 4, 0, 0)
				out[1] += 2
				out[3] += 2
				return out
			}))},
		{ID: "login.signature.raw", Sev: Low, Anchor: step, Field: field,
			Device: es256, Needs: p256,
			Recipe: "the signature is r and s in 64 bytes, as JOSE writes it",
			Why:    "WebAuthn's are in DER",
			Edits: edits(ceremony.Edit{Stage: ceremony.Signature, Apply: func(c *ceremony.Ceremony) error {
				var v struct{ R, S *big.Int }
				if _, err := asn1.Unmarshal(c.Signature, &v); err != nil {
					return err
				}
				out := make([]byte, 64)
				v.R.FillBytes(out[:32])
				v.S.FillBytes(out[32:])
				c.Signature = out
				return nil
			}})},
		{ID: "login.signature.ed25519-other", Sev: Critical, Anchor: step, Field: field,
			Device: DeviceConfig{Algorithms: []ctap.Algorithm{ctap.EdDSA}}, Needs: []Need{NeedEdDSA},
			Recipe: "another Ed25519 key made the signature",
			Why:    "whoever has any key is in",
			Edits:  edits(ceremony.SignedByOther(ctap.EdDSA))},
		{ID: "login.signature.rsa-other", Sev: Critical, Anchor: step, Field: field,
			Device: DeviceConfig{Personality: Windows, Attestation: attest.None, Algorithms: []ctap.Algorithm{ctap.RS256}}, Needs: []Need{NeedRS256},
			Recipe: "another RSA key made the signature",
			Why:    "whoever has any key is in",
			Edits:  edits(ceremony.SignedByOther(ctap.RS256))},
	}
}

func stale(e ceremony.Edit) ceremony.Edit {
	e.Stale = true
	return e
}

// signature changes a signature that was made.
func signature(f func([]byte) []byte) ceremony.Edit {
	return ceremony.At(ceremony.Signature, func(c *ceremony.Ceremony) { c.Signature = f(c.Signature) })
}

// rs changes r and s of a P-256 signature; n is the group's order.
func rs(f func(r, s, n *big.Int)) ceremony.Edit {
	n, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	return ceremony.Edit{Stage: ceremony.Signature, Apply: func(c *ceremony.Ceremony) error {
		var v struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(c.Signature, &v); err != nil {
			return err
		}
		f(v.R, v.S, n)
		b, err := asn1.Marshal(v)
		c.Signature = b
		return err
	}}
}
