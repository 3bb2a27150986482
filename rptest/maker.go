package rptest

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// Maker is a maker of devices, and the one model that it makes.
type Maker struct {
	Model     attest.Model
	Authority *attest.Authority
}

// Makers are those of every personality's devices, and of the devices of an audit
// whose own are c: what a site has to know that judges attestation. Devices without
// attestation are left out.
func Makers(c DeviceConfig) ([]Maker, error) {
	configs := []DeviceConfig{c}
	for _, of := range Catalogue() {
		configs = append(configs, of.Device.over(c))
	}
	for _, p := range Personalities() {
		configs = append(configs, DeviceConfig{Personality: p, Now: c.Now})
	}
	var makers []Maker
	for _, c := range configs {
		c, err := c.settled()
		if err != nil {
			return nil, err
		}
		if c.Attestation == attest.None {
			continue
		}
		i := slices.IndexFunc(makers, func(m Maker) bool { return m.Model.AAGUID == *c.AAGUID })
		if i < 0 {
			i = len(makers)
			makers = append(makers, Maker{attest.Model{AAGUID: *c.AAGUID}, c.authority()})
		}
		makers[i].Model.Include(c.model())
	}
	return makers, nil
}

// model is the device as metadata speaks of it.
func (c *DeviceConfig) model() attest.Model {
	return attest.Model{
		AAGUID: *c.AAGUID, Formats: []attest.Format{c.Attestation}, Algorithms: c.Algorithms,
		Transports: c.Transports, Synced: *c.BackupEligible,
	}
}

// authority is the device's maker, as metadata and attestation know it: all devices
// of one AAGUID share its roots, so that a site is set up once.
func (c *DeviceConfig) authority() *attest.Authority {
	return attest.New(append([]byte("signet rptest vendor "), c.AAGUID[:]...), c.Now)
}

// Models of the device's maker that TrialBLOBs speak of.
const (
	modelRevoked     = "revoked"
	modelCompromised = "compromised"
	modelReinstated  = "reinstated" // revoked, and good in the older BLOB
	modelForged      = "forged"     // revoked, and good in the BLOB that is signed wrongly
)

// siblingModel is the AAGUID of a maker's other model.
func siblingModel(own ctap.AAGUID, name string) ctap.AAGUID {
	h := sha256.Sum256(append(own[:], name...))
	return ctap.AAGUID(h[:16])
}

// Model is the device as metadata speaks of it.
func (d *Device) Model() attest.Model { return d.config.model() }

// TrialBLOBs are signed metadata BLOBs to feed a site with, in their order,
// before cases that have NeedMetadata. The first is good, and trusted are the
// MetadataRoots of the device's Authority; it has all models that Makers tells of.
// The second has a smaller number and the third a wrong signature: a site has to
// refuse both.
func (d *Device) TrialBLOBs() ([]string, error) {
	makers, err := Makers(d.config)
	if err != nil {
		return nil, fmt.Errorf("trial metadata: %w", err)
	}
	var good []attest.Entry
	for _, m := range makers {
		good = append(good, attest.Entry{Model: m.Model, Maker: m.Authority, Reports: []attest.Report{{Status: attest.Certified}}})
	}
	sibling := func(name string, status attest.Status) attest.Entry {
		return attest.Entry{
			Model: attest.Model{
				AAGUID:  siblingModel(*d.config.AAGUID, name),
				Formats: []attest.Format{attest.Packed}, Algorithms: []ctap.Algorithm{ctap.ES256},
			},
			Reports: []attest.Report{{Status: status}},
		}
	}
	statuses := func(reinstated, forged attest.Status) []attest.Entry {
		return append(slices.Clone(good), sibling(modelRevoked, attest.Revoked), sibling(modelCompromised, attest.UserKeyRemoteCompromise),
			sibling(modelReinstated, reinstated), sibling(modelForged, forged))
	}
	var signed []string
	for _, b := range []attest.BLOB{
		{No: 2, Entries: statuses(attest.Revoked, attest.Revoked)},
		{No: 1, Entries: statuses(attest.Certified, attest.Revoked)},
		{No: 3, Entries: statuses(attest.Revoked, attest.Certified), BadSignature: true},
	} {
		s, err := d.Authority().SignBLOB(b)
		if err != nil {
			return nil, fmt.Errorf("trial metadata: %w", err)
		}
		signed = append(signed, s)
	}
	return signed, nil
}
