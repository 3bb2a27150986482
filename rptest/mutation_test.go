package rptest_test

import (
	"strings"
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

// A mutation that changes nothing is an error that names it, also beside one that does.
func TestMutationsThatAreNoFault(t *testing.T) {
	d, err := rptest.NewDevice(rptest.DeviceConfig{Seed: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	page := &rptest.Client{Device: d, Origin: "https://login.example"}
	options := []byte(`{"rp":{"id":"login.example","name":"Login"},"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},
		"challenge":"cmVnaXN0ZXIgYWxpY2Ugbm93","pubKeyCredParams":[{"type":"public-key","alg":-7}]}`)
	for _, c := range []struct{ ids, says string }{
		{"counter=0", `mutation "counter=0" is no fault: this response has that already`},
		{"flags=+UP", `mutation "flags=+UP" is no`},
		{"origin=https://login.example", `mutation "origin=https://login.example" is no`},
		{"type=webauthn.create", `mutation "type=webauthn.create" is no`},
		{"unsigned crossOrigin=false", `mutation "unsigned crossOrigin=false" is no`},
		{"rpId=login.example", `mutation "rpId=login.example" is no`},
		{"register.origin.port; counter=0", `mutation "counter=0" is no`},
		{"flags=-UP; flags=+UP", `mutations "flags=-UP", "flags=+UP" are no fault`},
		{"counter=1", ""},
		{"register.origin.port; counter=1", ""},
	} {
		var mutations []rptest.Mutation
		for _, id := range strings.Split(c.ids, "; ") {
			m, err := rptest.ParseMutation(id)
			if err != nil {
				t.Fatal(err)
			}
			mutations = append(mutations, m)
		}
		_, err := page.Create(t.Context(), options, mutations...)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.ids, err, c.says)
		}
	}
}
