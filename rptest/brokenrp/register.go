package brokenrp

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// registerResult is §7.1 from step 3 on.
func (s *Site) registerResult(call *call) (any, error) {
	c := &ceremony{site: s, kind: "register", purpose: "register", session: call.session}
	r, err := c.response(call.body)
	if err != nil {
		c.spend()
		return nil, err
	}
	p, d, err := c.begin(r)
	if err != nil {
		return nil, err
	}
	return nil, c.settle(p, c.register(p, d, r))
}

// begin reads the client data and claims the options that they answer.
func (c *ceremony) begin(r *response) (*pending, *clientData, error) {
	raw, err := r.bytes("clientDataJSON")
	if err == nil {
		err = c.first(rule{"clientData.present", len(raw) > 0})
	}
	if err != nil {
		c.spend()
		return nil, nil, err
	}
	d, err := c.clientData(raw)
	if err != nil {
		c.spend()
		return nil, nil, err
	}
	if err := c.checkType(d); err != nil {
		c.spend()
		return nil, nil, err
	}
	p, err := c.claim(d)
	if err != nil {
		return nil, nil, err
	}
	return p, d, nil
}

// spend uses up the session's options after a result that could not be read.
func (c *ceremony) spend() { c.claim(&clientData{}) }

func (c *ceremony) register(p *pending, d *clientData, r *response) error {
	if err := c.checkOrigin(d); err != nil {
		return err
	}
	raw, err := r.bytes("attestationObject")
	if err != nil {
		return err
	}
	if err := c.first(rule{"shape", raw != nil}); err != nil {
		return err
	}
	if raw == nil {
		return c.store(p, &credential{id: r.id}, true, true)
	}
	object, err := c.attestationObject(raw)
	if err != nil {
		return err
	}
	auth, err := c.authData(object.authData)
	if err != nil {
		return err
	}
	if err := c.checkAuthData(auth, p, r); err != nil {
		return err
	}
	if err := c.first(rule{"backup.policy", !c.site.config.DeviceBound || !auth.has(flagBE)}); err != nil {
		return err
	}
	key, err := c.publicKey(auth.key, c.site.config.Algorithms)
	if err != nil {
		return err
	}
	k := &credential{
		id: auth.credentialID, key: *key, counter: auth.counter, aaguid: auth.aaguid,
		eligible: auth.has(flagBE), backedUp: auth.has(flagBS), uvInitialized: auth.has(flagUV),
		discoverable: discoverable(p, r),
	}
	if !c.on("store") {
		if err := c.store(p, k, false, false); err != nil {
			return err
		}
	}
	if err := c.attestation(object, auth, key, d); err != nil {
		return err
	}
	if err := c.checkRecord(p, k, auth, r); err != nil {
		return err
	}
	return c.store(p, k, true, auth.has(flagUV))
}

// discoverable tells whether the client made a discoverable credential, as far
// as one can know.
func discoverable(p *pending, r *response) bool {
	var props struct{ RK *bool }
	if raw := r.extensions["credProps"]; raw != nil && json.Unmarshal(raw, &props) == nil && props.RK != nil {
		return *props.RK
	}
	return p.residentKey != "discouraged"
}

// attestationObject is what §7.1 step 13 decodes.
type attestationObject struct {
	fmt      string
	skip     bool // a sloppy site finds nothing to verify
	stmt     item
	authData []byte
}

func (c *ceremony) attestationObject(raw []byte) (*attestationObject, error) {
	it, rest, err := c.decode(raw)
	if err != nil {
		return nil, fmt.Errorf("attestation object: %w", err)
	}
	if it.major != majorMap {
		return nil, errors.New("attestation object is not a map")
	}
	format, hasFmt := it.member("fmt")
	stmt, hasStmt := it.member("attStmt")
	found, hasData := it.member("authData")
	numbered := !hasFmt && !hasStmt && !hasData
	if numbered {
		format, hasFmt = it.label(1)
		found, hasData = it.label(2)
		stmt, hasStmt = it.label(3)
		numbered = hasFmt && hasStmt && hasData
	}
	var data *item
	if hasData {
		data = &found
	}
	// The statement of compound is an array, those of unknown formats are anything.
	isMap := string(format.str) != "compound" && slices.Contains(formats, string(format.str))
	isStmt := hasStmt && (stmt.major == majorMap || stmt.major == majorArray && !isMap)
	top := item{major: it.major, items: it.items}
	err = c.first(
		rule{"attestationObject.trailing", len(rest) == 0},
		rule{"attestationObject.keys", !numbered},
		rule{"attestationObject.fmt", hasFmt && format.major == majorText},
		rule{"attestationObject.attStmt", isStmt},
		rule{"attestationObject.authData", hasData && found.major == majorBytes},
		rule{"attestationObject.duplicate", it.odd&duplicate == 0 && keysOdd(it.items)&duplicate == 0},
		rule{"attestationObject.indefinite", it.odd&indefinite == 0},
		rule{"attestationObject.tag", it.odd&tagged == 0},
		rule{"attestationObject.extra", numbered || top.onlyMembers("fmt", "attStmt", "authData")},
	)
	if err != nil {
		return nil, err
	}
	o := &attestationObject{fmt: string(format.str), stmt: stmt, authData: data.str} // no data: without the check, a crash
	o.skip = format.major != majorText || !hasFmt || !isStmt
	return o, nil
}

// checkRecord is §7.1 steps 25 to 28: whether the credential may be stored.
func (c *ceremony) checkRecord(p *pending, k *credential, auth *authData, r *response) error {
	c.site.mu.Lock()
	old := c.site.credentials[string(k.id)]
	stored := !c.on("store") && old == k
	c.site.mu.Unlock()
	if stored || old != nil && old.deleted || old != nil && c.repeated(p, old, k) {
		old = nil
	}
	err := c.first(
		rule{"id.long", len(k.id) <= 1023},
		rule{"accept.id.long", len(k.id) <= 255 || len(k.id) > 1023},
		rule{"id.empty", len(k.id) > 0},
		rule{"id.foreign", old == nil || old.account == p.account},
		rule{"id.own", old == nil || old.account != p.account},
		rule{"id.outer", bytes.Equal(r.id, k.id)},
	)
	if err != nil {
		return err
	}
	if err := c.checkTransports(k, r); err != nil {
		return err
	}
	if err := c.checkExtensions(p, auth, r); err != nil {
		return err
	}
	return c.checkOuterKey(k, r)
}

// repeated reports whether this is the same registration once more, which a
// site that keeps challenges cannot tell from the first.
func (c *ceremony) repeated(p *pending, old, k *credential) bool {
	return !c.on("replay") && old.account.name == p.name && old.counter == k.counter && old.made.After(p.begun.Add(-1))
}

var transports = []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal", "cable"}

func (c *ceremony) checkTransports(k *credential, r *response) error {
	raw, present := r.inner["transports"]
	var list []string
	isList := json.Unmarshal(raw, &list) == nil
	unknown := slices.ContainsFunc(list, func(t string) bool { return !slices.Contains(transports, t) })
	k.transports = list
	return c.first(
		rule{"accept.transports.missing", present},
		rule{"accept.transports.type", !present || isList},
		rule{"accept.transports.unknown", !unknown},
	)
}

// checkExtensions is §7.1 step 28 and §7.2 step 23.
func (c *ceremony) checkExtensions(p *pending, auth *authData, r *response) error {
	for name := range r.extensions {
		if p.extensions[name] == nil {
			if err := c.first(rule{"accept.unsolicited.client", false}); err != nil {
				return err
			}
		}
	}
	for i := 0; i < len(auth.extensions.items); i += 2 {
		if !p.solicited(string(auth.extensions.items[i].str)) {
			if err := c.first(rule{"accept.unsolicited.authenticator", false}); err != nil {
				return err
			}
		}
	}
	if c.kind != "register" {
		return nil
	}
	var prf struct{ Enabled bool }
	said := r.extensions["prf"] != nil && json.Unmarshal(r.extensions["prf"], &prf) == nil && prf.Enabled
	_, did := auth.extensions.member("hmac-secret")
	return c.first(rule{"accept.prf", said == did})
}

// solicited reports whether the options asked for an authenticator's extension,
// by its own name or by that of a client's.
func (p *pending) solicited(name string) bool {
	for _, asked := range map[string][]string{
		"hmac-secret": {"prf", "hmacCreateSecret"}, "hmac-secret-mc": {"prf"},
		"credProtect": {"credentialProtectionPolicy"}, "largeBlob": {"largeBlob"}, "largeBlobKey": {"largeBlob"},
	}[name] {
		if p.extensions[asked] != nil {
			return true
		}
	}
	return p.extensions[name] != nil
}

// checkOuterKey compares what the client says of the key. A site that stores
// what the client says has another key afterwards.
func (c *ceremony) checkOuterKey(k *credential, r *response) error {
	if raw := r.inner["publicKeyAlgorithm"]; raw != nil {
		var alg ctap.Algorithm
		ok := json.Unmarshal(raw, &alg) == nil && (alg == k.key.alg || slices.Contains(k.key.said, alg))
		if err := c.first(rule{"publicKeyAlgorithm", ok}); err != nil {
			return err
		}
	}
	der, err := r.bytes("publicKey")
	if err != nil || der == nil {
		return err
	}
	outer, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		// Of the site's algorithms only those on secp256k1 have none here.
		if k.key.alg == ctap.ES256K {
			return nil
		}
		return c.first(rule{"publicKey", false})
	}
	same := sameKey(k.key.key, outer)
	if err := c.first(rule{"publicKey", same}); err != nil {
		return err
	}
	if !same {
		k.key.key = outer
	}
	return nil
}

// store is the end of §7.1: it makes the record, and with it the account of a
// newcomer, who is signed in if all is verified.
func (c *ceremony) store(p *pending, k *credential, admit, verified bool) error {
	s := c.site
	s.mu.Lock()
	defer s.mu.Unlock()
	a := p.account
	if a == nil {
		a = s.accounts[p.name]
		if a == nil {
			a = &account{id: p.userID, name: p.name, displayName: p.displayName}
			s.accounts[p.name] = a
		} else if p.session.account != a {
			return errors.New("another registration of this name came first")
		}
		p.account = a
	}
	if a.gone {
		return errors.New("the account is gone")
	}
	n := c.session
	if !p.newcomer && !p.enrolled {
		mine := n.account == a || !c.on("session")
		byPassword := n.account == a && n.method == "password" && slices.ContainsFunc(s.credentialsOf(a), func(other *credential) bool { return other != k })
		err := c.first(
			rule{"owner", mine},
			rule{"stepUp", !byPassword},
		)
		if err != nil {
			return err
		}
	}
	// Two registrations of one ID may have come this far.
	if old := s.credentials[string(k.id)]; old != nil && old != k && !old.deleted && old.account != a {
		if err := c.first(rule{"id.foreign", false}); err != nil {
			return err
		}
	}
	k.account, k.made = a, s.now()
	s.credentials[string(k.id)] = k
	// Who came in by password is not verified by a passkey that is new.
	if admit && (p.newcomer || n.account != a && !c.on("session")) {
		n.signIn(a, "passkey", verified)
	}
	return nil
}
