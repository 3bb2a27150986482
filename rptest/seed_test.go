package rptest_test

import (
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// TestSeed makes the same devices twice, used by eight goroutines in any order.
func TestSeed(t *testing.T) {
	formats := []rptest.DeviceConfig{
		{Personality: rptest.Phone}, {Personality: rptest.Hardware}, {Personality: rptest.U2F}, {Personality: rptest.Windows},
		{Personality: rptest.Platform}, {Attestation: attest.AndroidKey}, {Attestation: attest.Apple}, {Attestation: attest.PackedDirect},
	}
	use := func() []string {
		all := make([]string, len(formats))
		var wg sync.WaitGroup
		for i, config := range formats {
			config.Seed = "golden"
			c := device(t, config)
			wg.Go(func() {
				r, err := c.Create(t.Context(), creation("alice", `,"attestation":"direct"`))
				if err != nil {
					t.Error(err)
					return
				}
				all[i] = string(r.JSON)
			})
		}
		wg.Wait()
		return all
	}
	first, second := use(), use()
	for i := range formats {
		if first[i] != second[i] {
			t.Errorf("device %d: two answers:\n%s\n%s", i, first[i], second[i])
		}
	}
}

// TestOrder shows that what one account's passkey is does not depend on others.
func TestOrder(t *testing.T) {
	ids := func(names ...string) map[string]string {
		c := device(t, rptest.DeviceConfig{Seed: "order"})
		m := map[string]string{}
		for _, n := range names {
			m[n] = create(t, c, creation(n, "")).ID.String()
		}
		return m
	}
	one, other := ids("alice", "bob"), ids("bob", "carol", "alice")
	if one["alice"] != other["alice"] || one["bob"] != other["bob"] {
		t.Errorf("%v, %v", one, other)
	}
}
