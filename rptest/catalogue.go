package rptest

import (
	"slices"
	"strings"
)

// Catalogue lists every case: what a site offers first, then registration and
// sign-in in the order of the standard's steps, then sequences. The list is the
// caller's.
func Catalogue() []Case {
	all := slices.Concat(optionsCases(), registrationCases(), attestationCases(), loginCases(), sequenceCases())
	for i := range all {
		all[i].complete()
	}
	return all
}

// FindCase finds a case of the catalogue by its ID.
func FindCase(id string) (Case, bool) {
	for _, c := range Catalogue() {
		if c.ID == id {
			return c, true
		}
	}
	return Case{}, false
}

// complete fills in what follows from the rest.
func (c *Case) complete() {
	kind, _, _ := strings.Cut(c.ID, ".")
	c.Kind = Kind(kind)
	if c.Want == "" {
		c.Want = MustReject
	}
	if c.URL == "" {
		c.URL = anchorURL(c.Anchor)
	}
}

// sections are the places in the standard that anchors name.
var sections = []struct{ section, fragment string }{
	{"§7.1", "sctn-registering-a-new-credential"},
	{"§7.2", "sctn-verifying-assertion"},
	{"§8.2", "sctn-packed-attestation"},
	{"§8.2.1", "sctn-packed-attestation-cert-requirements"},
	{"§8.3", "sctn-tpm-attestation"},
	{"§8.3.1", "sctn-tpm-cert-requirements"},
	{"§8.4", "sctn-android-key-attestation"},
	{"§8.6", "sctn-fido-u2f-attestation"},
	{"§8.7", "sctn-none-attestation"},
	{"§8.8", "sctn-apple-anonymous-attestation"},
	{"§8.9", "sctn-compound-attestation"},
	{"§5.4", "dictionary-makecredentialoptions"},
	{"§5.5", "dictionary-assertion-options"},
	{"§13.4.3", "sctn-cryptographic-challenges"},
	{"§14.6.1", "sctn-user-handle-privacy"},
	{"§14.6.2", "sctn-username-enumeration"},
}

func anchorURL(anchor string) string {
	const standard = "https://www.w3.org/TR/webauthn-3/#"
	for _, s := range sections {
		if anchor == s.section || strings.HasPrefix(anchor, s.section+" ") {
			return standard + s.fragment
		}
	}
	return standard
}
