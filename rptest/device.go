package rptest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// Device is an authenticator in memory and the person who has it. Any number
// of them may be made; each is cheap, and safe for concurrent use.
type Device struct {
	config DeviceConfig // settled
	engine *authenticator.Authenticator
	root   *root

	mu     sync.Mutex
	vendor *attest.Authority     // made when first wanted
	info   *ctap.GetInfoResponse // what the device is; nil: to be asked
	queue  []*Script
	always *Script
	// properties holds what the device says of each credential's backup and
	// counter, where that is not what the engine says of all: see patch.go.
	properties map[string]*properties
	// aliases are the IDs of credentials that came from elsewhere, by the
	// engine's, and back.
	aliases, internal map[string]string
}

// NewDevice makes a device. The error tells what is wrong with the config.
func NewDevice(c DeviceConfig) (*Device, error) {
	c, err := c.settled()
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	var seed []byte
	if c.Seed != "" {
		seed = []byte(c.Seed)
	}
	d := &Device{
		config:     c,
		root:       newRoot(seed, rightPIN, c.Algorithms),
		properties: map[string]*properties{},
	}
	d.root.patched = d.isPatched
	profile := c.profile()
	d.engine, err = authenticator.New(context.Background(), authenticator.Config{
		Profile:  profile,
		Root:     d.root,
		User:     person{canVerify: !c.NoVerification && c.Personality != Hardware, display: profile.Display},
		Copyable: true, // what sites are told is in properties
		Now:      c.Now,
		Seed:     seed,
	})
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	if err := d.settleBackup(context.Background()); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return d, nil
}

// authoritySeed is that of the vendor: all devices of one AAGUID share its roots,
// so that a site is set up once.
func authoritySeed(c DeviceConfig) []byte {
	return append([]byte("signet rptest vendor "), c.AAGUID[:]...)
}

// Config tells what the device is, all that followed from its personality
// included.
func (d *Device) Config() DeviceConfig { return d.config }

// Authority is the device's vendor: attestation roots, metadata statements and
// BLOBs. It is a function of the AAGUID.
func (d *Device) Authority() *attest.Authority {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.vendor == nil {
		d.vendor = attest.New(authoritySeed(d.config), d.config.Now)
	}
	return d.vendor
}

// PowerCycle takes the device out and plugs it in again: three wrong PINs in a
// row are forgiven, the tries spent are not.
func (d *Device) PowerCycle(ctx context.Context) error {
	if err := d.engine.Unlock(ctx, []byte(rightPIN), true); err != nil {
		return fmt.Errorf("power cycle: %w", err)
	}
	return nil
}

// Reset erases every credential. The PIN is what it was, with all its tries.
func (d *Device) Reset(ctx context.Context) error {
	if err := d.engine.Erase(ctx); err != nil {
		return fmt.Errorf("reset device: %w", err)
	}
	err := d.asOwner(ctx, func(o *authenticator.Owner) error { return o.SetPIN(ctx, []byte(rightPIN)) })
	if err != nil {
		return fmt.Errorf("reset device: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.properties)
	d.aliases, d.internal = nil, nil
	return nil
}

// session is the device as one ceremony of a browser reaches it. It changes
// what the engine answers where the device is to be another one.
type session struct {
	device *Device
	ctap   ctap.Session
	hash   []byte // clientDataHash of the last getAssertion, for the next ones
}

func (d *Device) session() *session {
	return &session{device: d, ctap: ctap.Session{Transport: "internal", MaxMsgSize: ctap.MaxHIDMsgSize}}
}

// Info implements client.Informant: it asks once, since nothing that a device
// says of itself here ever changes.
func (s *session) Info(ctx context.Context) (*ctap.GetInfoResponse, error) {
	d := s.device
	d.mu.Lock()
	info := d.info
	d.mu.Unlock()
	if info == nil {
		var err error
		if info, err = d.engine.Info(ctx, &s.ctap); err != nil {
			return nil, err
		}
		d.config.lack(info)
		d.mu.Lock()
		d.info = info
		d.mu.Unlock()
	}
	return info, nil
}

// CTAP implements client.Device.
func (s *session) CTAP(ctx context.Context, req []byte) ([]byte, error) {
	if len(req) == 0 {
		return s.device.engine.ServeCTAP(ctx, &s.ctap, req), nil
	}
	command := ctap.Command(req[0])
	req, err := s.device.toEngine(command, req)
	if err != nil {
		return nil, err
	}
	resp := s.device.engine.ServeCTAP(ctx, &s.ctap, req)
	if ctap.Status(resp[0]) != ctap.StatusOK {
		return resp, nil
	}
	switch command {
	case ctap.CommandMakeCredential:
		return s.device.patchCreated(ctx, req, resp)
	case ctap.CommandGetAssertion:
		s.hash = nil
		if s.device.patches() {
			if s.hash, err = clientDataHash(req); err != nil {
				return nil, err
			}
		}
		return s.device.patchAsserted(ctx, s.hash, resp)
	case ctap.CommandGetNextAssertion:
		return s.device.patchAsserted(ctx, s.hash, resp)
	}
	return resp, nil
}

// clientDataHash reads member 2 of getAssertion's parameters.
func clientDataHash(req []byte) ([]byte, error) {
	var r struct {
		Hash []byte `cbor:"2,keyasint"`
	}
	if err := cbor.Unmarshal(req[1:], &r); err != nil {
		return nil, fmt.Errorf("read clientDataHash: %w", err)
	}
	return r.Hash, nil
}

// lack takes out of what the engine says of itself what the device lacks.
// Credentials that came from elsewhere have IDs of any length.
func (c *DeviceConfig) lack(info *ctap.GetInfoResponse) {
	info.MaxCredentialIDLength = ctap.MaxCredentialIDLength
	if c.NoDiscoverable {
		info.Options["rk"] = false
	}
	if c.Personality == U2F {
		info.Versions = slices.DeleteFunc(info.Versions, func(v string) bool { return v != ctap.VersionU2F && v != ctap.VersionFIDO20 })
	}
}

// reply encodes an answer behind the status byte of success.
func reply(v any) ([]byte, error) {
	body, err := ctap.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode reply: %w", err)
	}
	return append([]byte{byte(ctap.StatusOK)}, body...), nil
}
