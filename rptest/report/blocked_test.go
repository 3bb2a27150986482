package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// A site that refuses everybody is told of once, whatever was done with its answers'
// words, and no case is listed.
func TestBlocked(t *testing.T) {
	const finish = "POST http://localhost:8080/attestation/result: status 400"
	r := &rptest.Report{}
	for i := range 100 {
		detail := fmt.Sprintf("register first: %s: challenge %d, \x1b[2Jorigin", finish, i)
		if i%2 == 0 {
			detail = fmt.Sprintf("without the fault: rejected: %s: challenge %d, origin", finish, i)
		}
		r.Results = append(r.Results, rptest.Result{
			Case: rptest.Case{ID: fmt.Sprintf("login.case%d", i), Kind: rptest.SigningIn}, Outcome: rptest.ControlFailed, Detail: detail,
		})
	}
	for range 50 {
		r.Results = append(r.Results,
			rptest.Result{Case: rptest.Case{ID: "options.good", Kind: rptest.Options}, Outcome: rptest.Rejected},
			rptest.Result{Case: rptest.Case{ID: "register.else", Kind: rptest.Registering}, Outcome: rptest.NotApplicable, Detail: "not applicable: it needs more"})
	}
	b := Blocked(r)
	if b == nil || b.Cases != 100 || !b.Refused || b.Cause != finish+": challenge 0, origin" {
		t.Fatalf("blocked by %+v", b)
	}
	text := string(written(t, "table.txt", r))
	if strings.Count(text, finish) != 1 || strings.Contains(text, "login.case") || strings.Contains(text, "register.else") || strings.Count(text, "\n") > 12 {
		t.Errorf("the table is\n%s", text)
	}
	if page := string(written(t, "page.html", r)); !strings.Contains(page, "<strong>No verdict in 100 cases for one reason") {
		t.Error("the page does not tell")
	}
	for i := range 11 {
		r.Results[i].Outcome = rptest.Rejected
	}
	if b := Blocked(r); b != nil {
		t.Errorf("11 of 100 cases have a verdict, and yet blocked by %+v", b)
	}
	r.Results = r.Results[20:32]
	if b := Blocked(r); b != nil {
		t.Errorf("so few cases can be read: %+v", b)
	}
}

// It is a refusal where the site answered as it does to what it finds wrong.
func TestBlockRefused(t *testing.T) {
	for detail, want := range map[string]bool{
		"register: POST http://localhost/: status 403: no":                                      true,
		"register: POST http://localhost/: status 429: no":                                      false,
		"register: POST http://localhost/: status 404: no":                                      false,
		"register: POST http://localhost/: no answer within 1s":                                 false,
		"register: TypeError: user.id is not 1 to 64 bytes":                                     false,
		"without the fault: crashed: POST http://localhost/: status 500: nought":                false,
		`register on a page of https://a.example, with the RP ID "b": SecurityError: it is not`: true,
		"": false,
	} {
		r := &rptest.Report{}
		for range manyCases + 1 {
			r.Results = append(r.Results, rptest.Result{Case: rptest.Case{ID: "login.a", Kind: rptest.SigningIn}, Outcome: rptest.ControlFailed, Detail: detail})
		}
		if b := Blocked(r); b == nil || b.Refused != want {
			t.Errorf("%q: %+v, want %t", detail, b, want)
		}
	}
}
