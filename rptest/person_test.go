package rptest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

// TestPerson has the person do each thing once, and then nothing special.
func TestPerson(t *testing.T) {
	for _, test := range []struct {
		name   string
		script func(*rptest.Script)
		want   string
	}{
		{"approve", func(s *rptest.Script) { s.Approve() }, ""},
		{"deny", func(s *rptest.Script) { s.Deny() }, "NotAllowedError"},
		{"time out", func(s *rptest.Script) { s.TimeOut() }, "NotAllowedError"},
		{"wrong PIN once", func(s *rptest.Script) { s.WrongPIN(1) }, ""},
		{"wrong PIN three times", func(s *rptest.Script) { s.WrongPIN(3) }, "NotAllowedError"},
		{"browser fails", func(s *rptest.Script) { s.Fail("SecurityError") }, "SecurityError"},
		{"browser fails with a name that is none", func(s *rptest.Script) { s.Fail("FooError") }, "UnknownError"},
		{"unknown mutation", func(s *rptest.Script) { s.Mutate("no.such") }, "UnknownError"},
		{"slow", func(s *rptest.Script) { s.Delay(time.Second) }, ""},
	} {
		for _, p := range []rptest.Personality{rptest.Phone, rptest.Hardware} {
			t.Run(test.name+" on "+string(p), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := device(t, rptest.DeviceConfig{Personality: p})
					test.script(c.Device.Next())
					_, err := c.Create(t.Context(), creation("alice", ""))
					if rptest.ErrorName(err) != test.want || (err == nil) != (test.want == "") {
						t.Errorf("%v", err)
					}
					if test.name == "wrong PIN three times" {
						if err := c.Device.PowerCycle(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := c.Create(t.Context(), creation("bob", "")); err != nil {
						t.Errorf("afterwards: %v", err)
					}
				})
			})
		}
	}
}

func TestNeverAnswer(t *testing.T) {
	t.Run("the page aborts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := device(t, rptest.DeviceConfig{})
			c.Device.Next().NeverAnswer()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if _, err := c.Create(ctx, creation("alice", "")); rptest.ErrorName(err) != "AbortError" {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("the timeout is over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := device(t, rptest.DeviceConfig{})
			c.Device.Next().NeverAnswer()
			start := time.Now()
			_, err := c.Create(t.Context(), creation("alice", `,"timeout":2000`))
			if rptest.ErrorName(err) != "NotAllowedError" || time.Since(start) != 2*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
}

func TestPick(t *testing.T) {
	for _, p := range []rptest.Personality{rptest.Phone, rptest.Hardware} {
		t.Run(string(p), func(t *testing.T) {
			c := device(t, rptest.DeviceConfig{Personality: p})
			for _, name := range []string{"alice", "bob", "carol"} {
				create(t, c, creation(name, `,"authenticatorSelection":{"residentKey":"required"}`))
			}
			for _, pick := range []string{"alice", "bob", rptest.Bytes("carol").String()} {
				c.Device.Next().Pick(pick)
				if got := string(get(t, c, request("")).Response.UserHandle); got != pick && rptest.Bytes(got).String() != pick {
					t.Errorf("picked %s, got %s", pick, got)
				}
			}
			c.Device.Next().Pick("nobody")
			_, err := c.Get(t.Context(), request(""))
			if rptest.ErrorName(err) != "NotAllowedError" {
				t.Errorf("picked nobody: %v", err)
			}
			const says = `no account "nobody" is offered, but "carol", "bob", "alice"`
			if !strings.Contains(err.Error(), says) {
				t.Errorf("picked nobody: %v", err)
			}
		})
	}
}
