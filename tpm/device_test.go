package tpm

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

// A device is a root's file, its chip, and what goes over the bus between them.
type device struct {
	t    *testing.T
	path string
	chip *tpmtest.Chip
	bus
}

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{t: t, path: filepath.Join(t.TempDir(), "root"), chip: tpmtest.New(t)}
	d.bus.chip = d.chip
	return d
}

// created is a device with a root.
func created(t *testing.T) *device {
	t.Helper()
	d := newDevice(t)
	if err := d.create(Options{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *device) create(opts Options) error { return Create(d.t.Context(), d.path, d.bus.open, opts) }

func (d *device) open(opts Options) (*Root, error) {
	r, err := Open(d.t.Context(), d.path, d.bus.open, opts)
	if err == nil {
		d.t.Cleanup(func() { r.Close() })
	}
	return r, err
}

func (d *device) mustOpen() *Root {
	d.t.Helper()
	r, err := d.open(Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// clone is another device in the same state.
func (d *device) clone(t *testing.T) *device {
	t.Helper()
	c := &device{t: t, path: filepath.Join(t.TempDir(), "root"), chip: d.chip.Clone(t)}
	c.bus.chip = c.chip
	if _, err := os.Stat(d.path); err != nil {
		return c
	}
	copyFile(t, c.path, d.path)
	if _, err := os.Stat(d.path + hintSuffix); err == nil {
		copyFile(t, c.path+hintSuffix, d.path+hintSuffix)
	}
	return c
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// raw opens a connection to the chip of someone else.
func (d *device) raw() transport.TPM {
	d.t.Helper()
	t, err := d.chip.Open()
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

// A bus connects a root to its chip: it counts the commands, remembers what it
// carried, and can break.
type bus struct {
	chip *tpmtest.Chip

	mu     sync.Mutex
	n      int                          // commands carried
	log    [][]byte                     // commands and answers
	stopAt int                          // the number of the last command; 0: none
	sent   bool                         // the last command reaches the chip
	after  func(command, answer []byte) // each command
}

func (b *bus) open() (transport.TPMCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped() {
		return nil, errors.New("the power is off")
	}
	t, err := b.chip.Open()
	if err != nil {
		return nil, err
	}
	return &line{t, b}, nil
}

func (b *bus) stopped() bool { return b.stopAt > 0 && b.n >= b.stopAt }

// stop cuts the power at the n-th command from now: before the chip has it, or
// before its answer arrives.
func (b *bus) stop(n int, sent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n, b.stopAt, b.sent = 0, n, sent
}

// resume gives the power back, and tells whether it was cut.
func (b *bus) resume() (cut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	cut = b.stopped()
	b.n, b.stopAt = 0, 0
	if cut {
		b.chip.Restart()
	}
	return cut
}

// count counts the commands of f.
func (b *bus) count(f func()) int {
	b.mu.Lock()
	b.n = 0
	b.mu.Unlock()
	f()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

type line struct {
	transport.TPMCloser
	bus *bus
}

func (l *line) Send(command []byte) ([]byte, error) {
	b := l.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped() {
		return nil, errors.New("the power is off")
	}
	b.n++
	if b.stopped() && !b.sent {
		b.chip.Cut()
		return nil, errors.New("the power went off before the command")
	}
	answer, err := l.TPMCloser.Send(command)
	if b.stopped() {
		b.chip.Cut()
		return nil, errors.New("the power went off before the answer")
	}
	b.log = append(b.log, append([]byte(nil), command...), append([]byte(nil), answer...))
	if b.after != nil {
		b.after(command, answer)
	}
	return answer, err
}

func commandCode(command []byte) tpm2.TPMCC { return tpm2.TPMCC(binary.BigEndian.Uint32(command[6:])) }

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

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// hasState checks the gate's state.
func hasState(t *testing.T, when string, r *Root, want keystore.GateState) {
	t.Helper()
	if got, err := r.Gate().State(t.Context()); err != nil || got != want {
		t.Errorf("%s: State = %+v, %v, want %+v", when, got, err, want)
	}
}

// things are one of everything, made under each protection.
type things struct {
	keys   map[keystore.Protection]keystore.Handle
	sealed map[keystore.Protection][]byte
}

var protections = []keystore.Protection{keystore.Ungated, keystore.Gated, keystore.Installation}

func makeThings(t *testing.T, r *Root) things {
	t.Helper()
	all := things{make(map[keystore.Protection]keystore.Handle), make(map[keystore.Protection][]byte)}
	for _, p := range protections {
		h, k, err := r.Create(t.Context(), ctap.ES256, []byte("site"), p)
		must(t, "create", err)
		k.Close()
		all.keys[p] = h
		all.sealed[p], err = r.Seal(t.Context(), []byte("secret"), nil, p)
		must(t, "seal", err)
	}
	return all
}

// use signs with a thing's key and unseals its value.
func (all things) use(t *testing.T, r *Root, p keystore.Protection) error {
	k, err := r.Open(t.Context(), all.keys[p], []byte("site"))
	if err != nil {
		return err
	}
	defer k.Close()
	if _, err := k.Sign(t.Context(), make([]byte, 32), ctap.ES256.Hash()); err != nil {
		return err
	}
	_, err = r.Unseal(t.Context(), all.sealed[p], nil)
	return err
}
