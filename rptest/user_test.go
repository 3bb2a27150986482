package rptest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// spiedSite is a strict site, and sees each request's body first.
func spiedSite(t *testing.T, spy func(w http.ResponseWriter, path, body string) (done bool)) *Site {
	t.Helper()
	site, err := brokenrp.New(brokenrp.Config{RPID: "login.example", Origins: []string{"https://login.example"}})
	if err != nil {
		t.Fatal(err)
	}
	return Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if spy(w, r.URL.Path, string(body)) {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		site.ServeHTTP(w, r)
	}), FIDO())
}

// A user's own wishes are told at every step; those of a case that are for sign-ins
// alone are not told at registration.
func TestWishesForExtensions(t *testing.T) {
	asked := map[string]bool{}
	rp := spiedSite(t, func(_ http.ResponseWriter, path, body string) bool {
		asked[path] = strings.Contains(body, `"prf"`)
		return false
	})
	u := NewUser(t, rp, "https://login.example")
	u.Wishes.Extensions = `{"prf":{}}`
	u.MustRegister()
	u.MustLogin()
	if !asked["/attestation/options"] || !asked["/assertion/options"] {
		t.Errorf("prf was asked for: %v", asked)
	}

	u = NewUser(t, rp, "https://login.example")
	c := Case{Needs: []Need{NeedPRF}}
	u.Wishes = c.wishes()
	if _, _, err := u.registerFor(c); err != nil {
		t.Fatal(err)
	}
	if _, _, err := u.logInFor(c); err != nil && !errors.Is(err, errNotApplicable{NeedPRF}) {
		t.Fatal(err)
	}
	if asked["/attestation/options"] || !asked["/assertion/options"] {
		t.Errorf("for the case, prf was asked for: %v", asked)
	}
}

// The users of a test are different people with different devices, also where one is
// made in a subtest; the first is the one that it always was.
func TestUsersOfOneTest(t *testing.T) {
	rp := spiedSite(t, func(http.ResponseWriter, string, string) bool { return false })
	alice, bob := NewUser(t, rp, "https://login.example"), NewUser(t, rp, "https://login.example")
	if alice.Session.User != "user" || alice.Device.Config().Seed != t.Name() {
		t.Errorf("the first is %s, with the seed %q", alice.Session.User, alice.Device.Config().Seed)
	}
	bob.MustRegister()
	if _, err := alice.Login(); err == nil {
		t.Error("alice signed in with bob's passkey")
	}
	hers, his := credentialIDs(alice.MustRegister()), credentialIDs((*Registration)(bob.MustLogin()))
	if len(his) == 0 || slices.Equal(hers, his) {
		t.Errorf("both have the passkeys %q", his)
	}
	seen := map[string]bool{}
	for range 2 {
		t.Run("subtest", func(t *testing.T) {
			carol, dave := NewUser(t, rp, "https://login.example"), NewUser(t, rp, "https://login.example")
			for i, u := range []*User{carol, dave} {
				if want := []string{"user-3", "user-4"}[i]; u.Session.User != want {
					t.Errorf("%s, want %s", u.Session.User, want)
				}
				seen[u.Device.Config().Seed] = true
			}
			if carol.Device.Config().Seed != t.Name() {
				t.Error(carol.Device.Config().Seed)
			}
		})
	}
	if eve := NewUser(t, rp, "https://login.example"); eve.Session.User != "user-3" || len(seen) != 4 {
		t.Errorf("%s; %v", eve.Session.User, seen)
	}
}

// A name that is given is told the site, from another browser, too.
func TestNamed(t *testing.T) {
	var told []string
	rp := spiedSite(t, func(_ http.ResponseWriter, path, body string) bool {
		if strings.HasSuffix(path, "/options") {
			told = append(told, body)
		}
		return false
	})
	bob := NewUser(t, rp, "https://login.example").Named("bob")
	bob.MustRegister()
	if err := bob.NewSession(); err != nil {
		t.Fatal(err)
	}
	bob.MustLogin()
	if len(told) != 2 || !strings.Contains(told[0], `"username":"bob"`) || !strings.Contains(told[0], `"displayName":"bob"`) ||
		!strings.Contains(told[1], `"username":"bob"`) {
		t.Errorf("the site was told %q", told)
	}
}

// What a site refuses comes with its words, and with what was refused; a site that
// hangs up is one that refuses, for the reason that the network gives.
func TestRefusedError(t *testing.T) {
	lost, down := false, false
	rp := spiedSite(t, func(w http.ResponseWriter, path, _ string) bool {
		if lost && strings.HasSuffix(path, "/result") {
			panic(http.ErrAbortHandler)
		}
		if down && strings.HasSuffix(path, "/result") {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	u := NewUser(t, rp, "https://login.example")
	r, err := u.Register(mustFind("register.origin.port"))
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Step != RegisterFinish || refused.Answer.Status != http.StatusBadRequest || r == nil ||
		Refused(err) != RegisterFinish {
		t.Errorf("%v, %v", r, err)
	}
	u.MustRegister()
	lost = true
	a, err := u.Login()
	if !errors.As(err, &refused) || refused.Step != LogInFinish || !refused.Answer.Crashed || a == nil {
		t.Errorf("%v, %v", a, err)
	}
	if !strings.Contains(err.Error(), "did not answer") || !strings.Contains(err.Error(), "/assertion/result") {
		t.Errorf("%v does not name the request", err)
	}
	if got := Refused(err); got != "" {
		t.Errorf("a site that hung up refused %s", got)
	}
	lost, down = false, true
	if _, err := u.Login(); Refused(err) != "" || !errors.As(err, &refused) || refused.Answer.Status != http.StatusInternalServerError {
		t.Errorf("a site that crashed: %v", err)
	}
	down = false
	u.Device.Next().Deny()
	if _, err := u.Login(); err == nil || Refused(err) != "" {
		t.Errorf("a person's refusal: %v", err)
	}
	rp.Timeout = 1
	if _, err := u.Login(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the timeout: %v", err)
	}
}

// A fault that cannot be made says nothing of the site, in a sequence either.
func TestFaultThatCannotBeMade(t *testing.T) {
	rp := spiedSite(t, func(http.ResponseWriter, string, string) bool { return false })
	r := &run{Audit: Audit{RP: rp, Origin: "https://login.example", Seed: t.Name()}}
	impossible := edits(ceremony.Edit{Stage: ceremony.Signature, Apply: func(*ceremony.Ceremony) error { return errors.New("there is no such thing") }})
	for _, c := range []Case{
		{ID: "login.impossible", Kind: SigningIn, Edits: impossible},
		{ID: "sequence.impossible", Kind: Sequence, play: func(p *play) error {
			u, options, err := p.visit()
			if err != nil {
				return err
			}
			return p.answer(u, options, Mutation{"impossible", impossible})
		}},
	} {
		if got := r.result(t.Context(), c); got.Outcome != NotApplicable {
			t.Errorf("%s is %s: %s", c.ID, got.Outcome, got.Detail)
		}
	}
}

// What goes wrong before anything is judged is told with the request or the page that
// it is about.
func TestWhatWentWrong(t *testing.T) {
	options := ""
	rp := spiedSite(t, func(w http.ResponseWriter, path, _ string) bool {
		if options != "" {
			io.WriteString(w, options)
		}
		return options != ""
	})
	for _, c := range []struct{ origin, options, says string }{
		{"https://other.example", "", `register on a page of https://other.example, with the RP ID "login.example": SecurityError`},
		{"http://login.example", "", `register on a page of http://login.example, with the RP ID "login.example": SecurityError`},
		{"https://login.example", `{"status": "ok", "pubKeyCredParams": 7}`, "POST https://localhost/attestation/options: pubKeyCredParams of the options cannot be of JSON's type number"},
		{"https://login.example", `{"status": "failed", "errorMessage": "no\n\u001bsuch user"}`,
			"the handler (FIDO REST profile) refused register.begin: POST https://localhost/attestation/options: status 200: no"},
	} {
		options = c.options
		u := NewUser(t, rp, c.origin)
		if _, err := u.Register(); err == nil || !strings.HasPrefix(err.Error(), c.says) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
	if _, err := parseOffered([]byte(`[]`)); err == nil || !strings.HasPrefix(err.Error(), "the options cannot be") {
		t.Error(err)
	}
}

// A site that is not in this process keeps accounts from one run of a test to the
// next.
func TestUsersOfASiteElsewhere(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		rp, err := URL("http://localhost:8080", FIDO(), nil)
		if err != nil {
			t.Fatal(err)
		}
		u := NewUser(t, rp, "https://login.example")
		if !strings.HasPrefix(u.Session.User, "user-") || u.Device.Config().Seed != t.Name() {
			t.Errorf("%s, with the seed %q", u.Session.User, u.Device.Config().Seed)
		}
		seen[u.Session.User] = true
	}
	if len(seen) != 2 {
		t.Errorf("two runs have %d names", len(seen))
	}
}

// Options that a browser cannot read are the fault of a request, which the error names.
func TestUnreadableOptionsNameTheRequest(t *testing.T) {
	rp := spiedSite(t, func(w http.ResponseWriter, path, _ string) bool {
		if path != "/attestation/options" {
			return false
		}
		io.WriteString(w, `{"status":"ok","rp":{"id":"login.example","name":"x"},"user":{"id":"AA","name":"a","displayName":"a"},"challenge":"!!","pubKeyCredParams":[]}`)
		return true
	})
	_, err := NewUser(t, rp, "https://login.example").Register()
	if ErrorName(err) != "EncodingError" || !strings.Contains(err.Error(), "register: POST https://localhost/attestation/options: ") {
		t.Errorf("error %v", err)
	}
}
