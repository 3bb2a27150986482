package rptest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// refusing is the strict site of a setting, with all its steps, which refuses besides
// whatever the function says.
func refusing(t *testing.T, s setting, refuses func(r *http.Request, body []byte) bool) *run {
	t.Helper()
	inner := s.run(t, "")
	site := inner.RP.(*Site)
	strict, err := brokenrp.New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	inner.RP = Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if refuses(r, body) {
			http.Error(w, "not today", http.StatusForbidden)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		strict.ServeHTTP(w, r)
	}), site.Mapping())
	return inner
}

// A site that refuses the honest, too, has no verdict: not for its refusal of a
// sequence, either.
func TestNoVerdictWithoutControls(t *testing.T) {
	plain := settings(t)[0]
	sequences := func(c Case) bool { return c.Kind == Sequence && c.NotRun == "" && plain.has(c) }
	signingIn := func(c Case) bool { return sequences(c) && !c.registers }
	named := func(ids ...string) func(Case) bool {
		return func(c Case) bool { return slices.Contains(ids, c.ID) }
	}
	for _, test := range []struct {
		name    string
		cases   func(Case) bool
		refuses func(r *http.Request) bool
	}{
		{"sign-ins", signingIn, func(r *http.Request) bool { return r.URL.Path == "/assertion/result" }},
		{"registrations", sequences, func(r *http.Request) bool { return r.URL.Path == "/attestation/result" }},
		{"deletions", named("sequence.ownership.delete-other", "sequence.account.deleted-credential"),
			func(r *http.Request) bool { return r.Method == http.MethodDelete }},
		{"renaming", named("sequence.ownership.rename-other"), func(r *http.Request) bool { return r.Method == http.MethodPut }},
		{"confirmations", named("sequence.step-up.other-key", "sequence.step-up.challenge", "sequence.step-up.uv"),
			func(r *http.Request) bool { return r.URL.Path == "/stepup/result" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := refusing(t, plain, func(req *http.Request, _ []byte) bool { return test.refuses(req) })
			for _, c := range Catalogue() {
				if !test.cases(c) {
					continue
				}
				if got := r.result(t.Context(), c); got.Outcome != ControlFailed {
					t.Errorf("%s: %s: %s", c.ID, got.Outcome, got.Detail)
				}
			}
		})
	}
}

// What is kept after a refusal is looked for in sequences, too: the site does what it
// should not, and says that it refuses.
func TestSequencesLookAfterwards(t *testing.T) {
	for _, test := range []struct {
		id    string
		lacks brokenrp.Check
		path  string // of what is refused in words alone
		nth   int
	}{
		{"sequence.session.registration-of-other", "register.session", "/attestation/result", 1},
		{"sequence.ownership.stranger-enrols", "register.owner", "/attestation/result", 2},
		{"sequence.ownership.password-only-enrols", "register.stepUp", "/attestation/result", 2},
		{"sequence.session.login-unbegun", "login.session", "/assertion/result", 1},
	} {
		t.Run(test.id, func(t *testing.T) {
			r := settings(t)[0].run(t, test.lacks)
			site := r.RP.(*Site)
			n := 0
			r.RP = Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == test.path {
					if n++; n == test.nth {
						w = &polite{ResponseWriter: w}
					}
				}
				site.transport.(inProcess).handler.ServeHTTP(w, req)
			}), site.Mapping())
			c, _ := FindCase(test.id)
			result := Result{Case: c}
			if r.playSequence(t.Context(), &result); result.Outcome != RejectedButStored {
				t.Errorf("%s: %s", result.Outcome, result.Detail)
			}
		})
	}
}

// polite answers that it refuses, whatever was done.
type polite struct{ http.ResponseWriter }

func (p *polite) WriteHeader(int) { p.ResponseWriter.WriteHeader(http.StatusBadRequest) }

func (p *polite) Write([]byte) (int, error) {
	return io.WriteString(p.ResponseWriter, `{"status":"failed","errorMessage":"no"}`)
}

// A format that a site does not take is its affair; a site that takes no registration
// at all has no verdict.
func TestFormatsThatASiteDoesNotTake(t *testing.T) {
	var trusted setting
	for _, s := range settings(t) {
		if s.name == "with roots" {
			trusted = s
		}
	}
	for _, test := range []struct {
		name    string
		setting setting
		device  DeviceConfig
		refuses func(body []byte) bool
		id      string
		want    Outcome
		says    string
	}{
		{"roots wanted, and none in a statement by the credential's key", trusted, DeviceConfig{}, nil,
			"register.attestation.packed-self.other-key", NotApplicable, "takes statements of the format packed, and none of the format packed-self"},
		{"the same, in a sequence", trusted, DeviceConfig{}, nil,
			"sequence.session.registration-signature", NotApplicable, "none of the format packed-self"},
		{"the run's own format is taken", trusted, DeviceConfig{Attestation: attest.Apple}, nil,
			"register.attestation.packed-self.other-key", NotApplicable, "takes statements of the format apple"},
		{"one that the site does not know", settings(t)[0], DeviceConfig{}, func(body []byte) bool { return bytes.Contains(body, fmtOf("tpm")) },
			"register.attestation.tpm.magic", NotApplicable, "takes statements of the format none, and none of the format tpm"},
		{"no registration taken", settings(t)[0], DeviceConfig{}, func([]byte) bool { return true },
			"register.attestation.tpm.magic", ControlFailed, "without the fault"},
		{"not of one that the site was set up for", trusted, DeviceConfig{}, func(body []byte) bool { return bytes.Contains(body, fmtOf("packed")) },
			"register.attestation.trust.expired", ControlFailed, "without the fault"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := refusing(t, test.setting, func(req *http.Request, body []byte) bool {
				return req.URL.Path == "/attestation/result" && test.refuses != nil && test.refuses(body)
			})
			r.Device = test.device
			c, ok := FindCase(test.id)
			if !ok {
				t.Fatalf("no case is called %s", test.id)
			}
			if got := r.result(t.Context(), c); got.Outcome != test.want || !strings.Contains(got.Detail, test.says) {
				t.Errorf("%s: %s", got.Outcome, got.Detail)
			}
		})
	}
}

// fmtOf is what the attestation object of a format holds in base64url, which begins
// with its member fmt.
func fmtOf(format string) []byte {
	head := append([]byte{0xa3, 0x63, 'f', 'm', 't', 0x60 | byte(len(format))}, format...)
	return []byte(Bytes(head[:len(head)/3*3]).String())
}

// A site that has once refused, and refuses everybody since, did not notice the fault.
func TestSiteThatRefusesSince(t *testing.T) {
	for _, id := range []string{"login.origin.port", "register.origin.port", "sequence.replay.login", "sequence.replay.registration"} {
		r := settings(t)[0].run(t, "")
		site := r.RP.(*Site)
		refused := false
		r.RP = Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if refused && strings.HasSuffix(req.URL.Path, "/result") {
				http.Error(w, "blocked", http.StatusTooManyRequests)
				return
			}
			seen := &watching{ResponseWriter: w}
			site.transport.(inProcess).handler.ServeHTTP(seen, req)
			refused = refused || seen.status == http.StatusBadRequest
		}), site.Mapping())
		c, _ := FindCase(id)
		if got := r.result(t.Context(), c); got.Outcome != ControlFailed || !refused || got.Finding || !strings.Contains(got.Detail, "; with it, just before: rejected (status 400: ") {
			t.Errorf("%s: %s: %s", id, got.Outcome, got.Detail)
		}
	}
}

// A control that fails is told with the request that it failed at, and all before it:
// what somebody looks at who mends a mapping.
func TestControlFailedTellsAll(t *testing.T) {
	at := ""
	rp := spiedSite(t, func(w http.ResponseWriter, path, _ string) bool {
		if path == at {
			http.Error(w, "no", http.StatusForbidden)
		}
		return path == at
	})
	for path, requests := range map[string]int{
		"/attestation/options": 1, "/attestation/result": 2, "/assertion/options": 3, "/assertion/result": 4,
	} {
		at = path
		audit := &Audit{RP: rp, Origin: "https://login.example", Only: []string{"login.origin.port"}}
		report, err := audit.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := report.Results[0]
		if r.Outcome != ControlFailed || len(r.Exchanges) != requests || !strings.Contains(r.Detail, "POST https://localhost"+path+": status 403: no") {
			t.Errorf("%s: %s, %d requests: %s", path, r.Outcome, len(r.Exchanges), r.Detail)
		}
	}
}

// watching sees a status on its way.
type watching struct {
	http.ResponseWriter
	status int
}

func (w *watching) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
