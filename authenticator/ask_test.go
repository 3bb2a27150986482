package authenticator

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// slow is a person whose answers a test gives.
type slow struct {
	asked  chan Prompt
	answer chan Consent
}

func newSlow() *slow { return &slow{make(chan Prompt, 16), make(chan Consent)} }

func (u *slow) Ask(ctx context.Context, p Prompt) (Consent, error) {
	u.asked <- p
	select {
	case c := <-u.answer:
		return c, nil
	case <-ctx.Done():
		return Consent{}, ctx.Err()
	}
}

// TestTurnDuringQuestion: while a person is being asked, other commands are
// answered, and other questions wait their place.
func TestTurnDuringQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newSlow()
		d := newDevice(t, Config{User: u})
		done := make(chan error, 2)
		for _, user := range []string{"first", "second"} {
			go func() {
				other := *d
				other.session = &ctap.Session{Transport: "usb", MaxMsgSize: ctap.MaxHIDMsgSize}
				_, err := other.register(t.Context(), rpID, user, nil, nil)
				done <- err
			}()
			synctest.Wait()
		}
		if len(u.asked) != 1 {
			t.Fatalf("%d questions at once", len(u.asked))
		}
		mustBe(t, "getInfo meanwhile", d.send(t.Context(), ctap.CommandGetInfo, nil, nil), nil)
		u.answer <- Consent{Present: true}
		synctest.Wait()
		if len(u.asked) != 2 {
			t.Fatalf("%d questions after the first answer", len(u.asked))
		}
		u.answer <- Consent{}
		first, second := <-done, <-done
		mustBe(t, "the one agreed to", first, nil)
		mustBe(t, "the one refused", second, ctap.ErrOperationDenied)
	})
}

// TestDeletedDuringQuestion: a credential that goes while its owner is being
// asked does not sign any more.
func TestDeletedDuringQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newSlow()
		d := newDevice(t, Config{User: u})
		go func() { u.answer <- Consent{Present: true} }()
		_, err := d.register(t.Context(), rpID, "user", nil, nil)
		mustBe(t, "register", err, nil)

		done := make(chan error, 1)
		go func() {
			_, err := d.login(t.Context(), rpID, nil, nil)
			done <- err
		}()
		synctest.Wait()
		d.turn.Lock()
		found, err := d.Authenticator.vault.discoverable(t.Context(), sumOf(rpID))
		mustBe(t, "find", err, nil)
		mustBe(t, "delete", d.changeWith(t.Context(), func(tx keystore.Tx, s *state) error { return d.remove(tx, s, found[0]) }), nil)
		d.turn.Unlock()
		u.answer <- Consent{Present: true}
		mustBe(t, "sign in", <-done, ctap.ErrNoCredentials)
	})
}

func sumOf(s string) []byte {
	h := sum([]byte(s))
	return h[:]
}

// TestGoneDuringQuestion: an answer that comes after the device was reset or
// closed makes no passkey.
func TestGoneDuringQuestion(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, d *device) error{
		"closed": func(ctx context.Context, d *device) error { return d.Close(ctx) },
		"reset": func(ctx context.Context, d *device) error {
			d.turn.Lock()
			defer d.turn.Unlock()
			return d.erase(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newSlow()
				d := newDevice(t, Config{User: u})
				done := make(chan error, 1)
				go func() {
					_, err := d.register(t.Context(), rpID, "user", nil, nil)
					done <- err
				}()
				synctest.Wait()
				mustBe(t, name, end(t.Context(), d), nil)
				u.answer <- Consent{Present: true}
				mustBe(t, "register", <-done, ctap.ErrOperationDenied)
				if d.state.Discoverable != 0 {
					t.Error("a passkey was made")
				}
			})
		})
	}
}

// hasty is a person whose prompt keeps Verify for later, and does something
// once the PIN is typed.
type hasty struct {
	answer Consent
	typed  func()
	verify func(context.Context, []byte) error
}

func (u *hasty) CanVerify() bool { return true }

func (u *hasty) Ask(ctx context.Context, p Prompt) (Consent, error) {
	if p.Verify == nil {
		return Consent{Present: true}, nil
	}
	u.verify = p.Verify
	if u.typed != nil {
		if err := p.Verify(ctx, []byte("1234")); err != nil {
			return Consent{}, err
		}
		u.typed()
	}
	return u.answer, nil
}

// TestVerifyEndsWithQuestion: a PIN that comes when the question is over opens
// nothing and spends no try, and one that came before a Lock verifies nobody.
func TestVerifyEndsWithQuestion(t *testing.T) {
	ctx := t.Context()
	verified := func(r *ctap.MakeCredentialRequest) { r.Options["uv"] = true }
	u := &hasty{}
	d := newDevice(t, Config{User: u})
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)

	_, err := d.register(ctx, rpID, "user", nil, verified)
	mustBe(t, "refused", err, ctap.ErrOperationDenied)
	for _, pin := range []string{"1234", "9999"} {
		mustBe(t, "late "+pin, u.verify(ctx, []byte(pin)), ctap.ErrNotAllowed)
	}
	state, err := d.gate.State(ctx)
	mustBe(t, "gate state", err, nil)
	if state.Open || state.Retries != ctap.MaxPINRetries {
		t.Errorf("late PINs left the gate as %+v", state)
	}

	u.answer, u.typed = Consent{Present: true, Verified: true}, func() { d.Lock(ctx) }
	_, err = d.register(ctx, rpID, "user", nil, verified)
	mustBe(t, "locked meanwhile", err, ctap.ErrPUATRequired)
}

// TestUserNeeded: a door can tell that a person is being asked.
func TestUserNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newSlow()
		d := newDevice(t, Config{User: u})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.send(ctx, ctap.CommandSelection, nil, nil) }()
		synctest.Wait()
		if !d.session.UserNeeded() {
			t.Error("not while asking")
		}
		cancel()
		mustBe(t, "selection", <-done, ctap.ErrKeepaliveCancel)
		if d.session.UserNeeded() {
			t.Error("still after the answer")
		}
	})
}

// TestTouchTransitions walks the machine of a U2F touch.
func TestTouchTransitions(t *testing.T) {
	const notYet = "6985"
	register := func(d *device, challenge byte) string {
		data := append(bytes.Repeat([]byte{challenge}, 32), bytes.Repeat([]byte{0xAA}, 32)...)
		apdu := append([]byte{0, ctap.U2FRegister, 0, 0, 0, 0, byte(len(data))}, data...)
		resp := d.ServeU2F(t.Context(), d.session, append(apdu, 0, 0))
		synctest.Wait()
		return map[bool]string{true: "9000", false: notYet}[binary.BigEndian.Uint16(resp[len(resp)-2:]) == 0x9000]
	}
	run := func(name string, f func(t *testing.T, d *device, u *slow)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newSlow()
				d := newDevice(t, Config{User: u})
				if got := register(d, 1); got != notYet || len(u.asked) != 1 {
					t.Fatalf("first poll: %s, %d questions", got, len(u.asked))
				}
				f(t, d, u)
			})
		})
	}
	want := func(t *testing.T, what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	run("granted, then used up", func(t *testing.T, d *device, u *slow) {
		u.answer <- Consent{Present: true}
		synctest.Wait()
		want(t, "after the touch", register(d, 1), "9000")
		want(t, "again", register(d, 1), notYet)
		if len(u.asked) != 2 {
			t.Error("a used touch was not asked for again")
		}
	})
	run("refused", func(t *testing.T, d *device, u *slow) {
		u.answer <- Consent{}
		synctest.Wait()
		want(t, "after the refusal", register(d, 1), notYet)
		if len(u.asked) != 1 {
			t.Error("asked again at once")
		}
	})
	run("another request", func(t *testing.T, d *device, u *slow) {
		want(t, "other", register(d, 2), notYet)
		u.answer <- Consent{Present: true}
		synctest.Wait()
		want(t, "the first", register(d, 1), notYet)
	})
	run("granted and left alone", func(t *testing.T, d *device, u *slow) {
		u.answer <- Consent{Present: true}
		time.Sleep(touchLimit + time.Second)
		want(t, "too late", register(d, 1), notYet)
	})
	run("unanswered and left alone", func(t *testing.T, d *device, _ *slow) {
		time.Sleep(touchLimit + time.Second)
		synctest.Wait()
		if len(d.touches) != 0 || len(d.asking) != 0 {
			t.Error("the question outlived its client")
		}
	})
	run("session closed", func(t *testing.T, d *device, _ *slow) {
		d.Closed(d.session)
		synctest.Wait()
		if len(d.touches) != 0 || len(d.asking) != 0 {
			t.Error("the question outlived its session")
		}
	})
}

// TestTokenDuringQuestion: one token buys one touch, also where two sessions ask
// at the same time, and a touch does not spend a token that came meanwhile.
func TestTokenDuringQuestion(t *testing.T) {
	start := func(t *testing.T) (d *device, u *slow, token []byte, signIn func([]byte) <-chan error) {
		u = newSlow()
		d = newDevice(t, Config{User: u})
		mustBe(t, "set PIN", d.setPIN(t.Context(), "1234"), nil)
		fetch := func() []byte {
			token, err := d.pinToken(t.Context(), "1234", ctap.PermissionMC|ctap.PermissionGA, rpID)
			mustBe(t, "token", err, nil)
			return token
		}
		go func() { u.answer <- Consent{Present: true} }()
		_, err := d.register(t.Context(), rpID, "user", fetch(), nil)
		mustBe(t, "register", err, nil)
		return d, u, fetch(), func(token []byte) <-chan error {
			other := *d
			other.session = &ctap.Session{Transport: "usb", MaxMsgSize: ctap.MaxHIDMsgSize}
			done := make(chan error, 1)
			go func() {
				_, err := other.login(t.Context(), rpID, token, nil)
				done <- err
			}()
			synctest.Wait()
			return done
		}
	}
	t.Run("used twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, u, token, signIn := start(t)
			first, second := signIn(token), signIn(token)
			u.answer <- Consent{Present: true}
			mustBe(t, "first", <-first, nil)
			u.answer <- Consent{Present: true}
			mustBe(t, "second", <-second, ctap.ErrPINAuthInvalid)
		})
	})
	t.Run("replaced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, u, token, signIn := start(t)
			first := signIn(token)
			next, err := d.pinToken(t.Context(), "1234", ctap.PermissionGA, rpID)
			mustBe(t, "next token", err, nil)
			u.answer <- Consent{Present: true}
			mustBe(t, "with the old token", <-first, ctap.ErrPINAuthInvalid)
			second := signIn(next)
			u.answer <- Consent{Present: true}
			mustBe(t, "with the new token", <-second, nil)
		})
	})
}

// TestChoiceBehindToken: presence that a token brings along does not choose an
// account; the display asks which.
func TestChoiceBehindToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pin = "1234"
		u := &chooser{agreeable: agreeable{pin}}
		d := newDevice(t, Config{Profile: Platform(), User: u})
		mustBe(t, "set PIN", d.setPIN(t.Context(), pin), nil)
		users := []string{"alice", "bob", "carol"}
		for _, user := range users {
			token, err := d.uvToken(t.Context(), ctap.PermissionMC|ctap.PermissionGA, rpID)
			mustBe(t, "token", err, nil)
			_, err = d.register(t.Context(), rpID, user, token, nil)
			mustBe(t, "register", err, nil)
		}
		u.choice = 1
		token, err := d.uvToken(t.Context(), ctap.PermissionGA, rpID)
		mustBe(t, "token", err, nil)
		reply, err := d.login(t.Context(), rpID, token, nil)
		mustBe(t, "sign in", err, nil)
		if string(reply.User.ID) != "bob" || !reply.UserSelected {
			t.Errorf("signed in %s, selected %v", reply.User.ID, reply.UserSelected)
		}
	})
}

// chooser agrees, and picks an account where there are several.
type chooser struct {
	agreeable
	choice int
}

func (u *chooser) Ask(ctx context.Context, p Prompt) (Consent, error) {
	c, err := u.agreeable.Ask(ctx, p)
	if len(p.Accounts) > 1 {
		c.Choice = u.choice
	}
	return c, err
}
