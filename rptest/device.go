package rptest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// Device is an authenticator in memory and the person who has it. Any number
// of them may be made; each is cheap, and safe for concurrent use.
type Device struct {
	config DeviceConfig // settled
	engine engine
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
	profile, claims := c.profile(), c.claims()
	d.engine.Authenticator, err = authenticator.New(context.Background(), authenticator.Config{
		Profile:  profile,
		Root:     d.root,
		User:     person{canVerify: !c.NoVerification && c.Personality != Hardware, display: profile.Display},
		Copyable: true, // what sites are told is in properties
		BackedUp: claims.enginesOwn() && claims.backedUp,
		Now:      c.Now,
		Seed:     seed,
	})
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return d, nil
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
		d.vendor = d.config.authority()
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

// session is the device as one ceremony of a browser reaches it: a
// client.InProcess. It changes what the engine answers where the device is to be
// another one.
type session struct {
	device *Device
	ctap   ctap.Session
	hash   []byte // clientDataHash of the last getAssertion, for the next ones

	begun  bool   // a command was sent
	resets uint64 // the device's, before the first one
}

func (d *Device) session() session {
	return session{device: d, ctap: ctap.Session{Transport: "internal", MaxMsgSize: ctap.MaxHIDMsgSize}}
}

// CTAP implements client.Device.
func (s *session) CTAP(ctx context.Context, req []byte) ([]byte, error) {
	return during(ctx, s, func(c *command) ([]byte, error) {
		reply := s.device.engine.ServeCTAP(c, &s.ctap, req)
		if c.over.Load() && reply[0] != byte(ctap.StatusOK) {
			return nil, errReset
		}
		return reply, nil
	})
}

// GetInfo asks the engine once, since nothing that a device says of itself here
// ever changes.
func (s *session) GetInfo(ctx context.Context) (*ctap.GetInfoResponse, error) {
	d := s.device
	d.mu.Lock()
	info := d.info
	d.mu.Unlock()
	if info == nil {
		var err error
		info, err = during(ctx, s, func(c *command) (*ctap.GetInfoResponse, error) { return d.engine.GetInfo(c, &s.ctap) })
		if err != nil {
			return nil, err
		}
		d.config.lack(info)
		d.mu.Lock()
		d.info = info
		d.mu.Unlock()
	}
	return info, nil
}

// MakeCredential implements client.InProcess.
func (s *session) MakeCredential(ctx context.Context, asked *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, error) {
	return during(ctx, s, func(c *command) (*ctap.MakeCredentialResponse, error) { return s.makeCredential(c, asked) })
}

func (s *session) makeCredential(ctx context.Context, asked *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, error) {
	d, req := s.device, asked
	if d.hasAliases() {
		own := *asked
		own.ExcludeList = d.toEngine(asked.ExcludeList)
		req = &own
	}
	made, err := d.engine.MakeCredential(ctx, &s.ctap, req)
	if err != nil {
		return nil, err
	}
	return d.patchCreated(ctx, asked, made)
}

// GetAssertion implements client.InProcess.
func (s *session) GetAssertion(ctx context.Context, req *ctap.GetAssertionRequest) (*ctap.GetAssertionResponse, error) {
	return during(ctx, s, func(c *command) (*ctap.GetAssertionResponse, error) { return s.getAssertion(c, req) })
}

func (s *session) getAssertion(ctx context.Context, req *ctap.GetAssertionRequest) (*ctap.GetAssertionResponse, error) {
	d := s.device
	if d.hasAliases() {
		own := *req
		own.AllowList = d.toEngine(req.AllowList)
		req = &own
	}
	got, err := d.engine.GetAssertion(ctx, &s.ctap, req)
	if err != nil {
		return nil, err
	}
	s.hash = req.ClientDataHash
	return d.patchAsserted(ctx, s.hash, got)
}

// GetNextAssertion implements client.InProcess.
func (s *session) GetNextAssertion(ctx context.Context) (*ctap.GetAssertionResponse, error) {
	return during(ctx, s, func(c *command) (*ctap.GetAssertionResponse, error) { return s.getNextAssertion(c) })
}

func (s *session) getNextAssertion(ctx context.Context) (*ctap.GetAssertionResponse, error) {
	got, err := s.device.engine.GetNextAssertion(ctx, &s.ctap)
	if err != nil {
		return nil, err
	}
	return s.device.patchAsserted(ctx, s.hash, got)
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
