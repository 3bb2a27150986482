package software

import (
	"context"
	"crypto/rand"
	"io/fs"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// TestGateElsewhere opens a gate with its secret, shuts it and renews it.
func TestGateElsewhere(t *testing.T) {
	ctx := t.Context()
	random := func() *keystore.Secret {
		s := new(keystore.Secret)
		rand.Read(s[:])
		return s
	}
	installation, device, gate := random(), random(), random()
	state := func(device, gate *keystore.Secret) *State {
		public, err := GatePublic(gate)
		if err != nil {
			t.Fatal(err)
		}
		return ElsewhereState(installation, device, public)
	}
	r := New(state(device, gate), Options{})
	sealed := make(map[keystore.Protection][]byte)
	for _, p := range []keystore.Protection{keystore.Ungated, keystore.Gated, keystore.Installation} {
		var err error
		if sealed[p], err = r.Seal(ctx, []byte("secret"), nil, p); err != nil {
			t.Fatal(err)
		}
	}
	unseals := func(when string, p keystore.Protection, want error) {
		t.Helper()
		_, err := r.Unseal(ctx, sealed[p], nil)
		wants(t, when, err, want)
	}
	unseals("shut", keystore.Gated, keystore.ErrGateShut)
	if err := r.OpenGate(random()); err == nil {
		t.Error("another gate's secret opened the gate")
	}
	if err := r.OpenGate(gateCopy(gate)); err != nil {
		t.Fatal(err)
	}
	unseals("open", keystore.Gated, nil)
	if got, err := r.GateSecret(); err != nil || *got != *gate {
		t.Errorf("GateSecret: %v", err)
	}
	r.Gate().Shut()
	unseals("shut again", keystore.Gated, keystore.ErrGateShut)
	_, err := r.GateSecret()
	wants(t, "GateSecret while shut", err, keystore.ErrGateShut)

	r.Renew(state(random(), random()))
	unseals("renewed", keystore.Gated, fs.ErrNotExist)
	unseals("renewed", keystore.Ungated, fs.ErrNotExist)
	unseals("renewed", keystore.Installation, nil)
	if err := r.OpenGate(gateCopy(gate)); err == nil {
		t.Error("the secret of before opened the new gate")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	wants(t, "OpenGate", r.OpenGate(gateCopy(gate)), fs.ErrClosed)
	_, err = r.GateSecret()
	wants(t, "GateSecret", err, fs.ErrClosed)
	r.Renew(state(random(), random()))
	_, err = r.Derive(context.Background(), "", nil, keystore.Ungated)
	wants(t, "Derive", err, fs.ErrClosed)
}

func gateCopy(s *keystore.Secret) *keystore.Secret {
	c := *s
	return &c
}
