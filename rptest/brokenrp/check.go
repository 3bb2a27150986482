package brokenrp

import (
	"fmt"
	"slices"
	"strings"
)

// A Check names one thing that the strict site does and that can be switched off
// alone: "register.type", "login.counter", "login.accept.bom".
type Check string

// CheckInfo says what a Check is.
type CheckInfo struct {
	Check Check
	// Requires is what the check demands. Of an Accept check it is what the
	// site demands wrongly once the check is off.
	Requires string
	// Off is what the site does instead when the check is off.
	Off string
	// Anchor is the place in WebAuthn Level 3: "§7.1 step 7"; empty where the
	// standard has none, as for sessions and accounts.
	Anchor string
	// Accept tells that the site rightly accepts something and refuses it when
	// the check is off: a false reject.
	Accept bool
	// Broad tells that many cases show at once when the check is off.
	Broad bool
	// Needs is the member of Config without which the site does not come to the
	// check; empty for most.
	Needs string
}

// entry is a row of a table of checks: those of a ceremony stand there without
// its name.
type entry struct {
	name, requires, off, anchor string
}

// shared is a row of a table of checks that both ceremonies make. A ceremony
// without a step does not have the switch.
type shared struct {
	name, requires, off string
	register, login     string // steps of §7.1 and §7.2
}

// Checks lists every check, in the order of the standard's steps: of
// registration, login and the account.
func Checks() []CheckInfo {
	var all []CheckInfo
	for _, e := range optionsChecks {
		all = append(all, e.info("options."))
	}
	for _, s := range sharedChecks {
		if s.register != "" {
			all = append(all, entry{s.name, s.requires, s.off, "§7.1 step " + s.register}.info("register."))
		}
	}
	for _, table := range [][]entry{registerChecks, publicKeyChecks, packedChecks, formatChecks, trustChecks} {
		for _, e := range table {
			all = append(all, e.info("register."))
		}
	}
	for _, s := range sharedChecks {
		if s.login != "" {
			all = append(all, entry{s.name, s.requires, s.off, "§7.2 step " + s.login}.info("login."))
		}
	}
	for _, e := range loginChecks {
		all = append(all, e.info("login."))
	}
	for _, e := range accountChecks {
		all = append(all, e.info(""))
	}
	return all
}

func (e entry) info(prefix string) CheckInfo {
	name := Check(prefix + e.name)
	need := needs[name]
	if strings.HasPrefix(e.name, "trust.") || strings.HasPrefix(e.name, "accept.trust.") {
		need = "Roots"
	}
	return CheckInfo{
		Check: name, Requires: e.requires, Off: e.off, Anchor: e.anchor,
		Accept: isAccept(e.name),
		Broad:  slices.Contains(broad, name),
		Needs:  need,
	}
}

func isAccept(name string) bool {
	return strings.HasPrefix(name, "accept.") || strings.Contains(name, ".accept.")
}

// broad lists the checks without which nearly every refusal shows as another
// fault, every second honest signature, every phone or every device without
// attestation is refused, or no client registers.
var broad = []Check{
	"register.store", "login.session.late", "register.accept.highS", "login.accept.highS",
	"login.accept.counter.none", "register.accept.none.aaguid",
	"options.base64url", "options.user.id.present", "options.user.id.length", "options.rp.id",
}

var needs = map[Check]string{
	"options.lower.attachment":      "Attachment",
	"options.lower.attestation":     "Attestation",
	"register.attestation.model":    "Models",
	"register.attestation.required": "Attestation",
	"register.backup.policy":        "DeviceBound",
	"register.metadata.compromised": "Metadata",
	"register.metadata.number":      "MetadataRoots",
	"register.metadata.revoked":     "Metadata",
	"register.metadata.signature":   "MetadataRoots",
}

// switches is what New makes of Config.Off.
type switches struct {
	info map[Check]CheckInfo
	off  map[Check]bool
}

func newSwitches(off []Check) (switches, error) {
	s := switches{map[Check]CheckInfo{}, map[Check]bool{}}
	for _, info := range Checks() {
		s.info[info.Check] = info
	}
	for _, c := range off {
		if _, ok := s.info[c]; !ok {
			return s, fmt.Errorf("unknown check %q", c)
		}
		s.off[c] = true
	}
	return s, nil
}

// on reports whether a check is made.
func (s switches) on(name string) bool { return !s.off[Check(name)] }

// rule is a check and whether what came meets it. A rule of an Accept check
// says whether it meets the wrong demand.
type rule struct {
	name string
	ok   bool
}

// first gives the refusal of the first rule that is broken and counts.
func (s switches) first(prefix string, rules ...rule) error {
	for _, r := range rules {
		name := Check(prefix + r.name)
		// A ceremony that lacks a check as a switch makes it always.
		if !r.ok && s.off[name] == isAccept(r.name) {
			return &refusal{check: name, requires: s.info[name].Requires}
		}
	}
	return nil
}

// refusal is a broken rule.
type refusal struct {
	check    Check
	requires string
}

func (r *refusal) Error() string {
	if r.requires == "" {
		return string(r.check)
	}
	return fmt.Sprintf("%s: not so: %s", r.check, r.requires)
}
