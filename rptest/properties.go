package rptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Properties are what may be changed of a passkey (WebAuthn §11.10, Set Credential
// Properties); nil leaves things as they are. In JSON an unknown member is an error.
type Properties struct {
	BackupEligibility *bool `json:"backupEligibility,omitempty"`
	BackupState       *bool `json:"backupState,omitempty"`
	// SignCount is what the next answer counts on from.
	SignCount *uint32 `json:"signCount,omitempty"`
	// NoCounter has the passkey not count any more: a signCount of null.
	NoCounter bool `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Properties) UnmarshalJSON(data []byte) error {
	type plain Properties
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode((*plain)(p)); err != nil {
		return err
	}
	var given struct {
		SignCount json.RawMessage `json:"signCount"`
	}
	if err := json.Unmarshal(data, &given); err != nil {
		return err
	}
	p.NoCounter = string(given.SignCount) == "null"
	return nil
}

// SetProperties changes what the device says of a passkey: fs.ErrNotExist where
// there is none.
func (d *Device) SetProperties(ctx context.Context, credentialID []byte, p Properties) error {
	if _, err := d.Credential(ctx, credentialID); err != nil {
		return err
	}
	id := string(d.engines(credentialID))
	d.mu.Lock()
	defer d.mu.Unlock()
	says, err := d.saysLocked(id).with(p)
	if err != nil {
		return fmt.Errorf("credential %x: %w", credentialID, err)
	}
	d.properties[id] = &says
	return nil
}

// properties is what a device says of one credential.
type properties struct {
	eligible, backedUp bool
	count, step        uint32 // count is the next answer's
	last               uint32 // what the last answer said
}

// with changes some of it. A passkey that may not be backed up is not, unless both
// are said.
func (p properties) with(change Properties) (properties, error) {
	if change.BackupEligibility != nil {
		p.eligible = *change.BackupEligibility
		p.backedUp = p.backedUp && p.eligible
	}
	if change.BackupState != nil {
		p.backedUp = *change.BackupState
	}
	if p.backedUp && !p.eligible {
		return p, errors.New("a passkey with backupState has to have backupEligibility: spoil the flags with a mutation instead")
	}
	if change.NoCounter {
		p.last, p.count, p.step = 0, 0, 0
	}
	if change.SignCount != nil {
		p.last, p.step = *change.SignCount, max(p.step, 1)
		p.count = p.last + p.step
	}
	return p, nil
}

// claims are the properties of a new credential.
func (c *DeviceConfig) claims() properties {
	return properties{eligible: *c.BackupEligible, backedUp: *c.BackedUp, count: c.Counter.Start, step: c.Counter.Step}
}

// enginesOwn tells whether the engine says the same by itself, once it was told
// of a copy.
func (p properties) enginesOwn() bool { return p.eligible && p.count == 0 && p.step == 0 }

// says tells what the device says of a credential.
func (d *Device) says(credentialID []byte) properties {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.saysLocked(string(credentialID))
}

func (d *Device) saysLocked(credentialID string) properties {
	if p, ok := d.properties[credentialID]; ok {
		return *p
	}
	return d.config.claims()
}

// say has the device say p of a credential from now on.
func (d *Device) say(credentialID []byte, p properties) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.properties[string(credentialID)] = &p
}
