package rptest_test

import (
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func TestSignals(t *testing.T) {
	ctx := t.Context()
	c := device(t, rptest.DeviceConfig{})
	alice, bob := create(t, c, creation("alice", "")).ID, create(t, c, creation("bob", "")).ID
	names := func() (names []string) {
		all, err := c.Device.Credentials(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			names = append(names, c.UserName)
		}
		slices.Sort(names)
		return names
	}
	for _, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error {
			return c.Device.SignalCurrentUserDetails(ctx, "login.example", []byte("alice"), "alice2", "Alice")
		}, []string{"alice2", "bob"}},
		{func() error { return c.Device.SignalUnknownCredential(ctx, "other.example", bob) }, []string{"alice2", "bob"}},
		{func() error {
			return c.Device.SignalAllAcceptedCredentials(ctx, "login.example", []byte("alice"), [][]byte{alice})
		}, []string{"alice2", "bob"}},
		{func() error { return c.Device.SignalUnknownCredential(ctx, "login.example", bob) }, []string{"alice2"}},
		{func() error { return c.Device.SignalAllAcceptedCredentials(ctx, "login.example", []byte("alice"), nil) }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := names(); !slices.Equal(got, step.want) {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
}
