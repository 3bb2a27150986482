package real

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// recorded are the relying parties with a matrix. The sites over libraries are
// ours, so that what the site decides confirms nothing: sessions, accounts, the
// choice of options, and what the library leaves to it.
var recorded = []struct {
	name, title string
	ours        []string // cases, or the beginnings of their names
	theirs      []string // cases that the library decides all the same
}{
	{"go-webauthn", "go-webauthn 0.18.2",
		append([]string{"register.attestation.trust.metadata-reinstated"}, siteDecides...),
		append([]string{"sequence.login.not-listed", "sequence.account.other-credential", "sequence.account.other-user-handle",
			"sequence.account.unbound-credential", "sequence.burden.deep-json"}, challengeDecides...)},
	{"simplewebauthn", "SimpleWebAuthn 14.0.3", append([]string{"login.id.unknown"}, siteDecides...), challengeDecides},
	{"fido2-lib", "fido2-lib 3.5.9", append([]string{"login.id.unknown"}, siteDecides...),
		append([]string{"sequence.account.other-user-handle"}, challengeDecides...)},
	{"better-auth", "better-auth 1.7.25 with its passkey plugin 1.7.6",
		[]string{"options.client-lowers.attachment"}, nil}, // it asks for none, so that nothing is lowered
}

var siteDecides = []string{"sequence.", "options.exclude-list", "options.client-", "options.user-id."}

// challengeDecides are those that a library refuses for the challenge that it was
// told to expect, or the signature.
var challengeDecides = []string{
	"sequence.challenge.other-session", "sequence.session.registration-of-other", "sequence.session.registration-signature",
}

// confirmed are the cases that a relying party that others wrote rejects.
func confirmed(t *testing.T) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for _, rp := range recorded {
		for id, outcome := range read(t, rp.name) {
			ours := slices.ContainsFunc(rp.ours, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
			if outcome == rptest.Rejected && (!ours || slices.Contains(rp.theirs, id)) {
				seen[id] = true
			}
		}
	}
	return seen
}

// TestUnconfirmed: each case that must be rejected is rejected by somebody, or
// stands in the list of those that are not, with the reason.
func TestUnconfirmed(t *testing.T) {
	const list = "testdata/unconfirmed.txt"
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for line := range strings.Lines(string(b)) {
		id, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.TrimSpace(reason) == "" {
			t.Errorf("%s: %s stands without a reason", list, id)
		}
		reasons[id] = reason
	}
	seen := confirmed(t)
	for _, c := range rptest.Catalogue() {
		_, listed := reasons[c.ID]
		delete(reasons, c.ID)
		switch {
		case c.Want != rptest.MustReject:
			if listed {
				t.Errorf("%s: %s does not have to be rejected", list, c.ID)
			}
		case seen[c.ID] && listed:
			t.Errorf("%s: %s is rejected by a relying party by now", list, c.ID)
		case !seen[c.ID] && !listed:
			t.Errorf("no relying party rejects %s, and %s does not say why", c.ID, list)
		}
	}
	for id := range reasons {
		t.Errorf("%s: %s is no case", list, id)
	}
}

const document = "../../docs/testing/relying-parties.md"

// TestTable: the document's table counts what the matrices say.
func TestTable(t *testing.T) {
	const begin, end = "<!-- counts -->\n", "<!-- end -->\n"
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", document, begin, end)
	}
	want := before + begin + table(t) + end + after
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Errorf("the table of %s is not what the matrices say: run this test with -update", document)
	}
}

// table counts outcomes by what cases want.
func table(t *testing.T) string {
	t.Helper()
	outcomes := []rptest.Outcome{rptest.Rejected, rptest.Accepted, rptest.RejectedButStored, rptest.Crashed, rptest.ControlFailed, rptest.NotApplicable, rptest.NotRun}
	wants := map[string]rptest.Want{}
	for _, c := range rptest.Catalogue() {
		wants[c.ID] = c.Want
	}
	var b bytes.Buffer
	b.WriteString("| relying party | cases that want |")
	for _, o := range outcomes {
		fmt.Fprintf(&b, " %s |", o)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---:|", len(outcomes)) + "\n")
	for _, rp := range recorded {
		counts := map[rptest.Want]map[rptest.Outcome]int{}
		for id, outcome := range read(t, rp.name) {
			if counts[wants[id]] == nil {
				counts[wants[id]] = map[rptest.Outcome]int{}
			}
			counts[wants[id]][outcome]++
		}
		for _, want := range []rptest.Want{rptest.MustReject, rptest.MustAccept, rptest.Policy} {
			fmt.Fprintf(&b, "| %s | %s |", rp.title, want)
			for _, o := range outcomes {
				fmt.Fprintf(&b, " %d |", counts[want][o])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// TestMatricesAreWhole: each matrix has every case, and no other.
func TestMatricesAreWhole(t *testing.T) {
	for _, rp := range recorded {
		m := read(t, rp.name)
		for _, c := range rptest.Catalogue() {
			if _, ok := m[c.ID]; !ok {
				t.Errorf("%s has no outcome of %s", path(rp.name), c.ID)
			}
			delete(m, c.ID)
		}
		for _, id := range slices.Sorted(maps.Keys(m)) {
			t.Errorf("%s: %s is no case", path(rp.name), id)
		}
	}
}
