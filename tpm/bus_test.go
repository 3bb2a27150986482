package tpm

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// secrets are what must be seen nowhere, by name.
type secrets map[string][]byte

// in lists which of the secrets a text contains.
func (s secrets) in(text []byte) (found []string) {
	for name, secret := range s {
		if bytes.Contains(text, secret) {
			found = append(found, name)
		}
	}
	return found
}

// gather collects the secrets of a root whose gate is open.
func (s secrets) gather(t *testing.T, r *Root, when string) {
	t.Helper()
	gate, err := r.rings.GateSecret()
	must(t, "gate secret", err)
	s[when+" gate secret"] = bytes.Clone(gate[:])
	s[when+" device secret"] = bytes.Clone(r.device[:])
	s["Installation secret"] = bytes.Clone(r.installation[:])
	s[when+" no PIN yet"] = r.gate.auth(noPIN, nil)
	k, err := authKey(gate)
	must(t, "gate key", err)
	s[when+" gate key"], err = k.Bytes()
	must(t, "gate key", err)
	for _, p := range protections {
		random, err := r.Derive(t.Context(), "CredRandom", []byte("credential"), p)
		must(t, "derive", err)
		s[when+" CredRandom"+string('0'+rune(p))] = random[:]
	}
	for n := range 4 {
		s["pinHash"+string('0'+rune(n))] = pin(n)
		s[when+" value of PIN"+string('0'+rune(n))] = r.gate.auth(ofPIN, pin(n))
	}
}

// TestBus searches all that went over the bus in a life of a root, and its
// files, for every secret. In the end it reads the same through sessions that
// do not encrypt, where the same search finds them.
func TestBus(t *testing.T) {
	d := created(t)
	s := make(secrets)
	live := func(when string) *Root {
		r := d.mustOpen()
		must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
		wants(t, "a wrong PIN", r.Gate().Open(t.Context(), pin(3)), keystore.ErrWrongPIN)
		must(t, "open", r.Gate().Open(t.Context(), pin(1)))
		must(t, "change", r.Gate().SetPIN(t.Context(), pin(2)))
		for _, p := range protections {
			for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384} {
				h, k, err := r.Create(t.Context(), alg, []byte("site"), p)
				must(t, "create", err)
				message := make([]byte, 32)
				if alg == ctap.ES384 {
					message = make([]byte, 48)
				}
				_, err = k.Sign(t.Context(), message, alg.Hash())
				must(t, "sign", err)
				if alg == ctap.ES256 {
					_, err = r.Attest(t.Context(), k, message)
					must(t, "attest", err)
				}
				if inChip, ok := k.(*key); ok {
					b, err := inChip.take()
					must(t, "take", err)
					s[when+" value of a key"+alg.String()+string('0'+rune(p))] = b.auth
				}
				_, err = r.Open(t.Context(), h, []byte("site"))
				must(t, "open", err)
			}
		}
		_, err := r.NextRun(t.Context())
		must(t, "count", err)
		s.gather(t, r, when)
		return r
	}
	r := live("first")
	s["value of the file's"] = bytes.Clone(r.rec.Auth)
	must(t, "reset", r.Reset(t.Context()))
	r.Close()
	r = live("second")

	traffic := bytes.Join(d.bus.log, nil)
	t.Logf("%d secrets, %d commands, %d bytes", len(s), len(d.bus.log)/2, len(traffic))
	if found := s.in(traffic); found != nil {
		t.Errorf("on the bus: %q", found)
	}
	file, err := os.ReadFile(d.path)
	must(t, "read", err)
	delete(s, "value of the file's") // which is there, by design
	if found := s.in(file); found != nil {
		t.Errorf("in the file: %q", found)
	}
	s["value of the file's"] = bytes.Clone(r.rec.Auth)

	// The control.
	d.bus.log = nil
	conn, err := d.chip.Open()
	must(t, "connect", err)
	bare := &line{conn, &d.bus}
	x := deviceIndex(r.rec.Device).written()
	_, err = tpm2.NVRead{AuthHandle: x.by(tpm2.PasswordAuth(r.rec.Auth)), NVIndex: x.named(), Size: 32}.Execute(bare)
	must(t, "read", err)
	secret := r.gate.policies.secret.written().locked()
	_, err = tpm2.NVRead{
		AuthHandle: secret.by(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize,
			secretOf(r.gate.policies.tries.written(), password(r.gate.auth(ofPIN, pin(2)))))),
		NVIndex: secret.named(), Size: 32,
	}.Execute(bare)
	must(t, "read", err)
	sealed, err := r.parent.load(bare, tpm2.BytesAs2B[tpm2.TPMTPublic](r.rec.InstallationPublic), tpm2.TPM2BPrivate{Buffer: r.rec.InstallationPrivate})
	must(t, "load", err)
	_, err = tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: sealed.ObjectHandle, Name: sealed.Name, Auth: tpm2.PasswordAuth(r.rec.Auth)}}.Execute(bare)
	must(t, "unseal", err)
	flush(bare, sealed.ObjectHandle)
	seen := s.in(bytes.Join(d.bus.log, nil))
	for _, name := range []string{"second device secret", "second gate secret", "Installation secret", "second value of PIN2", "value of the file's"} {
		if !slices.Contains(seen, name) {
			t.Errorf("without encryption the search does not find the %s", name)
		}
	}
}
