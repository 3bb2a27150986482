package rptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// offered is what a site's options say, as far as cases depend on it.
type offered struct {
	RPID string `json:"rpId"`
	RP   struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID   loose  `json:"id"`
		Name string `json:"name"`
	} `json:"user"`
	Challenge        loose     `json:"challenge"`
	UserVerification string    `json:"userVerification"`
	Attestation      string    `json:"attestation"`
	Timeout          float64   `json:"timeout"` // milliseconds
	Selection        selection `json:"authenticatorSelection"`
	Params           []struct {
		Alg ctap.Algorithm `json:"alg"`
	} `json:"pubKeyCredParams"`
	Allow      []descriptor               `json:"allowCredentials"`
	Exclude    []descriptor               `json:"excludeCredentials"`
	Extensions map[string]json.RawMessage `json:"extensions"`
}

// selection is which authenticator creation options ask for.
type selection struct {
	Attachment         string `json:"authenticatorAttachment"`
	ResidentKey        string `json:"residentKey"`
	RequireResidentKey bool   `json:"requireResidentKey"`
	UserVerification   string `json:"userVerification"`
}

// discoverable tells whether it asks for a discoverable credential.
func (s *selection) discoverable() bool {
	return s.ResidentKey == "required" || s.ResidentKey == "preferred" || s.RequireResidentKey
}

// descriptor is what options say of a credential.
type descriptor struct {
	ID string `json:"id"`
}

// loose is bytes in base64url, or, since a case is about sites that send others, in
// whatever form they come.
type loose []byte

func (l *loose) UnmarshalJSON(data []byte) error {
	var b Bytes
	if err := json.Unmarshal(data, &b); err == nil {
		*l = loose(b)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err == nil {
		data = []byte(s)
	}
	*l = loose(data)
	return nil
}

func parseOffered(options []byte) (*offered, error) {
	o := new(offered)
	err := json.Unmarshal(bare(options), o)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what := "the options"
		if wrong.Field != "" {
			what = wrong.Field + " of " + what
		}
		return nil, fmt.Errorf("%s cannot be of JSON's type %s", what, wrong.Value)
	}
	if err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	if o.UserVerification == "" {
		o.UserVerification = o.Selection.UserVerification
	}
	return o, nil
}

func (o *offered) has(alg ctap.Algorithm) bool {
	return slices.ContainsFunc(o.Params, func(p struct {
		Alg ctap.Algorithm `json:"alg"`
	}) bool {
		return p.Alg == alg
	})
}

// wishes are what a case would like the options to say.
func (c *Case) wishes() Wishes {
	w := Wishes{Attestation: "none", UserVerification: "preferred", ResidentKey: "preferred"}
	for _, n := range c.Needs {
		switch n {
		case NeedAttestation, NeedTrustPath, NeedModelList, NeedMetadata:
			w.Attestation = "direct"
		case NeedUV:
			w.UserVerification = "required"
		case NeedUVDiscouraged:
			w.UserVerification = "discouraged"
		case NeedDiscoverable, NeedUsernameless:
			w.ResidentKey = "required"
		case NeedConditional:
			w.Mediation = "conditional"
		}
		w.Usernameless = w.Usernameless || n == NeedUsernameless
	}
	return w
}

// extensions are the inputs that a case would like request options to have.
func (c *Case) extensions() string {
	switch {
	case slices.Contains(c.Needs, NeedPRF):
		return `{"prf":{"eval":{"first":"AAAA"}}}`
	case slices.Contains(c.Needs, NeedLargeBlob):
		return `{"largeBlob":{"read":true}}`
	}
	return ""
}

// steps are those that a need is about.
var steps = map[Need][]Step{
	NeedCredentialList:  {Credentials},
	NeedDelete:          {DeleteCredential, Credentials},
	NeedRename:          {RenameCredential, Credentials},
	NeedWhoAmI:          {WhoAmI},
	NeedLogOut:          {LogOut},
	NeedPasswordLogIn:   {PasswordLogIn},
	NeedEnrolmentToken:  {EnrolmentToken},
	NeedPasswordChange:  {PasswordChange},
	NeedStepUp:          {StepUpBegin, StepUpFinish},
	NeedAccountDeletion: {DeleteAccount},
}

// A hearer is an RP that tells whether a step passes a wish on.
type hearer interface {
	Hears(step Step, wish string) bool
}

// missingStep names the first need that the site's steps do not meet; "" if
// there is none.
func (c *Case) missingStep(rp RP) Need {
	for _, n := range c.Needs {
		if h, ok := rp.(hearer); n == NeedConditional && (!ok || !h.Hears(RegisterBegin, "mediation")) {
			return n
		}
		if m := mappingOf(rp); n == NeedOwnEndpoints && m != nil && m.isProfile() {
			return n
		}
		for _, s := range steps[n] {
			if !rp.Offers(s) {
				return n
			}
		}
	}
	return ""
}

// missing names the first need that the options of the step do not meet; "" if
// there is none. discoverable tells that creation options make
// the device's passkeys so.
func (c *Case) missing(step Step, o *offered, discoverable bool) Need {
	registering := step == RegisterBegin
	for _, n := range c.Needs {
		met := true
		switch n {
		case NeedNoAttestation:
			met = !registering || o.Attestation == "" || o.Attestation == "none"
		case NeedAttestation, NeedTrustPath, NeedModelList, NeedMetadata:
			met = !registering || o.Attestation == "direct"
		case NeedUV:
			met = o.UserVerification == "required"
		case NeedUVDiscouraged:
			met = o.UserVerification == "discouraged"
		case NeedPRF:
			met = registering || o.Extensions["prf"] != nil
		case NeedLargeBlob:
			met = registering || o.Extensions["largeBlob"] != nil
		case NeedUVOptional:
			met = o.UserVerification != "required"
		case NeedDiscoverable, NeedUsernameless:
			switch {
			case registering: // without a user name nobody signs in by another credential
				n, met = NeedDiscoverable, discoverable
			case n == NeedUsernameless:
				met = len(o.Allow) == 0
			}
		case NeedAllowList:
			met = registering || len(o.Allow) > 0
		case NeedES256:
			met = !registering || o.has(ctap.ES256)
		case NeedRS256:
			met = !registering || o.has(ctap.RS256)
		case NeedEdDSA:
			met = !registering || o.has(ctap.EdDSA)
		case NeedExtensionsIgnored:
			met = len(o.Extensions) == 0
		}
		if !met {
			return n
		}
	}
	return ""
}
