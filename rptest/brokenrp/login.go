package brokenrp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
)

// loginResult is §7.2 from step 3 on.
func (s *Site) loginResult(call *call) (any, error) {
	return nil, s.assert(call, "login")
}

// stepUpResult is the same for who is signed in already.
func (s *Site) stepUpResult(call *call) (any, error) {
	s.mu.Lock()
	a := call.session.account
	s.mu.Unlock()
	if a == nil {
		return nil, &failure{http.StatusUnauthorized, "nobody is signed in"}
	}
	return nil, s.assert(call, "stepup")
}

func (s *Site) assert(call *call, purpose string) error {
	c := &ceremony{site: s, kind: "login", purpose: purpose, session: call.session}
	r, err := c.response(call.body)
	if err != nil {
		c.spend()
		return err
	}
	p, d, err := c.begin(r)
	if err != nil {
		return err
	}
	return c.settle(p, c.login(p, d, r))
}

// assertion is a login on its way.
type assertion struct {
	pending *pending
	id      []byte
	handle  userHandle
	record  *credential
	account *account // who is let in
	auth    *authData
}

// userHandle is what an assertion says of the account.
type userHandle struct {
	bytes []byte
	sent  json.RawMessage
	right bool // it is the credential's account
}

func (c *ceremony) login(p *pending, d *clientData, r *response) error {
	a := &assertion{pending: p, id: r.id}
	if err := c.whose(a, r); err != nil {
		return err
	}
	if err := c.checkOrigin(d); err != nil {
		return err
	}
	// With a copy of the record, so that the lock is not held while verifying.
	c.site.mu.Lock()
	record := *a.record
	c.site.mu.Unlock()

	raw, sig, err := c.signedParts(r)
	if err != nil {
		return err
	}
	if sig == nil || raw == nil {
		return c.letIn(a, true) // the client data's challenge was enough
	}
	if a.auth, err = c.authData(raw); err != nil {
		return err
	}
	if err := c.checkClaims(a, &record, r); err != nil {
		return err
	}
	if err := c.hasten(a); err != nil {
		return err
	}
	message := append(bytes.Clone(raw), d.hash[:]...)
	if err := c.verify("signature", record.key.key, record.key.alg, message, sig); err != nil {
		return err
	}
	if err := c.checkCounter(a.auth, &record); err != nil {
		return err
	}
	if err := c.checkExtensions(p, a.auth, r); err != nil {
		return err
	}
	if err := c.checkOutputs(r); err != nil {
		return err
	}
	c.update(a)
	return c.letIn(a, a.auth.has(flagUV))
}

// signedParts gives authenticator data and signature; without one of them only a
// site that misses nothing goes on.
func (c *ceremony) signedParts(r *response) (raw, sig []byte, err error) {
	if raw, err = r.bytes("authenticatorData"); err != nil {
		return nil, nil, err
	}
	if sig, err = r.bytes("signature"); err != nil {
		return nil, nil, err
	}
	attestation := raw == nil && r.inner["attestationObject"] != nil
	return raw, sig, c.first(
		rule{"shape", !attestation},
		rule{"signature.present", sig != nil || attestation},
		rule{"authenticatorData.present", raw != nil || sig == nil || attestation},
	)
}

// checkClaims is §7.2 steps 15 to 19: what the authenticator data say.
func (c *ceremony) checkClaims(a *assertion, record *credential, r *response) error {
	if err := c.checkAuthData(a.auth, a.pending, r); err != nil {
		return err
	}
	if err := c.checkVerified(a.auth, a.pending); err != nil {
		return err
	}
	eligible, backedUp := a.auth.has(flagBE), a.auth.has(flagBS)
	return c.first(
		// BS without BE has been judged already.
		rule{"backup.eligible", eligible == record.eligible || backedUp && !eligible},
		rule{"accept.backup.state", backedUp == record.backedUp},
		rule{"accept.uvInitialized", record.uvInitialized || !a.auth.has(flagUV)},
	)
}

// hasten does, where checks are off, before the signature is verified what belongs
// behind that.
func (c *ceremony) hasten(a *assertion) error {
	if !c.on("state") {
		c.update(a)
	}
	if !c.on("session.late") {
		return c.letIn(a, a.auth.has(flagUV))
	}
	return nil
}

// whose is §7.2 steps 5 and 6: it finds the record, and whom it lets in.
func (c *ceremony) whose(a *assertion, r *response) (err error) {
	if a.handle.bytes, err = r.bytes("userHandle"); err != nil {
		return err
	}
	a.handle.sent = r.inner["userHandle"]
	c.site.mu.Lock()
	defer c.site.mu.Unlock()
	if err := c.find(a); err != nil {
		return err
	}
	r.id = a.id
	if err := c.own(a); err != nil {
		return err
	}
	if a.pending.name == "" && a.pending.purpose == "login" {
		return c.first(
			rule{"userHandle.present", len(a.handle.bytes) > 0},
			rule{"userHandle", len(a.handle.bytes) == 0 || a.handle.right},
			rule{"discoverable", a.record.discoverable},
		)
	}
	who, err := c.who(a.pending)
	if err != nil {
		return err
	}
	return c.identified(a, who)
}

// find finds the credential. The caller holds the site's lock.
func (c *ceremony) find(a *assertion) error {
	a.record = c.site.credentials[string(a.id)]
	if err := c.first(rule{"known", a.record != nil}); err != nil {
		return err
	}
	if a.record == nil {
		mine := c.site.credentialsOf(a.pending.account)
		if len(mine) == 0 {
			return errors.New("no such credential")
		}
		a.record, a.id = mine[0], mine[0].id
	}
	return c.first(rule{"deleted", !a.record.deleted})
}

// own finds the credential's account. The caller holds the site's lock.
func (c *ceremony) own(a *assertion) error {
	a.account = a.record.account
	if a.account.gone {
		if err := c.first(rule{"recreated", false}); err != nil {
			return err
		}
		if a.account = c.site.accounts[a.account.name]; a.account == nil {
			return errors.New("the credential's account is gone")
		}
	}
	for _, owner := range []*account{a.account, a.record.account} {
		id, err := base64.RawURLEncoding.DecodeString(owner.id)
		a.handle.right = a.handle.right || err == nil && bytes.Equal(a.handle.bytes, id)
	}
	return nil
}

// who gives the account that was identified before. The caller holds the site's
// lock.
func (c *ceremony) who(p *pending) (*account, error) {
	s := c.site
	who := p.account
	if p.purpose == "stepup" {
		who = c.session.account
	}
	if who == nil {
		who = s.accounts[p.name]
	}
	if who != nil {
		return who, nil
	}
	if c.on("owner.empty") || p.name == "" {
		return nil, errors.New("no such account")
	}
	who = &account{id: s.newUserID(p.name), name: p.name}
	s.accounts[p.name] = who
	return who, nil
}

// identified is §7.2 steps 5 and 6 where the account was identified before. The
// caller holds the site's lock.
func (c *ceremony) identified(a *assertion, who *account) error {
	p, handle := a.pending, a.handle
	mine := a.account == who
	some := len(c.site.credentialsOf(who)) > 0 || mine
	allowed := p.open || a.record.deleted || a.record.account.gone ||
		slices.ContainsFunc(p.allow, func(b []byte) bool { return bytes.Equal(b, a.id) })
	err := c.first(
		rule{"owner.empty", some},
		rule{"owner", mine || !some},
		rule{"allowed", allowed || !mine},
		rule{"accept.userHandle.missing", len(handle.sent) > 0 && string(handle.sent) != "null"},
		rule{"accept.userHandle.empty", string(handle.sent) != `""`},
		rule{"userHandle", len(handle.bytes) == 0 || handle.right || !mine},
	)
	if !mine {
		a.account = who // and so a stranger comes in
	}
	return err
}

// checkVerified is §7.2 step 17 for what the options did not require.
func (c *ceremony) checkVerified(d *authData, p *pending) error {
	discouraged := p.asked == "discouraged" || p.userVerification == "discouraged"
	required := p.userVerification == "required"
	return c.first(
		rule{"accept.uv.preferred", d.has(flagUV) || discouraged || required},
		rule{"accept.uv.discouraged", d.has(flagUV) || !discouraged || required},
		rule{"accept.uv.unwanted", !d.has(flagUV) || !discouraged || required},
	)
}

// checkCounter is §7.2 step 22. A credential that is backed up may be on
// several devices, whose counters know nothing of each other.
func (c *ceremony) checkCounter(d *authData, record *credential) error {
	stored, got := record.counter, d.counter
	jump := rule{"accept.counter.jump", got < stored || got-stored < 10_000 || got >= 1<<31}
	synced := record.backedUp && d.has(flagBS)
	stale := got <= stored && !(got == 0 && stored == 0)
	if synced {
		return c.first(
			jump,
			rule{"accept.counter.synced", !stale},
			rule{"accept.counter.none", got != 0},
			rule{"accept.counter.max", got < 1<<31},
		)
	}
	return c.first(
		jump,
		rule{"accept.counter.none", got != 0 || stored != 0},
		rule{"accept.counter.max", got < 1<<31},
		rule{"counter.zero", !stale || got != 0},
		rule{"counter.equal", !stale || got != stored || got == 0},
		rule{"counter", !stale || got == 0 || got == stored},
	)
}

// checkOutputs is §7.2 step 23 for outputs that a site uses.
func (c *ceremony) checkOutputs(r *response) error {
	var prf struct {
		Results struct{ First, Second *string }
	}
	if raw := r.extensions["prf"]; raw != nil {
		err := json.Unmarshal(raw, &prf)
		ok := err == nil && secret(prf.Results.First) && secret(prf.Results.Second)
		if err := c.first(rule{"prf.length", ok}); err != nil {
			return err
		}
	}
	var blob struct{ Blob *string }
	if raw := r.extensions["largeBlob"]; raw != nil {
		ok := json.Unmarshal(raw, &blob) == nil
		if ok && blob.Blob != nil {
			_, err := base64.RawURLEncoding.DecodeString(*blob.Blob)
			ok = err == nil
		}
		return c.first(rule{"largeBlob.encoding", ok})
	}
	return nil
}

// secret reports whether a PRF result is one, or not there.
func secret(s *string) bool {
	if s == nil {
		return true
	}
	b, err := base64.RawURLEncoding.DecodeString(*s)
	return err == nil && len(b) == 32
}

// update is §7.2 step 24. uvInitialized stays: to raise it takes another factor.
func (c *ceremony) update(a *assertion) {
	c.site.mu.Lock()
	defer c.site.mu.Unlock()
	a.record.counter = a.auth.counter
	a.record.backedUp = a.auth.has(flagBS)
}

// letIn is §7.2 step 25.
func (c *ceremony) letIn(a *assertion, verified bool) error {
	c.site.mu.Lock()
	defer c.site.mu.Unlock()
	if a.account.gone {
		return errors.New("the account is gone")
	}
	if c.purpose == "stepup" {
		if !c.site.checks.on("stepup.accept.verified") {
			return &failure{http.StatusForbidden, "one more factor, please"}
		}
		c.session.verified = verified
		return nil
	}
	c.session.signIn(a.account, "passkey", verified)
	return nil
}
