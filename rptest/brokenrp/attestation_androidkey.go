package brokenrp

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"slices"
)

var oidAndroidKey = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// keyDescription is the extension's data (WebAuthn §8.4.1).
type keyDescription struct {
	AttestationVersion       int
	AttestationSecurityLevel asn1.Enumerated
	KeymasterVersion         int
	KeymasterSecurityLevel   asn1.Enumerated
	AttestationChallenge     []byte
	UniqueID                 []byte
	SoftwareEnforced         asn1.RawValue
	TEEEnforced              asn1.RawValue
}

// Tags and values of authorization lists.
const (
	kmPurpose         = 1
	kmAllApplications = 600
	kmOrigin          = 702

	kmOriginGenerated = 0
	kmPurposeSign     = 2
)

// authorizations is what this site reads of an authorization list.
type authorizations struct {
	purposes        []int
	allApplications bool
	origin          *int
}

// androidKey is the verification procedure of WebAuthn §8.4.
func (c *ceremony) androidKey(s *statement) (*verdict, error) {
	chain, err := c.certified(s, "android", s.attested())
	if err != nil || len(chain) == 0 {
		return &verdict{}, err
	}
	leaf := chain[0]
	if err := c.first(rule{"android.key", sameKey(s.key.key, leaf.PublicKey)}); err != nil {
		return nil, err
	}
	for _, e := range leaf.Extensions {
		if e.Id.Equal(oidAndroidKey) {
			return &verdict{chain, true}, c.keyDescription(e.Value, s.hash)
		}
	}
	return &verdict{chain, true}, c.first(rule{"android.description", false})
}

func (c *ceremony) keyDescription(der, hash []byte) error {
	var d keyDescription
	if rest, err := asn1.Unmarshal(der, &d); err != nil || len(rest) > 0 {
		return errors.New("android-key: the key description is malformed")
	}
	software, err := parseAuthorizations(d.SoftwareEnforced.Bytes)
	if err != nil {
		return err
	}
	tee, err := parseAuthorizations(d.TEEEnforced.Bytes)
	if err != nil {
		return err
	}
	// The union of both lists: a key in software is no finding of the catalogue.
	purposes := append(software.purposes, tee.purposes...)
	generated := true
	found := false
	for _, origin := range []*int{software.origin, tee.origin} {
		if origin != nil {
			found, generated = true, generated && *origin == kmOriginGenerated
		}
	}
	return c.first(
		rule{"android.challenge", bytes.Equal(d.AttestationChallenge, hash)},
		rule{"android.allApplications", !software.allApplications && !tee.allApplications},
		rule{"android.origin", found && generated},
		rule{"android.purpose", slices.Contains(purposes, kmPurposeSign)},
	)
}

func parseAuthorizations(b []byte) (a authorizations, err error) {
	for len(b) > 0 {
		var field asn1.RawValue
		if b, err = asn1.Unmarshal(b, &field); err != nil {
			return a, errors.New("android-key: an authorization list is malformed")
		}
		if field.Class != asn1.ClassContextSpecific {
			continue
		}
		switch field.Tag {
		case kmPurpose:
			if _, err = asn1.UnmarshalWithParams(field.Bytes, &a.purposes, "set"); err != nil {
				return a, errors.New("android-key: purpose is malformed")
			}
		case kmAllApplications:
			a.allApplications = true
		case kmOrigin:
			a.origin = new(int)
			if _, err = asn1.Unmarshal(field.Bytes, a.origin); err != nil {
				return a, errors.New("android-key: origin is malformed")
			}
		}
	}
	return a, nil
}
