package text

import "testing"

// FuzzUnmarshal: any text is decoded or refused.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{"", "a: 1", "list: !tag text", "a: [1, 2", "\x00", "a: 1\na: 2", "b: &x [*x]"} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, s string, strict bool) {
		var v struct {
			A    int      `yaml:"a"`
			List []string `yaml:"list"`
		}
		if err := Unmarshal([]byte(s), &v, strict); err != nil && err.Error() == "" {
			t.Error("refused without a word")
		}
	})
}

func TestUnmarshal(t *testing.T) {
	for s, want := range map[string]bool{"": true, "a: 1": true, "c: 1": false, "a: 1\na: 2": false, "list: !tag text": false} {
		var v struct {
			A    int      `yaml:"a"`
			List []string `yaml:"list"`
		}
		if err := Unmarshal([]byte(s), &v, true); (err == nil) != want {
			t.Errorf("%q: %v", s, err)
		}
	}
}
