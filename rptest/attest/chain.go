package attest

import (
	"bytes"
	"crypto/elliptic"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// Names of issuers. They are the same for every authority.
var (
	rootName         = Name{{oidCountry, "SE"}, {oidOrganization, organization}, {oidCommonName, "Signet test attestation root"}}
	intermediateName = Name{{oidCountry, "SE"}, {oidOrganization, organization}, {oidUnit, "Authenticator Attestation CA"}, {oidCommonName, "Signet test attestation CA"}}
)

// issuer gives the issuer of a name.
func (a *Authority) issuer(name Name) (issuer, error) {
	key, err := a.key(name[len(name)-1].Value, elliptic.P256())
	return issuer{name, key}, err
}

// issue signs a certificate as the issuer of a name.
func (a *Authority) issue(name Name, c *Certificate) ([]byte, error) {
	i, err := a.issuer(name)
	if err != nil {
		return nil, err
	}
	return i.sign(c)
}

// selfSigned makes the certificate of a root.
func (a *Authority) selfSigned(name Name) ([]byte, error) {
	root, err := a.issuer(name)
	if err != nil {
		return nil, err
	}
	c, err := root.certificate(name, root.key.Public(), isCA, keyCertSign)
	if err != nil {
		return nil, err
	}
	return root.sign(c)
}

func (a *Authority) intermediateCertificate() (*Certificate, error) {
	root, err := a.issuer(rootName)
	if err != nil {
		return nil, err
	}
	i, err := a.issuer(intermediateName)
	if err != nil {
		return nil, err
	}
	return root.certificate(intermediateName, i.key.Public(), isLastCA, keyCertSign)
}

// Roots gives the certificate that the chains of all statements lead to, as PEM.
func (a *Authority) Roots() ([]byte, error) {
	der, err := a.root()
	if err != nil {
		return nil, fmt.Errorf("make attestation root: %w", err)
	}
	return encodePEM(der), nil
}

// leafPurpose says what a format's leaf key is for. Both chains of packed have the
// same leaf key.
func leafPurpose(f Format) string { return "leaf of " + f.Identifier() }

// newLeaf begins an attestation certificate with the authority's key for the
// format.
func (d *draft) newLeaf() (*Certificate, error) {
	key, err := d.a.key(leafPurpose(d.in.Format), elliptic.P256())
	if err != nil {
		return nil, err
	}
	i, err := d.issuers.issuer(intermediateName)
	if err != nil {
		return nil, err
	}
	if d.leaf, err = i.certificate(nil, key.Public(), notCA, digitalSignature); err != nil {
		return nil, err
	}
	d.leaf.key, d.leaf.d = key, d
	return d.leaf, nil
}

// credentialLeaf begins a certificate of the credential's own key.
func (d *draft) credentialLeaf() (*Certificate, error) {
	i, err := d.issuers.issuer(intermediateName)
	if err != nil {
		return nil, err
	}
	if d.leaf, err = i.certificate(nil, d.in.PublicKey, notCA, digitalSignature); err != nil {
		return nil, err
	}
	d.leaf.d = d
	return d.leaf, nil
}

// x5c signs the leaf and makes the member x5c: the leaf and the intermediate, or,
// where the root is the issuer, the leaf alone.
func (d *draft) x5c(intermediate bool) (any, error) {
	by := intermediateName
	if !intermediate {
		by = rootName
		root, err := d.issuers.issuer(by)
		if err != nil {
			return nil, err
		}
		if err := d.leaf.issuedBy(root); err != nil {
			return nil, err
		}
	}
	apply(d, func(e *Edit) func(*Certificate) { return e.Leaf }, d.leaf)
	leaf, err := d.issueLeaf(by)
	if err != nil {
		return nil, fmt.Errorf("issue leaf: %w", err)
	}
	// Edits may change what they get, so they get copies of what is kept.
	chain := &Chain{X5C: []any{ctap.Bytes(bytes.Clone(leaf))}}
	root, err := d.issuers.root()
	if err != nil {
		return nil, fmt.Errorf("make root: %w", err)
	}
	chain.Root = bytes.Clone(root)
	if intermediate {
		der, err := d.intermediate()
		if err != nil {
			return nil, fmt.Errorf("issue intermediate: %w", err)
		}
		chain.Intermediate = bytes.Clone(der)
		chain.X5C = append(chain.X5C, ctap.Bytes(chain.Intermediate))
	}
	if d.in.Format == AndroidKey {
		// Android's chains end with the root, and verifiers look there.
		chain.X5C = append(chain.X5C, ctap.Bytes(chain.Root))
	}
	apply(d, func(e *Edit) func(*Chain) { return e.Chain }, chain)
	return chain.X5C, nil
}

// leafOf tells apart the leaves that are the same for all credentials.
type leafOf struct {
	format Format
	aaguid ctap.AAGUID
}

// maxLeaves bounds the memory that an authority of many models takes.
const maxLeaves = 64

// issueLeaf signs the leaf, or gives the one that was signed before where it is
// the same for all credentials.
func (d *draft) issueLeaf(by Name) ([]byte, error) {
	spoilt := slices.ContainsFunc(d.edits, func(e Edit) bool { return e.Rogue || e.Leaf != nil })
	if spoilt || d.leaf.key == nil {
		return d.issuers.issue(by, d.leaf)
	}
	of := leafOf{d.in.Format, d.in.AAGUID}
	if der := d.a.leaf(of); der != nil {
		return der, nil
	}
	der, err := d.a.issue(by, d.leaf)
	if err == nil {
		d.a.keep(of, der)
	}
	return der, err
}

func (a *Authority) leaf(of leafOf) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leaves[of]
}

func (a *Authority) keep(of leafOf, der []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leaves == nil || len(a.leaves) == maxLeaves {
		a.leaves = make(map[leafOf][]byte)
	}
	a.leaves[of] = der
}

// intermediate gives the intermediate's certificate, made anew where it is to be
// spoilt.
func (d *draft) intermediate() ([]byte, error) {
	if !slices.ContainsFunc(d.edits, func(e Edit) bool { return e.Intermediate != nil }) {
		return d.issuers.intermediate()
	}
	c, err := d.issuers.intermediateCertificate()
	if err != nil {
		return nil, err
	}
	c.d = d
	apply(d, func(e *Edit) func(*Certificate) { return e.Intermediate }, c)
	return d.issuers.issue(rootName, c)
}
