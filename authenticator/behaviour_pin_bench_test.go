package authenticator_test

import "github.com/seed-77d61853/signet/authenticator"

// What a client does with a PIN, at the bench (§6.5.5).

// clientPIN is a clientPIN request; protocol 0 leaves the member out.
func clientPIN(sub, protocol int, edits ...edit) request {
	r := request{cmdClientPIN, dict{2: sub}}
	if protocol != 0 {
		r.body[1] = protocol
	}
	return r.edited(edits)
}

// secret agrees on a shared secret with the device.
func (b *bench) secret(protocol int) secret {
	b.Helper()
	key, _ := b.ok(clientPIN(2, protocol)).body[1].(dict)
	s, err := agree(protocol, key)
	if err != nil {
		b.Fatalf("key agreement with %v: %v", key, err)
	}
	return s
}

// setPINRequest sends a new PIN, padded by the caller.
func setPINRequest(s secret, plain []byte, edits ...edit) request {
	sealed := s.encrypt(plain)
	return clientPIN(3, s.protocol, set(3, s.ours), set(4, s.authenticate(sealed)), set(5, sealed)).edited(edits)
}

// changePINRequest sends the old PIN's hash and a new PIN, padded by the caller.
func changePINRequest(s secret, old string, plain []byte, edits ...edit) request {
	sealed, oldHash := s.encrypt(plain), s.encrypt(pinHash(old))
	return clientPIN(4, s.protocol, set(3, s.ours), set(4, s.authenticate(sealed, oldHash)), set(5, sealed), set(6, oldHash)).edited(edits)
}

// oldTokenRequest is getPinToken, which knows no permissions.
func oldTokenRequest(s secret, pin string, edits ...edit) request {
	return clientPIN(5, s.protocol, set(3, s.ours), set(6, s.encrypt(pinHash(pin)))).edited(edits)
}

// tokenRequest asks for a token by PIN; rpID may be empty.
func tokenRequest(s secret, pin string, permissions int, rpID string, edits ...edit) request {
	r := clientPIN(9, s.protocol, set(3, s.ours), set(6, s.encrypt(pinHash(pin))), set(9, permissions))
	if rpID != "" {
		r.body[10] = rpID
	}
	return r.edited(edits)
}

// uvTokenRequest asks for a token by built-in user verification.
func uvTokenRequest(s secret, permissions int, rpID string) request {
	r := clientPIN(6, s.protocol, set(3, s.ours), set(9, permissions))
	if rpID != "" {
		r.body[10] = rpID
	}
	return r
}

// setPIN sets the first PIN; the person learns it too.
func (b *bench) setPIN(pin string) {
	b.Helper()
	if b.config.Profile.ClientPIN {
		b.ok(setPINRequest(b.secret(2), padded(pin, 64)))
	} else if err := b.device.AsOwner(b.Context(), nil, func(o *authenticator.Owner) error {
		return o.SetPIN(b.Context(), []byte(pin))
	}); err != nil {
		b.Fatal(err)
	}
	b.pin, b.person.pin = pin, pin
}

// ensurePIN sets a PIN where none is set yet, and anything could come of it.
func (b *bench) ensurePIN() {
	b.Helper()
	if b.pin == "" && b.givesTokens() {
		b.setPIN("1234")
	}
}

// changePIN changes the PIN.
func (b *bench) changePIN(pin string) {
	b.Helper()
	b.ok(changePINRequest(b.secret(2), b.pin, padded(pin, 64)))
	b.pin, b.person.pin = pin, pin
}

// tryPIN tries a PIN and expects a status.
func (b *bench) tryPIN(pin string, want byte) {
	b.Helper()
	b.expect(want, oldTokenRequest(b.secret(2), pin))
}

// retries reads how many tries are left.
func (b *bench) retries() int {
	b.Helper()
	return b.number(b.ok(clientPIN(1, 0)), 3)
}

// givesTokens tells whether the device takes a PIN from anybody.
func (b *bench) givesTokens() bool { return b.config.Profile.ClientPIN || b.verifiesItself() }

// token fetches a token of protocol two by the PIN that is set; it is the zero
// token where there are none.
func (b *bench) token(permissions int, rpID string) token {
	b.Helper()
	return b.tokenOf(2, permissions, rpID)
}

func (b *bench) tokenOf(protocol, permissions int, rpID string) token {
	b.Helper()
	if !b.givesTokens() {
		return token{}
	}
	s := b.secret(protocol)
	if !b.config.Profile.ClientPIN {
		return b.openToken(s, b.ok(uvTokenRequest(s, permissions, rpID)))
	}
	return b.openToken(s, b.ok(tokenRequest(s, b.pin, permissions, rpID)))
}

// oldToken fetches a token without naming permissions.
func (b *bench) oldToken() token {
	b.Helper()
	s := b.secret(2)
	return b.openToken(s, b.ok(oldTokenRequest(s, b.pin)))
}

// openToken decrypts a token that has arrived.
func (b *bench) openToken(s secret, r reply) token {
	b.Helper()
	key, err := s.decrypt(b.octets(r, 2))
	if err != nil || len(key) != 32 {
		b.Fatalf("token of %d bytes: %v", len(key), err)
	}
	return token{protocol: s.protocol, key: key}
}

// forcePINChange makes the device ask for another PIN.
func (b *bench) forcePINChange() {
	b.Helper()
	b.ok(configure(b.token(maySet, ""), 3, dict{3: true}))
}

// tokenWhile fetches a token while the person is in a mood.
func (b *bench) tokenWhile(m mood, permissions int, rpID string) token {
	b.Helper()
	b.person.mu.Lock()
	before := b.person.mood
	b.person.mu.Unlock()
	b.person.is(m)
	defer b.person.is(before)
	return b.token(permissions, rpID)
}
