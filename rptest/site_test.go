package rptest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
)

// oneStep is a mapping whose step LogInBegin is the one given.
func oneStep(s StepMapping) *Mapping {
	return &Mapping{Steps: map[Step]StepMapping{LogInBegin: s}}
}

var plainStep = StepMapping{Requests: []RequestMapping{{Post: "/begin"}}, Options: "json ."}

func do(t *testing.T, rp RP) (*Answer, error) {
	t.Helper()
	s, err := newSession("alice")
	if err != nil {
		t.Fatal(err)
	}
	return rp.Do(t.Context(), s, LogInBegin, Request{})
}

// A site that misbehaves is an error, or an answer, that names the request.
func TestSiteMisbehaves(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for _, c := range []struct {
		name    string
		site    http.HandlerFunc
		says    string // in the error
		message string // in the answer
		crashed bool
	}{
		{name: "hangs", site: func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}, says: `login.begin: POST https://localhost/begin: no answer within 50ms: context deadline exceeded`},
		{name: "panics", site: func(http.ResponseWriter, *http.Request) { panic("oh") }, says: "the handler panicked: oh"},
		{name: "redirects", site: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/x", http.StatusFound)
		},
			message: "redirect to https://elsewhere.example/x"},
		{name: "fails", site: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no database", http.StatusBadGateway) },
			message: "no database", crashed: true},
		{name: "answers a page", site: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
			says: `login.begin: POST https://localhost/begin answered 200, which the mapping does not fit: "json .": not JSON`},
		{name: "refuses with status 200", site: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"ok":false,"error":"no such user"}`) },
			says: `"json publicKey": no member publicKey, but error, ok; if that is a refusal, give login.begin an ` + "`ok`"},
		{name: "answers nothing", site: func(http.ResponseWriter, *http.Request) {},
			says: `login.begin: POST https://localhost/begin answered 200, which the mapping does not fit: "json .": not JSON`},
		{name: "answers what is no text", site: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			w.Write([]byte("\xff\xfe\x00"))
		}, message: `\xff\xfe\x00`},
	} {
		t.Run(c.name, func(t *testing.T) {
			step := plainStep
			if strings.Contains(c.says, "publicKey") {
				step.Options = "json publicKey"
			}
			site := Handler(c.site, oneStep(step))
			site.Timeout = 50 * time.Millisecond
			answer, err := do(t, site)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %q", err, c.says)
				}
				return
			}
			if err != nil || answer.OK || answer.Crashed != c.crashed || !strings.Contains(answer.Message, c.message) {
				t.Errorf("%+v, %v, want %q", answer, err, c.message)
			}
			if len(answer.Exchanges) != 1 || answer.Exchanges[0].Status != answer.Status {
				t.Errorf("the exchanges are %+v", answer.Exchanges)
			}
		})
	}
}

// A mapping tells a refusal with status 500 from a crash that looks otherwise.
func TestRefused(t *testing.T) {
	word := Acceptance{Status: []int{500}, Has: "json code", Equals: "REFUSED"}
	for _, c := range []struct {
		name    string
		refused Acceptance
		status  int
		body    string
		crashed bool
	}{
		{"no refusal is named", Acceptance{}, 500, `{"code":"REFUSED"}`, true},
		{"the status alone", Acceptance{Status: []int{500}}, 500, "stack overflow", false},
		{"another status", Acceptance{Status: []int{500}}, 502, "no database", true},
		{"status and word", word, 500, `{"code":"REFUSED"}`, false},
		{"another word", word, 500, `{"code":"OUT_OF_MEMORY"}`, true},
		{"no word", word, 500, "<html>", true},
		{"a word with another status", word, 503, `{"code":"REFUSED"}`, true},
	} {
		site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		})
		for _, requests := range [][]RequestMapping{{{Post: "/one"}}, {{Post: "/one"}, {Post: "/two"}}} {
			answer, err := do(t, Handler(site, oneStep(StepMapping{Requests: requests, Options: "json .", Refused: c.refused})))
			if err != nil || answer.OK || answer.Crashed != c.crashed {
				t.Errorf("%s, in %d requests: %+v, %v", c.name, len(requests), answer, err)
			}
		}
	}
}

// A site that hangs up in the middle of its answer is an error, too; one that says
// too much is not heard to the end.
func TestSiteOverTheNetwork(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			w.Write(append(bytes.Repeat([]byte(" "), maxAnswer), "{}"...)) // the client hangs up
			return
		}
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "{")
	}))
	defer server.Close()
	long := StepMapping{Requests: []RequestMapping{{Get: "/long"}}, Options: "json ."}
	for says, step := range map[string]StepMapping{
		"POST " + server.URL + "/begin: it hung up: read answer: ": plainStep,
		"GET " + server.URL + "/long answered 200, which":          long,
	} {
		site, err := URL(server.URL, oneStep(step), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := do(t, site); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v, %v, want %q", answer, err, says)
		}
	}
}

// No answer, however it is followed up, leads to a host that nobody named.
func TestHostsNotNamed(t *testing.T) {
	var reached atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer elsewhere.Close()
	foreign := strings.TrimPrefix(elsewhere.URL, "http://")
	for name, target := range map[string]string{
		"a URL": elsewhere.URL + "/x", "without a scheme": "//" + foreign + "/x", "user information": "http://" + "localhost@" + foreign + "/x",
		"a relative path": "x/../..//" + foreign,
	} {
		t.Run(name, func(t *testing.T) {
			here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/where" {
					w.Header().Set("X-Next", target)
				} else {
					http.Redirect(w, r, target, http.StatusTemporaryRedirect)
				}
			}))
			defer here.Close()
			m := oneStep(StepMapping{
				Requests: []RequestMapping{{Get: "/where", Save: map[string]Extraction{"next": "header X-Next"}}, {Post: "${next}"}},
				Options:  "json .",
			})
			site, err := URL(here.URL, m, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := do(t, site)
			if err == nil && answer.OK {
				t.Errorf("%+v", answer)
			}
			if name == "a URL" && (err == nil || !strings.Contains(err.Error(), foreign+" is not contacted")) {
				t.Errorf("%v does not say why", err)
			}
			if reached.Load() != 0 {
				t.Error("the other host was contacted")
			}
			if name != "a URL" {
				return
			}
			m.Hosts = []string{foreign}
			if site, err = URL(here.URL, m, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := do(t, site); reached.Swap(0) != 1 {
				t.Errorf("a host that the mapping lists is not contacted: %v", err)
			}
		})
	}
}

// Cookies live in the session and nowhere else; the steps' requests go out as the
// mapping says.
func TestRequestsAsMapped(t *testing.T) {
	var got []string
	site := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
				return
			}
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		cookie := ""
		if c, err := r.Cookie("session"); err == nil {
			cookie = c.Value
		}
		got = append(got, strings.Join([]string{r.Method, r.Host, r.URL.Path, cookie, r.Header.Get("X-For"), r.Header.Get("Content-Type"), string(text)}, " "))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s", Secure: true, HttpOnly: true})
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, `{"csrf":"c&1","ok":"yes"}`)
	}), &Mapping{
		Base: "http://localhost:8080", Headers: map[string]string{"X-For": "${user}"},
		Steps: map[Step]StepMapping{LogOut: {
			Requests: []RequestMapping{
				{Get: "/page", Allow: []int{409}, Save: map[string]Extraction{"csrf": "json csrf"}},
				{Put: "/out", Form: map[string]string{"csrf": "${csrf}"}, Headers: map[string]string{"X-For": "nobody"}, Allow: []int{409}},
				{Patch: "/name", JSON: map[string]any{"name": "${displayName}"}},
			},
			OK: Acceptance{Status: []int{409}, Has: "json ok", Equals: "yes"},
		}},
	})
	alice, err := newSession("alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Request{{}, {Gzip: true}} {
		if answer, err := site.Do(t.Context(), alice, LogOut, r); err != nil || !answer.OK || len(answer.Exchanges) != 3 {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	want := []string{
		"GET localhost:8080 /page  alice  ",
		"PUT localhost:8080 /out s nobody application/x-www-form-urlencoded csrf=c%261",
		`PATCH localhost:8080 /name s alice application/json {"name":"alice"}`,
		"GET localhost:8080 /page s alice  ",
		"PUT localhost:8080 /out s nobody application/x-www-form-urlencoded csrf=c%261",
		`PATCH localhost:8080 /name s alice application/json {"name":"alice"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the site got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if site.Offers(LogInBegin) || !site.Offers(LogOut) {
		t.Error("steps that are not there are offered, or those that are, not")
	}
	if _, err := do(t, site); err == nil || !strings.Contains(err.Error(), "no step login.begin") {
		t.Errorf("a step that is not there: %v", err)
	}
}

// When the context ends a request ends, also in a handler that does not look.
func TestSiteStopped(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	site := Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }), oneStep(plainStep))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := newSession("alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := site.Do(ctx, s, LogInBegin, Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestURL(t *testing.T) {
	for _, bad := range []string{"", "localhost:8080", "ftp://localhost", "http://", "/path", "http://a b"} {
		if _, err := URL(bad, FIDO(), nil); err == nil {
			t.Errorf("%q is an address", bad)
		}
	}
	m := FIDO()
	m.Base = "http://localhost:1"
	site, err := URL("http://localhost:2/app/", m, nil)
	if err != nil || site.Mapping().Base != "http://localhost:2/app" || m.Base != "http://localhost:1" {
		t.Errorf("%+v, %v; the mapping given has %s", site.Mapping(), err, m.Base)
	}
	if site, err = URL("", m, nil); err != nil || site.Mapping().Base != "http://localhost:1" {
		t.Errorf("%+v, %v", site, err)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aé", 2, "a…"}, {"aé", 3, "aé"}, {"a😀b", 4, "a…"}, {"a😀b", 5, "a😀…"},
		{"é", 0, "…"}, {"\x80\x80\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80\x80…"},
	} {
		if got := cut(c.s, c.n); got != c.want || utf8.ValidString(c.s) && !utf8.ValidString(got) {
			t.Errorf("%q cut to %d is %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

// What is false, null or empty is nothing that an agreeing answer has.
func TestHas(t *testing.T) {
	for _, c := range []struct {
		has, equals, body string
		ok                bool
	}{
		{"json ok", "", `{"ok":true}`, true},
		{"json ok", "", `{"ok":"yes"}`, true},
		{"json ok", "", `{"ok":0}`, true},
		{"json ok", "", `{"ok":false}`, false},
		{"json ok", "", `{"ok":null}`, false},
		{"json ok", "", `{"ok":""}`, false},
		{"json ok", "", `{}`, false},
		{"text <b>(.*)</b>", "", `<b></b>`, false},
		{"json error", "false", `{"error":false}`, true},
		{"json error", "false", `{"error":true}`, false},
		{"json error", "null", `{"error":null}`, false},
	} {
		site := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, c.body) }), oneStep(StepMapping{
			Requests: plainStep.Requests, OK: Acceptance{Has: Extraction(c.has), Equals: c.equals},
		}))
		if answer, err := do(t, site); err != nil || answer.OK != c.ok {
			t.Errorf("%s %s in %s: %+v, %v", c.has, c.equals, c.body, answer, err)
		}
	}
}
