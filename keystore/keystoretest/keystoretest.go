// Package keystoretest holds one suite for each contract of package keystore.
// Every implementation runs the suites of what it implements, so that a root in
// a chip and a root in a file are the same to the engine.
package keystoretest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// Places makes places for roots or vaults.
type Places[T any] struct {
	// New makes a place and returns what opens it: the first time it is made
	// there, afterwards it is what it was, as for a new process. It is closed
	// before it is opened again.
	New func(t *testing.T) (open func() (T, error))
	// Forgetful tells that nothing outlives Close, so nothing is reopened.
	Forgetful bool
}

// Roots makes places for roots.
type Roots = Places[keystore.Root]

// Vaults makes places for vaults.
type Vaults = Places[keystore.Vault]

var allProtections = []keystore.Protection{keystore.Ungated, keystore.Gated, keystore.Installation}

// pinHash is what arrives of a PIN: the first 16 bytes of its SHA-256.
func pinHash(pin string) []byte {
	sum := sha256.Sum256([]byte(pin))
	return sum[:16]
}

// device is a root under test.
type device struct {
	keystore.Root
	t    *testing.T
	open func() (keystore.Root, error)
}

func newDevice(t *testing.T, roots Roots) *device {
	t.Helper()
	d := &device{t: t, open: roots.New(t)}
	d.start()
	t.Cleanup(func() { d.Root.Close() })
	return d
}

func (d *device) start() {
	d.t.Helper()
	root, err := d.open()
	if err != nil {
		d.t.Fatalf("open the root: %v", err)
	}
	d.Root = root
}

// restart closes the root and opens it again.
func (d *device) restart() {
	d.t.Helper()
	if err := d.Root.Close(); err != nil {
		d.t.Fatalf("close the root: %v", err)
	}
	d.start()
}

func (d *device) setPIN(pin string) {
	d.t.Helper()
	if err := d.Gate().SetPIN(context.Background(), pinHash(pin)); err != nil {
		d.t.Fatalf("set PIN: %v", err)
	}
}

func (d *device) openGate(pin string) {
	d.t.Helper()
	if err := d.Gate().Open(context.Background(), pinHash(pin)); err != nil {
		d.t.Fatalf("open the gate: %v", err)
	}
}

func (d *device) create(alg ctap.Algorithm, binding string, p keystore.Protection) (keystore.Handle, keystore.Key) {
	d.t.Helper()
	h, k, err := d.Create(context.Background(), alg, []byte(binding), p)
	if err != nil {
		d.t.Fatalf("create %v: %v", alg, err)
	}
	return h, k
}

// opens checks that a handle opens, and that its key signs for pub.
func (d *device) opens(h keystore.Handle, binding string, alg ctap.Algorithm, pub crypto.PublicKey) {
	d.t.Helper()
	k, err := d.Open(context.Background(), h, []byte(binding))
	if err != nil {
		d.t.Fatalf("open a key of %v: %v", alg, err)
	}
	defer k.Close()
	d.signs(k, alg, pub)
}

// signs checks that a key signs for pub.
func (d *device) signs(k keystore.Key, alg ctap.Algorithm, pub crypto.PublicKey) {
	d.t.Helper()
	if !samePublic(k.Public(), pub) {
		d.t.Fatalf("a key of %v has another public half than before", alg)
	}
	message := []byte("what is to be signed")
	sig, err := sign(k, alg, message)
	if err != nil {
		d.t.Fatalf("sign with %v: %v", alg, err)
	}
	if !verify(alg, pub, message, sig) {
		d.t.Fatalf("a signature of %v does not verify: %x", alg, sig)
	}
}

// sign signs a message, as the engine does it.
func sign(k keystore.Key, alg ctap.Algorithm, message []byte) ([]byte, error) {
	return k.Sign(context.Background(), digestOf(alg, message), alg.Hash())
}

func digestOf(alg ctap.Algorithm, message []byte) []byte {
	if alg.Hash() == 0 {
		return message
	}
	h := alg.Hash().New()
	h.Write(message)
	return h.Sum(nil)
}

func verify(alg ctap.Algorithm, pub crypto.PublicKey, message, sig []byte) bool {
	digest := digestOf(alg, message)
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(pub, digest, sig)
	case ed25519.PublicKey:
		return ed25519.Verify(pub, message, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest, sig) == nil
	case *ctap.Secp256k1Point:
		point, err := secp256k1.ParsePubKey(append(append([]byte{4}, pub.X[:]...), pub.Y[:]...))
		if err != nil {
			return false
		}
		s, err := k1ecdsa.ParseDERSignature(sig)
		return err == nil && s.Verify(digest, point)
	}
	return false
}

func samePublic(a, b crypto.PublicKey) bool {
	x, errX := ctap.MarshalPublicKey(0, a)
	y, errY := ctap.MarshalPublicKey(0, b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// wants fails the test unless err is the error.
func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
