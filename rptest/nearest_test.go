package rptest

import (
	"strings"
	"testing"
)

func TestPerhaps(t *testing.T) {
	for _, c := range []struct{ name, says string }{
		{"login.orign.port", `; perhaps "login.origin.port"`},
		{"LOGIN.origin.port", `; perhaps "login.origin.port"`},
		{"login.origin", `; those below it are "login.origin."`},
		{"login", `; those below it are "login."`},
		{"sequence.replay.logins", `; perhaps "sequence.replay.login"`},
		{"something else", ""},
		{"", ""},
		{".", ""},
	} {
		if got := perhaps(c.name); got != c.says {
			t.Errorf("%q: %q, want %q", c.name, got, c.says)
		}
	}
	_, err := ParseMutation("login.origin.prot")
	if err == nil || !strings.HasSuffix(err.Error(), `; perhaps "login.origin.port"`) {
		t.Errorf("a mutation: %v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"port", "prot", 2}, {"same", "same", 0},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
