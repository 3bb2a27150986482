package rptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// always200 is the strict site of a setting that says in its bodies alone what it
// refuses, with a mapping that does not look there. evil has every ceremony refused.
func always200(t *testing.T, evil bool) Audit {
	t.Helper()
	plain := settings(t)[0]
	if evil {
		plain.config.Origins = []string{"https://elsewhere.example"}
	}
	audit := plain.run(t, "").Audit
	inner := audit.RP.(*Site)
	m := *inner.Mapping()
	m.Steps = map[Step]StepMapping{}
	for step, s := range inner.Mapping().Steps {
		if s.Options == "" {
			s.OK, s.Message = Acceptance{}, ""
		}
		m.Steps[step] = s
	}
	audit.RP = Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := httptest.NewRecorder()
		inner.transport.(inProcess).handler.ServeHTTP(said, r)
		for name, values := range said.Header() {
			w.Header()[name] = values
		}
		switch {
		case !strings.HasSuffix(r.URL.Path, "/result"):
			w.WriteHeader(said.Code)
			w.Write(said.Body.Bytes())
		case said.Code == http.StatusOK:
			io.WriteString(w, `{"ok":true}`)
		default:
			io.WriteString(w, `{"ok":false,"error":"no"}`)
		}
	}), &m)
	return audit
}

// Where a fault counts as accepted since the mapping looks at the status alone, the
// result asks whether it should.
func TestMappingWithoutOK(t *testing.T) {
	for _, c := range []struct {
		evil bool
		id   string
		says string
	}{
		{false, "login.origin.port", "the answer to the fault differs from the control's, (error, ok false) from (ok true): does login.finish need `ok`?"},
		{false, "login.origin.port", "login.finish was taken for done by the status of its answer alone, and whoami tells of nobody: does login.finish need `ok`?"},
		{false, "register.origin.port", "from (ok true): does register.finish need `ok`?"},
		{false, "sequence.replay.login", "from (ok true): does login.finish need `ok`?"},
		{true, "register.origin.port", "the answer looks like a refusal, with (error, ok false): does register.finish need `ok`?"},
		{true, "login.signature.bit", "register.finish was taken for done by the status of its answer alone, and the sign-in after it failed: does register.finish need `ok`?"},
	} {
		audit := always200(t, c.evil)
		audit.Only = []string{c.id}
		report, err := audit.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := report.Results[0]; !strings.Contains(r.Detail, c.says) {
			t.Errorf("%s: %s: %s\nwant %s", c.id, r.Outcome, r.Detail, c.says)
		}
	}
}

// What an honest answer has by chance is no doubt, and neither is what `ok` decided.
func TestDoubt(t *testing.T) {
	answer := func(body string, unread bool) *Answer {
		return &Answer{OK: true, step: LogInFinish, unread: unread, Exchanges: []Exchange{{ResponseBody: body}}}
	}
	for _, c := range []struct {
		fault, control string
		unread, doubt  bool
	}{
		{`{"token":"a"}`, `{"token":"b"}`, true, false},
		{`<p>1</p>`, `<p>2</p>`, true, false},
		{``, ``, true, false},
		{`{"errors":[],"data":{}}`, `{"errors":[],"data":{}}`, true, false},
		{`{"error":null}`, `{"error":null}`, true, false},
		{`{"error":"x","ok":false}`, `{"ok":true}`, false, false},
		{`{"message":"x"}`, `{"token":"b"}`, true, true},
		{`{"message":"x"}`, ``, true, true},
		{`{"status":"failed","errorMessage":"x"}`, `{"status":"ok","errorMessage":""}`, true, true},
		{`{"user":null}`, `{"user":{"id":1}}`, true, true},
		{`{"errors":[1]}`, `{"errors":[2]}`, true, true},
		{`{"success":false}`, `{"success":false}`, true, true},
	} {
		if got := answer(c.fault, c.unread).doubt([]*Answer{answer(c.control, c.unread)}); (got != "") != c.doubt {
			t.Errorf("%s beside %s: %q", c.fault, c.control, got)
		}
	}
}
