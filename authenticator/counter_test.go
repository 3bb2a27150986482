package authenticator

import (
	"context"
	"math"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// countingRoot is a root with a number that only rises.
type countingRoot struct {
	keystore.Root
	number *uint64
}

func (r countingRoot) NextRun(context.Context) (uint64, error) {
	*r.number++
	return *r.number, nil
}

// TestCounterOverRestoredVault: where the chip counts, a vault put back from a
// copy does not take signature counters back with it.
func TestCounterOverRestoredVault(t *testing.T) {
	number := uint64(1 << 40)
	root, vault := countingRoot{memory.NewRoot(nil), &number}, memory.NewVault()
	counted := func(d *device) uint32 {
		t.Helper()
		reply, err := d.login(t.Context(), rpID, nil, nil)
		mustBe(t, "sign in", err, nil)
		data, err := ctap.ParseAuthData(reply.AuthData)
		mustBe(t, "parse", err, nil)
		return data.SignCount
	}
	d := newDevice(t, Config{Root: root, Vault: vault})
	_, err := d.register(t.Context(), rpID, "user", nil, nil)
	mustBe(t, "register", err, nil)
	copied := d.state
	last := counted(d)
	for range 5 {
		d = newDevice(t, Config{Root: root, Vault: vault})
		next := counted(d)
		if next <= last {
			t.Fatalf("counter went from %d to %d over a restart", last, next)
		}
		last = next
	}
	err = vault.Update(t.Context(), func(tx keystore.Tx) error { return put(tx, stateID, copied) })
	mustBe(t, "put the copy back", err, nil)
	d = newDevice(t, Config{Root: root, Vault: vault})
	if next := counted(d); next <= last {
		t.Errorf("counter went from %d to %d over a restored vault", last, next)
	}
	mustBe(t, "erase", d.Erase(t.Context()), nil)
	_, err = d.register(t.Context(), rpID, "user", nil, nil)
	mustBe(t, "register after a reset", err, nil)
	if d.state.Run > 1<<10 {
		t.Errorf("run %d: the chip's own number shows in it", d.state.Run)
	}
}

// TestCounterStarts: a start in which no passkey is used costs no run.
func TestCounterStarts(t *testing.T) {
	number := uint64(7)
	root, vault := countingRoot{memory.NewRoot(nil), &number}, memory.NewVault()
	d := newDevice(t, Config{Root: root, Vault: vault})
	_, err := d.register(t.Context(), rpID, "user", nil, nil)
	mustBe(t, "register", err, nil)
	before := number
	for range 3 {
		d = newDevice(t, Config{Root: root, Vault: vault})
	}
	if number != before {
		t.Errorf("%d runs of the chip for starts without a use", number-before)
	}
	for range 3 {
		_, err := d.login(t.Context(), rpID, nil, nil)
		mustBe(t, "sign in", err, nil)
	}
	if number != before+1 {
		t.Errorf("%d runs of the chip for three uses after one start, want 1", number-before)
	}
}

// TestCounterRange: a credential that uses up its range goes on in a new run.
func TestCounterRange(t *testing.T) {
	d := newDevice(t, Config{})
	id := d.random.bytes(credentialIDLength, "credential ID")
	c := &credential{ID: id, CounterStart: d.counterStart(id)}
	if c.CounterStart >= 1<<24 {
		t.Errorf("start %d", c.CounterStart)
	}
	run := d.state.Run
	var last uint32
	for range 2*counterRange + 10 {
		n, err := d.next(t.Context(), c)
		mustBe(t, "next", err, nil)
		if n <= last {
			t.Fatalf("from %d to %d", last, n)
		}
		last = n
	}
	if d.state.Run != run+3 {
		t.Errorf("%d runs more, want 3", d.state.Run-run)
	}
}

// TestCounterEnds: where 32 bits are spent a counter stands still.
func TestCounterEnds(t *testing.T) {
	d := newDevice(t, Config{})
	c := &credential{ID: make([]byte, credentialIDLength), CounterStart: 1<<24 - 1}
	counted := func() uint32 {
		d.counter.uses = nil // as after a start
		n, err := d.next(t.Context(), c)
		mustBe(t, "next", err, nil)
		return n
	}
	d.state.Run = 1_044_000 // so many runs fit for certain
	last := counted()
	for range 2000 {
		n := counted()
		if n < last {
			t.Fatalf("from %d to %d", last, n)
		}
		last = n
	}
	if d.state.Run != 1_046_001 || last != math.MaxUint32 {
		t.Errorf("run %d: counter %d", d.state.Run, last)
	}
}
