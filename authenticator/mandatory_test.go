package authenticator_test

import (
	"bytes"
	"testing"
	"testing/synctest"
)

// What the standard makes mandatory for a device that calls itself FIDO_2_3
// (§9), shown by what the device does, not by what it says of itself.

var mandatory = []struct {
	feature string
	show    func(b *bench)
}{
	{"hmac-secret", showHMACSecret},
	{"discoverable credentials come with verification", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		a := b.signIn()
		b.wants("flag UV", a.data.flags&flagUV, byte(flagUV))
		b.verifies(c, a)
	}},
	{"discoverable credentials can be managed", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		t := b.token(mayManage, "")
		b.wants("credentials", b.ok(manage(t, 1, nil)).body[1], 1)
		b.ok(manage(t, 2, nil))
		b.ok(manage(t, 4, siteHash))
		b.ok(manage(t, 7, rename(c.id, dict{"id": []byte("alice"), "name": "al"})))
		b.ok(manage(t, 6, whose(c.id)))
		b.wants("credentials", b.ok(manage(t, 1, nil)).body[1], 0)
	}},
	{"verification comes with credProtect", showCredProtect},
	{"verification comes with tokens", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		t := b.token(maySignIn, site)
		b.ok(getAssertion(by(t)))
		b.expect(pinAuthInvalid, getAssertion(by(t)))
		if b.verifiesItself() {
			s := b.secret(2)
			b.ok(getAssertion(by(b.openToken(s, b.ok(uvTokenRequest(s, maySignIn, site))))))
		}
	}},
	{"protocol two", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		b.ok(getAssertion(by(b.tokenOf(2, maySignIn, site))))
	}},
	{"who tells the shortest PIN lets it be set", showMinPINLength},
	{"enterprise attestation can be enabled", func(b *bench) {
		b.fresh(enterprise(site))
		b.ensurePIN()
		ask := func() request {
			r := makeCredential(set(0x0a, 1))
			b.prove(r, mayMake, site)
			return r
		}
		b.expect(invalidParameter, ask())
		b.ok(configure(b.token(maySet, ""), 1, nil))
		b.wants("epAtt", b.ok(ask()).body[4], true)
	}},
	{"unknown subcommands have a status of their own", func(b *bench) {
		b.expect(invalidSubcommand, clientPIN(0x55, 2))
		b.expect(invalidSubcommand, manage(token{}, 0x55, nil))
		b.expect(invalidSubcommand, configure(token{}, 0x55, nil))
	}},
	{"canonical CBOR, and no other", func(b *bench) {
		b.expectRaw(invalidCBOR, []byte{cmdClientPIN, 0xa1, 0x02, 0x18, 0x01})
		b.expectRaw(invalidCBOR, []byte{cmdClientPIN, 0xbf, 0x02, 0x01, 0xff})
		b.expectRaw(success, []byte{cmdClientPIN, 0xa1, 0x02, 0x01})
	}},
}

func TestMandatory(t *testing.T) {
	for _, m := range mandatory {
		onEachProfile(t, m.feature, m.show)
	}
}

// onEachProfile runs a test on a device of either profile, called directly.
func onEachProfile(t *testing.T, name string, run func(b *bench)) {
	t.Run("security-key/"+name, func(t *testing.T) { onBench(t, securityKey, run) })
	t.Run("platform/"+name, func(t *testing.T) { onBench(t, platform, run) })
}

func onBench(t *testing.T, p profiles, run func(b *bench)) {
	synctest.Test(t, func(t *testing.T) { run(newBench(t, p, openEngine)) })
}

func showHMACSecret(b *bench) {
	c := b.register(extension("hmac-secret", true))
	b.wants("hmac-secret", c.data.extensions["hmac-secret"], true)
	secrets := func(salts ...[]byte) []byte {
		b.Helper()
		s := b.secret(2)
		return b.hmacSecret(s, b.signIn(listing(c.id), extension("hmac-secret", saltInput(s, salts...))).data)
	}
	both := secrets(salt(1), salt(2))
	b.equal("first secret", secrets(salt(1)), both[:32])
	b.equal("second secret", secrets(salt(2)), both[32:])
	if bytes.Equal(both[:32], both[32:]) {
		b.Errorf("two salts have one secret")
	}
}

func showCredProtect(b *bench) {
	b.ensurePIN()
	c := b.register(discoverable, extension("credProtect", 3))
	b.wants("credProtect", c.data.extensions["credProtect"], 3)
	b.expect(noCredentials, getAssertion(silent))
	b.expect(noCredentials, getAssertion(silent, listing(c.id)))
	b.verifies(c, b.signIn(listing(c.id)))
	other := b.register(at("other.example"), discoverable, extension("credProtect", 2))
	b.expect(noCredentials, getAssertion(at("other.example"), silent))
	b.ok(getAssertion(at("other.example"), silent, listing(other.id)))
}

func showMinPINLength(b *bench) {
	b.ensurePIN()
	b.changePIN("12345678")
	b.ok(configure(b.token(maySet, ""), 3, dict{1: 6, 2: list{site}}))
	b.wants("minPinLength", b.register(extension("minPinLength", true)).data.extensions["minPinLength"], 6)
	b.expect(pinPolicyViolation, changePINRequest(b.secret(2), b.pin, padded("12345", 64)))
	b.changePIN("123456")
}

// A device with a display asks before it hands out a token, and a refusal costs
// no try (§6.5.5.7).
func TestTokenConsent(t *testing.T) {
	onBench(t, platform, func(b *bench) {
		s := b.secret(2)
		for _, r := range []request{oldTokenRequest(s, "0000"), tokenRequest(s, "0000", maySignIn, site), uvTokenRequest(s, maySignIn, site)} {
			b.person.is(refuses)
			b.expectAsking(operationDenied, r)
			b.wants("status", b.cancelled(r).status, keepaliveCancel)
			b.wants("site asked about", b.person.last().RPID == site, has(r.body, 10))
		}
		b.person.is(approves)
		b.wants("tries", b.retries(), 8)
		b.tryPIN(b.pin, success)
	})
}
