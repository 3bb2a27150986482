package brokenrp

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// packed is the verification procedure of WebAuthn §8.2.
func (c *ceremony) packed(s *statement) (*verdict, error) {
	alg, hasAlg, sig, hasSig := s.sig()
	x5c, byCertificate := s.stmt.member("x5c")
	err := c.first(
		rule{"packed.alg.present", hasAlg},
		rule{"packed.sig.present", hasSig},
		rule{"packed.members", s.stmt.onlyMembers("alg", "sig", "x5c")},
	)
	if err != nil || !hasSig {
		return &verdict{}, err
	}
	if byCertificate && x5c.raw != nil {
		return c.packedBasic(s, alg, hasAlg, sig)
	}
	if !hasAlg {
		alg = s.key.alg
	}
	if err := c.first(rule{"packed.alg", alg == s.key.alg}); err != nil {
		return nil, err
	}
	return &verdict{}, c.verify("packed.signature", s.key.key, s.key.alg, s.attested(), sig)
}

func (c *ceremony) packedBasic(s *statement, alg ctap.Algorithm, hasAlg bool, sig []byte) (*verdict, error) {
	chain, err := c.chain(s.stmt)
	if err != nil || len(chain) == 0 {
		return &verdict{}, err
	}
	leaf := chain[0]
	fit := algorithmsOf(leaf.PublicKey)
	if len(fit) == 0 {
		return nil, errors.New("attestation certificate has an unknown key")
	}
	if err := c.first(rule{"packed.x5c.alg", !hasAlg || slices.Contains(fit, alg)}); err != nil {
		return nil, err
	}
	if !slices.Contains(fit, alg) {
		alg = fit[0]
	}
	// A site may fall back to the credential's key where the other does not fit.
	own, err := c.fits(s.key.key, s.key.alg, s.attested(), sig)
	if c.on("packed.x5c.key") || err != nil || !own {
		if err := c.verify("packed.x5c.signature", leaf.PublicKey, alg, s.attested(), sig); err != nil {
			return nil, err
		}
	}
	return &verdict{chain: chain}, c.packedCertificate(leaf, s.auth.aaguid)
}

var oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

// packedCertificate is WebAuthn §8.2.1.
func (c *ceremony) packedCertificate(cert *x509.Certificate, aaguid []byte) error {
	n := cert.Subject
	country := ""
	if len(n.Country) == 1 {
		country = n.Country[0]
	}
	err := c.first(
		rule{"packed.cert.version", cert.Version == 3},
		rule{"packed.cert.subject", len(n.Country) == 1 && len(n.Organization) == 1 && n.CommonName != ""},
		rule{"packed.cert.ou", len(n.OrganizationalUnit) == 1 && n.OrganizationalUnit[0] == "Authenticator Attestation"},
		rule{"accept.packed.country", assigned(country)},
		rule{"packed.cert.basicConstraints", cert.BasicConstraintsValid || cert.Version != 3},
		rule{"packed.cert.ca", !cert.IsCA},
	)
	if err != nil {
		return err
	}
	for _, e := range cert.Extensions {
		if !e.Id.Equal(oidAAGUID) {
			continue
		}
		var inner []byte
		rest, err := asn1.Unmarshal(e.Value, &inner)
		once := err != nil || len(rest) > 0
		if once {
			inner = e.Value
		}
		return c.first(
			rule{"packed.cert.aaguid.critical", !e.Critical},
			rule{"packed.cert.aaguid.wrapped", !once},
			rule{"packed.cert.aaguid", bytes.Equal(inner, aaguid)},
		)
	}
	return nil
}

// assigned reports whether ISO 3166-1 may assign a code to a country: AA, QM to
// QZ, XA to XZ and ZZ are left to users.
func assigned(code string) bool {
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return false
	}
	return code != "AA" && code != "ZZ" && code[0] != 'X' && (code[0] != 'Q' || code[1] < 'M')
}
