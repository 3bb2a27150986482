package authenticator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// TestTokenTransitions walks the token's state machine: what each event leaves
// of a token that was just issued.
func TestTokenTransitions(t *testing.T) {
	begun := time.Unix(1_000_000, 0)
	message := []byte("message")
	const all = ctap.PermissionMC | ctap.PermissionLBW
	use := func(tok *token) {
		if err := tok.verify(pinuv.Two, pinuv.Authenticate(pinuv.Two, tok.value[:], message), message); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name        string
		do          func(tok *token)
		inUse       bool
		present     bool
		verified    bool
		permissions uint64
	}{
		{"issued", func(*token) {}, true, true, true, all},
		{"unused for less than its limit", func(tok *token) { tok.observe(begun.Add(tokenLimit - 1)) }, true, true, true, all},
		{"unused for its limit", func(tok *token) { tok.observe(begun.Add(tokenLimit)) }, false, false, false, 0},
		{"used, past the limit", func(tok *token) { use(tok); tok.observe(begun.Add(tokenLimit)) }, true, false, true, all},
		{"used, for the longest time", func(tok *token) { use(tok); tok.observe(begun.Add(tokenMaxPeriod)) }, false, false, false, 0},
		{"a touch spent", func(tok *token) { tok.spend() }, true, false, false, ctap.PermissionLBW},
		{"stopped", func(tok *token) { tok.stopUsing() }, false, false, false, 0},
		{"the clock set back", func(tok *token) { tok.observe(begun.Add(-time.Second)) }, false, false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tok token
			tok.beginUsing(begun, pinuv.Two, [32]byte{1}, "usb", true)
			tok.permissions = all
			tt.do(&tok)
			if tok.inUse != tt.inUse || tok.userPresent != tt.present || tok.userVerified != tt.verified || tok.permissions != tt.permissions {
				t.Errorf("in use %v, present %v, verified %v, permissions %02x", tok.inUse, tok.userPresent, tok.userVerified, tok.permissions)
			}
			if !tok.inUse && tok.value != [32]byte{} {
				t.Error("an ended token was not wiped")
			}
		})
	}
}

func TestTokenVerify(t *testing.T) {
	var tok token
	tok.beginUsing(time.Now(), pinuv.Two, [32]byte{1}, "usb", false)
	sig := pinuv.Authenticate(pinuv.Two, tok.value[:], []byte("a"), []byte("b"))
	mustBe(t, "right signature", tok.verify(pinuv.Two, sig, []byte("ab")), nil)
	mustBe(t, "other message", tok.verify(pinuv.Two, sig, []byte("ac")), ctap.ErrPINAuthInvalid)
	mustBe(t, "cut signature", tok.verify(pinuv.Two, sig[:16], []byte("ab")), ctap.ErrPINAuthInvalid)
	one := pinuv.Authenticate(pinuv.One, tok.value[:], []byte("ab"))
	mustBe(t, "other protocol", tok.verify(pinuv.One, one, []byte("ab")), ctap.ErrPINAuthInvalid)
	mustBe(t, "first site", tok.bind("a.example"), nil)
	mustBe(t, "same site", tok.bind("a.example"), nil)
	mustBe(t, "other site", tok.bind("b.example"), ctap.ErrPINAuthInvalid)
	tok.stopUsing()
	zero := pinuv.Authenticate(pinuv.Two, tok.value[:], []byte("ab"))
	mustBe(t, "ended token, all zero", tok.verify(pinuv.Two, zero, []byte("ab")), ctap.ErrPINAuthInvalid)
}

// TestGateFollowsToken watches the root's gate: open from the PIN to the
// token's end, and shut by a timer where no further command comes.
func TestGateFollowsToken(t *testing.T) {
	open := func(t *testing.T, d *device) bool {
		state, err := d.root.Gate().State(t.Context())
		mustBe(t, "gate state", err, nil)
		return state.Open
	}
	issue := func(t *testing.T) (*device, []byte) {
		d := newDevice(t, Config{})
		mustBe(t, "set PIN", d.setPIN(t.Context(), "1234"), nil)
		if open(t, d) {
			t.Error("open without anybody having proven the PIN")
		}
		token, err := d.pinToken(t.Context(), "1234", ctap.PermissionMC|ctap.PermissionGA, rpID)
		mustBe(t, "token", err, nil)
		if !open(t, d) {
			t.Fatal("shut with a token in use")
		}
		return d, token
	}
	t.Run("unused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, _ := issue(t)
			time.Sleep(tokenLimit - time.Second)
			if !open(t, d) {
				t.Error("shut early")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if open(t, d) {
				t.Error("open without a token")
			}
		})
	})
	t.Run("used", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, token := issue(t)
			_, err := d.login(t.Context(), rpID, token, func(r *ctap.GetAssertionRequest) { r.Options = ctap.Options{"up": false} })
			mustBe(t, "silent look", err, ctap.ErrNoCredentials)
			time.Sleep(tokenMaxPeriod - time.Second)
			if !open(t, d) {
				t.Error("shut early")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if open(t, d) {
				t.Error("open without a token")
			}
		})
	})
	t.Run("spent", func(t *testing.T) {
		d, token := issue(t)
		_, err := d.register(t.Context(), rpID, "user", token, nil)
		mustBe(t, "register", err, nil)
		if open(t, d) {
			t.Error("open for a token that gives no permission any more")
		}
	})
	t.Run("assertions wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDevice(t, Config{User: agreeable{"1234"}})
			ctx := t.Context()
			mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
			for _, user := range []string{"a", "b", "c"} {
				_, err := d.register(ctx, rpID, user, nil, func(r *ctap.MakeCredentialRequest) {
					r.Options["uv"] = true
					r.Extensions = ctap.Extensions{ctap.ExtCredProtect: {ctap.CredProtectRequired}}
				})
				mustBe(t, "register", err, nil)
			}
			if open(t, d) {
				t.Error("open though nothing rests on it")
			}
			_, err := d.login(ctx, rpID, nil, func(r *ctap.GetAssertionRequest) { r.Options = ctap.Options{"uv": true} })
			mustBe(t, "sign in", err, nil)
			time.Sleep(pendingLimit - time.Second)
			mustBe(t, "next", d.send(ctx, ctap.CommandGetNextAssertion, nil, nil), nil)
			time.Sleep(pendingLimit + time.Second)
			synctest.Wait()
			if open(t, d) || d.pending.kind != pendingNothing {
				t.Error("open for assertions that nobody fetched")
			}
		})
	})
	t.Run("locked", func(t *testing.T) {
		d, _ := issue(t)
		d.Lock(t.Context())
		if open(t, d) {
			t.Error("open after Lock")
		}
	})
	t.Run("wrong PIN", func(t *testing.T) {
		d := newDevice(t, Config{})
		mustBe(t, "set PIN", d.setPIN(t.Context(), "1234"), nil)
		_, err := d.pinToken(t.Context(), "1235", ctap.PermissionGA, rpID)
		mustBe(t, "wrong PIN", err, ctap.ErrPINInvalid)
		if open(t, d) {
			t.Error("open after a wrong PIN")
		}
	})
	t.Run("change without token", func(t *testing.T) {
		d := newDevice(t, Config{})
		mustBe(t, "set PIN", d.setPIN(t.Context(), "1234"), nil)
		mustBe(t, "change PIN", d.newPIN(t.Context(), "1234", "12345"), nil)
		if open(t, d) {
			t.Error("open after a command that took the PIN without a token")
		}
	})
}
