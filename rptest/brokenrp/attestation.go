package brokenrp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
)

// statement is one attestation statement with what it attests.
type statement struct {
	stmt item
	auth *authData
	key  *publicKey
	hash []byte // clientDataHash
}

// attested is what every format signs or hashes.
func (s *statement) attested() []byte { return append(bytes.Clone(s.auth.raw), s.hash...) }

// verdict is what a statement proves.
type verdict struct {
	chain  []*x509.Certificate // nil: none or self attestation
	rooted bool                // the format's chains end with the root
}

// attestation is §7.1 steps 21 to 24.
func (c *ceremony) attestation(o *attestationObject, auth *authData, key *publicKey, d *clientData) error {
	s := &statement{o.stmt, auth, key, d.hash[:]}
	var proven *verdict
	if o.skip {
		proven = &verdict{}
	} else {
		var err error
		if proven, err = c.format(o.fmt, s); err != nil {
			return err
		}
	}
	return c.trust(proven, auth)
}

// format verifies a statement of the format.
func (c *ceremony) format(name string, s *statement) (*verdict, error) {
	if folded := strings.ToLower(name); folded != name && slices.Contains(formats, folded) {
		if err := c.first(rule{"fmt.case", false}); err != nil {
			return nil, err
		}
		name = folded
	}
	switch name {
	case "none":
		return &verdict{}, c.first(
			rule{"none.empty", len(s.stmt.items) == 0},
			rule{"accept.none.aaguid", bytes.Equal(s.auth.aaguid, make([]byte, 16))},
		)
	case "packed":
		return c.packed(s)
	case "fido-u2f":
		return c.fidoU2F(s)
	case "tpm":
		return c.tpm(s)
	case "android-key":
		return c.androidKey(s)
	case "apple":
		return c.apple(s)
	case "compound":
		return c.compound(s)
	}
	return &verdict{}, c.first(rule{"fmt.known", false})
}

var formats = []string{"none", "packed", "fido-u2f", "tpm", "android-key", "apple", "compound"}

// chain reads x5c. Nil without an error is what a sloppy site does not verify.
func (c *ceremony) chain(stmt item) ([]*x509.Certificate, error) {
	x5c, _ := stmt.member("x5c")
	isList := x5c.major == majorArray
	err := c.first(
		rule{"x5c.list", isList},
		rule{"x5c.empty", !isList || len(x5c.items) > 0},
	)
	if err != nil || !isList {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, it := range x5c.items {
		der, ok := it.bytes()
		cert, err := x509.ParseCertificate(der)
		if !ok || err != nil {
			return nil, c.first(rule{"x5c.certificate", false})
		}
		chain = append(chain, cert)
	}
	if !c.on("trust.order") {
		chain = sorted(chain)
	}
	return chain, nil
}

// sorted puts the certificate of no CA first, and after each its issuer.
func sorted(bag []*x509.Certificate) []*x509.Certificate {
	i := slices.IndexFunc(bag, func(cert *x509.Certificate) bool { return !cert.IsCA })
	if i < 0 {
		return bag
	}
	chain := []*x509.Certificate{bag[i]}
	for len(chain) <= len(bag) {
		last := chain[len(chain)-1]
		next := slices.IndexFunc(bag, func(cert *x509.Certificate) bool {
			return bytes.Equal(cert.RawSubject, last.RawIssuer) && !slices.Contains(chain, cert)
		})
		if next < 0 {
			break
		}
		chain = append(chain, bag[next])
	}
	return chain
}

// sig reads the members alg and sig.
func (s *statement) sig() (alg ctap.Algorithm, hasAlg bool, sig []byte, hasSig bool) {
	a, _ := s.stmt.member("alg")
	n, hasAlg := a.int()
	b, _ := s.stmt.member("sig")
	sig, hasSig = b.bytes()
	return ctap.Algorithm(n), hasAlg, sig, hasSig
}

// certified verifies the signature over a message by the key of x5c's first
// certificate. What the format calls its checks begins with prefix. A nil chain
// without an error is what a sloppy site does not verify.
func (c *ceremony) certified(s *statement, prefix string, message []byte) ([]*x509.Certificate, error) {
	chain, err := c.chain(s.stmt)
	if err != nil || len(chain) == 0 {
		return nil, err
	}
	alg, hasAlg, sig, hasSig := s.sig()
	err = c.first(
		rule{"statement.alg", hasAlg},
		rule{"statement.sig", hasSig},
	)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	fit := algorithmsOf(leaf.PublicKey)
	if len(fit) == 0 {
		return nil, errors.New("attestation certificate has an unknown key")
	}
	if err := c.first(rule{prefix + ".alg", !hasAlg || slices.Contains(fit, alg)}); err != nil {
		return nil, err
	}
	if !slices.Contains(fit, alg) {
		alg = fit[0]
	}
	if !hasSig {
		return chain, nil
	}
	return chain, c.verify(prefix+".signature", leaf.PublicKey, alg, message, sig)
}

// sameKey reports whether two public keys are the same.
func sameKey(a, b crypto.PublicKey) bool {
	if k, ok := a.(*rsaKey); ok {
		a = k.standard()
	}
	if k, ok := b.(*rsaKey); ok {
		b = k.standard()
	}
	equal, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && equal.Equal(b)
}
