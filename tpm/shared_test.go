package tpm

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestLockout: others' wrong guesses lock nothing of ours, and power cuts after
// our use cost nothing of the TPM's own count of guesses.
func TestLockout(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	works(t, r, -1)
	all := makeThings(t, r)
	wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(9)), keystore.ErrWrongPIN)
	for range 5 {
		must(t, "use", all.use(t, r, keystore.Ungated))
		d.chip.Restart()
	}
	h, err := r.Health(t.Context())
	if err != nil || h.Failures != 0 || h.LockedOut || h.MaxFailures == 0 || h.Recovery == 0 {
		t.Errorf("after power cuts: %+v, %v", h, err)
	}

	raw := d.raw()
	public := tpm2.ECCSRKTemplate
	public.ObjectAttributes.NoDA = false
	key, err := tpm2.CreatePrimary{PrimaryHandle: owner(), InPublic: tpm2.New2B(public)}.Execute(raw)
	must(t, "a key that can be locked", err)
	guess := func() error {
		_, err := tpm2.Create{
			ParentHandle: tpm2.AuthHandle{Handle: key.ObjectHandle, Name: key.Name, Auth: tpm2.PasswordAuth([]byte("wrong"))},
			InPublic:     tpm2.New2B(sealedPublic()),
			InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
				Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: []byte("x")})}},
		}.Execute(raw)
		return err
	}
	for range h.MaxFailures {
		guess()
	}
	wants(t, "a guess after too many", explain(guess()), ErrLockedOut)
	h, err = r.Health(t.Context())
	if err != nil || !h.LockedOut || h.Failures != h.MaxFailures {
		t.Errorf("in lockout: %+v, %v", h, err)
	}
	must(t, "the PIN in lockout", r.Gate().Open(t.Context(), pin(1)))
	for _, p := range protections {
		must(t, "use in lockout", all.use(t, r, p))
	}
	must(t, "change in lockout", r.Gate().SetPIN(t.Context(), pin(2)))
	must(t, "reset in lockout", r.Reset(t.Context()))
	works(t, r, -1)
}

// TestExhausted: while others hold all sessions or all memory, nothing works
// and nothing is lost, no try either.
func TestExhausted(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	all := makeThings(t, r)
	raw := d.raw()
	var held []tpm2.TPMHandle
	for {
		s, err := tpm2.StartAuthSession{
			TPMKey: tpm2.TPMRHNull, Bind: tpm2.TPMRHNull, NonceCaller: tpm2.TPM2BNonce{Buffer: make([]byte, 16)},
			SessionType: tpm2.TPMSEHMAC, Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull}, AuthHash: tpm2.TPMAlgSHA256,
		}.Execute(raw)
		if err != nil {
			break
		}
		held = append(held, s.SessionHandle)
	}
	wants(t, "the PIN without sessions", r.Gate().Open(t.Context(), pin(1)), ErrExhausted)
	wants(t, "sign without sessions", all.use(t, r, keystore.Ungated), ErrExhausted)
	// One is enough for a policy session, not for the one that it needs.
	flush(raw, held[0])
	wants(t, "the PIN with one session", r.Gate().Open(t.Context(), pin(1)), ErrExhausted)
	must(t, "sign with one session", all.use(t, r, keystore.Ungated))
	for _, h := range held[1:] {
		flush(raw, h)
	}
	hasState(t, "with sessions again", r, keystore.GateState{Set: true, Retries: 8})
	must(t, "the PIN", r.Gate().Open(t.Context(), pin(1)))

	held = held[:0]
	for {
		o, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHNull, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(raw)
		if err != nil {
			break
		}
		held = append(held, o.ObjectHandle)
	}
	wants(t, "sign without memory", all.use(t, r, keystore.Ungated), ErrExhausted)
	for _, h := range held {
		flush(raw, h)
	}
	for _, p := range protections {
		must(t, "use", all.use(t, r, p))
	}
	// No session or key of ours is left in the chip.
	h, err := r.Health(t.Context())
	must(t, "health", err)
	fresh, err := Inspect(t.Context(), created(t).bus.open)
	must(t, "health", err)
	if h.SessionsFree != fresh.SessionsFree || h.TransientFree != fresh.TransientFree {
		t.Errorf("left loaded: %+v, want as %+v", h, fresh)
	}
}

// TestFull: a TPM without room refuses a set-up, and a set-up that found no
// room leaves nothing.
func TestFull(t *testing.T) {
	d := newDevice(t)
	raw := d.raw()
	filler := func(n uint16) tpm2.TPMSNVPublic {
		return tpm2.TPMSNVPublic{NVIndex: 0x01000000 + tpm2.TPMHandle(n), NameAlg: tpm2.TPMAlgSHA256, DataSize: 64,
			Attributes: tpm2.TPMANV{OwnerWrite: true, OwnerRead: true}}
	}
	n := uint16(0)
	for ; ; n++ {
		if _, err := (tpm2.NVDefineSpace{AuthHandle: owner(), PublicInfo: tpm2.New2B(filler(n))}).Execute(raw); err != nil {
			wants(t, "fill", err, tpm2.TPMRCNVSpace)
			break
		}
	}
	// Room for one more index each round, until there is enough.
	for {
		err := d.create(Options{})
		if err == nil {
			break
		}
		wants(t, "create", err, ErrFull)
		if _, err := os.Stat(d.path); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("a file is left: %v", err)
		}
		h, err := Inspect(t.Context(), d.bus.open)
		if err != nil || len(h.Indices) != 0 {
			t.Fatalf("indices are left: %+v, %v", h, err)
		}
		n--
		x := index{filler(n)}
		_, err = tpm2.NVUndefineSpace{AuthHandle: owner(), NVIndex: x.named()}.Execute(raw)
		must(t, "make room", err)
	}
	works(t, d.mustOpen(), -1)
}

// TestOptions tells keys in the chip from keys sealed to it, and refuses either.
func TestOptions(t *testing.T) {
	d := created(t)
	for _, test := range []struct {
		opts     Options
		inChip   bool // ES256 is
		software bool // EdDSA is there
	}{
		{Options{}, true, true},
		{Options{HardwareOnly: true}, true, false},
		{Options{SoftwareOnly: true}, false, true},
	} {
		r, err := d.open(test.opts)
		must(t, "open", err)
		algs := r.Algorithms()
		if algs[0] != (keystore.Algorithm{ID: ctap.ES256, InChip: test.inChip}) {
			t.Errorf("%+v: the first algorithm is %v", test.opts, algs[0])
		}
		_, k, err := r.Create(t.Context(), ctap.ES256, nil, keystore.Ungated)
		must(t, "create", err)
		if _, inChip := k.(*key); inChip != test.inChip {
			t.Errorf("%+v: the key is in the chip: %v", test.opts, inChip)
		}
		_, err = r.Attest(t.Context(), k, nil)
		if test.inChip {
			must(t, "attest", err)
		} else {
			wants(t, "attest a software key", err, keystore.ErrUnsupported)
		}
		_, _, err = r.Create(t.Context(), ctap.EdDSA, nil, keystore.Ungated)
		if test.software {
			must(t, "create EdDSA", err)
		} else {
			wants(t, "create EdDSA", err, keystore.ErrUnsupported)
		}
		r.Close()
	}
}

// chipWithout is a TPM that refuses something.
type chipWithout struct {
	transport.TPMCloser
	refuses func(command []byte) tpm2.TPMRC
}

func (c *chipWithout) Send(command []byte) ([]byte, error) {
	if code := c.refuses(command); code != 0 {
		return (&script{codes: []tpm2.TPMRC{code}}).Send(command)
	}
	return c.TPMCloser.Send(command)
}

// without connects to a TPM that refuses something.
func without(open Opener, refuses func(command []byte) tpm2.TPMRC) Opener {
	return func() (transport.TPMCloser, error) {
		c, err := open()
		return &chipWithout{c, refuses}, err
	}
}

// TestOldChip: a TPM that knows no counting index is refused with a plain word,
// and so is one that does not count.
func TestOldChip(t *testing.T) {
	d := newDevice(t)
	noPinFail := without(d.bus.open, func(command []byte) tpm2.TPMRC {
		if commandCode(command) == tpm2.TPMCCNVDefineSpace {
			return tpm2.TPMRCAttributes + 0x240 // of the second parameter
		}
		return 0
	})
	// The first tries are refused and forgotten, until the right one is taken.
	n := 0
	forgets := without(d.bus.open, func(command []byte) tpm2.TPMRC {
		if commandCode(command) == tpm2.TPMCCPolicySecret {
			if n++; n <= 3 {
				return tpm2.TPMRCBadAuth + 0x900 // of the first session
			}
		}
		return 0
	})
	for name, open := range map[string]Opener{"no counting index": noPinFail, "forgets tries": forgets} {
		wants(t, name, Create(t.Context(), d.path, open, Options{}), ErrUnfit)
		if _, err := os.Stat(d.path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file is left: %v", name, err)
		}
		h, err := Inspect(t.Context(), d.bus.open)
		if err != nil || len(h.Indices) != 0 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	if n != 4 {
		t.Errorf("%d tries of the chip, want 4", n)
	}
}
