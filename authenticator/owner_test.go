package authenticator

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

func passkeys(t *testing.T, d *device, pin string) []Passkey {
	t.Helper()
	var all []Passkey
	err := d.AsOwner(t.Context(), []byte(pin), func(o *Owner) error {
		return o.Passkeys(t.Context(), func(p Passkey) error {
			all = append(all, p)
			return nil
		})
	})
	mustBe(t, "list", err, nil)
	return all
}

func TestOwnerListsRenamesDeletes(t *testing.T) {
	d := newDevice(t, Config{})
	for _, user := range []string{"alice", "bob"} {
		_, err := d.register(t.Context(), rpID, user, nil, nil)
		mustBe(t, "register", err, nil)
	}
	_, err := d.register(t.Context(), "other.example", "carol", nil, func(r *ctap.MakeCredentialRequest) { r.Options = nil })
	mustBe(t, "register", err, nil)

	all := passkeys(t, d, "")
	var names []string
	for _, p := range all {
		names = append(names, p.RPID+"/"+p.Account.Name)
	}
	if want := []string{"other.example/carol", "example.org/bob", "example.org/alice"}; !slices.Equal(names, want) {
		t.Fatalf("listed %q, want %q", names, want)
	}
	if all[0].Discoverable || !all[1].Discoverable || all[1].Created.IsZero() || !all[1].LastUsed.IsZero() {
		t.Errorf("listed %+v", all[:2])
	}
	err = d.AsOwner(t.Context(), nil, func(o *Owner) error {
		mustBe(t, "rename", o.Rename(t.Context(), all[1].ID, "robert", "Robert"), nil)
		mustBe(t, "delete", o.Delete(t.Context(), all[2].ID), nil)
		mustBe(t, "delete again", o.Delete(t.Context(), all[2].ID), fs.ErrNotExist)
		mustBe(t, "rename at length", o.Rename(t.Context(), all[1].ID, strings.Repeat("x", maxText+1), ""), ctap.ErrLimitExceeded)
		mustBe(t, "rename nothing", o.Rename(t.Context(), []byte("x"), "", ""), fs.ErrNotExist)
		return nil
	})
	mustBe(t, "as owner", err, nil)
	all = passkeys(t, d, "")
	if len(all) != 2 || all[1].Account.Name != "robert" || d.state.Discoverable != 1 {
		t.Errorf("left %+v", all)
	}
}

// TestOwnerProvesPIN: where a PIN is set nothing is told or changed without it,
// and a wrong one spends a try of the only counter.
func TestOwnerProvesPIN(t *testing.T) {
	d := newDevice(t, Config{})
	ctx := t.Context()
	mustBe(t, "first PIN", d.AsOwner(ctx, nil, func(o *Owner) error { return o.SetPIN(ctx, []byte("1234")) }), nil)
	never := func(*Owner) error { t.Error("ran without the PIN"); return nil }
	mustBe(t, "no PIN", d.AsOwner(ctx, nil, never), ctap.ErrPUATRequired)
	mustBe(t, "an empty PIN", d.Unlock(ctx, []byte{}, true), ctap.ErrPUATRequired)
	if n, err := d.retries(ctx); err != nil || n != 8 {
		t.Errorf("without a PIN %d tries left, %v", n, err)
	}
	mustBe(t, "wrong PIN", d.AsOwner(ctx, []byte("9999"), never), ctap.ErrPINInvalid)
	if n, err := d.retries(ctx); err != nil || n != 7 {
		t.Errorf("%d tries left, %v", n, err)
	}
	err := d.AsOwner(ctx, []byte("1234"), func(o *Owner) error {
		if state, _, err := d.PINState(ctx); err != nil || !state.Open {
			t.Errorf("gate %+v, %v", state, err)
		}
		mustBe(t, "short PIN", o.SetPIN(ctx, []byte("123")), ctap.ErrPINPolicyViolation)
		return o.SetPIN(ctx, []byte("12345"))
	})
	mustBe(t, "change PIN", err, nil)
	if state, blocked, err := d.PINState(ctx); err != nil || state.Open || state.Retries != 8 || blocked {
		t.Errorf("afterwards gate %+v, blocked %v, %v", state, blocked, err)
	}
	if !opens(t, d, "12345") {
		t.Error("the new PIN is not right")
	}
	for range 3 {
		d.AsOwner(ctx, []byte("9999"), never)
	}
	mustBe(t, "right PIN after three misses", d.AsOwner(ctx, []byte("12345"), never), ctap.ErrPINAuthBlocked)
	mustBe(t, "erase", d.Erase(ctx), nil)
	if state, _, err := d.PINState(ctx); err != nil || state.Set {
		t.Errorf("after erasing: %+v, %v", state, err)
	}
}

// TestUnlock: three misses in a row block the PIN until the owner says otherwise,
// which is good for one try, and gives none of those that are spent back.
func TestUnlock(t *testing.T) {
	d := newDevice(t, Config{})
	ctx := t.Context()
	mustBe(t, "without a PIN", d.Unlock(ctx, nil, true), ctap.ErrPINNotSet)
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	left := func(want int, wantBlocked bool) {
		t.Helper()
		state, blocked, err := d.PINState(ctx)
		if err != nil || state.Retries != want || blocked != wantBlocked || state.Open {
			t.Errorf("PIN %+v, blocked %v, %v; want %d tries, blocked %v", state, blocked, err, want, wantBlocked)
		}
	}
	wrong, right := []byte("9999"), []byte("1234")
	mustBe(t, "wrong", d.Unlock(ctx, wrong, false), ctap.ErrPINInvalid)
	mustBe(t, "wrong", d.Unlock(ctx, wrong, true), ctap.ErrPINInvalid)
	mustBe(t, "third wrong", d.Unlock(ctx, wrong, false), ctap.ErrPINAuthBlocked)
	left(5, true)
	mustBe(t, "right, not re-armed", d.Unlock(ctx, right, false), ctap.ErrPINAuthBlocked)
	left(5, true)
	mustBe(t, "wrong, re-armed", d.Unlock(ctx, wrong, true), ctap.ErrPINAuthBlocked)
	left(4, true)
	_, err := d.pinToken(ctx, "1234", ctap.PermissionGA, rpID)
	mustBe(t, "a client", err, ctap.ErrPINAuthBlocked)
	left(4, true)
	mustBe(t, "right, re-armed", d.Unlock(ctx, right, true), nil)
	left(8, false)
	_, err = d.pinToken(ctx, "1234", ctap.PermissionGA, rpID)
	mustBe(t, "a client", err, nil)
	d.Lock(ctx)

	// No act of the owner's helps once all tries are spent.
	for range 8 {
		d.Unlock(ctx, wrong, true)
	}
	mustBe(t, "right, re-armed", d.Unlock(ctx, right, true), ctap.ErrPINBlocked)
	state, _, err := d.PINState(ctx)
	if err != nil || state.Retries != 0 {
		t.Errorf("PIN %+v, %v", state, err)
	}
}

// TestOwnerChangesForcedPIN: a PIN that has to be changed is not changed to
// itself.
func TestOwnerChangesForcedPIN(t *testing.T) {
	d := newDevice(t, Config{})
	ctx := t.Context()
	mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
	mustBe(t, "force", d.change(ctx, func(s *state) { s.ForcePINChange = true }), nil)
	err := d.AsOwner(ctx, []byte("1234"), func(o *Owner) error {
		mustBe(t, "same PIN", o.SetPIN(ctx, []byte("1234")), ctap.ErrPINPolicyViolation)
		return o.SetPIN(ctx, []byte("4321"))
	})
	mustBe(t, "another PIN", err, nil)
	if d.state.ForcePINChange {
		t.Error("it has to be changed again")
	}
}

// TestLastUse: it is told at once, written within a minute and at the end, and
// changes nothing else.
func TestLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, Config{})
		_, err := d.register(t.Context(), rpID, "user", nil, nil)
		mustBe(t, "register", err, nil)
		time.Sleep(time.Hour)
		_, err = d.login(t.Context(), rpID, nil, nil)
		mustBe(t, "sign in", err, nil)
		used := time.Now()
		told := func(d *device) time.Time { return passkeys(t, d, "")[0].LastUsed }
		if got := told(d); !got.Equal(used.Truncate(time.Second)) {
			t.Errorf("told %v, used %v", got, used)
		}
		time.Sleep(lastUseDelay + time.Second)
		synctest.Wait()
		crashed := newDevice(t, Config{Root: d.root, Vault: d.vault})
		if got := told(crashed); !got.Equal(used.Truncate(time.Second)) {
			t.Errorf("written %v, used %v", got, used)
		}
		_, err = crashed.login(t.Context(), rpID, nil, nil)
		mustBe(t, "sign in", err, nil)
		again := time.Now()
		mustBe(t, "close", crashed.Close(context.Background()), nil)
		if got := told(newDevice(t, Config{Root: d.root, Vault: d.vault})); !got.Equal(again.Truncate(time.Second)) {
			t.Errorf("at the end written %v, used %v", got, again)
		}
	})
}
