package tpm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// kept tells whether the kernel leaves a place in memory out of dumps, as it
// does the arena's pages and no others of Go's.
func kept(t *testing.T, p unsafe.Pointer) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	must(t, "read", err)
	inside := false
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= uintptr(p) && uintptr(p) < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); inside && ok {
			return strings.Contains(flags, " dd")
		}
	}
	t.Fatalf("no pages at %v", p)
	return false
}

// TestHeld: what a root holds for long lies in the arena, and is zeros once it
// is of no more use.
func TestHeld(t *testing.T) {
	d := newDevice(t)
	password := []byte("owner password, of more than sixteen bytes")
	setOwner(t, d.raw(), nil, password)
	must(t, "create", d.create(Options{OwnerPassword: password}))
	r, err := d.open(Options{OwnerPassword: password})
	must(t, "open", err)
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	must(t, "open the gate", r.Gate().Open(t.Context(), pin(1)))
	h, _, err := r.Create(t.Context(), ctap.ES256, []byte("site"), keystore.Ungated)
	must(t, "create", err)

	places := map[string]unsafe.Pointer{
		"device secret": unsafe.Pointer(r.device), "Installation secret": unsafe.Pointer(r.installation),
		"owner password": unsafe.Pointer(&r.opts.OwnerPassword[0]),
	}
	for name, p := range map[string]keystore.Protection{"Ungated": keystore.Ungated, "Gated": keystore.Gated} {
		h, _, err := r.Create(t.Context(), ctap.ES256, []byte("site"), p)
		must(t, "create", err)
		k, err := r.Open(t.Context(), h, []byte("site"))
		must(t, "open a key", err)
		places["value of an open key, "+name] = unsafe.Pointer(k.(*key).auth.Value())
	}
	closed, err := r.Open(t.Context(), h, []byte("site"))
	must(t, "open a key", err)
	value := closed.(*key).auth.Value()
	for name, p := range places {
		if !kept(t, p) {
			t.Errorf("%s: not in the arena", name)
		}
		if *(*[16]byte)(p) == [16]byte{} {
			t.Errorf("%s: zeros while it is of use", name)
		}
	}
	if outside := new(keystore.Secret); kept(t, unsafe.Pointer(outside)) {
		t.Error("what is elsewhere seems to be in the arena")
	}
	closed.Close()
	if *value != [authSize]byte{} {
		t.Error("the value of a closed key is not wiped")
	}
	must(t, "reset", r.Reset(t.Context()))
	for _, name := range []string{"value of an open key, Ungated", "value of an open key, Gated"} {
		if *(*[authSize]byte)(places[name]) != [authSize]byte{} {
			t.Errorf("%s: not wiped by a reset", name)
		}
	}
	must(t, "close", r.Close())
	for _, name := range []string{"device secret", "Installation secret", "owner password"} {
		if *(*[32]byte)(places[name]) != [32]byte{} {
			t.Errorf("%s: not wiped", name)
		}
	}
}
