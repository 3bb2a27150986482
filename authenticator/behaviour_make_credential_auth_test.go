package authenticator_test

import (
	"time"

	"github.com/seed-77d61853/signet/authenticator"
)

// makeCredential (§6.1): presence, verification and enterprise attestation.

var (
	selfAttested = profiled(func(p *authenticator.Profile) { p.Attestation = authenticator.PackedSelf })
	copyable     = func(c *authenticator.Config) { c.Copyable = true }
)

func roomFor(credentials int) func(*authenticator.Config) {
	return profiled(func(p *authenticator.Profile) { p.MaxDiscoverable = credentials })
}

// enterprise makes a device that identifies itself to these sites.
func enterprise(sites ...string) func(*authenticator.Config) {
	return profiled(func(p *authenticator.Profile) { p.EnterpriseRPIDs = append([]string{}, sites...) })
}

var emptyProof = set(8, []byte{})

var makeCredentialConsent = []behaviour{
	{81, bothProfiles, everyDoor, "nothing is made without a person's touch", func(b *bench) {
		b.person.is(refuses)
		b.expectAsking(operationDenied, makeCredential(discoverable))
		b.person.is(waits)
		start := time.Now()
		b.expectOneOf([]byte{operationDenied, userActionTimeout}, makeCredential(discoverable))
		if waited := time.Since(start); waited < 10*time.Second {
			b.Errorf("the person had %v", waited)
		}
		b.expect(noCredentials, getAssertion(silent))
	}},
	{82, bothProfiles, everyDoor, "the client can take the question back", func(b *bench) {
		got := b.cancelled(makeCredential(discoverable))
		b.wants("status", got.status, keepaliveCancel)
		b.expect(noCredentials, getAssertion(silent))
	}},
	{83, securityKey, everyDoor, "an empty proof is a question for a touch: no PIN is set", func(b *bench) {
		b.expectAsking(pinNotSet, makeCredential(discoverable, emptyProof))
		b.expect(noCredentials, getAssertion(silent))
		b.expectAsking(pinNotSet, getAssertion(set(6, []byte{})))
	}},
	{84, bothProfiles, everyDoor, "an empty proof is a question for a touch: a PIN is set", func(b *bench) {
		b.ensurePIN()
		b.expectAsking(pinInvalid, makeCredential(discoverable, emptyProof))
		b.expectAsking(pinInvalid, getAssertion(set(6, []byte{})))
		b.wants("tries", b.retries(), 8)
		b.expect(noCredentials, getAssertion(silent))
	}},
	{85, bothProfiles, everyDoor, "an empty proof, and a refusal", func(b *bench) {
		b.person.is(refuses)
		b.expect(operationDenied, makeCredential(emptyProof))
		b.expect(operationDenied, getAssertion(set(6, []byte{})))
	}},
	{86, bothProfiles, everyDoor, "a proof needs its protocol", func(b *bench) {
		b.expectSilently(missingParameter, makeCredential(set(8, make([]byte, 32))))
	}},
	{87, bothProfiles, everyDoor, "a proof of an unknown protocol", func(b *bench) {
		b.expectSilently(invalidParameter, makeCredential(proof(7, make([]byte, 32))))
		b.expectSilently(invalidParameter, makeCredential(proof(0, make([]byte, 32))))
	}},
}

var makeCredentialTokens = []behaviour{
	{88, securityKey, everyDoor, "where the profile says so, a credential off the list takes no PIN", func(b *bench) {
		b.fresh(uvNotRequired)
		b.setPIN("1234")
		c := b.credential(b.ok(makeCredential()))
		b.wants("flag UV", c.data.flags&flagUV, byte(0))
	}},
	{89, securityKey, everyDoor, "a discoverable one takes it even there", func(b *bench) {
		b.fresh(uvNotRequired)
		b.setPIN("1234")
		b.expectSilently(puatRequired, makeCredential(discoverable))
	}},
	{90, securityKey, everyDoor, "and elsewhere every one takes it", func(b *bench) {
		b.setPIN("1234")
		b.expectSilently(puatRequired, makeCredential())
		b.expectSilently(puatRequired, makeCredential(discoverable))
	}},
	{91, securityKey, everyDoor, "where PIN tokens cannot help, asking for one would not either", func(b *bench) {
		b.fresh(tokensForLess)
		b.setPIN("1234")
		b.expect(operationDenied, makeCredential())
	}},
	{92, securityKey, everyDoor, "without a PIN a proof proves nothing, and hurts nothing", func(b *bench) {
		c := b.credential(b.ok(makeCredential(proof(2, make([]byte, 32)))))
		b.wants("flag UV", c.data.flags&flagUV, byte(0))
	}},
	{93, bothProfiles, everyDoor, "a proof that does not verify", func(b *bench) {
		b.ensurePIN()
		for _, protocol := range []int{1, 2} {
			t := b.tokenOf(protocol, mayMake, site)
			mac := t.authenticate(clientData)
			mac[0] ^= 1
			b.expectSilently(pinAuthInvalid, makeCredential(proof(protocol, mac)))
			mac[0] ^= 1
			b.expectSilently(pinAuthInvalid, makeCredential(proof(protocol, mac[:len(mac)-1])))
			b.expectSilently(pinAuthInvalid, makeCredential(proof(protocol, append(mac, 0))))
			b.expectSilently(pinAuthInvalid, makeCredential(by(token{3 - protocol, t.key})))
		}
	}},
	{94, bothProfiles, everyDoor, "a proof of other client data", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayMake, site)
		b.expectSilently(pinAuthInvalid, makeCredential(by(t), set(1, hash("other client data"))))
	}},
	{95, bothProfiles, everyDoor, "a token for signing in only", func(b *bench) {
		b.ensurePIN()
		b.expectSilently(pinAuthInvalid, makeCredential(by(b.token(maySignIn|mayManage, site))))
	}},
	{96, bothProfiles, everyDoor, "a token for another site", func(b *bench) {
		b.ensurePIN()
		b.expectSilently(pinAuthInvalid, makeCredential(by(b.token(mayMake, "other.example"))))
	}},
	{97, bothProfiles, everyDoor, "a token makes a verified credential", func(b *bench) {
		b.ensurePIN()
		for _, protocol := range []int{1, 2} {
			c := b.credential(b.ok(makeCredential(by(b.tokenOf(protocol, mayMake, site)))))
			b.wants("flags UP and UV", c.data.flags&(flagUP|flagUV), byte(flagUP|flagUV))
		}
	}},
	{98, bothProfiles, everyDoor, "a token makes one credential", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayMake|maySignIn|mayManage|maySet, site)
		b.ok(makeCredential(by(t)))
		b.expectSilently(pinAuthInvalid, makeCredential(by(t)))
		b.expectSilently(pinAuthInvalid, getAssertion(by(t)))
		b.expectSilently(pinAuthInvalid, manage(t, 4, siteHash))
		b.expectSilently(pinAuthInvalid, configure(t, 3, dict{}))
	}},
	{99, bothProfiles, everyDoor, "a token left lying is worth nothing", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayMake, site)
		time.Sleep(31 * time.Second)
		b.expectSilently(pinAuthInvalid, makeCredential(by(t)))
	}},
	{100, securityKey, everyDoor, "enterprise attestation where it is absent or off", func(b *bench) {
		ask := func() {
			b.Helper()
			for _, kind := range []int{1, 2, 3} {
				b.expectSilently(invalidParameter, makeCredential(set(0x0a, kind)))
			}
		}
		ask()
		b.wants("ep", b.option("ep"), nil)
		b.fresh(enterprise(site))
		b.wants("ep", b.option("ep"), false)
		ask()
	}},
	{101, securityKey, everyDoor, "there are two kinds of enterprise attestation", func(b *bench) {
		b.fresh(enterprise(site))
		b.ok(configure(token{}, 1, nil))
		for _, kind := range []int{0, 3} {
			b.expectSilently(invalidOption, makeCredential(set(0x0a, kind)))
		}
	}},
	{102, securityKey, everyDoor, "the vendor's kind is for listed sites", func(b *bench) {
		b.fresh(enterprise(site))
		b.ok(configure(token{}, 1, nil))
		b.wants("epAtt", b.register(set(0x0a, 1)).body[4], true)
		b.wants("epAtt elsewhere", b.register(set(0x0a, 1), at("other.example")).body[4], nil)
	}},
	{103, securityKey, everyDoor, "the platform's kind is for those that the platform names", func(b *bench) {
		b.fresh(enterprise())
		b.ok(configure(token{}, 1, nil))
		c := b.register(set(0x0a, 2))
		b.wants("epAtt", c.body[4], true)
		other := b.register(set(0x0a, 2), at("other.example"))
		b.wants("epAtt", other.body[4], true)
		if serial := b.serialNumber(c); len(serial) == 0 {
			b.Errorf("no certificate that tells one unit from another")
		} else {
			b.equal("the unit's serial number elsewhere", b.serialNumber(other), serial)
		}
	}},
	{104, securityKey, everyDoor, "alwaysUv before there is a PIN", func(b *bench) {
		b.fresh(alwaysVerified)
		b.expectSilently(puatRequired, makeCredential())
		b.expectSilently(puatRequired, makeCredential(proof(2, make([]byte, 32))))
	}},
	{105, securityKey, everyDoor, "alwaysUv and no proof", func(b *bench) {
		b.fresh(alwaysVerified)
		b.setPIN("1234")
		b.expectSilently(puatRequired, makeCredential())
		b.register()
	}},
	{106, bothProfiles, everyDoor, "a user handle has up to 64 bytes", func(b *bench) {
		b.register(discoverable, inside(3, "id", make([]byte, 64)))
		for _, n := range []int{0, 65} {
			r := makeCredential(discoverable, inside(3, "id", make([]byte, n)))
			b.prove(r, mayMake, site)
			if got := b.ask(r); got.status == success {
				b.Errorf("a user handle of %d bytes was taken", n)
			}
		}
	}},
	{107, securityKey, everyDoor, "enterprise attestation that was not given is not denied aloud", func(b *bench) {
		b.fresh(enterprise(site))
		b.ok(configure(token{}, 1, nil))
		b.lacks(b.register(set(0x0a, 1), at("other.example")).body, 4)
		b.lacks(b.register().body, 4)
	}},
	{108, bothProfiles, everyDoor, "whether a credential can be backed up is told once and for all", func(b *bench) {
		check := func(backup byte) {
			b.Helper()
			c := b.register(discoverable)
			first, second := b.signIn(), b.signIn(silent)
			for _, flags := range []byte{c.data.flags, first.data.flags, second.data.flags} {
				b.wants("flags BE and BS", flags&(flagBE|flagBS), backup)
			}
		}
		backUp := func() error {
			return b.device.AsOwner(b.Context(), []byte(b.pin), func(o *authenticator.Owner) error { return o.BackedUp(b.Context()) })
		}
		b.ensurePIN()
		check(0)
		if err := backUp(); err == nil {
			b.Errorf("credentials of this device alone were backed up")
		}
		check(0)
		b.fresh(copyable)
		b.ensurePIN()
		check(flagBE)
		if err := backUp(); err != nil {
			b.Fatal(err)
		}
		check(flagBE | flagBS)
		b.fresh(copyable, func(c *authenticator.Config) { c.BackedUp = true })
		b.ensurePIN()
		check(flagBE | flagBS)
		b.fresh(func(c *authenticator.Config) { c.Copyable, c.BackedUp = false, true })
		b.ensurePIN()
		check(0)
	}},
}
