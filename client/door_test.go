package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap/apdu"
	"github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/ctap/hid/hidtest"
)

// doors gives f the same device behind each framing.
func doors(t *testing.T, user authenticator.User, f func(t *testing.T, d client.Device)) {
	device := func(t *testing.T) *authenticator.Authenticator {
		a, err := authenticator.New(t.Context(), authenticator.Config{User: user})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	t.Run("HID", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := device(t)
			defer a.Close(context.Background())
			far, near := hidtest.Pipe()
			served := make(chan error)
			go func() { served <- hid.Serve(context.Background(), far, a, hid.Options{}) }()
			channel, err := hid.Connect(t.Context(), near)
			if err != nil {
				t.Fatal(err)
			}
			f(t, channel)
			channel.Close()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("APDU", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := device(t)
			defer a.Close(context.Background())
			card := apdu.NewCard(a, apdu.Options{})
			defer card.Reset()
			channel, err := apdu.Connect(func(raw []byte) ([]byte, error) {
				return card.Exchange(context.Background(), raw), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			f(t, channel)
		})
	})
}

func TestPasskeyThroughDoors(t *testing.T) {
	doors(t, &person{}, func(t *testing.T, d client.Device) {
		s, alice := newSite(t), &account{id: "alice"}
		c := &client.Client{
			Device: d,
			Origin: "https://login.example.com",
			PIN:    func(context.Context, client.PINRequest) ([]byte, error) { return []byte(pin), nil },
		}
		if _, err := s.register(c, alice, discoverable(), webauthn.WithExtensions(webauthn.WithExtensionLargeBlobSupport("required"))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.signIn(c, nil, []*account{alice}); err != nil {
			t.Fatal(err)
		}
		write := webauthn.WithAssertionExtensions(webauthn.WithExtensionLargeBlobWrite(incompressible(5000)))
		if _, _, err := s.signIn(c, alice, nil, write); err != nil {
			t.Fatal(err)
		}
	})
}

// Who gives up takes the question away from the person.
func TestAbortThroughDoors(t *testing.T) {
	gone := make(chan struct{}, 1)
	doors(t, departed{gone}, func(t *testing.T, d client.Device) {
		c := &client.Client{Device: d, Origin: "https://login.example.com"}
		options, _, err := newSite(t).rp.BeginRegistration(&account{id: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err = c.Create(ctx, encode(t, options))
		wantError(t, err, client.AbortError)
		synctest.Wait()
		select {
		case <-gone:
		default:
			t.Error("the person is still being asked")
		}
		if _, err := client.New(d).GetInfo(t.Context()); err != nil {
			t.Errorf("the device is gone: %v", err)
		}
	})
}

// departed never answers, and tells when it need not any more.
type departed struct{ gone chan struct{} }

func (d departed) Ask(ctx context.Context, _ authenticator.Prompt) (authenticator.Consent, error) {
	<-ctx.Done()
	d.gone <- struct{}{}
	return authenticator.Consent{}, ctx.Err()
}

var _ = []client.Device{(*hid.Channel)(nil), (*apdu.Channel)(nil)}
