package report

import (
	"strings"
	"testing"
	"unicode"

	"github.com/seed-77d61853/signet/rptest"
)

// Whatever is a finding says what to do about it, in whole sentences.
func TestEveryFindingHasWhatToDo(t *testing.T) {
	for _, c := range rptest.Catalogue() {
		for _, o := range []rptest.Outcome{rptest.Accepted, rptest.Rejected, rptest.RejectedButStored, rptest.Crashed} {
			if !c.Fails(o) {
				continue
			}
			text := todo(&rptest.Result{Case: c, Outcome: o, Finding: true})
			if !unicode.IsUpper([]rune(text + "-")[0]) || !strings.HasSuffix(text, ".") || strings.Contains(text, "..") || strings.ContainsAny(text, "\n\t") {
				t.Errorf("%s, %s: %q is no sentence", c.ID, o, text)
			}
			if strings.HasPrefix(text, "Accept this: ") != (c.Want == rptest.MustAccept && o == rptest.Rejected) {
				t.Errorf("%s has to %s, was %s: %q", c.ID, c.Want, o, text)
			}
		}
		for want, table := range map[rptest.Want]map[string]string{rptest.MustReject: refuse, rptest.MustAccept: accept} {
			if c.Want == want && remedy(table, &c) == "" {
				t.Errorf("nothing says what to do where %s has to %s", c.ID, want)
			}
		}
	}
}

// What is in the tables is about a case.
func TestWhatToDoIsOfCases(t *testing.T) {
	for want, table := range map[rptest.Want]map[string]string{rptest.MustReject: refuse, rptest.MustAccept: accept} {
		used := map[string]bool{}
		for _, c := range rptest.Catalogue() {
			if c.Want == want {
				used[remedy(table, &c)] = true
			}
		}
		for name, text := range table {
			if !used[text] {
				t.Errorf("no case that has to %s is told %s: %q", want, name, text)
			}
		}
	}
}

// One that was refused and has to be taken is told that; one that was taken, what to
// check; a crash and what was kept come first.
func TestToDo(t *testing.T) {
	cases := map[string]rptest.Case{}
	for _, c := range rptest.Catalogue() {
		cases[c.ID] = c
	}
	for _, test := range []struct {
		id      string
		outcome rptest.Outcome
		want    string
	}{
		{"login.origin.port", rptest.Accepted, "Compare the client data's origin, whole and exactly, with a list of the origins that you expect: by no prefix, suffix or pattern. Refuse what is no string."},
		{"login.signature.high-s", rptest.Rejected, "Accept this: s of the signature is in the upper half. Do not ask for a low s: verify ECDSA as it is, with s anywhere from 1 to the order less 1."},
		{"register.flags.up", rptest.Crashed, "Refuse this with an answer of your own, such as status 400: the request must end in neither 5xx nor silence. Check that the flag UP (bit 0) is set."},
		{"register.flags.up", rptest.RejectedButStored, "Store a credential, and give a session, only after every check has passed; keep nothing of what you refuse. Check that the flag UP (bit 0) is set."},
		{"login.counter.lower", rptest.Crashed, "Answer this: the request must end in neither 5xx nor silence."},
		{"sequence.replay.parallel", rptest.Accepted, "Delete a challenge as you look it up, in one atomic step, before you verify anything."},
		{"options.client-lowers.attestation", rptest.Accepted, "Decide on the server what the options ask for, and take from the client's request nothing that lowers it."},
		{"register.attestation.packed.leaf-ca", rptest.Accepted, refuse["§8.2.1"]},
		{"register.attestation.packed.alg", rptest.Accepted, refuse["§8.2"]},
	} {
		if got := todo(&rptest.Result{Case: cases[test.id], Outcome: test.outcome, Finding: true}); got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.id, test.outcome, got, test.want)
		}
	}
}
