package rptest

import (
	"fmt"
	"slices"
	"testing"
)

// Each step of the standard's two procedures has a case, or needs none of its own for
// the reason that stands here.
func TestStepsHaveCases(t *testing.T) {
	elsewhere := map[string]string{
		"§7.1 step 1":  "what options say is in §5.4",
		"§7.1 step 19": "a policy on BS is one on BE, too: step 18",
		"§7.2 step 1":  "what options say is in §5.5",
		"§7.2 step 20": "a site that hashes what it wrote anew fails at whatever is written otherwise: step 9",
		"§7.2 step 25": "all checks before it: what is refused gives no session, whichever it was",
	}
	anchors := map[string]int{}
	for _, c := range Catalogue() {
		anchors[c.Anchor]++
	}
	for section, steps := range map[string]int{"§7.1": 29, "§7.2": 25} {
		for n := 1; n <= steps; n++ {
			step := fmt.Sprintf("%s step %d", section, n)
			switch why := elsewhere[step]; {
			case anchors[step] == 0 && why == "":
				t.Errorf("%s has no case", step)
			case anchors[step] > 0 && why != "":
				t.Errorf("%s has cases by now", step)
			}
			delete(anchors, step)
		}
	}
	for anchor := range anchors {
		if !slices.ContainsFunc(sections, func(s struct{ section, fragment string }) bool { return s.section == anchor }) {
			t.Errorf("%s is no step", anchor)
		}
	}
	// At least these can be played: those that need a page in a browser, or a format
	// that was withdrawn, are named and do not count.
	played, not := 0, []string{}
	for _, c := range Catalogue() {
		if c.NotRun == "" {
			played++
		} else {
			not = append(not, c.ID)
		}
	}
	want := []string{"register.attestation.android-safetynet.any", "register.browser.errors",
		"sequence.front-end.conditional", "sequence.front-end.errors", "sequence.front-end.instanceof"}
	if slices.Sort(not); played < 170 || !slices.Equal(not, want) {
		t.Errorf("%d cases are played, and %q are not", played, not)
	}
}
