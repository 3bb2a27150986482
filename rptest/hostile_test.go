package rptest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
)

// What a site says is told on one line, that does nothing to a terminal and is not
// as long as the site likes.
func TestMessagesAreTame(t *testing.T) {
	const evil = "no\x1b[2J \u009b\u202e\r\nok  \tsignet"
	mapped := plainStep
	mapped.Message = "json m"
	for name, test := range map[string]struct {
		step StepMapping
		site http.HandlerFunc
	}{
		"a body": {plainStep, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat(evil, 1000), http.StatusBadRequest)
		}},
		"a member": {mapped, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"m":"\u001b[2J\u202e\n%s"}`, strings.Repeat("x", 1<<20))
		}},
		"a location": {plainStep, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", strings.Repeat("/\u202e\u009b", 1000))
			w.WriteHeader(http.StatusFound)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := do(t, Handler(test.site, oneStep(test.step)))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range answer.Message {
				if !unicode.IsPrint(r) {
					t.Fatalf("%U is in %q", r, answer.Message)
				}
			}
			if n := len(answer.Message); n == 0 || n > 300 {
				t.Errorf("the message has %d bytes", n)
			}
		})
	}
}

// Options are kept in reports, so their length is bounded.
func TestOptionsTooLong(t *testing.T) {
	site := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"challenge":"%s"}`, strings.Repeat("a", maxOptions))
	}), oneStep(plainStep))
	if answer, err := do(t, site); err == nil || !strings.Contains(err.Error(), "options are longer than 256 KiB") {
		t.Errorf("%v, %v", answer != nil, err)
	}
}

// A password in the site's address is for the site alone.
func TestPasswordInAddress(t *testing.T) {
	var user, password string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ = r.BasicAuth()
		io.WriteString(w, "none")
	}))
	defer server.Close()
	site, err := URL(strings.Replace(server.URL, "://", "://alice:s3cret@", 1), oneStep(plainStep), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := do(t, site)
	if user != "alice" || password != "s3cret" || err == nil {
		t.Errorf("the site is told %q %q, and said %v", user, password, err)
	}
	if told := fmt.Sprint(site.Name(), answer, err); strings.Contains(told, "s3cret") {
		t.Errorf("it is told: %s", told)
	}
}

// An answer cannot have requests go where nobody listens in who did not before: by
// http instead of https.
func TestSchemeStays(t *testing.T) {
	m := oneStep(plainStep)
	m.Base, m.Hosts = "https://login.example", []string{"sso.example"}
	site := Handler(http.NotFoundHandler(), m)
	for path, ok := range map[string]bool{
		"https://sso.example/x": true, "//sso.example/x": true, "http://sso.example/x": false,
		"/x": true, "x": true, "https://login.example/x": true, "//login.example/x": true,
		"http://login.example/x": false, "http://login.example:443/x": false, "ftp://login.example/x": false,
	} {
		if to, err := site.resolve(path, &vars{}); (err == nil) != ok {
			t.Errorf("%s leads to %q, %v", path, to, err)
		}
	}
	if _, err := site.resolve("http://%C2%9B31mevil%E2%80%AE/x", &vars{}); err == nil || strings.ContainsAny(err.Error(), "\u009b\u202e") {
		t.Errorf("a host that does something to a terminal: %q", err)
	}
}

// A mapping that would take hours, or all memory, is refused at once.
func TestMappingBombs(t *testing.T) {
	const tail = "\n  register.finish: {requests: [{get: /a}]}\n  login.begin: {requests: [{get: /a}], options: json .}\n  login.finish: {requests: [{get: /a}]}\n"
	const head = "steps:\n  register.begin:\n    options: json .\n    requests:\n      - post: /a\n        json: "
	var doubling strings.Builder
	doubling.WriteString("{a0: &a0 [x]")
	for i := 1; i < 25; i++ {
		fmt.Fprintf(&doubling, ", a%d: &a%d [*a%d, *a%d]", i, i, i-1, i-1)
	}
	for name, text := range map[string]string{
		"aliases that double": head + doubling.String() + "}" + tail,
		"many aliases":        head + "[&a x" + strings.Repeat(",*a", 100) + "]" + tail,
		"an alias of itself":  head + "&a [*a, *a, *a]" + tail,
		"open brackets":       strings.Repeat("[", maxMapping),
		"open braces":         strings.Repeat("{a: ", maxMapping/4),
		"dashes":              strings.Repeat("- ", maxMapping/2),
		"anchors":             strings.Repeat("&a ", maxMapping/3),
		"brackets in a body":  head + strings.Repeat("[", maxMapping/3) + strings.Repeat("]", maxMapping/3) + tail,
		"lines":               "name: x\n" + strings.Repeat("  x\n", maxMapping/4-2),
		"line ends":           strings.Repeat("\n", maxMapping),
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			go func() {
				m, err := ParseMapping(strings.NewReader(text))
				if err == nil {
					_, err = (&vars{}).writeJSON(m.Steps[RegisterBegin].Requests[0].JSON)
				}
				done <- err
			}()
			select {
			case err := <-done:
				if taken := name == "an alias of itself"; (err == nil) != taken { // the library makes null of it
					t.Errorf("taken: %t, %v", err == nil, err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it takes longer than 20 s")
			}
		})
	}
}

// A private key that would be read for minutes is refused by its length.
func TestPrivateKeyTooLong(t *testing.T) {
	if _, _, _, err := decodePrivate(make([]byte, maxPKCS8+1)); err == nil || !strings.Contains(err.Error(), "and may have") {
		t.Errorf("a private key of %d bytes: %v", maxPKCS8+1, err)
	}
}

// A fault of the other ceremony, asked for by name, is an error or does something;
// it never panics.
func TestFaultsOfTheOtherKind(t *testing.T) {
	d, err := NewDevice(DeviceConfig{Seed: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{Device: d, Origin: "https://login.example"}
	const creation = `{"rp":{"id":"login.example","name":"E"},"user":{"id":"YWxpY2U","name":"alice","displayName":"A"},"challenge":"cmVnaXN0ZXI",` +
		`"pubKeyCredParams":[{"type":"public-key","alg":-7}],"attestation":"direct","authenticatorSelection":{"residentKey":"required"}}`
	const request = `{"rpId":"login.example","challenge":"c2lnbiBpbg"}`
	if _, err := c.Create(t.Context(), []byte(creation)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), []byte(request)); err != nil {
		t.Fatal(err)
	}
	for _, m := range Catalogue() {
		if len(m.Edits) == 0 {
			continue
		}
		_, _ = c.Create(t.Context(), []byte(creation), m.Mutation())
		_, _ = c.Get(t.Context(), []byte(request), m.Mutation())
	}
}

// A result's details, which quote options, do nothing to a terminal either.
func TestDetailsAreTame(t *testing.T) {
	options := `{"status":"ok","rp":{"id":"login.example","name":"E"},"user":{"id":"YWxpY2U","name":"a","displayName":"A"},"challenge":"cmVnaXN0ZXI",` +
		`"pubKeyCredParams":[{"type":"public-key","alg":-7}],"attestation":"\u001b[2J\u202e"}`
	site := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, options) }), FIDO())
	a := &Audit{RP: site, Origin: "https://login.example", Only: []string{"options.enumerations"}}
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	detail := report.Results[0].Detail
	if report.Results[0].Outcome != Accepted || !strings.Contains(detail, "[2J") || strings.ContainsAny(detail, "\x1b\u202e") {
		t.Errorf("%s: %q", report.Results[0].Outcome, detail)
	}
}
