package rptest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
)

// A reset is one step to all who use the device at the same time: none of them finds
// it without its PIN, or half erased.
func TestResetIsOneStep(t *testing.T) {
	for _, personality := range []Personality{Hardware, Phone} {
		d, err := NewDevice(DeviceConfig{Personality: personality})
		if err != nil {
			t.Fatal(err)
		}
		c := &Client{Device: d, Origin: "https://login.example"}
		creation := func(i int) []byte {
			return fmt.Appendf(nil, `{"rp":{"id":"login.example","name":"x"},"user":{"id":"YQ","name":"a%d","displayName":"a"},"challenge":"AAAA",`+
				`"pubKeyCredParams":[{"type":"public-key","alg":-7}],"authenticatorSelection":{"residentKey":"required","userVerification":"required"}}`, i)
		}
		var users sync.WaitGroup
		stop := make(chan struct{})
		use := func(what string, f func(i int) error) {
			users.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := f(i); err != nil {
						t.Errorf("%s: %s: %v", personality, what, err)
						return
					}
				}
			})
		}
		refusable := func(err error) error {
			if ErrorName(err) == client.NotAllowedError && !errors.Is(err, ctap.ErrPINNotSet) { // as unplugged, or it has no passkey
				return nil
			}
			return err
		}
		use("create", func(i int) error { _, err := c.Create(t.Context(), creation(i)); return refusable(err) })
		use("get", func(int) error {
			_, err := c.Get(t.Context(), []byte(`{"rpId":"login.example","challenge":"AAAA","userVerification":"required"}`))
			return refusable(err)
		})
		use("list", func(int) error { _, err := d.Credentials(t.Context()); return err })
		use("power cycle", func(int) error { return d.PowerCycle(t.Context()) })
		for range 200 {
			if err := d.Reset(t.Context()); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		users.Wait()
		if _, err := c.Create(t.Context(), creation(0)); err != nil {
			t.Errorf("%s: after it all: %v", personality, err)
		}
	}
}

// A reset waits for nobody: ceremonies that wait for a person end with it, those too
// that stand in line behind another.
func TestResetEndsCeremonies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := NewDevice(DeviceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		c := &Client{Device: d, Origin: "https://login.example"}
		const creation = `{"rp":{"id":"login.example","name":"x"},"user":{"id":"YQ","name":"a","displayName":"a"},"challenge":"AAAA","pubKeyCredParams":[{"type":"public-key","alg":-7}]}`
		d.Next().NeverAnswer()
		d.Next().Delay(time.Minute)
		ended := make(chan error, 2)
		for range cap(ended) {
			go func() {
				_, err := c.Create(t.Context(), []byte(creation))
				ended <- err
			}()
			synctest.Wait()
		}
		began := time.Now()
		if err := d.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range cap(ended) {
			if err := <-ended; err == nil || err.Error() != errReset.Error() {
				t.Errorf("a ceremony under way ends with %v", err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it takes %v", waited)
		}
		if _, err := c.Create(t.Context(), []byte(creation)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// What began before a reset does not go on after it.
func TestResetEndsSessions(t *testing.T) {
	d, err := NewDevice(DeviceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s := d.session()
	if _, err := s.GetInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetNextAssertion(t.Context()); err != error(errReset) {
		t.Errorf("the session goes on: %v", err)
	}
	if _, err := s.CTAP(t.Context(), []byte{4}); err != error(errReset) {
		t.Errorf("the session goes on with bytes: %v", err)
	}
	fresh := d.session()
	if _, err := fresh.CTAP(t.Context(), []byte{4}); err != nil {
		t.Errorf("a new session: %v", err)
	}
}
