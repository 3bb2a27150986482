package rptest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
)

// TestPlaywright takes a passkey to Playwright and back: the members are those that
// its types declare.
func TestPlaywright(t *testing.T) {
	from := device(t, rptest.DeviceConfig{Seed: "playwright"})
	create(t, from, creation("alice", ""))
	all, err := from.Device.Credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := all[0].Playwright()
	if err != nil {
		t.Fatal(err)
	}
	p.SignCount = 41
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id", "rpId", "userHandle", "privateKey", "publicKey", "signCount"} {
		if members[name] == nil {
			t.Errorf("no member %s in %s", name, text)
		}
	}
	var back rptest.PlaywrightCredential
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	to := device(t, rptest.DeviceConfig{Personality: rptest.Platform})
	if err := to.Device.Add(t.Context(), back.Credential()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, to, request("")); got.auth.SignCount != 42 || got.ID.String() != p.ID.String() {
		t.Errorf("credential %s, counter %d", got.ID, got.auth.SignCount)
	}
	if _, err := (rptest.Credential{PrivateKey: []byte("none")}).Playwright(); err == nil {
		t.Error("a private key that is none is taken")
	}
	hidden := all[0]
	hidden.IsResidentCredential = false
	if _, err := hidden.Playwright(); err == nil {
		t.Error("a passkey that is not resident is taken")
	}
	for _, alg := range []ctap.Algorithm{ctap.RS256, ctap.ES256K} {
		other := device(t, rptest.DeviceConfig{Algorithms: []ctap.Algorithm{alg}})
		create(t, other, creation("alice", fmt.Sprintf(`,"pubKeyCredParams":[{"type":"public-key","alg":%d}]`, alg)))
		if all, err = other.Device.Credentials(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := all[0].Playwright(); err == nil || !strings.Contains(err.Error(), "no keys of "+alg.String()) {
			t.Errorf("a key of %v: %v", alg, err)
		}
	}
}
