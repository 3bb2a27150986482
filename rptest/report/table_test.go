package report

import (
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// A long list of cases is short to read, and one reason is one entry, wherever in a
// sequence it was seen.
func TestTableIsShort(t *testing.T) {
	r := &rptest.Report{}
	add := func(o rptest.Outcome, detail string, ids ...string) {
		for _, id := range ids {
			r.Results = append(r.Results, rptest.Result{Case: rptest.Case{ID: id}, Outcome: o, Detail: detail})
		}
	}
	var many []string
	for _, c := range "abcdefghijklm" {
		many = append(many, "register.attestation.tpm."+string(c))
	}
	add(rptest.NotApplicable, "not applicable: it needs attestation direct", append(many, "register.flags.uv", "register.flags.up")...)
	add(rptest.NotApplicable, "register first: not applicable: it needs residentKey required", "login.resident")
	add(rptest.ControlFailed, "register first: POST http://localhost/: no such host", "login.a", "login.b", "login.c")
	add(rptest.ControlFailed, "POST http://localhost/: no such host", "register.a")
	add(rptest.ControlFailed, "no such host", "options.a") // which names no request, so none of those above goes to it
	add(rptest.ControlFailed, "sign in: refused", "sequence.a")
	var text strings.Builder
	if err := Table(&text, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n  15: it needs attestation direct:\n    register.attestation.tpm. (13), register.flags.uv, register.flags.up\n",
		"\n  it needs residentKey required:\n    login.resident\n",
		"\n  4: POST http://localhost/: no such host:\n    login.a, login.b, login.c, register.a\n",
		"\n  sign in: refused:\n    sequence.a\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("nothing of %q in\n%s", want, &text)
		}
	}
}
