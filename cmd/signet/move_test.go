//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

const movePIN = "493817"

// rootHeaders make the header of a store of each kind of root, and what its
// chip is.
func rootHeaders() map[string]func(t *testing.T) store.Header {
	keyring.MockInit()
	return map[string]func(t *testing.T) store.Header{
		store.RootFile: func(t *testing.T) store.Header {
			return store.Header{Root: store.RootFile, Unlock: store.UnlockKeyFile, KeyFile: filepath.Join(t.TempDir(), "key")}
		},
		store.RootKeyring: func(*testing.T) store.Header { return store.Header{Root: store.RootKeyring} },
		store.RootTPM: func(t *testing.T) store.Header {
			return store.Header{Root: store.RootTPM, TPM: socketPrefix + tpmtest.New(t).Socket()}
		},
	}
}

// A movable is a store with a PIN and a passkey, and what that says at its site.
type movable struct {
	t    *testing.T
	path string
	want map[string]string
}

func newEmpty(t *testing.T, h store.Header) *movable {
	t.Helper()
	m := &movable{t: t, path: filepath.Join(t.TempDir(), "dev"), want: map[string]string{}}
	h.Profile = store.ProfileSecurityKey
	if err := createDevice(t.Context(), m.path, h, rootSecrets{}, []byte(movePIN)); err != nil {
		t.Fatal(err)
	}
	return m
}

func newMovable(t *testing.T, h store.Header) *movable {
	t.Helper()
	m := newEmpty(t, h)
	dev := m.open()
	defer m.close(dev)
	const site = "one.example"
	m.want[site] = m.register(dev, site)
	if got := m.answers(dev); !maps.Equal(got, m.want) {
		t.Fatalf("signed in with %v, registered with %v", got, m.want)
	}
	return m
}

func (m *movable) open() *device {
	m.t.Helper()
	unlock := func(store.Header) (rootSecrets, error) { return rootSecrets{}, nil }
	dev, err := openDevice(m.t.Context(), m.path, opening{unlock: unlock, user: consent.Policy{Approve: true}, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		m.t.Fatal(err)
	}
	return dev
}

// asOwner runs f on the device in this process.
func (m *movable) asOwner(f func(context.Context, *owner) error) {
	m.t.Helper()
	dev := m.open()
	defer m.close(dev)
	if err := f(m.t.Context(), &owner{Owner: daemon.Owner{Caller: daemon.Engine{Device: dev.engine}}}); err != nil {
		m.t.Fatal(err)
	}
}

func (m *movable) close(dev *device) {
	m.t.Helper()
	if err := dev.Close(context.Background()); err != nil {
		m.t.Error(err)
	}
}

// register makes a passkey, and returns its ID and its PRF output.
func (m *movable) register(dev *device, site string) string {
	m.t.Helper()
	// Keys of this algorithm are in no chip.
	answer, err := m.browser(dev, site).Create(m.t.Context(), fmt.Appendf(nil, `{
		"rp": {"id": %q, "name": "Site"}, "user": {"id": "YWxpY2U", "name": "alice", "displayName": "Alice"},
		"challenge": "cmVnaXN0ZXIgYWxpY2UgaGVyZQ", "pubKeyCredParams": [{"type": "public-key", "alg": -8}],
		"authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
		"extensions": {"prf": {"eval": {"first": "c2FsdA"}}}
	}`, site))
	if err != nil {
		m.t.Fatal(err)
	}
	return m.prf(answer)
}

func (m *movable) browser(dev *device, site string) *client.Client {
	local := client.Local(dev.engine, nil)
	return ctapClient{local, client.New(local)}.browser(site, movePIN)
}

func (m *movable) prf(answer []byte) string {
	m.t.Helper()
	var r struct {
		ID      string
		Results struct {
			PRF struct{ Results struct{ First string } }
		} `json:"clientExtensionResults"`
	}
	if err := json.Unmarshal(answer, &r); err != nil || r.Results.PRF.Results.First == "" {
		m.t.Fatalf("no PRF output in %s: %v", answer, err)
	}
	return r.ID + " " + r.Results.PRF.Results.First
}

// answers signs in at each site.
func (m *movable) answers(dev *device) map[string]string {
	m.t.Helper()
	got := map[string]string{}
	for site := range m.want {
		answer, err := m.browser(dev, site).Get(m.t.Context(), fmt.Appendf(nil,
			`{"rpId": %q, "challenge": "c2lnbiBhbGljZSBpbiBoZXJl", "userVerification": "required", "extensions": {"prf": {"eval": {"first": "c2FsdA"}}}}`, site))
		if err != nil {
			m.t.Errorf("sign in at %s: %v", site, err)
			continue
		}
		got[site] = m.prf(answer)
	}
	return got
}

// check opens the device and wants it whole, on the root given, with nothing left
// of another.
func (m *movable) check(root string) {
	m.t.Helper()
	dev := m.open()
	defer m.close(dev)
	if dev.store.Root != root {
		m.t.Errorf("the device is on root %s, want %s", dev.store.Root, root)
	}
	if got := m.answers(dev); !maps.Equal(got, m.want) {
		m.t.Errorf("signed in with %v, want %v", got, m.want)
	}
	if err := dev.engine.Check(m.t.Context()); err != nil {
		m.t.Error(err)
	}
	if left, _, err := dev.store.Leftover(); left != nil || err != nil {
		m.t.Errorf("left over: %v, %v", left, err)
	}
	entries, err := os.ReadDir(m.path)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range entries {
		for _, generation := range []int{dev.store.Generation - 1, dev.store.Generation + 1} {
			other := &store.Store{Header: store.Header{Generation: generation}, Path: m.path}
			if name := filepath.Join(m.path, e.Name()); generation >= 0 && (name == other.RootPath() || name == other.VaultPath()) {
				m.t.Errorf("%s is left", e.Name())
			}
		}
	}
}

// TestMove moves between every two roots and back, and cuts the move short after
// each of its steps: the device is whole on the one or on the other, with each
// passkey and its PRF output as before, and the next start clears up.
func TestMove(t *testing.T) {
	headers := rootHeaders()
	for from, fromHeader := range headers {
		for to, toHeader := range headers {
			t.Run(from+" to "+to, func(t *testing.T) {
				m := newMovable(t, fromHeader(t))
				for cut, root := range []string{from, from, from, to} {
					header := toHeader(t)
					dev := m.open()
					mv := &mover{dev: dev, header: header, pin: []byte(movePIN)}
					for _, step := range mv.steps()[:cut+1] {
						if err := step(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					m.close(dev)
					m.check(root)
					if t.Failed() {
						t.Fatalf("cut short after step %d", cut+1)
					}
				}
				dev := m.open()
				back := &mover{dev: dev, header: fromHeader(t), pin: []byte(movePIN)}
				if err := back.run(t.Context()); err != nil {
					t.Error(err)
				}
				m.close(dev)
				m.check(from)
			})
		}
	}
}

// A move that fails takes back what it made.
func TestMoveGivesUp(t *testing.T) {
	headers := rootHeaders()
	m := newMovable(t, headers[store.RootFile](t))
	dev := m.open()
	key := filepath.Join(t.TempDir(), "key")
	mv := &mover{dev: dev, header: store.Header{Root: store.RootFile, Unlock: store.UnlockKeyFile, KeyFile: key}, pin: []byte("000000")}
	if err := mv.run(t.Context()); err == nil {
		t.Error("moved with a wrong PIN")
	}
	m.close(dev)
	if _, err := os.Stat(key); err == nil {
		t.Error("the key file is left")
	}
	m.check(store.RootFile)

	dev = m.open()
	mv = &mover{dev: dev, header: store.Header{Root: store.RootTPM, TPM: socketPrefix + filepath.Join(t.TempDir(), "none")}, pin: []byte(movePIN)}
	if err := mv.run(t.Context()); err == nil {
		t.Error("moved into a TPM that is not there")
	}
	m.close(dev)
	m.check(store.RootFile)
}

// Keys that are in a chip stay there.
func TestMoveOutOfChip(t *testing.T) {
	headers := rootHeaders()
	m := newMovable(t, headers[store.RootTPM](t))
	dev := m.open()
	local := client.Local(dev.engine, nil)
	t.Chdir(t.TempDir())
	if err := (ctapClient{local, client.New(local)}).register(t.Context(), "chip.example", "alice", movePIN); err != nil {
		t.Fatal(err)
	}
	mv := &mover{dev: dev, header: headers[store.RootFile](t), pin: []byte(movePIN)}
	if err := mv.run(t.Context()); !errors.Is(err, keystore.ErrInChip) {
		t.Errorf("moved a key out of the chip: %v", err)
	}
	m.close(dev)
	m.check(store.RootTPM)

	dev = m.open()
	mv = &mover{dev: dev, header: headers[store.RootFile](t), pin: []byte(movePIN), leaveBehind: true}
	if err := mv.run(t.Context()); err != nil {
		t.Error(err)
	}
	m.close(dev)
	m.check(store.RootFile)
}

// A PIN that the new root finds too short goes along, and has to be changed.
func TestMoveShortPIN(t *testing.T) {
	headers := rootHeaders()
	header := headers[store.RootTPM](t)
	header.Profile = store.ProfileSecurityKey
	m := &movable{t: t, path: filepath.Join(t.TempDir(), "dev")}
	if err := createDevice(t.Context(), m.path, header, rootSecrets{}, []byte("4938")); err != nil {
		t.Fatal(err)
	}
	dev := m.open()
	mv := &mover{dev: dev, header: headers[store.RootFile](t), pin: []byte("4938")}
	if err := mv.run(t.Context()); err != nil {
		t.Error(err)
	}
	m.close(dev)
	dev = m.open()
	defer m.close(dev)
	info, err := client.New(client.Local(dev.engine, nil)).GetInfo(t.Context())
	if err != nil || !info.ForcePINChange || info.MinPINLength != 6 {
		t.Errorf("PIN must change: %v, at least %d, %v", info.ForcePINChange, info.MinPINLength, err)
	}
}
