package explain

import (
	"encoding/json"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// A Finding is something in options that will surprise.
type Finding struct {
	// Path is the member, as in Diff.
	Path string `json:"path"`
	// Problem says what is there, Effect what browsers or devices make of it.
	Problem string `json:"problem"`
	Effect  string `json:"effect"`
	// Fails tells that browsers refuse the options, or that they are not safe.
	Fails bool `json:"fails"`
}

// Lint looks at options' JSON as a site sends them, bare or as member publicKey,
// and encoded as Explain takes it. Those of navigator.credentials.create have a
// member pubKeyCredParams or user, others are those of get. What has no finding need
// not be right: what browsers do with a page's origin it cannot know. Of what is no
// options it finds that alone.
func Lint(options []byte) []Finding {
	l := new(linter)
	if k := Recognise(options); !k.Lintable() {
		l.fail("", "this is "+k.Phrase(), "only options can be looked at")
		return l.findings
	}
	_, o := recognised(options)
	if o == nil {
		l.fail("", "this is not a JSON object", "nothing can be made of it")
		return l.findings
	}
	if wrapped, err := ceremony.ParseObject(o.Get("publicKey")); err == nil {
		if wrapped.Get("mediation") != nil {
			l.warn("mediation", "mediation is within publicKey", "it belongs beside it, and counts for nothing here")
		}
		o = wrapped
	}
	l.members("", o)
	if o.Get("pubKeyCredParams") != nil || o.Get("user") != nil {
		l.creation(o)
	} else {
		l.request(o)
	}
	return l.findings
}

type linter struct{ findings []Finding }

func (l *linter) warn(path, problem, effect string) { l.add(path, problem, effect, false) }
func (l *linter) fail(path, problem, effect string) { l.add(path, problem, effect, true) }

func (l *linter) add(path, problem, effect string, fails bool) {
	l.findings = append(l.findings, Finding{Visible(path), Visible(problem), effect, fails})
}

// members finds names that are there twice.
func (l *linter) members(path string, o *ceremony.Object) {
	seen := map[string]bool{}
	for _, m := range o.Members {
		if seen[m.Name] {
			l.warn(join(path, m.Name), "it is there twice", "browsers take the last one")
		}
		seen[m.Name] = true
	}
}

func (l *linter) creation(o *ceremony.Object) {
	l.challenge(o.Get("challenge"))
	rp := l.object("rp", o.Get("rp"), true)
	l.rpID("rp.id", rp.Get("id"))
	l.text("rp.name", rp.Get("name"), true)
	user := l.object("user", o.Get("user"), true)
	l.user(user)
	for _, icon := range []struct {
		path  string
		value json.RawMessage
	}{{"rp.icon", rp.Get("icon")}, {"user.icon", user.Get("icon")}} {
		if icon.value != nil {
			l.warn(icon.path, "icon was taken out of the standard", "browsers ignore it")
		}
	}
	l.params(o.Get("pubKeyCredParams"))
	l.descriptors("excludeCredentials", o.Get("excludeCredentials"))
	if o.Get("excludeCredentials") == nil {
		l.warn("excludeCredentials", "it is missing", "fine for a new account; whoever has a passkey here already can make a second one on the same device, and overwrite the first")
	}
	selection := l.object("authenticatorSelection", o.Get("authenticatorSelection"), false)
	l.selection(selection)
	l.enum("attestation", o.Get("attestation"), "none", "none", "indirect", "direct", "enterprise")
	switch textOf(o.Get("attestation")) {
	case "direct", "enterprise", "indirect":
		l.warn("attestation", "attestation is asked for", "some browsers ask the person once more; passkeys that are copied answer none all the same")
	}
	l.list("attestationFormats", o.Get("attestationFormats"), formats)
	l.common(o)
}

func (l *linter) request(o *ceremony.Object) {
	l.challenge(o.Get("challenge"))
	l.rpID("rpId", o.Get("rpId"))
	l.descriptors("allowCredentials", o.Get("allowCredentials"))
	l.enum("userVerification", o.Get("userVerification"), "preferred", "required", "preferred", "discouraged")
	if o.Get("userVerification") == nil {
		l.warn("userVerification", "it is missing", "preferred is meant: whoever needs verification has to ask for it, and to check the flag UV")
	}
	if o.Get("rp") != nil {
		l.warn("rp", "a sign-in has rpId, and no rp", "it is ignored")
	}
	l.common(o)
}

// common are members of both kinds.
func (l *linter) common(o *ceremony.Object) {
	l.timeout(o.Get("timeout"))
	l.list("hints", o.Get("hints"), []string{"security-key", "client-device", "hybrid"})
	l.extensions(o.Get("extensions"))
}

// challenge is WebAuthn §13.4.3.
func (l *linter) challenge(v json.RawMessage) {
	b, ok := l.bytes("challenge", v, true)
	if ok && len(b) < 16 {
		l.fail("challenge", fmt.Sprintf("the challenge has %d bytes", len(b)), "it can be guessed: 16 random bytes are the least")
	}
}

// user is WebAuthn §5.4.3 and §14.6.1.
func (l *linter) user(user *ceremony.Object) {
	name := l.text("user.name", user.Get("name"), true)
	display := l.text("user.displayName", user.Get("displayName"), true)
	id, ok := l.bytes("user.id", user.Get("id"), true)
	switch {
	case !ok:
	case len(id) == 0 || len(id) > 64:
		l.fail("user.id", fmt.Sprintf("user.id has %d bytes", len(id)), "browsers refuse it with a TypeError: 1 to 64 are allowed")
	case isName(id, name), isName(id, display), isAddress(id):
		l.warn("user.id", "user.id is the user's name or address", "devices give it away without verifying the person: it should be random, of 64 bytes")
	}
}

// isName tells whether an ID is a name itself, in letters of whatever case: one that
// is made from it tells nobody the name.
func isName(id []byte, name string) bool {
	return name != "" && utf8.Valid(id) && strings.EqualFold(strings.TrimSpace(string(id)), strings.TrimSpace(name))
}

// isAddress tells whether an ID is an e-mail address itself: random bytes may have
// an @, too.
func isAddress(id []byte) bool {
	address, err := mail.ParseAddress(string(id))
	return err == nil && strings.EqualFold(address.Address, strings.TrimSpace(string(id)))
}

// rpID is WebAuthn §5.1.3, step 8.
func (l *linter) rpID(path string, v json.RawMessage) {
	if v == nil {
		l.warn(path, "it is missing", "the page's host is taken: a passkey made on one subdomain is unknown on the others, and to apps")
		return
	}
	id := l.text(path, v, true)
	switch u, err := url.Parse("//" + id); {
	case id == "":
	case strings.Contains(id, "://"):
		l.fail(path, "it is an origin, with a scheme", "browsers refuse it with a SecurityError: a domain is wanted")
	case err != nil || u.Host != id || u.Port() != "":
		l.fail(path, "it has a port or a path", "browsers refuse it with a SecurityError: a domain is wanted")
	case net.ParseIP(strings.Trim(id, "[]")) != nil:
		l.fail(path, "it is an IP address", "browsers refuse it with a SecurityError: a domain is wanted")
	case strings.ToLower(id) != id:
		l.warn(path, "it has capitals", "its hash is over what is written, and differs from that of the page's host")
	case !strings.Contains(id, ".") && id != "localhost":
		l.warn(path, "it is a single label", "browsers refuse top-level domains")
	}
}

// params is pubKeyCredParams (WebAuthn §5.3, §5.4).
func (l *linter) params(v json.RawMessage) {
	var list []struct {
		Type string `json:"type"`
		Alg  *int64 `json:"alg"`
	}
	const path = "pubKeyCredParams"
	if json.Unmarshal(v, &list) != nil {
		l.fail(path, "it is missing, or no list of {type, alg}", "browsers refuse it with a TypeError")
		return
	}
	if len(list) == 0 {
		l.warn(path, "it is empty", "browsers offer ES256 and RS256")
		return
	}
	var offered []int64
	for i, p := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case p.Alg == nil:
			l.fail(at+".alg", "it is missing", "browsers refuse it with a TypeError")
		case p.Type != "public-key":
			l.warn(at+".type", fmt.Sprintf("the type is %q", p.Type), "browsers ignore the algorithm")
		case slices.Contains(offered, *p.Alg):
			l.warn(at+".alg", fmt.Sprintf("%d is there twice", *p.Alg), "the second one counts for nothing")
		default:
			offered = append(offered, *p.Alg)
			l.algorithm(at+".alg", *p.Alg)
		}
	}
	for _, need := range []struct {
		alg int64
		who string
	}{{-7, "most security keys"}, {-257, "Windows with an older TPM"}} {
		if !slices.Contains(offered, need.alg) {
			l.warn(path, fmt.Sprintf("%s (%d) is not offered", algorithmNames[need.alg], need.alg), need.who+" cannot register")
		}
	}
}

func (l *linter) algorithm(path string, alg int64) {
	switch name := algorithmNames[alg]; {
	case name == "RS1":
		l.fail(path, "RS1 signs with SHA-1", "such signatures can be forged")
	case name == "":
		l.warn(path, fmt.Sprintf("nobody knows the algorithm %d", alg), "devices pass it over")
	}
}

// descriptors are lists of credentials (WebAuthn §5.8.3).
func (l *linter) descriptors(path string, v json.RawMessage) {
	if v == nil {
		return
	}
	var list []json.RawMessage
	if json.Unmarshal(v, &list) != nil {
		l.fail(path, "it is no list", "browsers refuse it with a TypeError")
		return
	}
	if len(list) > 64 {
		l.warn(path, fmt.Sprintf("it has %d credentials", len(list)), "browsers may refuse more than 64, and security keys take them in small portions, each a second")
	}
	for i, item := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		d := l.object(at, item, true)
		l.bytes(at+".id", d.Get("id"), true)
		if t := textOf(d.Get("type")); t != "public-key" {
			l.warn(at+".type", fmt.Sprintf("the type is %q", t), "browsers ignore the credential, or refuse all with a TypeError where it is missing")
		}
		l.list(at+".transports", d.Get("transports"), []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})
	}
}

// selection is authenticatorSelection (WebAuthn §5.4.4).
func (l *linter) selection(s *ceremony.Object) {
	const path = "authenticatorSelection."
	l.enum(path+"authenticatorAttachment", s.Get("authenticatorAttachment"), "", "platform", "cross-platform")
	l.enum(path+"userVerification", s.Get("userVerification"), "preferred", "required", "preferred", "discouraged")
	l.enum(path+"residentKey", s.Get("residentKey"), "discouraged, or what requireResidentKey says,", "required", "preferred", "discouraged")
	resident := textOf(s.Get("residentKey"))
	require, isBool := boolean(s.Get("requireResidentKey"))
	switch {
	case s.Get("requireResidentKey") != nil && !isBool:
		l.warn(path+"requireResidentKey", "it is no boolean", "whatever is not empty counts as true")
	case isBool && resident != "" && require != (resident == "required"):
		l.warn(path+"requireResidentKey", "it contradicts residentKey", "residentKey counts; old browsers know requireResidentKey alone")
	case resident == "" && !require:
		l.warn(path+"residentKey", "it is missing", "discouraged is meant: security keys make credentials that need a user name at sign-in")
	}
	if s.Get("userVerification") == nil {
		l.warn(path+"userVerification", "it is missing", "preferred is meant: whoever needs verification has to ask for it, and to check the flag UV")
	}
	if textOf(s.Get("authenticatorAttachment")) == "platform" {
		l.warn(path+"authenticatorAttachment", "only this machine's own authenticator is wanted", "phones and security keys cannot register")
	}
}

// timeout is WebAuthn §15.1.
func (l *linter) timeout(v json.RawMessage) {
	if v == nil {
		return
	}
	var ms float64
	switch {
	case json.Unmarshal(v, &ms) != nil:
		l.warn("timeout", "it is no number", "browsers make one of it, perhaps 0")
	case ms < 300_000:
		l.warn("timeout", fmt.Sprintf("it is %.0f s", ms/1000), "browsers may wait longer; people who fetch a key, or use a reader, need five minutes")
	case ms > 600_000:
		l.warn("timeout", fmt.Sprintf("it is %.0f s", ms/1000), "browsers may end earlier: the standard has ten minutes as the most")
	}
}

// formats are the attestation formats that are registered.
var formats = []string{
	ctap.FormatPacked, "tpm", "android-key", "android-safetynet", "fido-u2f", "apple", ctap.FormatNone, "compound",
}

// knownExtensions are those that a browser may know (WebAuthn §10, and the
// registry).
var knownExtensions = []string{
	"appid", "appidExclude", "credProps", "credentialProtectionPolicy", "enforceCredentialProtectionPolicy", "credBlob", "getCredBlob",
	"minPinLength", "hmacCreateSecret", "hmacGetSecret", "largeBlob", "prf", "payment", "remoteClientDataJSON",
}

var withdrawnExtensions = []string{"txAuthSimple", "txAuthGeneric", "authnSel", "exts", "uvi", "loc", "biometricPerfBounds", "uvm"}

func (l *linter) extensions(v json.RawMessage) {
	o := l.object("extensions", v, false)
	l.members("extensions", o)
	for _, m := range o.Members {
		path := join("extensions", m.Name)
		switch {
		case slices.Contains(withdrawnExtensions, m.Name):
			l.warn(path, "the extension was withdrawn", "browsers ignore it")
		case !slices.Contains(knownExtensions, m.Name):
			l.warn(path, "nobody knows the extension", "browsers ignore it")
		}
	}
	if policy := o.Get("credentialProtectionPolicy"); policy != nil {
		l.enum("extensions.credentialProtectionPolicy", policy, "none at all",
			"userVerificationOptional", "userVerificationOptionalWithCredentialIDList", "userVerificationRequired")
		if enforce, _ := boolean(o.Get("enforceCredentialProtectionPolicy")); enforce {
			l.warn("extensions.enforceCredentialProtectionPolicy", "the policy is enforced", "devices that do not know it, as most phones, cannot register")
		}
	}
	if prf, err := ceremony.ParseObject(o.Get("prf")); err == nil && prf.Get("eval") != nil {
		eval := l.object("extensions.prf.eval", prf.Get("eval"), true)
		l.bytes("extensions.prf.eval.first", eval.Get("first"), true)
	}
}
