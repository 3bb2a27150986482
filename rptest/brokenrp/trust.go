package brokenrp

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// trust is §7.1 steps 23 and 24: whether what is proven is enough.
func (c *ceremony) trust(proven *verdict, auth *authData) error {
	cfg := &c.site.config
	certified := proven.chain != nil
	wanted := cfg.Models != nil || slices.Index(attestations, cfg.Attestation) >= slices.Index(attestations, "direct")
	if certified && cfg.Roots != nil {
		if err := c.path(proven); err != nil {
			return err
		}
	}
	aaguid := ctap.AAGUID(auth.aaguid)
	c.site.mu.Lock()
	status := c.site.metadata[aaguid]
	c.site.mu.Unlock()
	return c.first(
		rule{"attestation.required", certified || !wanted},
		rule{"attestation.model", cfg.Models == nil || slices.Contains(cfg.Models, aaguid)},
		rule{"metadata.revoked", status != "REVOKED"},
		rule{"metadata.compromised", !slices.Contains(compromises, status)},
	)
}

// compromises are statuses with which no model is trusted (FIDO Metadata
// Service §3.1.4).
var compromises = []string{
	"USER_VERIFICATION_BYPASS", "ATTESTATION_KEY_COMPROMISE", "USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE",
}

// path checks the way from the attestation certificate to a root.
func (c *ceremony) path(proven *verdict) error {
	now, chain := c.site.now(), proven.chain
	leaf := chain[0]
	err := c.first(
		rule{"trust.expired", !now.After(leaf.NotAfter)},
		rule{"trust.notYet", !now.Before(leaf.NotBefore)},
	)
	if err != nil {
		return err
	}
	last := chain[len(chain)-1]
	if len(chain) > 1 && slices.ContainsFunc(c.site.config.Roots, last.Equal) {
		if err := c.first(rule{"accept.trust.root", proven.rooted}); err != nil {
			return err
		}
		chain = chain[:len(chain)-1]
	}
	for i, cert := range chain[1:] {
		valid := !now.After(cert.NotAfter) && !now.Before(cert.NotBefore)
		ordered := bytes.Equal(chain[i].RawIssuer, cert.RawSubject)
		if err := c.first(rule{"trust.order", ordered}, rule{"trust.intermediate", valid}); err != nil {
			return err
		}
		if !cert.IsCA || !ordered || !signs(cert, chain[i]) {
			return errors.New("attestation certificates do not certify each other")
		}
	}
	return c.anchor(chain[len(chain)-1])
}

// anchor checks that a root certifies the chain's last certificate, or is it.
func (c *ceremony) anchor(last *x509.Certificate) error {
	named := false
	for _, root := range c.site.config.Roots {
		if root.Equal(last) {
			return nil
		}
		if bytes.Equal(root.RawSubject, last.RawIssuer) {
			named = true
			if signs(root, last) {
				return nil
			}
		}
	}
	if named {
		return c.first(rule{"trust.root", false})
	}
	return c.first(rule{"trust.path", false})
}

func signs(parent, child *x509.Certificate) bool {
	return parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature) == nil
}
