package rptest

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// mappingOf is how an RP is spoken to; nil where no mapping says.
func mappingOf(rp RP) *Mapping {
	switch rp := rp.(type) {
	case *audited:
		return mappingOf(rp.RP)
	case *recorder:
		return mappingOf(rp.RP)
	case interface{ Mapping() *Mapping }:
		return rp.Mapping()
	}
	return nil
}

// isProfile tells whether it is FIDO's, to which nobody has added a step.
func (m *Mapping) isProfile() bool { return m.profile && len(m.Steps) == len(FIDO().Steps) }

// unmet is an errNotApplicable that tells what in the mapping would meet the need, at
// the step whose options do not; "" where the mapping itself does not.
func unmet(rp RP, step Step, need Need) error {
	err := errNotApplicable{need}
	m := mappingOf(rp)
	if m == nil {
		return err
	}
	if advice := m.advice(rp, step, need); advice != "" {
		return fmt.Errorf("%w (%s)", err, advice)
	}
	return err
}

// asked is the placeholder that asks the site for what options are to say.
var asked = map[Need]string{
	NeedNoAttestation: "wish.attestation", NeedAttestation: "wish.attestation", NeedTrustPath: "wish.attestation",
	NeedModelList: "wish.attestation", NeedMetadata: "wish.attestation",
	NeedUV: "wish.userVerification", NeedUVOptional: "wish.userVerification", NeedUVDiscouraged: "wish.userVerification",
	NeedPRF: "wish.extensions", NeedLargeBlob: "wish.extensions",
	NeedDiscoverable: "wish.residentKey", NeedUsernameless: "loginUser", NeedAllowList: "loginUser",
}

// advice is what the mapping lacks for a need; "" where that is not known.
func (m *Mapping) advice(rp RP, step Step, need Need) string {
	if need == NeedOwnEndpoints {
		return "the FIDO REST profile has this by design: check your real endpoints by a mapping"
	}
	var missing []string
	for _, s := range steps[need] {
		if !rp.Offers(s) {
			missing = append(missing, string(s))
		}
	}
	whose := ""
	if m.isProfile() {
		whose = " of a mapping"
	}
	switch len(missing) {
	case 0:
	case 1:
		return "step " + missing[0] + whose
	default:
		return "steps " + strings.Join(missing, " and ") + whose
	}
	placeholder := asked[need]
	if need == NeedConditional {
		step, placeholder = RegisterBegin, "wish.mediation"
	}
	if step == "" || placeholder == "" {
		return ""
	}
	if m.holds(step, placeholder) {
		return fmt.Sprintf("%s has ${%s}, but the site does not go by it", step, placeholder)
	}
	return fmt.Sprintf("send ${%s} in %s", placeholder, step)
}

// holds tells whether a step has a placeholder.
func (m *Mapping) holds(step Step, placeholder string) bool {
	text, err := yaml.Marshal(m.Steps[step])
	return err == nil && strings.Contains(string(text), "${"+placeholder)
}
