package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/software"
)

// thief has the files and the chip of a device whose PIN is set, and what can
// be had from both: all but the PIN. He talks to the chip with commands of his
// own.
type thief struct {
	transport.TPM
	*Root
	t   *testing.T
	all things
}

func newThief(t *testing.T) *thief {
	t.Helper()
	d, all := withPIN(t)
	return &thief{d.raw(), d.mustOpen(), t, all}
}

func (th *thief) tries() index  { return th.gate.policies.tries.written() }
func (th *thief) secret() index { return th.gate.policies.secret.written().locked() }

// refused checks that the chip refuses a command.
func (th *thief) refused(what string, err error) {
	th.t.Helper()
	var rc tpm2.TPMRC
	if err == nil {
		th.t.Errorf("%s: the chip did it", what)
	} else if !errors.As(err, &rc) {
		th.t.Errorf("%s: %v, not an answer of the chip", what, err)
	}
}

// readSecret tries to read the gate secret.
func (th *thief) readSecret(as tpm2.AuthHandle) error {
	x := th.secret()
	r, err := tpm2.NVRead{AuthHandle: as, NVIndex: x.named(), Size: 32}.Execute(th)
	if err == nil {
		secret := keystore.Secret(r.Data.Buffer)
		if bytes.Equal(check(&secret), th.rec.Gate.Check) {
			th.t.Error("the gate secret was read")
		}
	}
	return err
}

// openBy reads the gate secret with a policy session.
func (th *thief) openBy(f tpm2.PolicyCallback) error {
	return th.readSecret(th.secret().by(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, flushing(f))))
}

// secretOf satisfies PolicySecret with an index and a session.
func secretOf(x index, s func() tpm2.Session) tpm2.PolicyCallback {
	return func(t transport.TPM, h tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicySecret{AuthHandle: x.by(s()), PolicySession: h, NonceTPM: nonce}.Execute(t)
		return err
	}
}

func password(b []byte) func() tpm2.Session {
	return func() tpm2.Session { return tpm2.PasswordAuth(b) }
}

// owner is the TPM's owner, without a password.
func owner() tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
}

// TestColdStart: with all files and the chip, but not the PIN, nothing Gated
// can be signed or derived.
func TestColdStart(t *testing.T) {
	th := newThief(t)

	// What is in the handle of a Gated key, under the device secret that the
	// thief has, is sealed to the gate's public key.
	wants(t, "a Gated key", th.all.use(t, th.Root, keystore.Gated), keystore.ErrGateShut)
	_, err := th.Derive(t.Context(), "label", nil, keystore.Gated)
	wants(t, "derive Gated", err, keystore.ErrGateShut)
	for _, guess := range []*keystore.Secret{th.device, th.installation, {}} {
		wrong := *guess
		if err := th.rings.OpenGate(&wrong); err == nil {
			t.Error("a secret that the thief has opened the gate")
		}
		// A gate of the thief's own, under the same device secret.
		public, err := software.GatePublic(guess)
		must(t, "gate", err)
		mine := software.New(software.ElsewhereState(th.installation, th.device, public), software.Options{})
		own := *guess
		must(t, "open a gate of his own", mine.OpenGate(&own))
		if _, err := mine.Unseal(t.Context(), th.all.sealed[keystore.Gated], nil); err == nil {
			t.Error("a gate of the thief's own opens what is Gated")
		}
	}

	// The index with the gate secret.
	secret, tries := th.secret(), th.tries()
	platform := tpm2.AuthHandle{Handle: tpm2.TPMRHPlatform, Auth: tpm2.PasswordAuth(nil)}
	th.refused("read without authorization", th.readSecret(secret.by(tpm2.PasswordAuth(nil))))
	th.refused("read as the owner", th.readSecret(owner()))
	th.refused("read as the platform", th.readSecret(platform))
	th.refused("read with an empty policy", th.openBy(func(transport.TPM, tpm2.TPMISHPolicy, tpm2.TPM2BNonce) error { return nil }))
	th.refused("read by the owner's secret", th.openBy(func(t transport.TPM, h tpm2.TPMISHPolicy, n tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicySecret{AuthHandle: owner(), PolicySession: h, NonceTPM: n}.Execute(t)
		return err
	}))
	for name, auth := range map[string][]byte{
		"nothing": nil, "no PIN yet": th.gate.auth(noPIN, nil), "the file's": th.rec.Auth, "another PIN": th.gate.auth(ofPIN, pin(2)),
	} {
		th.refused("prove "+name, th.openBy(secretOf(tries, password(auth))))
	}
	hasState(t, "after the guesses", th.Root, keystore.GateState{Set: true, Retries: 4})

	// The index that counts: its value, its limit and its count are not the
	// owner's to change.
	th.refused("write the count as the owner", th.write(tries, owner()))
	th.refused("write the count as the platform", th.write(tries, platform))
	th.refused("lock the count as the owner", lock(th, tries, owner()))
	th.refused("lock the count as the platform", lock(th, tries, platform))
	for _, x := range []index{tries, secret} {
		for name, as := range map[string]tpm2.AuthHandle{"owner": owner(), "platform": platform} {
			_, err := tpm2.NVReadLock{AuthHandle: as, NVIndex: x.named()}.Execute(th)
			th.refused("lock an index for reading as the "+name, err)
		}
	}
	th.refused("write the count with its own value", th.write(tries, tries.by(tpm2.PasswordAuth(nil))))
	th.refused("change its value with its own", th.changeValue(tpm2.PasswordAuth(th.gate.auth(noPIN, nil))))
	th.refused("change its value with an empty policy", th.changeValue(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize,
		func(transport.TPM, tpm2.TPMISHPolicy, tpm2.TPM2BNonce) error { return nil })))
	th.refused("change its value by the branch for reading", th.changeValue(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize,
		flushing(th.gate.policies.reading))))
	k, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	must(t, "key", err)
	h, err := th.gate.policies.loadKey(th)
	must(t, "load the gate's key", err)
	for _, code := range []tpm2.TPMCC{tpm2.TPMCCNVWrite, tpm2.TPMCCNVChangeAuth} {
		th.refused("sign with another key", th.changeValue(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize,
			flushing(th.gate.policies.signing(k, h, code)))))
	}
	flush(th, h)

	// Who undefines the counting index and defines it anew has one of the same
	// attributes, but not of the same name: it is not written.
	th.undefine(tries)
	mine := th.gate.policies.tries
	th.define(mine, []byte("mine"))
	th.refused("prove the thief's own value", th.openBy(secretOf(mine, password([]byte("mine")))))
	th.refused("prove it under the old name", th.openBy(secretOf(tries, password([]byte("mine")))))
	th.refused("write it", th.write(mine, mine.by(tpm2.PasswordAuth([]byte("mine")))))
	th.undefine(mine)
	// One that he can write has other attributes, and so another name.
	evil := mine.with(func(a *tpm2.TPMANV) { a.OwnerWrite = true })
	th.define(evil, []byte("mine"))
	must(t, "write an index of his own", th.write(evil, owner()))
	th.refused("prove an index of his own", th.openBy(secretOf(evil.written(), password([]byte("mine")))))

	wants(t, "a Gated key, at the end", th.all.use(t, th.Root, keystore.Gated), keystore.ErrGateShut)
	must(t, "an Ungated key, at the end", th.all.use(t, th.Root, keystore.Ungated))
}

func (th *thief) write(x index, as tpm2.AuthHandle) error {
	_, err := tpm2.NVWrite{AuthHandle: as, NVIndex: x.named(), Data: tpm2.TPM2BMaxNVBuffer{Buffer: count{0, 8}.bytes()}}.Execute(th)
	return err
}

func lock(t transport.TPM, x index, as tpm2.AuthHandle) error {
	_, err := tpm2.NVWriteLock{AuthHandle: as, NVIndex: x.named()}.Execute(t)
	return err
}

func (th *thief) changeValue(s tpm2.Session) error {
	return changeAuth(th, th.tries(), []byte("mine"), s, th.parent.hmac(nil, sealing()))
}

func (th *thief) undefine(x index) {
	th.t.Helper()
	there, err := readIndex(th, x.handle())
	must(th.t, "read", err)
	_, err = tpm2.NVUndefineSpace{AuthHandle: owner(), NVIndex: there.named()}.Execute(th)
	must(th.t, "undefine", err)
}

func (th *thief) define(x index, auth []byte) {
	th.t.Helper()
	_, err := tpm2.NVDefineSpace{AuthHandle: owner(), Auth: tpm2.TPM2BAuth{Buffer: auth}, PublicInfo: tpm2.New2B(x.public)}.Execute(th)
	must(th.t, "define", err)
}

// TestRedefined: whoever replaces an index is found out.
func TestRedefined(t *testing.T) {
	for _, test := range []struct {
		name string
		of   func(th *thief) index
		with func(index) index // nil: removed
		want error
	}{
		{"tries removed", (*thief).tries, nil, ErrIndexMissing},
		{"tries the same", (*thief).tries, func(x index) index { return x }, ErrIndexForeign},
		{"tries written by the owner", (*thief).tries, func(x index) index {
			return x.with(func(a *tpm2.TPMANV) { a.OwnerWrite = true })
		}, ErrIndexForeign},
		{"secret removed", (*thief).secret, nil, ErrIndexMissing},
		{"secret the same", (*thief).secret, func(x index) index { return x }, ErrIndexForeign},
		{"device removed", func(th *thief) index { return deviceIndex(th.rec.Device) }, nil, ErrIndexMissing},
		{"device the same", func(th *thief) index { return deviceIndex(th.rec.Device) }, func(x index) index { return x }, ErrIndexForeign},
	} {
		t.Run(test.name, func(t *testing.T) {
			th := newThief(t)
			x := test.of(th)
			th.undefine(x)
			if test.with != nil {
				fresh := test.with(x.with(func(a *tpm2.TPMANV) { a.Written, a.WriteLocked = false, false }))
				th.define(fresh, []byte("mine"))
			}
			path, open := th.path, th.chip.open
			th.Close()
			r, err := Open(t.Context(), path, open, Options{})
			if err == nil {
				defer r.Close()
				_, err = r.Gate().State(t.Context())
				if err == nil {
					err = r.Gate().Open(t.Context(), pin(1))
				}
			}
			wants(t, test.name, err, test.want)
			if errors.Is(err, keystore.ErrWrongPIN) {
				t.Error("it counts as a wrong PIN")
			}
			if isDevice := strings.HasPrefix(test.name, "device"); (r == nil) != isDevice {
				t.Fatalf("open: %v", err)
			}
			if r != nil {
				must(t, "an Ungated key", th.all.use(t, r, keystore.Ungated))
				// A reset puts all right again.
				must(t, "reset", r.Reset(t.Context()))
				works(t, r, -1)
			}
		})
	}
}

// TestMark: the mark that a PIN is set is not the owner's to write.
func TestMark(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	secret := r.gate.policies.secret.written()
	wants(t, "lock as the owner", lock(d.raw(), secret, owner()), tpm2.TPMRCNVAuthorization)
	wants(t, "lock with its empty value", lock(d.raw(), secret, secret.by(tpm2.PasswordAuth(nil))), tpm2.TPMRCAuthUnavailable)
	works(t, r, -1)
}

// A queue lets one command through at a time, as a resource manager does.
type queue struct {
	transport.TPM
	mu sync.Mutex
}

func (q *queue) Send(command []byte) ([]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.TPM.Send(command)
}

// TestGuessers lets programs guess at once that have the file and the chip:
// eight are judged, whoever they are.
func TestGuessers(t *testing.T) {
	th := newThief(t)
	th.TPM = &queue{TPM: th.TPM}
	must(t, "open the gate", th.Gate().Open(t.Context(), pin(1)))
	hasState(t, "before the guesses", th.Root, keystore.GateState{Set: true, Open: true, Retries: 8})
	var wrong, blocked atomic.Int32
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			guess := secretOf(th.tries(), password(th.gate.auth(ofPIN, pin(100+i))))
			err := th.openBy(guess)
			// The chip has three sessions, a guess takes two.
			for errors.Is(explain(err), ErrExhausted) {
				time.Sleep(rand.N(time.Millisecond))
				err = th.openBy(guess)
			}
			switch {
			case is(err, tpm2.TPMRCBadAuth):
				wrong.Add(1)
			case is(err, tpm2.TPMRCAuthUnavailable):
				blocked.Add(1)
			default:
				t.Errorf("a guess: %v", err)
			}
		})
	}
	wg.Wait()
	if wrong.Load() != 8 || blocked.Load() != 4 {
		t.Errorf("%d wrong and %d blocked of 12 guesses", wrong.Load(), blocked.Load())
	}
	hasState(t, "after the guesses", th.Root, keystore.GateState{Set: true, Open: true})
	wants(t, "change", th.Gate().SetPIN(t.Context(), pin(2)), keystore.ErrPINBlocked)
	for _, pin := range [][]byte{pin(1), pin(2)} {
		wants(t, "a PIN", th.Gate().Open(t.Context(), pin), keystore.ErrPINBlocked)
	}
	must(t, "reset", th.Reset(t.Context()))
	works(t, th.Root, -1)
}
