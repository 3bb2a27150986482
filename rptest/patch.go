package rptest

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// The engine is always one whose passkeys may be copied: BE is set, and nothing
// is counted. What else a device claims is put into the authenticator data
// here, and signed here, once.

// patches tells whether any answer is changed.
func (d *Device) patches() bool {
	if !d.config.claims().enginesOwn() {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.properties) > 0 || len(d.aliases) > 0
}

// isPatched tells whether a credential's signatures are made here. It is asked
// for credentials in the making, too.
func (d *Device) isPatched(credentialID []byte) bool {
	if !d.config.claims().enginesOwn() {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.properties[string(credentialID)]
	return ok
}

// claim puts what the device says of a credential into authenticator data, and
// counts.
func (d *Device) claim(credentialID []byte, auth *ctap.AuthData) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.properties[string(credentialID)]
	if !ok {
		claims := d.config.claims()
		if claims.enginesOwn() {
			return
		}
		p = &claims
		d.properties[string(credentialID)] = p
	}
	auth.Flags &^= ctap.FlagBE | ctap.FlagBS
	if p.eligible {
		auth.Flags |= ctap.FlagBE
	}
	if p.backedUp {
		auth.Flags |= ctap.FlagBS
	}
	auth.SignCount, p.last = p.count, p.count
	if auth.Flags&ctap.FlagUP != 0 { // browsers look silently first which credentials a device has
		p.count += p.step
	}
}

// patchCreated makes the device's own of a makeCredential answer.
func (d *Device) patchCreated(ctx context.Context, asked *ctap.MakeCredentialRequest, made *ctap.MakeCredentialResponse) (*ctap.MakeCredentialResponse, error) {
	if d.config.claims().enginesOwn() && d.enginesStatement() {
		return made, nil
	}
	auth, err := ctap.ParseAuthData(made.AuthData)
	if err != nil {
		return nil, fmt.Errorf("read makeCredential's answer: %w", err)
	}
	d.claim(auth.CredentialID, auth)
	own := *made
	own.AuthData = auth.Append(nil)
	own.Fmt, own.AttStmt, err = d.statement(ctx, asked, auth, own.AuthData)
	return &own, err
}

// patchAsserted makes the device's own of an answer to getAssertion or
// getNextAssertion.
func (d *Device) patchAsserted(ctx context.Context, clientDataHash []byte, got *ctap.GetAssertionResponse) (*ctap.GetAssertionResponse, error) {
	if !d.patches() {
		return got, nil
	}
	auth, err := ctap.ParseAuthData(got.AuthData)
	if err != nil {
		return nil, fmt.Errorf("read getAssertion's answer: %w", err)
	}
	own, id := *got, []byte(got.Credential.ID)
	if d.isPatched(id) {
		d.claim(id, auth)
		own.AuthData = auth.Append(nil)
		if own.Signature, err = d.root.sign(ctx, id, append(own.AuthData[:len(own.AuthData):len(own.AuthData)], clientDataHash...)); err != nil {
			return nil, err
		}
	}
	own.Credential = &ctap.Descriptor{ID: d.external(id), Type: got.Credential.Type}
	return &own, nil
}

// A credential that came from elsewhere keeps its ID for sites, whatever its
// length; the engine knows it by the ID's hash.

const engineIDLength = sha256.Size

func engineID(external []byte) []byte {
	h := sha256.Sum256(external)
	return h[:]
}

// alias makes external the ID by which a credential is known outside.
func (d *Device) alias(external []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.aliases == nil {
		d.aliases, d.internal = map[string]string{}, map[string]string{}
	}
	id := string(engineID(external))
	d.aliases[id], d.internal[string(external)] = string(external), id
}

func (d *Device) hasAliases() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.aliases) > 0
}

// external is the ID by which sites know a credential.
func (d *Device) external(id []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.aliases[string(id)]; ok {
		return []byte(e)
	}
	return id
}

// engines is the ID by which the engine knows a credential.
func (d *Device) engines(external []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if id, ok := d.internal[string(external)]; ok {
		return []byte(id)
	}
	return external
}

// toEngine names a list's credentials as the engine knows them.
func (d *Device) toEngine(list []ctap.Descriptor) []ctap.Descriptor {
	named := make([]ctap.Descriptor, len(list))
	for i, c := range list {
		named[i] = ctap.Descriptor{ID: d.engines(c.ID), Type: c.Type}
	}
	return named
}
