package authenticator

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestRecent: whatever writes to the vault, what is remembered is never another
// thing than what the vault has.
func TestRecent(t *testing.T) {
	d := newDevice(t, Config{})
	ctx := t.Context()
	var ids [][]byte
	for _, user := range []string{"alice", "bob", "carol"} {
		data, err := d.register(ctx, rpID, user, nil, nil)
		mustBe(t, "register", err, nil)
		ids = append(ids, data.CredentialID)
	}
	owner := &Owner{a: d.Authenticator}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"nothing", func() error { return nil }},
		{"sign in", func() error { _, err := d.login(ctx, rpID, nil, nil); return err }},
		{"last use", func() error { d.writeLastUse(); return nil }},
		{"rename", func() error { return owner.Rename(ctx, ids[0], "al", "Al") }},
		{"delete", func() error { return owner.Delete(ctx, ids[1]) }},
		{"register", func() error { _, err := d.register(ctx, rpID, "dave", nil, nil); return err }},
		{"replace", func() error { _, err := d.register(ctx, rpID, "alice", nil, nil); return err }},
		{"lock", func() error { d.Lock(ctx); return nil }},
		{"reset", func() error { return d.Erase(ctx) }},
	} {
		remembers(t, d, "before "+step.name, ids)
		mustBe(t, step.name, step.do(), nil)
		remembers(t, d, "after "+step.name, ids)
	}
}

// remembers compares what is remembered with what the vault has, twice.
func remembers(t *testing.T, d *device, when string, ids [][]byte) {
	t.Helper()
	d.turn.Lock()
	defer d.turn.Unlock()
	recent := d.Authenticator.vault
	for range 2 {
		for _, id := range ids {
			got, err := recent.credential(t.Context(), id)
			want, wantErr := d.find(t.Context(), id)
			if !reflect.DeepEqual(got, want) || errors.Is(err, fs.ErrNotExist) != errors.Is(wantErr, fs.ErrNotExist) {
				t.Errorf("%s: %+v, %v; want %+v, %v", when, got, err, want, wantErr)
			}
		}
		list, err := recent.discoverable(t.Context(), sumOf(rpID))
		mustBe(t, when+": list", err, nil)
		for i, c := range list {
			if want, err := d.find(t.Context(), c.ID); err != nil || !reflect.DeepEqual(c, want) {
				t.Errorf("%s: listed %+v; want %+v, %v", when, c, want, err)
			}
			list[i] = nil // the list is the caller's
		}
		if uint64(len(list)) != d.state.Discoverable {
			t.Errorf("%s: %d are listed, there are %d", when, len(list), d.state.Discoverable)
		}
	}
}

// TestRecentForgets: neither a write that fails nor one that panics leaves
// anything behind, and Lock takes what is remembered out of memory.
func TestRecentForgets(t *testing.T) {
	d := newDevice(t, Config{})
	recent := d.Authenticator.vault
	_, err := d.register(t.Context(), rpID, "alice", nil, nil)
	mustBe(t, "register", err, nil)
	failure := errors.New("failure")
	for name, do := range map[string]func(){
		"failure": func() {
			mustBe(t, "update", recent.Update(t.Context(), func(keystore.Tx) error { return failure }), failure)
		},
		"panic": func() {
			defer func() { recover() }()
			recent.Update(t.Context(), func(keystore.Tx) error { panic("a bug") })
		},
		"lock": func() { d.Lock(t.Context()) },
	} {
		_, err := d.login(t.Context(), rpID, nil, nil)
		mustBe(t, "sign in", err, nil)
		if recent.held == 0 {
			t.Errorf("%s: nothing was remembered", name)
		}
		do()
		if recent.held != 0 || len(recent.byID) != 0 || len(recent.bySite) != 0 {
			t.Errorf("%s: %d are remembered", name, recent.held)
		}
	}
}

// TestRecentBound: sites that nobody knows do not fill the memory.
func TestRecentBound(t *testing.T) {
	d := newDevice(t, Config{})
	recent := d.Authenticator.vault
	for i := range recentBound + 100 {
		_, err := d.login(t.Context(), fmt.Sprint(i, ".example"), nil, func(r *ctap.GetAssertionRequest) { r.Options = ctap.Options{"up": false} })
		mustBe(t, "sign in", err, ctap.ErrNoCredentials)
	}
	if n := len(recent.byID) + len(recent.bySite); n > recentBound || n != recent.held || n == 0 {
		t.Errorf("%d are remembered, %d counted", n, recent.held)
	}
	if recent.room(recentBound + 1) {
		t.Error("there is room for too many")
	}
}
