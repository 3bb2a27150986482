package rptest

import (
	"fmt"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// Kind is what a case is about.
type Kind string

const (
	Registering Kind = "register" // one registration is spoilt (WebAuthn §7.1)
	SigningIn   Kind = "login"    // one sign-in is spoilt (WebAuthn §7.2)
	Sequence    Kind = "sequence" // several requests, sessions or accounts
	Options     Kind = "options"  // a flaw is looked for in what the site sends: Accepted where it is there
)

// Want is what a relying party has to do with a case.
type Want string

const (
	MustReject Want = "reject" // taking it is a finding
	MustAccept Want = "accept" // refusing it is a finding
	// Policy leaves it to the site: the outcome is reported and never fails.
	Policy Want = "policy"
)

// Severity is how bad it is where a site does otherwise.
type Severity int

const (
	Low      Severity = iota + 1 // strictness without a known attack
	Medium                       // a layer of defence is missing, or people are locked out
	High                         // an attack under conditions
	Critical                     // somebody gets into another's account
)

// String gives the severity in lower case: "low", "medium", "high", "critical".
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler: as String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler: it takes what String gives.
func (s *Severity) UnmarshalText(b []byte) error {
	for _, known := range []Severity{Low, Medium, High, Critical} {
		if known.String() == string(b) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("severity %q is none of low, medium, high, critical", b)
}

// A Case is one fault, or one oddity that is none, as data.
type Case struct {
	// ID is stable: baselines and pipelines name it. It is Kind, then what is
	// touched: "login.origin.port".
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Anchor is the step of the standard that decides, as "§7.2 step 12", and
	// URL the place in it.
	Anchor string `json:"anchor"`
	URL    string `json:"url"`
	// Recipe says in a sentence what is done, Why in another what is at stake
	// where a site gets it wrong.
	Recipe string   `json:"recipe"`
	Why    string   `json:"why"`
	Want   Want     `json:"want"`
	Sev    Severity `json:"severity"`
	// References are advisories and issues about sites that got it wrong.
	References []string `json:"references,omitempty"`
	// Field is the path of what differs from the control, as
	// "clientDataJSON.origin" (see package explain); empty for sequences.
	Field string `json:"field,omitempty"`
	// Needs is what site and device must offer for the case to mean something.
	Needs []Need `json:"needs,omitempty"`
	// NotRun is the reason why the runner leaves the case out always.
	NotRun string `json:"notRun,omitempty"`
	// Slow cases wait out a lifetime, and run only when asked for.
	Slow bool `json:"slow,omitempty"`

	// Device is what the device must be, laid over what the run's device is.
	Device DeviceConfig `json:"-"`
	// Edits spoil the response; see package ceremony.
	Edits []ceremony.Edit `json:"-"`
	// play runs a case that is more than one spoilt response; registers tells that
	// nobody signs in in it, so that its controls are registrations.
	play      func(p *play) error
	registers bool
}

// A Need is a condition without which a case says nothing. The runner tells
// the site what it would like (see Wishes), then looks at the options.
type Need string

const (
	NeedNoAttestation     Need = "attestation none"                        // nothing of the registration is signed
	NeedAttestation       Need = "attestation direct"                      // the site asks for a statement
	NeedUV                Need = "user verification required"              // userVerification is "required"
	NeedUVOptional        Need = "user verification optional"              // or is not
	NeedUVDiscouraged     Need = "user verification discouraged"           // or is "discouraged"
	NeedPRF               Need = "prf asked for"                           // the options ask for prf
	NeedLargeBlob         Need = "largeBlob asked for"                     // the options read a large blob
	NeedRename            Need = "renaming of a credential"                // the steps RenameCredential and Credentials
	NeedDiscoverable      Need = "discoverable credential"                 // residentKey is required or preferred
	NeedUsernameless      Need = "sign-in without a user name"             // allowCredentials is empty
	NeedAllowList         Need = "allowCredentials"                        // or is not
	NeedES256             Need = "ES256 offered"                           // pubKeyCredParams has -7
	NeedRS256             Need = "RS256 offered"                           // pubKeyCredParams has -257
	NeedEdDSA             Need = "EdDSA offered"                           // pubKeyCredParams has -8
	NeedExtensionsIgnored Need = "no extension asked for"                  // the options ask for no extension
	NeedTrustPath         Need = "attestation roots checked"               // the site was given the device's roots
	NeedModelList         Need = "a list of allowed models"                // it also has a list of AAGUIDs: the device's
	NeedMetadata          Need = "attestation metadata"                    // it also was fed the device's TrialBLOBs
	NeedCredentialList    Need = "a list of credentials"                   // the step Credentials
	NeedDelete            Need = "deletion of a credential"                // the step DeleteCredential
	NeedWhoAmI            Need = "a page that tells who is signed in"      // the step WhoAmI
	NeedLogOut            Need = "signing out"                             // the step LogOut
	NeedPasswordLogIn     Need = "a sign-in by password"                   // the step PasswordLogIn
	NeedEnrolmentToken    Need = "enrolment tokens"                        // the step EnrolmentToken
	NeedPasswordChange    Need = "a change of password"                    // the step PasswordChange
	NeedStepUp            Need = "a second place that verifies passkeys"   // the steps StepUpBegin and StepUpFinish
	NeedAccountDeletion   Need = "deletion of an account"                  // the step DeleteAccount
	NeedAttachment        Need = "an authenticator attachment asked for"   // authenticatorSelection names one
	NeedOwnEndpoints      Need = "the site's own endpoints"                // it is not spoken to by the FIDO REST profile
	NeedConditional       Need = "registration with mediation conditional" // the site can be told that mediation is conditional
)

// Outcome is what a site did with a case.
type Outcome string

const (
	Accepted Outcome = "accepted" // as any honest response
	Rejected Outcome = "rejected" // and nothing of it was kept
	// RejectedButStored: it refused, and kept the credential or gave a session
	// all the same.
	RejectedButStored Outcome = "rejected-but-stored"
	// Crashed: an answer of 5xx, a hang-up, or none in time.
	Crashed Outcome = "crashed"
	// ControlFailed: the unspoilt ceremony beside it failed, or the site would not
	// look for how many requests came before, so the case says nothing.
	ControlFailed Outcome = "control-failed"
	// NotApplicable: what the case needs is not there.
	NotApplicable Outcome = "not-applicable"
	// NotRun: it was left out, for the reason that the result gives.
	NotRun Outcome = "not-run"
)

// Fails tells whether an outcome is a finding: not what the case wants.
func (c *Case) Fails(o Outcome) bool {
	switch c.Want {
	case MustReject:
		return o == Accepted || o == RejectedButStored || o == Crashed
	case MustAccept:
		return o == Rejected || o == RejectedButStored || o == Crashed
	}
	return o == Crashed || o == RejectedButStored
}
