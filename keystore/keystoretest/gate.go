package keystoretest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestGate tests the contract of keystore.Gate.
func TestGate(t *testing.T, roots Roots) {
	t.Run("Start", func(t *testing.T) { testGateStart(t, roots) })
	t.Run("Open", func(t *testing.T) { testGateOpen(t, roots) })
	t.Run("Malformed", func(t *testing.T) { testGateMalformed(t, roots) })
	t.Run("Change", func(t *testing.T) { testGateChange(t, roots) })
	t.Run("Eight", func(t *testing.T) { testGateEight(t, roots, func(*device) {}) })
	t.Run("BlockedOpen", func(t *testing.T) { testGateBlockedOpen(t, roots) })
	t.Run("Guessers", func(t *testing.T) { testGateGuessers(t, roots) })
	if roots.Forgetful {
		return
	}
	t.Run("EightOverRestarts", func(t *testing.T) { testGateEight(t, roots, (*device).restart) })
	t.Run("Restart", func(t *testing.T) { testGateRestart(t, roots) })
}

func (d *device) hasState(when string, want keystore.GateState) {
	d.t.Helper()
	got, err := d.Gate().State(context.Background())
	if err != nil || got != want {
		d.t.Errorf("%s: State = %+v, %v, want %+v", when, got, err, want)
	}
}

// block spends all tries.
func (d *device) block() {
	d.t.Helper()
	for range ctap.MaxPINRetries {
		if err := d.Gate().Open(context.Background(), pinHash("wrong")); err == nil {
			d.t.Fatal("a wrong PIN opened the gate")
		}
	}
	wants(d.t, "a blocked gate", d.Gate().Open(context.Background(), pinHash("wrong")), keystore.ErrPINBlocked)
}

func testGateStart(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	start := keystore.GateState{Retries: ctap.MaxPINRetries}
	d.hasState("new", start)
	wants(t, "open without a PIN", d.Gate().Open(t.Context(), pinHash("1234")), keystore.ErrNoPIN)
	wants(t, "open without a PIN", d.Gate().Open(t.Context(), nil), keystore.ErrNoPIN)
	d.Gate().Shut()
	d.hasState("after opening without a PIN", start)
	d.setPIN("1234")
	d.hasState("after the first PIN", keystore.GateState{Set: true, Retries: ctap.MaxPINRetries})
	wants(t, "set a second first PIN", d.Gate().SetPIN(t.Context(), pinHash("5678")), keystore.ErrGateShut)
	d.openGate("1234")
}

func testGateOpen(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	d.setPIN("1234")
	for i := range 3 {
		wants(t, "a wrong PIN", d.Gate().Open(t.Context(), pinHash("4321")), keystore.ErrWrongPIN)
		d.hasState("after a wrong PIN", keystore.GateState{Set: true, Retries: ctap.MaxPINRetries - 1 - i})
	}
	d.openGate("1234")
	open := keystore.GateState{Set: true, Open: true, Retries: ctap.MaxPINRetries}
	d.hasState("after the right PIN", open)
	d.openGate("1234")
	d.hasState("after the right PIN again", open)
	wants(t, "a wrong PIN while open", d.Gate().Open(t.Context(), pinHash("4321")), keystore.ErrWrongPIN)
	open.Retries--
	d.hasState("after a wrong PIN while open", open)
	d.Gate().Shut()
	d.Gate().Shut()
	d.hasState("after Shut", keystore.GateState{Set: true, Retries: open.Retries})
}

func testGateMalformed(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	right := pinHash("1234")
	long := slices.Concat(right, right)
	for _, pin := range [][]byte{nil, {}, right[:15], long[:17], long} {
		if err := d.Gate().SetPIN(t.Context(), pin); err == nil {
			t.Errorf("SetPIN took %d bytes", len(pin))
		}
	}
	d.hasState("after malformed first PINs", keystore.GateState{Retries: ctap.MaxPINRetries})
	d.setPIN("1234")
	retries := ctap.MaxPINRetries
	for _, pin := range [][]byte{nil, {}, right[:15], long[:17], long} {
		wants(t, "a PIN of another length", d.Gate().Open(t.Context(), pin), keystore.ErrWrongPIN)
		retries--
		d.hasState("after a PIN of another length", keystore.GateState{Set: true, Retries: retries})
	}
	if !slices.Equal(right, pinHash("1234")) {
		t.Error("Open wrote into the pinHash that it was given")
	}
	d.openGate("1234")
	if err := d.Gate().SetPIN(t.Context(), right[:15]); err == nil {
		t.Error("SetPIN took 15 bytes")
	}
	d.Gate().Shut()
	d.openGate("1234")
}

func testGateChange(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	m := d.makeAll()
	wants(t, "a wrong PIN", d.Gate().Open(t.Context(), pinHash("0000")), keystore.ErrWrongPIN)
	d.setPIN("5678")
	d.hasState("after a change", keystore.GateState{Set: true, Open: true, Retries: ctap.MaxPINRetries})
	d.signs(m[1].key, ctap.ES256, m[1].key.Public())
	d.Gate().Shut()
	wants(t, "the old PIN", d.Gate().Open(t.Context(), pinHash("1234")), keystore.ErrWrongPIN)
	d.openGate("5678")
	for _, m := range m {
		d.lives(m)
	}
	d.setPIN("5678")
	d.Gate().Shut()
	d.openGate("5678")
}

// testGateEight spends the tries one by one, with something in between: they
// are eight, and afterwards the right PIN is refused as well.
func testGateEight(t *testing.T, roots Roots, between func(*device)) {
	d := newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	gated, _ := d.create(ctap.ES256, "site", keystore.Gated)
	d.Gate().Shut()
	// Seven wrong ones are forgiven by a right one.
	for range ctap.MaxPINRetries - 1 {
		between(d)
		wants(t, "a wrong PIN", d.Gate().Open(t.Context(), pinHash("wrong")), keystore.ErrWrongPIN)
	}
	between(d)
	d.hasState("one try left", keystore.GateState{Set: true, Retries: 1})
	d.openGate("1234")
	d.Gate().Shut()
	between(d)
	d.hasState("forgiven", keystore.GateState{Set: true, Retries: ctap.MaxPINRetries})

	for i := range ctap.MaxPINRetries {
		want := keystore.ErrWrongPIN
		if i == ctap.MaxPINRetries-1 {
			want = keystore.ErrPINBlocked
		}
		wants(t, "a wrong PIN", d.Gate().Open(t.Context(), pinHash("wrong")), want)
		between(d)
		d.hasState("after a wrong PIN", keystore.GateState{Set: true, Retries: ctap.MaxPINRetries - 1 - i})
	}
	for _, pin := range []string{"1234", "wrong"} {
		wants(t, "a PIN after eight wrong ones", d.Gate().Open(t.Context(), pinHash(pin)), keystore.ErrPINBlocked)
		between(d)
	}
	d.hasState("blocked", keystore.GateState{Set: true})
	wants(t, "set a PIN while blocked", d.Gate().SetPIN(t.Context(), pinHash("5678")), keystore.ErrGateShut)
	_, err := d.Root.Open(t.Context(), gated, []byte("site"))
	wants(t, "open a Gated key while blocked", err, keystore.ErrGateShut)
}

// testGateBlockedOpen spends the tries while the gate is open: it stays open, but
// no change of the PIN gives them back.
func testGateBlockedOpen(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	d.setPIN("1234")
	d.openGate("1234")
	gated, k := d.create(ctap.ES256, "site", keystore.Gated)
	d.block()
	blocked := keystore.GateState{Set: true, Open: true}
	d.hasState("blocked while open", blocked)
	for _, pin := range []string{"1234", "5678"} {
		wants(t, "set a PIN while blocked", d.Gate().SetPIN(t.Context(), pinHash(pin)), keystore.ErrPINBlocked)
		d.hasState("after it", blocked)
		wants(t, "a PIN while blocked", d.Gate().Open(t.Context(), pinHash(pin)), keystore.ErrPINBlocked)
	}
	d.opens(gated, "site", ctap.ES256, k.Public())
	if !roots.Forgetful {
		d.restart()
	} else {
		d.Gate().Shut()
	}
	blocked.Open = false
	d.hasState("after it was shut", blocked)
	for _, pin := range []string{"1234", "5678"} {
		wants(t, "a PIN after it was shut", d.Gate().Open(t.Context(), pinHash(pin)), keystore.ErrPINBlocked)
	}
}

// testGateGuessers lets twelve guess at once: eight are judged.
func testGateGuessers(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	d.setPIN("1234")
	var wrong, blocked atomic.Int32
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			err := d.Gate().Open(t.Context(), pinHash("wrong"))
			switch {
			case errors.Is(err, keystore.ErrWrongPIN):
				wrong.Add(1)
			case errors.Is(err, keystore.ErrPINBlocked):
				blocked.Add(1)
			default:
				t.Errorf("a guess: %v", err)
			}
		})
	}
	wg.Wait()
	if wrong.Load() != ctap.MaxPINRetries-1 || blocked.Load() != 12-ctap.MaxPINRetries+1 {
		t.Errorf("%d wrong and %d blocked of 12 guesses", wrong.Load(), blocked.Load())
	}
	d.hasState("after the guesses", keystore.GateState{Set: true})
}

func testGateRestart(t *testing.T, roots Roots) {
	d := newDevice(t, roots)
	d.restart()
	d.hasState("no PIN, restarted", keystore.GateState{Retries: ctap.MaxPINRetries})
	d.setPIN("1234")
	d.restart()
	d.openGate("1234")
	d.restart()
	d.hasState("open, restarted", keystore.GateState{Set: true, Retries: ctap.MaxPINRetries})
	wants(t, "change a PIN after a restart", d.Gate().SetPIN(t.Context(), pinHash("5678")), keystore.ErrGateShut)
	d.openGate("1234")
	d.setPIN("5678")
	d.restart()
	wants(t, "the old PIN", d.Gate().Open(t.Context(), pinHash("1234")), keystore.ErrWrongPIN)
	d.openGate("5678")
}
