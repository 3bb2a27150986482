package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// site starts a relying party with some checks left out.
func site(t *testing.T, off ...brokenrp.Check) string {
	t.Helper()
	h := httptest.NewUnstartedServer(nil)
	origin := "http://localhost:" + port(h.Listener.Addr().String())
	rp, err := brokenrp.New(brokenrp.Config{RPID: "localhost", Origins: []string{origin}, Off: off})
	if err != nil {
		t.Fatal(err)
	}
	h.Config.Handler = rp
	h.Start()
	t.Cleanup(h.Close)
	return origin
}

func port(address string) string {
	for i := len(address) - 1; ; i-- {
		if address[i] == ':' {
			return address[i+1:]
		}
	}
}

// finish waits for a run.
func (s *service) finish(id string) map[string]any {
	s.t.Helper()
	for range 2000 {
		if r := s.must("GET", "/v1/runs/"+id, nil); r["state"] != "running" {
			return r
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("the audit does not end")
	return nil
}

func TestRuns(t *testing.T) {
	s := start(t, Config{})
	strict, broken := site(t), site(t, "login.origin.port")
	audit := func(url string, only string) map[string]any {
		id := s.must("POST", "/v1/runs", fmt.Sprintf(`{"url":%q,"origin":%q,"seed":"s","only":[%q],"device":{"profile":"platform"},"atLeast":"high"}`, url, url, only))["id"].(string)
		return s.finish(id)
	}
	if r := audit(strict, "login.origin.port"); r["state"] != "done" || r["findings"] != 0.0 || r["done"] != 1.0 || r["total"] != 1.0 {
		t.Errorf("on a strict site: %v", r)
	}
	r := audit(broken, "login.origin.port")
	if r["state"] != "done" || r["findings"] != 1.0 {
		t.Errorf("on a broken site: %v", r)
	}
	report := s.must("GET", "/v1/runs/"+r["id"].(string)+"/report.json", nil)
	if result := report["results"].([]any)[0].(map[string]any); result["outcome"] != "accepted" || result["finding"] != true {
		t.Errorf("the report has %v", result)
	}
	for form, begins := range map[string]string{"xml": "<?xml", "sarif": "{", "html": "<!doctype html>"} {
		status, body := s.do("GET", "/v1/runs/"+r["id"].(string)+"/report."+form, nil)
		if status != 200 || !strings.HasPrefix(strings.ToLower(string(body)), begins) || !strings.Contains(string(body), "login.origin.port") {
			t.Errorf("report.%s: %d %.200s", form, status, body)
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	unreached := s.finish(s.must("POST", "/v1/runs", fmt.Sprintf(`{"url":%q}`, gone.URL))["id"].(string))
	if unreached["state"] != "failed" || unreached["failure"] == "" {
		t.Errorf("of a site that is not there: %v", unreached)
	}
	s.refused(404, "NotFound", "report.json", "GET", "/v1/runs/r1/report.doc", nil)
	s.refused(404, "NotFound", "no report", "GET", "/v1/runs/r3/report.json", nil)
	if got := s.list("/v1/runs"); len(got) != 3 {
		t.Errorf("the runs are %v", got)
	}
	s.must("DELETE", "/v1/runs/r1", nil)
	s.refused(404, "NotFound", "no run", "GET", "/v1/runs/r1", nil)
}

// failOn decides what is a failure in JUnit, and is in the report.
func TestRunFailOn(t *testing.T) {
	s := start(t, Config{})
	broken := site(t, "login.origin.port")
	for asked, want := range map[string]struct{ failOn, junit string }{
		``:                     {"high", `failures="1"`},
		`,"failOn":"critical"`: {"critical", `failures="0"`},
	} {
		id := s.must("POST", "/v1/runs", fmt.Sprintf(`{"url":%q,"origin":%q,"only":["login.origin.port"]%s}`, broken, broken, asked))["id"].(string)
		s.finish(id)
		if got := s.must("GET", "/v1/runs/"+id+"/report.json", nil)["failOn"]; got != want.failOn {
			t.Errorf("%s: the report says %v", asked, got)
		}
		if _, body := s.do("GET", "/v1/runs/"+id+"/report.xml", nil); !strings.Contains(string(body), want.junit) {
			t.Errorf("%s: no %s in %s", asked, want.junit, body)
		}
	}
}

// A run says whether the site has passed. Without findings it need not have: a site
// that refuses everybody has none.
func TestRunVerdict(t *testing.T) {
	s := start(t, Config{})
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "not today", http.StatusForbidden) }))
	t.Cleanup(refuses.Close)
	strict, broken := site(t), site(t, "login.origin.port")
	for name, test := range map[string]struct {
		url, more string
		want      verdict
	}{
		"strict":                {strict, ``, verdict{}},
		"finding":               {broken, ``, verdict{Findings: 1, Failing: 1, ExitStatus: 1}},
		"finding of less":       {broken, `,"failOn":"critical"`, verdict{Findings: 1}},
		"finding in a baseline": {broken, `,"baseline":{"known":{"login.origin.port":"accepted"}}`, verdict{}},
		"no verdict":            {refuses.URL, ``, verdict{NoVerdict: 1, ExitStatus: 3}},
		"no verdict on less":    {refuses.URL, `,"failOn":"critical"`, verdict{NoVerdict: 1}},
	} {
		id := s.must("POST", "/v1/runs", fmt.Sprintf(`{"url":%q,"origin":%q,"only":["login.origin.port"]%s}`, test.url, test.url, test.more))["id"].(string)
		r := s.finish(id)
		for member, want := range map[string]int{
			"findings": test.want.Findings, "failing": test.want.Failing, "noVerdict": test.want.NoVerdict, "exitStatus": test.want.ExitStatus,
		} {
			if r["state"] != "done" || r[member] != float64(want) {
				t.Errorf("%s: %s is %v, want %d: %v", name, member, r[member], want, r)
			}
		}
	}
	if got := judge(&rptest.Report{Stopped: true}).ExitStatus; got != 130 {
		t.Errorf("an audit that was stopped ends with %d", got)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if r := s.finish(s.must("POST", "/v1/runs", fmt.Sprintf(`{"url":%q}`, gone.URL))["id"].(string)); r["exitStatus"] != nil || r["findings"] != nil {
		t.Errorf("of a site that is not there: %v", r)
	}
}

// An audit attacks this machine alone, where nobody says that the other is
// theirs; what cannot be run is said at once.
func TestRunErrors(t *testing.T) {
	s := start(t, Config{})
	for _, url := range []string{"https://login.example", "http://192.0.2.1:80", "http://127.0.0.1.evil.example", "http://localhost@evil.example"} {
		s.refused(400, "BadRequest", "iOwnThis", "POST", "/v1/runs", fmt.Sprintf(`{"url":%q}`, url))
	}
	mapping := `name: x
base: http://localhost:1
hosts: [login.example]
steps:
  register.begin: {requests: [{post: /a}], options: json .}
  register.finish: {requests: [{post: /b}]}
  login.begin: {requests: [{post: /c}], options: json .}
  login.finish: {requests: [{post: /d}]}
`
	s.refused(400, "BadRequest", "login.example is not this machine", "POST", "/v1/runs", map[string]any{"mapping": mapping})
	s.refused(400, "BadRequest", "mapping", "POST", "/v1/runs", map[string]any{"mapping": map[string]any{"steps": map[string]any{}}})
	for _, path := range []string{"rp5.yaml", `C:\rp.yaml`, ""} {
		s.refused(400, "BadRequest", "is not the text of a mapping file", "POST", "/v1/runs", map[string]any{"url": "http://localhost:1", "mapping": path})
	}
	s.wrong().refused(400, "BadRequest", "mapping has to be a string", "POST", "/v1/runs", `{"url":"http://localhost:1","mapping":["rp5.yaml"]}`)
	s.refused(400, "BadRequest", "is not like https://login.example", "POST", "/v1/runs", `{"url":"http://localhost:1","origin":"login.example"}`)
	s.refused(400, "BadRequest", "address", "POST", "/v1/runs", `{}`)
	s.refused(400, "BadRequest", "certificate", "POST", "/v1/runs", `{"url":"https://localhost:1","ca":"x"}`)
	s.refused(400, "BadRequest", "modelList needs trusted", "POST", "/v1/runs", `{"url":"http://localhost","modelList":true}`)
	s.refused(400, "BadRequest", "no case is called", "POST", "/v1/runs", `{"url":"http://localhost","only":["no.such.case"]}`)
	s.refused(400, "BadRequest", "no case is left", "POST", "/v1/runs", `{"url":"http://localhost","only":["login."],"skip":["login."]}`)
	s.wrong().refused(400, "BadRequest", "toaster", "POST", "/v1/runs", `{"url":"http://localhost","device":{"profile":"toaster"}}`)
	for member, value := range map[string]string{"seed": `"s"`, "origins": `["https://login.example"]`, "relatedOrigins": `{"login.example":[]}`} {
		body := fmt.Sprintf(`{"url":"http://localhost","device":{%q:%s}}`, member, value)
		s.wrong().refused(400, "BadRequest", "device: seed, origins and relatedOrigins", "POST", "/v1/runs", body)
	}
	for _, ms := range []string{"-1", "86400001", "9223372036854775807"} {
		s.wrong().refused(400, "BadRequest", "timeoutMs", "POST", "/v1/runs", `{"url":"http://localhost","timeoutMs":`+ms+`}`)
	}
	s.wrong().refused(400, "BadRequest", "unknown field", "POST", "/v1/runs", `{"uri":"http://localhost"}`)
	s.wrong().refused(400, "BadRequest", "severity", "POST", "/v1/runs", `{"url":"http://localhost","atLeast":"awful"}`)
}

// What is asked for reaches the audit.
func TestAuditRequest(t *testing.T) {
	var b auditRequest
	if err := json.Unmarshal([]byte(`{"url":"http://localhost:1","seed":"s","origin":"https://login.example","trusted":true,"modelList":true,
		"atLeast":"high","only":["login."],"skip":["login.origin."],"slow":true,"timeoutMs":1500,
		"device":{"profile":"platform","aaguid":"00112233-4455-6677-8899-aabbccddeeff","clock":"2030-01-02T03:04:05Z"}}`), &b); err != nil {
		t.Fatal(err)
	}
	a, err := b.audit()
	if err != nil {
		t.Fatal(err)
	}
	if d := a.Device; d.Now == nil || d.Now().Year() != 2030 || d.AAGUID == nil || d.AAGUID[1] != 0x11 || d.Personality != rptest.Platform {
		t.Errorf("the devices are %+v", d)
	}
	if timeout := a.RP.(*rptest.Site).Timeout; timeout != 1500*time.Millisecond {
		t.Errorf("the timeout is %v", timeout)
	}
	a.RP, a.Device = nil, rptest.DeviceConfig{}
	want := &rptest.Audit{
		Origin: "https://login.example", Seed: "s", Trusted: true, ModelList: true,
		AtLeast: rptest.High, Only: []string{"login."}, Skip: []string{"login.origin."}, Slow: true,
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("the audit is %+v", a)
	}
}

// A site that hangs keeps an audit running; it can be stopped, and there are
// never too many.
func TestRunStops(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // without it nobody sees the client go
		<-r.Context().Done()
	}))
	t.Cleanup(hangs.Close)
	s := start(t, Config{})
	for range maxRunning {
		s.must("POST", "/v1/runs", fmt.Sprintf(`{"url":%q,"origin":"http://localhost"}`, hangs.URL))
	}
	s.refused(429, "TooMany", "running", "POST", "/v1/runs", fmt.Sprintf(`{"url":%q}`, hangs.URL))
	s.must("DELETE", "/v1/runs/r1", nil)
	for range 500 {
		if status, _ := s.do("POST", "/v1/runs", fmt.Sprintf(`{"url":%q,"origin":"http://localhost"}`, hangs.URL)); status == 201 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("an audit that was stopped makes no room")
}

// stubborn is a relying party that answers when it wants, whoever stopped waiting.
type stubborn struct{ asked, answers chan struct{} }

func (stubborn) Name() string            { return "stubborn" }
func (stubborn) Offers(rptest.Step) bool { return true }
func (s stubborn) Do(context.Context, *rptest.Session, rptest.Step, rptest.Request) (*rptest.Answer, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-s.answers
	return nil, io.EOF
}

// An audit that was stopped and forgotten counts until it has ended.
func TestForgottenRunsCount(t *testing.T) {
	s := start(t, Config{})
	rp := stubborn{make(chan struct{}, 1), make(chan struct{})}
	answer := sync.OnceFunc(func() { close(rp.answers) })
	t.Cleanup(answer)
	for range maxRunning {
		if _, err := s.server.runs.start(t.Context(), &rptest.Audit{RP: rp, Origin: "https://login.example"}); err != nil {
			t.Fatal(err)
		}
		<-rp.asked
	}
	s.must("DELETE", "/v1/runs/r1", nil)
	s.refused(404, "NotFound", "no run", "GET", "/v1/runs/r1", nil)
	s.refused(429, "TooMany", "running", "POST", "/v1/runs", `{"url":"http://127.0.0.1:1"}`)
	for _, r := range s.list("/v1/runs") {
		s.must("DELETE", "/v1/runs/"+r["id"].(string), nil)
	}
	answer()
	s.server.runs.wait()
	s.must("POST", "/v1/runs", `{"url":"http://127.0.0.1:1"}`)
}

// An audit that is asked for while the service stops is none that the service waits
// for.
func TestAuditTooLate(t *testing.T) {
	s := start(t, Config{})
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var refused *Error
	if _, err := s.server.runs.start(stopped, &rptest.Audit{RP: explosive{}}); !errors.As(err, &refused) || refused.Name != "Unavailable" {
		t.Errorf("error %v", err)
	}
}
