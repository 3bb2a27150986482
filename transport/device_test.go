package transport_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
)

// A door serves one device after the other to clients outside the process.
type door struct {
	address string   // as the foreign clients' command line takes it
	env     []string // further environment of the clients
	// open opens the door to h; the function that it returns waits until the
	// door is closed, after ctx has ended.
	open func(ctx context.Context, h ctap.Handler) (wait func() error, err error)
}

// A device is a Signet on a door that can be taken from power, or be replaced
// by one of another kind, while a client drives it.
type device struct {
	door    door
	profile authenticator.Profile
	folder  string // where its stores are; "" in memory
	store   *store
	person  *person

	engine *authenticator.Authenticator
	log    *exchanges
	stop   context.CancelFunc
	wait   func() error
}

// startDevice serves a fresh security key until the test ends. Its stores are
// in the folder, or in memory where that is "". Where the test fails, the last
// exchanges are shown.
func startDevice(t *testing.T, d door, folder string) *device {
	t.Helper()
	dev := &device{door: d, folder: folder, person: &person{}, log: &exchanges{}}
	if err := dev.replace("security-key"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.powerOff(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("last exchanges:\n%s", dev.log)
		}
	})
	return dev
}

// do fulfils a client's wish: see testdata/foreign/python/device.py.
func (d *device) do(wish string) error {
	verb, rest, _ := strings.Cut(wish, " ")
	switch verb {
	case "restart":
		if err := d.powerOff(); err != nil {
			return err
		}
		return d.powerOn()
	case "profile":
		if err := d.powerOff(); err != nil {
			return err
		}
		return d.replace(rest)
	case "person":
		return d.person.is(rest)
	}
	return fmt.Errorf("unknown wish %q", wish)
}

// replace puts a new, empty device of the named kind on the door.
func (d *device) replace(kind string) error {
	profile := authenticator.SecurityKey()
	switch kind {
	case "security-key":
	case "platform":
		profile = authenticator.Platform()
	case "enterprise":
		profile.EnterpriseRPIDs = []string{"enterprise.example"}
	case "self":
		profile.Attestation = authenticator.PackedSelf
	case "chain":
		profile.Attestation = authenticator.PackedChain
	case "fido-u2f":
		profile.Attestation = authenticator.FIDOU2F
	case "none":
		profile.Attestation = authenticator.NoAttestation
	default:
		return fmt.Errorf("unknown profile %q", kind)
	}
	store, err := newStore(d.folder)
	if err != nil {
		return err
	}
	d.profile, d.store = profile, store
	if err := d.person.is("approve"); err != nil {
		return err
	}
	return d.powerOn()
}

func (d *device) powerOn() error {
	var user authenticator.User = d.person
	if d.profile.Platform {
		user = verifiedPerson{d.person}
	}
	if err := d.store.powerOn(); err != nil {
		return err
	}
	engine, err := authenticator.New(context.Background(), authenticator.Config{
		Profile: d.profile, Root: d.store.root, Vault: d.store.vault, User: user,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	wait, err := d.door.open(ctx, recorder{engine, d.log})
	if err != nil {
		stop()
		return fmt.Errorf("open door: %w", err)
	}
	d.engine, d.stop, d.wait = engine, stop, wait
	return nil
}

func (d *device) powerOff() error {
	d.stop()
	if err := d.wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("serve: %w", err)
	}
	return errors.Join(d.engine.Close(context.Background()), d.store.powerOff())
}

// A person answers prompts in one way until told otherwise.
type person struct {
	mu     sync.Mutex
	answer string
	pin    []byte
}

func (p *person) is(answer string) error {
	answer, pin, _ := strings.Cut(answer, " ")
	switch answer {
	case "approve", "refuse", "wait", "verify":
	default:
		return fmt.Errorf("unknown answer %q", answer)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer, p.pin = answer, []byte(pin)
	return nil
}

func (p *person) Ask(ctx context.Context, prompt authenticator.Prompt) (authenticator.Consent, error) {
	p.mu.Lock()
	answer, pin := p.answer, p.pin
	p.mu.Unlock()
	switch answer {
	case "wait":
		<-ctx.Done()
		return authenticator.Consent{}, ctx.Err()
	case "refuse":
		return authenticator.Consent{}, nil
	case "verify":
		verified := prompt.Verify != nil && prompt.Verify(ctx, pin) == nil
		return authenticator.Consent{Present: true, Verified: verified}, nil
	}
	return authenticator.Consent{Present: true}, nil
}

// A verifiedPerson can type a PIN on the device itself.
type verifiedPerson struct{ *person }

func (verifiedPerson) CanVerify() bool { return true }

// A recorder keeps a handler's last exchanges.
type recorder struct {
	ctap.Handler
	log *exchanges
}

func (r recorder) ServeCTAP(ctx context.Context, s *ctap.Session, req []byte) []byte {
	resp := r.Handler.ServeCTAP(ctx, s, req)
	r.log.add("CTAP", req, resp)
	return resp
}

func (r recorder) ServeU2F(ctx context.Context, s *ctap.Session, apdu []byte) []byte {
	resp := r.Handler.ServeU2F(ctx, s, apdu)
	r.log.add("U2F", apdu, resp)
	return resp
}

// exchanges are a device's last requests and replies, in hexadecimal.
type exchanges struct {
	mu   sync.Mutex
	last []string
}

func (e *exchanges) add(kind string, req, resp []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = append(e.last, fmt.Sprintf("%s %x\n  -> %x", kind, req, resp))
	e.last = e.last[max(0, len(e.last)-6):]
}

func (e *exchanges) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.last, "\n")
}
