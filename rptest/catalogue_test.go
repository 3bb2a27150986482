package rptest

import (
	"crypto/x509"
	"encoding/pem"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

var update = flag.Bool("update", false, "write testdata anew")

// IDs are in baselines and pipelines: a list that changes is a break for
// somebody, unless it only grows.
func TestCatalogueIsStable(t *testing.T) {
	path := filepath.Join("testdata", "catalogue.txt")
	var lines []string
	for _, c := range Catalogue() {
		lines = append(lines, strings.Join([]string{c.ID, string(c.Want), c.Sev.String()}, " "))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the catalogue is not that of %s: go test -run %s -update, and look at what changed", path, t.Name())
	}
}

// reference is an advisory, or a thread that can be opened: host, owner, repository.
var reference = regexp.MustCompile(`^(CVE-\d{4}-\d{4,}|GHSA(-[a-z0-9]{4}){3}|YSA-\d{4}-\d{2}|https://(github\.com/[\w.-]+/[\w.-]+|gitlab\.com/[\w.-]+/[\w.-]+/-)/(issues|pull)/\d+)$`)

var caseID = regexp.MustCompile(`^(register|login|sequence|options)(\.[a-z0-9]+(-[a-z0-9]+)*)+$`)

func TestCasesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Catalogue() {
		switch {
		case seen[c.ID]:
			t.Errorf("%s is there twice", c.ID)
		case !caseID.MatchString(c.ID):
			t.Errorf("%q is no ID", c.ID)
		case c.Recipe == "" || c.Why == "" || c.Anchor == "":
			t.Errorf("%s lacks anchor, recipe or reason", c.ID)
		case c.Sev < Low || c.Sev > Critical:
			t.Errorf("%s has no severity", c.ID)
		case c.Want != MustReject && c.Want != MustAccept && c.Want != Policy:
			t.Errorf("%s wants %q", c.ID, c.Want)
		case strings.HasPrefix(c.Anchor, "§") && c.URL == anchorURL("none"):
			t.Errorf("%s has an anchor %q that is nowhere", c.ID, c.Anchor)
		case c.NotRun == "" && c.Edits == nil && c.play == nil:
			t.Errorf("%s does nothing", c.ID)
		case len(c.Edits) > 0 && c.Field == "" && c.Want != MustAccept: // which may be the control itself
			t.Errorf("%s does not say what it changes", c.ID)
		case strings.HasSuffix(c.Recipe, ".") || strings.HasSuffix(c.Why, "."):
			t.Errorf("%s has a full stop, which reports put themselves", c.ID)
		}
		for _, r := range c.References {
			if !reference.MatchString(r) {
				t.Errorf("%s refers to %q, which is neither advisory nor issue", c.ID, r)
			}
		}
		seen[c.ID] = true
	}
}

// setting is a site as it is set up, and the cases that it can answer.
type setting struct {
	name   string
	config brokenrp.Config
	has    func(Case) bool
	device *Device // of the vendor that the site trusts
}

// settings are the sites that together can answer every case.
func settings(t *testing.T) []setting {
	device, err := NewDevice(DeviceConfig{Seed: "maker"})
	if err != nil {
		t.Fatal(err)
	}
	plain := brokenrp.Config{RPID: "login.example", Origins: []string{"https://login.example"}}
	trusted := plain
	trusted.Attestation = "direct"
	trusted.Roots = certificates(t, device.Authority().Roots)
	listing := trusted
	listing.Models = []ctap.AAGUID{*device.config.AAGUID}
	informed := trusted
	informed.MetadataRoots = certificates(t, device.Authority().MetadataRoots)
	policy := plain
	policy.Attachment, policy.Attestation = "platform", "direct"
	bound := plain
	bound.DeviceBound = true
	lenient := plain
	lenient.UserVerification = "discouraged"
	hasty := plain
	hasty.Timeout = 200 * time.Millisecond
	return []setting{
		{"plain", plain, func(c Case) bool { return !needsTrust(c) && !needsPolicy(c) && !needsLenience(c) && !c.Slow }, device},
		{"that discourages verification", lenient, needsLenience, device},
		{"with a policy", policy, func(c Case) bool { return needsPolicy(c) && c.Kind == Options }, device},
		{"for bound devices", bound, func(c Case) bool { return needsPolicy(c) && c.Kind == Registering }, device},
		{"with short timeouts", hasty, func(c Case) bool { return c.Slow }, device},
		{"with roots", trusted, func(c Case) bool { return slices.Contains(c.Needs, NeedTrustPath) }, device},
		{"with a list of models", listing, func(c Case) bool { return slices.Contains(c.Needs, NeedModelList) }, device},
		{"with metadata", informed, func(c Case) bool { return slices.Contains(c.Needs, NeedMetadata) }, device},
	}
}

// run is an audit of the site, with one of its checks off if it is named.
func (s *setting) run(t *testing.T, off brokenrp.Check) *run {
	config := s.config
	if off != "" {
		config.Off = []brokenrp.Check{off}
	}
	site, err := brokenrp.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if config.MetadataRoots != nil {
		feed(t, site, s.device, off == "")
	}
	mapping, err := ReadMapping(filepath.Join("testdata", "mappings", "brokenrp.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return &run{Audit: Audit{RP: Handler(site, mapping), Origin: "https://login.example", Seed: t.Name(), Trusted: true, ModelList: true, Slow: true}}
}

// Every fault is refused, and every oddity taken, by a site that makes all checks,
// for the reason that the case is about: it takes the control.
func TestStrictSite(t *testing.T) {
	for _, s := range settings(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			audit := s.run(t, "").Audit
			for _, c := range Catalogue() {
				if c.NotRun == "" && s.has(c) {
					audit.Only = append(audit.Only, c.ID)
				}
			}
			report, err := audit.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				if r.Finding || r.Outcome == ControlFailed || r.Outcome == NotApplicable {
					t.Errorf("%s: %s, and the case wants %s: %s", r.Case.ID, r.Outcome, r.Case.Want, r.Detail)
				}
			}
		})
	}
}

// needsPolicy tells of the cases that say something only of a site that demands more
// than the standard does.
func needsPolicy(c Case) bool {
	return c.ID == "options.client-lowers.attestation" || c.ID == "options.client-lowers.attachment" || c.ID == "register.flags.backed-up"
}

func needsLenience(c Case) bool { return slices.Contains(c.Needs, NeedUVDiscouraged) }

func needsTrust(c Case) bool {
	return slices.ContainsFunc(c.Needs, func(n Need) bool { return n == NeedTrustPath || n == NeedModelList || n == NeedMetadata })
}

// feed gives the site all trial metadata; it must take the first alone.
// feed posts the trial BLOBs; a strict site takes the first alone.
func feed(t *testing.T, site http.Handler, device *Device, strict bool) {
	t.Helper()
	blobs, err := device.TrialBLOBs()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range blobs {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/metadata", strings.NewReader(b)))
		if ok := w.Code == http.StatusOK; strict && ok != (i == 0) {
			t.Errorf("BLOB %d: status %d: %s", i, w.Code, w.Body)
		}
	}
}

func certificates(t *testing.T, give func() ([]byte, error)) []*x509.Certificate {
	t.Helper()
	text, err := give()
	if err != nil {
		t.Fatal(err)
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}
