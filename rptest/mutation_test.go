package rptest_test

import (
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func TestParseMutation(t *testing.T) {
	for _, good := range []string{
		"login.origin.port", "unsigned login.origin.port", "origin=https://evil.example", "flags=-UV,+BS", "counter=7", "crossOrigin=true", "signature=AAAA",
	} {
		if m, err := rptest.ParseMutation(good); err != nil || len(m.Edits) == 0 {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "no.such", "origin", "colour=red", "flags=UV", "flags=*UV", "flags=+XX", "counter=-1", "counter=4294967296", "crossOrigin=maybe", "signature=!", "sequence.replay.login",
	} {
		if _, err := rptest.ParseMutation(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
