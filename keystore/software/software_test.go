package software

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/keystoretest"
)

// disk stands for what a root's state is kept on.
type disk struct {
	state *State
	fail  func(n int) (before, after error) // of the n-th write
	n     int
}

var errDisk = errors.New("disk error")

func newDisk() *disk { return &disk{state: NewState()} }

func (d *disk) save(s *State) error {
	d.n++
	var before, after error
	if d.fail != nil {
		before, after = d.fail(d.n)
	}
	if before != nil {
		return before
	}
	d.state = new(State)
	*d.state = *s
	return after
}

func (d *disk) open() *Root {
	state := *d.state
	return New(&state, Options{Save: d.save, KeepOpen: 2})
}

func TestContract(t *testing.T) {
	roots := keystoretest.Roots{New: func(*testing.T) func() (keystore.Root, error) {
		d := newDisk()
		return func() (keystore.Root, error) { return d.open(), nil }
	}}
	keystoretest.TestRoot(t, roots)
	keystoretest.TestGate(t, roots)
}

func pin(n int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return sum[:16]
}

func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// TestRandomSignatures checks that without a seed ECDSA is hedged.
func TestRandomSignatures(t *testing.T) {
	_, k, err := newDisk().open().Create(t.Context(), ctap.ES256, nil, keystore.Ungated)
	if err != nil {
		t.Fatal(err)
	}
	a, err := k.Sign(t.Context(), make([]byte, 32), crypto.SHA256)
	b, err2 := k.Sign(t.Context(), make([]byte, 32), crypto.SHA256)
	if err := errors.Join(err, err2); err != nil || bytes.Equal(a, b) {
		t.Errorf("two signatures: %x, %x, %v", a, b, err)
	}
}

// TestEviction opens more keys than are kept.
func TestEviction(t *testing.T) {
	d := newDisk()
	r := d.open()
	var handles []keystore.Handle
	for i := range 10 {
		h, _, err := r.Create(t.Context(), ctap.ES256, []byte{byte(i)}, keystore.Ungated)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	for range 2 {
		for i, h := range handles {
			if _, err := r.Open(t.Context(), h, []byte{byte(i)}); err != nil {
				t.Error(err)
			}
			_, err := r.Open(t.Context(), h, []byte{byte(i + 1)})
			wants(t, "another binding", err, fs.ErrNotExist)
		}
	}
	if n := len(r.rings[keystore.Ungated].keys); n > 2 {
		t.Errorf("%d keys are kept, want 2", n)
	}
}

func TestState(t *testing.T) {
	d := newDisk()
	r := d.open()
	if err := r.Gate().SetPIN(t.Context(), pin(1)); err != nil {
		t.Fatal(err)
	}
	b, err := d.state.AppendBinary(nil)
	if err != nil || len(b) != stateSize {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	var again State
	if err := again.UnmarshalBinary(b); err != nil || again != *d.state {
		t.Errorf("decoded as %v, %v", again, err)
	}
	b[0]++
	wants(t, "a newer version", again.UnmarshalBinary(b), keystore.ErrNewerSchema)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", d.state, *d.state, r.state)} {
		if bytes.Contains([]byte(text), []byte(fmt.Sprint(d.state.Device[:])[1:])) {
			t.Errorf("a state prints as %s", text)
		}
	}
}
