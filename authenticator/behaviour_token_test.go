package authenticator_test

import (
	"bytes"
	"time"
)

// clientPIN (§6.5): tokens.

var tokenBehaviours = []behaviour{
	{173, bothProfiles, everyDoor, "the old way to a token knows no permissions", func(b *bench) {
		b.ensurePIN()
		b.expect(invalidParameter, oldTokenRequest(b.secret(2), b.pin, set(9, maySignIn)))
		b.expect(invalidParameter, oldTokenRequest(b.secret(2), b.pin, set(10, site)))
		b.wants("tries", b.retries(), 8)
	}},
	{174, bothProfiles, everyDoor, "it calls a PIN that must be changed wrong", func(b *bench) {
		b.ensurePIN()
		b.forcePINChange()
		b.wants("forcePINChange", b.info()[0x0c], true)
		b.tryPIN(b.pin, pinInvalid)
		b.wants("tries", b.retries(), 8)
		b.changePIN("654321")
		b.tryPIN("654321", success)
	}},
	{175, bothProfiles, everyDoor, "its token makes or signs in anywhere, and nothing else", func(b *bench) {
		b.ensurePIN()
		b.ok(makeCredential(discoverable, by(b.oldToken())))
		b.ok(getAssertion(by(b.oldToken())))
		t := b.oldToken()
		b.expect(pinAuthInvalid, manage(t, 1, nil))
		b.expect(pinAuthInvalid, configure(t, 3, dict{}))
		b.ok(getAssertion(silent, by(t)))
		b.ok(makeCredential(by(t)))
	}},
	{176, securityKey, everyDoor, "and not even that, where the profile says so", func(b *bench) {
		b.fresh(tokensForLess)
		b.setPIN("1234")
		b.expect(pinAuthInvalid, makeCredential(by(b.oldToken())))
		b.expect(pinAuthInvalid, getAssertion(by(b.oldToken())))
		b.expect(unauthorizedPermission, tokenRequest(b.secret(2), b.pin, mayMake, site))
		b.expect(unauthorizedPermission, tokenRequest(b.secret(2), b.pin, maySignIn, site))
	}},
	{177, bothProfiles, everyDoor, "permissions are required, and some", func(b *bench) {
		b.ensurePIN()
		b.expect(missingParameter, tokenRequest(b.secret(2), b.pin, 0, site, without(9)))
		b.expect(invalidParameter, tokenRequest(b.secret(2), b.pin, 0, site))
	}},
	{178, bothProfiles, everyDoor, "making and signing in are for a site", func(b *bench) {
		b.ensurePIN()
		b.expect(missingParameter, tokenRequest(b.secret(2), b.pin, mayMake, ""))
		b.expect(missingParameter, tokenRequest(b.secret(2), b.pin, maySignIn, ""))
	}},
	{179, bothProfiles, everyDoor, "nobody enrols fingers without a sensor", func(b *bench) {
		b.ensurePIN()
		b.expect(unauthorizedPermission, tokenRequest(b.secret(2), b.pin, mayEnroll, ""))
	}},
	{180, platform, everyDoor, "nobody writes to an array that is not there", func(b *bench) {
		b.expect(unauthorizedPermission, tokenRequest(b.secret(2), b.pin, mayWrite, ""))
	}},
	{181, bothProfiles, everyDoor, "the lasting token comes alone", func(b *bench) {
		b.ensurePIN()
		b.expect(unauthorizedPermission, tokenRequest(b.secret(2), b.pin, mayRead|mayManage, ""))
		b.expect(unauthorizedPermission, tokenRequest(b.secret(2), b.pin, mayRead|maySignIn, site))
	}},
	{182, bothProfiles, everyDoor, "and is the same each time", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayManage, "")
		first := b.token(mayRead, "")
		b.equal("lasting token", b.tokenOf(1, mayRead, "").key, first.key)
		b.ok(manage(t, 1, nil))
		b.restart()
		b.equal("lasting token after a restart", b.token(mayRead, "").key, first.key)
	}},
	{183, bothProfiles, everyDoor, "no token by a PIN that must be changed", func(b *bench) {
		b.ensurePIN()
		b.forcePINChange()
		b.expect(pinPolicyViolation, tokenRequest(b.secret(2), b.pin, maySignIn, site))
		b.expect(pinPolicyViolation, changePINRequest(b.secret(2), b.pin, padded(b.pin, 64))) // that is no change
		b.wants("tries", b.retries(), 8)
		b.wants("forcePINChange", b.info()[0x0c], true)
		b.changePIN("654321")
		b.token(maySignIn, site)
	}},
	{184, bothProfiles, everyDoor, "permissions that nobody knows are passed over", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		b.ok(getAssertion(by(b.token(maySignIn|0x80, site))))
		b.ok(getAssertion(by(b.token(maySignIn|0x1000, site))))
		b.ok(manage(b.token(mayRead|0x80, ""), 1, nil))
	}},
	{185, bothProfiles, everyDoor, "a new token ends the old, of either protocol", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		for _, pair := range [][2]int{{1, 1}, {1, 2}, {2, 1}, {2, 2}} {
			first := b.tokenOf(pair[0], maySignIn|mayManage, site)
			second := b.tokenOf(pair[1], maySignIn|mayManage, site)
			b.expectSilently(pinAuthInvalid, getAssertion(by(first)))
			b.ok(getAssertion(by(second)))
		}
	}},
	{186, securityKey, everyDoor, "no built-in verification, none of its subcommands", func(b *bench) {
		b.setPIN("1234")
		b.expect(invalidSubcommand, uvTokenRequest(b.secret(2), maySignIn, site))
		b.expect(invalidSubcommand, clientPIN(7, 0))
	}},
	{187, platform, everyDoor, "built-in verification: unset, wrong and blocked", func(b *bench) {
		b.register(discoverable)
		s := b.secret(2)
		fetch := func() token { b.Helper(); return b.openToken(s, b.ok(uvTokenRequest(s, maySignIn, site))) }
		b.expectSilently(success, getAssertion(by(fetch()))) // who typed the PIN is present
		t := fetch()
		b.ok(getAssertion(silent, by(t)))
		time.Sleep(31 * time.Second)
		b.expectAsking(success, getAssertion(by(t))) // and after a while perhaps not
		b.wants("uvRetries", b.ok(clientPIN(7, 0)).body[5], 8)

		b.person.pin = "0000"
		b.expect(uvInvalid, uvTokenRequest(b.secret(2), maySignIn, site))
		b.wants("uvRetries", b.ok(clientPIN(7, 0)).body[5], 7)
		b.expect(puatRequired, makeCredential()) // the client may try by PIN
		b.wants("uvRetries", b.ok(clientPIN(7, 0)).body[5], 6)
		b.person.pin = b.pin
		b.ok(uvTokenRequest(b.secret(2), maySignIn, site))
		b.wants("uvRetries", b.ok(clientPIN(7, 0)).body[5], 8)

		b.missThrice()
		b.restart()
		b.missThrice()
		b.restart()
		b.tryPIN("0000", pinInvalid)
		b.tryPIN("0000", pinBlocked)
		b.restart()
		b.wants("uvRetries", b.ok(clientPIN(7, 0)).body[5], 0)
		b.expectSilently(uvBlocked, uvTokenRequest(b.secret(2), maySignIn, site))

		b.ok(bare(cmdReset))
		b.expect(notAllowed, uvTokenRequest(b.secret(2), maySignIn, site))
	}},
	{188, bothProfiles, everyDoor, "a token lives thirty seconds unused, ten minutes used", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayManage, "")
		time.Sleep(29 * time.Second)
		b.ok(manage(t, 1, nil))
		time.Sleep(560 * time.Second)
		b.ok(manage(t, 1, nil))
		time.Sleep(12 * time.Second)
		b.expect(pinAuthInvalid, manage(t, 1, nil))
		t = b.token(mayManage, "")
		time.Sleep(31 * time.Second)
		b.expect(pinAuthInvalid, manage(t, 1, nil))
	}},
	{189, bothProfiles, everyDoor, "what is encrypted has one length for each protocol", func(b *bench) {
		b.ensurePIN()
		for _, protocol := range []int{1, 2} {
			s := b.secret(protocol)
			right := s.encrypt(pinHash(b.pin))
			b.wants("length of pinHashEnc", len(right), 16*protocol)
			b.wants("length of newPinEnc", len(s.encrypt(padded("1234", 64))), 48+16*protocol)
			for _, bad := range [][]byte{right[:len(right)-1], right[:0], append(bytes.Clone(right), make([]byte, 16)...)} {
				s := b.secret(protocol)
				if got := b.ask(oldTokenRequest(s, b.pin, set(6, bad))); got.status == success {
					b.Errorf("protocol %d: a pinHashEnc of %d bytes was taken", protocol, len(bad))
				}
				b.tryPIN(b.pin, success)
			}
		}
	}},
	{190, bothProfiles, everyDoor, "a token of protocol two travels in 48 bytes, never the same", func(b *bench) {
		b.ensurePIN()
		s := b.secret(2)
		first := b.octets(b.ok(tokenRequest(s, b.pin, mayRead, "")), 2)
		second := b.octets(b.ok(tokenRequest(s, b.pin, mayRead, "")), 2)
		b.wants("length", len(first), 48)
		if bytes.Equal(first[:16], second[:16]) {
			b.Errorf("initialization vector %x twice", first[:16])
		}
		s = b.secret(1)
		b.wants("length under protocol one", len(b.octets(b.ok(tokenRequest(s, b.pin, mayRead, "")), 2)), 32)
	}},
}
