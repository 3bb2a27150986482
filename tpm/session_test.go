package tpm

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// TestReplay sends the commands of an opening again, and one of someone else
// through a session that the right PIN has satisfied. That one reads the secret
// where the session is not salted.
func TestReplay(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	must(t, "first PIN", r.Gate().SetPIN(t.Context(), pin(1)))
	raw := d.raw()
	secret := r.gate.policies.secret.written().locked()
	// hijack reads the secret as soon as f has satisfied a session.
	hijack := func(f func()) error {
		var stolen error = fs.ErrNotExist
		d.bus.after = func(command, answer []byte) {
			if commandCode(command) != tpm2.TPMCCPolicySecret || !errors.Is(stolen, fs.ErrNotExist) {
				return
			}
			session := tpm2.TPMHandle(binary.BigEndian.Uint32(command[responseHeader+4:]))
			_, stolen = tpm2.NVRead{AuthHandle: secret.by(unsalted(session)), NVIndex: secret.named(), Size: 32}.Execute(raw)
		}
		f()
		d.bus.after = nil
		return stolen
	}
	d.bus.log = nil
	stolen := hijack(func() { must(t, "open", r.Gate().Open(t.Context(), pin(1))) })
	var rc tpm2.TPMRC
	if !errors.As(stolen, &rc) {
		t.Errorf("read through the session of another: %v", stolen)
	}
	for i := 0; i < len(d.bus.log); i += 2 {
		command := d.bus.log[i]
		switch commandCode(command) {
		case tpm2.TPMCCPolicySecret, tpm2.TPMCCNVRead:
			answer, err := raw.Send(command)
			must(t, "send again", err)
			if responseCode(answer) == tpm2.TPMRCSuccess {
				t.Errorf("command %#x was accepted again", uint32(commandCode(command)))
			}
		}
	}
	must(t, "open", r.Gate().Open(t.Context(), pin(1)))

	bare := &line{d.raw().(transport.TPMCloser), &d.bus}
	stolen = hijack(func() {
		proving := secretOf(r.gate.policies.tries.written(), password(r.gate.auth(ofPIN, pin(1))))
		tpm2.NVRead{
			AuthHandle: secret.by(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, proving)), NVIndex: secret.named(), Size: 32,
		}.Execute(bare)
	})
	must(t, "read through a session that is not salted", stolen)
}

// unsalted is a session that someone else began, whose salt is not known.
func unsalted(h tpm2.TPMHandle) tpm2.Session { return &stolenSession{tpm2.PasswordAuth(nil), h} }

type stolenSession struct {
	tpm2.Session
	h tpm2.TPMHandle
}

func (s *stolenSession) Handle() tpm2.TPMHandle { return s.h }

func (s *stolenSession) Validate(tpm2.TPMRC, tpm2.TPMCC, []byte, []tpm2.TPM2BName, int, *tpm2.TPMSAuthResponse) error {
	return nil
}

func (s *stolenSession) Authorize(tpm2.TPMCC, []byte, []byte, []tpm2.TPM2BName, int) (*tpm2.TPMSAuthCommand, error) {
	return &tpm2.TPMSAuthCommand{Handle: s.h, Attributes: tpm2.TPMASession{ContinueSession: true}}, nil
}
