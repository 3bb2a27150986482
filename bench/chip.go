package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/tpm"
)

// emulator is a software TPM that counts its commands.
type emulator struct {
	swtpm *exec.Cmd
	open  tpm.Opener
	count int
}

// startEmulator starts swtpm; nil where there is none.
func startEmulator(dir string) (*emulator, error) {
	if _, err := exec.LookPath("swtpm"); err != nil {
		return nil, nil
	}
	state := filepath.Join(dir, "tpm")
	if err := os.Mkdir(state, 0o700); err != nil {
		return nil, err
	}
	socket := filepath.Join(state, "s")
	e := &emulator{swtpm: exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+state,
		"--server", "type=unixio,path="+socket, "--flags", "not-need-init,startup-clear")}
	if err := e.swtpm.Start(); err != nil {
		return nil, err
	}
	connect := tpm.OpenSocket(socket)
	e.open = func() (transport.TPMCloser, error) {
		t, err := connect()
		return &counting{t, e}, err
	}
	for range 1000 {
		if t, err := e.open(); err == nil {
			return e, t.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	e.stop()
	return nil, errors.New("swtpm does not start")
}

func (e *emulator) stop() {
	e.swtpm.Process.Kill()
	e.swtpm.Wait()
}

type counting struct {
	transport.TPMCloser
	emulator *emulator
}

// Send implements transport.TPM.
func (c *counting) Send(command []byte) ([]byte, error) {
	c.emulator.count++
	return c.TPMCloser.Send(command)
}

// ceremonies compares an engine on the TPM root with the commands that a signature
// takes: Load, Sign with a session for the key's authorization value, Flush.
func (e *emulator) ceremonies(ctx context.Context, dir string) ([]comparison, error) {
	path := filepath.Join(dir, "root")
	if err := tpm.Create(ctx, path, e.open, tpm.Options{}); err != nil {
		return nil, err
	}
	root, err := tpm.Open(ctx, path, e.open, tpm.Options{})
	if err != nil {
		return nil, err
	}
	device, err := authenticator.New(ctx, authenticator.Config{Profile: authenticator.SecurityKey(), Root: root, User: willing{}})
	if err != nil {
		return nil, fmt.Errorf("start device: %w", err)
	}
	session := &ctap.Session{Transport: "usb"}
	call := func(req []byte) ([]byte, error) {
		resp := device.ServeCTAP(ctx, session, req)
		if status := ctap.Status(resp[0]); status != ctap.StatusOK {
			return nil, status
		}
		return resp[1:], nil
	}
	id, err := register(call, "chip.example", false)
	if err != nil {
		return nil, err
	}
	assert, err := request(ctap.CommandGetAssertion, ctap.GetAssertionRequest{
		RPID:           "chip.example",
		ClientDataHash: make([]byte, sha256.Size),
		AllowList:      []ctap.Descriptor{{ID: id, Type: ctap.TypePublicKey}},
	})
	if err != nil {
		return nil, err
	}
	bare, err := e.bareSignature()
	if err != nil {
		return nil, err
	}
	return []comparison{{
		clock:     wallTime,
		name:      "TPM: getAssertion",
		subject:   func() error { _, err := call(assert); return err },
		reference: bare,
	}}, nil
}

// bareSignature signs with a key of its own under the root's storage key.
func (e *emulator) bareSignature() (func() error, error) {
	t, err := e.open()
	if err != nil {
		return nil, err
	}
	storage, err := tpm2.ReadPublic{ObjectHandle: tpm2.TPMHandle(0x81000001)}.Execute(t)
	if err != nil {
		return nil, err
	}
	parent := tpm2.AuthHandle{Handle: tpm2.TPMHandle(0x81000001), Name: storage.Name, Auth: tpm2.PasswordAuth(nil)}
	auth := []byte("0123456789abcdef0123456789abcdef")
	made, err := tpm2.Create{
		ParentHandle: parent,
		InSensitive:  tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: auth}}},
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
			ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true,
				UserWithAuth: true, NoDA: true, SignEncrypt: true},
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
				CurveID: tpm2.TPMECCNistP256,
				Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA,
					Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})},
			}),
		}),
	}.Execute(t)
	if err != nil {
		return nil, err
	}
	digest := make([]byte, sha256.Size)
	return func() error {
		key, err := tpm2.Load{ParentHandle: parent, InPrivate: made.OutPrivate, InPublic: made.OutPublic}.Execute(t)
		if err != nil {
			return err
		}
		_, err = tpm2.Sign{
			KeyHandle:  tpm2.AuthHandle{Handle: key.ObjectHandle, Name: key.Name, Auth: tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Auth(auth))},
			Digest:     tpm2.TPM2BDigest{Buffer: digest},
			InScheme:   tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
			Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull},
		}.Execute(t)
		if err != nil {
			return err
		}
		_, err = tpm2.FlushContext{FlushHandle: key.ObjectHandle}.Execute(t)
		return err
	}, nil
}

// commands prints how many commands a person waits for.
func (e *emulator) commands(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "counted")
	pin, next := make([]byte, 16), []byte("0123456789abcdef")
	if err := tpm.Create(ctx, path, e.open, tpm.Options{}); err != nil {
		return err
	}
	root, err := tpm.Open(ctx, path, e.open, tpm.Options{})
	if err != nil {
		return err
	}
	if err := errors.Join(root.Gate().SetPIN(ctx, pin), root.Close()); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		most int
		do   func() error
	}{
		{"start to ready", 8, func() error {
			if root, err = tpm.Open(ctx, path, e.open, tpm.Options{}); err != nil {
				return err
			}
			_, err := root.Gate().State(ctx)
			return err
		}},
		{"open the gate", 8, func() error { return root.Gate().Open(ctx, pin) }},
		{"change the PIN", 14, func() error { return root.Gate().SetPIN(ctx, next) }},
	} {
		e.count = 0
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("TPM: %-29s %6d  commands, at most %d\n", step.name, e.count, step.most)
	}
	return root.Close()
}
