package authenticator_test

import (
	"bytes"
)

// Extensions (§12).

var extensionBehaviours = []behaviour{
	{253, bothProfiles, everyDoor, "credProtect tells the level in force, when asked", func(b *bench) {
		for level := 1; level <= 3; level++ {
			c := b.register(extension("credProtect", level))
			b.wants("credProtect", c.data.extensions["credProtect"], level)
		}
		b.lacks(b.register().data.extensions, "credProtect")
		for _, bad := range []int{0, 4} {
			b.expectOneOf([]byte{invalidOption, invalidParameter}, makeCredential(extension("credProtect", bad)))
		}
		b.expect(unexpectedType, makeCredential(extension("credProtect", "3")))
	}},
	{262, securityKey, everyDoor, "credBlob keeps a little with a credential", func(b *bench) {
		most := b.number(b.ok(bare(cmdGetInfo)), 0x0f)
		blob := bytes.Repeat([]byte{7}, most)
		c := b.register(discoverable, extension("credBlob", blob))
		b.wants("kept", c.data.extensions["credBlob"], true)
		a := b.signIn(extension("credBlob", true))
		b.equal("blob", member[[]byte](b, a.data.extensions, "credBlob"), blob)
		b.lacks(b.signIn().data.extensions, "credBlob")
		c = b.register(discoverable, as("bob"), extension("credBlob", append(blob, 7)))
		b.wants("kept", c.data.extensions["credBlob"], false)
		c = b.register(extension("credBlob", blob))
		b.wants("kept with one off the list", c.data.extensions["credBlob"], false)
	}},
	{263, securityKey, everyDoor, "no blob is an empty one", func(b *bench) {
		b.register(discoverable)
		a := b.signIn(extension("credBlob", true))
		b.wants("bytes", len(member[[]byte](b, a.data.extensions, "credBlob")), 0)
	}},
	{264, securityKey, everyDoor, "a large-blob key is wanted or not mentioned", func(b *bench) {
		b.expect(invalidOption, makeCredential(discoverable, extension("largeBlobKey", false)))
		b.expect(unexpectedType, makeCredential(discoverable, extension("largeBlobKey", "x")))
		b.expect(invalidOption, makeCredential(extension("largeBlobKey", true)))
		b.expect(invalidOption, makeCredential(option("rk", false), extension("largeBlobKey", true)))
		b.register(discoverable)
		b.expect(invalidOption, getAssertion(extension("largeBlobKey", false)))
		b.expect(unexpectedType, getAssertion(extension("largeBlobKey", 1)))
	}},
	{265, platform, everyDoor, "largeBlob's input is a closed form", func(b *bench) {
		largeBlob := func(d dict) edit { return extension("largeBlob", d) }
		for _, d := range []dict{{"support": "x"}, {"support": true}, {}, {"support": "required", "x": 1}, {"read": true}} {
			b.expect(invalidCBOR, makeCredential(discoverable, largeBlob(d)))
		}
		c := b.register(discoverable, largeBlob(dict{"support": "required"}))
		for _, d := range []dict{
			{"read": true, "write": []byte{1}, "originalSize": 1}, {}, {"write": []byte{1}}, {"originalSize": 1},
			{"read": 1}, {"write": "x", "originalSize": 1}, {"read": true, "x": 1}, {"support": "required"},
		} {
			b.expect(invalidCBOR, getAssertion(listing(c.id), largeBlob(d)))
		}
	}},
	{266, securityKey, everyDoor, "the shortest PIN is told to listed sites", func(b *bench) {
		ask := extension("minPinLength", true)
		b.lacks(b.register(ask).data.extensions, "minPinLength")
		b.ok(configure(token{}, 3, dict{1: 6, 2: list{site}}))
		b.wants("minPinLength", b.register(ask).data.extensions["minPinLength"], 6)
		other := b.register(ask, at("other.example"))
		b.lacks(other.data.extensions, "minPinLength")
		b.wants("flag ED", other.data.flags&flagED, byte(0))
	}},
	{267, securityKey, everyDoor, "so is the policy for PINs", func(b *bench) {
		ask := extension("pinComplexityPolicy", true)
		b.lacks(b.register(ask).data.extensions, "pinComplexityPolicy")
		b.ok(configure(token{}, 3, dict{2: list{site}}))
		b.wants("pinComplexityPolicy", b.register(ask).data.extensions["pinComplexityPolicy"], false)
		b.lacks(b.register(ask, at("other.example")).data.extensions, "pinComplexityPolicy")
		b.ok(configure(token{}, 3, dict{4: true}))
		b.wants("pinComplexityPolicy", b.register(ask).data.extensions["pinComplexityPolicy"], true)
	}},
	{268, bothProfiles, everyDoor, "a credential remembers whether it may pay", func(b *bench) {
		ask := extension("thirdPartyPayment", true)
		payer := b.register(ask)
		b.lacks(payer.data.extensions, "thirdPartyPayment")
		plain := b.register()
		b.wants("payer", b.signIn(ask, listing(payer.id)).data.extensions["thirdPartyPayment"], true)
		b.wants("plain", b.signIn(ask, listing(plain.id)).data.extensions["thirdPartyPayment"], false)
		b.lacks(b.signIn(listing(payer.id)).data.extensions, "thirdPartyPayment")
	}},
	{269, securityKey, everyDoor, "a large-blob key is not for the site", func(b *bench) {
		ask := extension("largeBlobKey", true)
		c := b.register(discoverable, ask)
		key := member[[]byte](b, c.body, 5)
		b.wants("length of the key", len(key), 32)
		b.wants("flag ED", c.data.flags&flagED, byte(0))
		a := b.signIn(ask)
		b.equal("key", member[[]byte](b, a.body, 7), key)
		b.wants("flag ED", a.data.flags&flagED, byte(0))
		for _, signed := range [][]byte{c.data.raw, a.data.raw} {
			if bytes.Contains(signed, key) {
				b.Errorf("the key is in the authenticator data")
			}
		}
		none := b.register(discoverable, as("bob"))
		b.lacks(b.signIn(ask, listing(none.id)).body, 7)
	}},
}

// salt gives 32 bytes.
func salt(seed byte) []byte { return bytes.Repeat([]byte{seed}, 32) }

// saltInput is the input of hmac-secret and hmac-secret-mc: one salt or two.
func saltInput(s secret, salts ...[]byte) dict {
	return saltsInput(s, bytes.Join(salts, nil))
}

func saltsInput(s secret, plain []byte) dict {
	sealed := s.encrypt(plain)
	return dict{1: s.ours, 2: sealed, 3: s.authenticate(sealed), 4: s.protocol}
}

// hmacSecret opens the output of hmac-secret or hmac-secret-mc.
func (b *bench) hmacSecret(s secret, data authData) []byte {
	b.Helper()
	name := "hmac-secret"
	if has(data.extensions, "hmac-secret-mc") {
		name = "hmac-secret-mc"
	}
	out, err := s.decrypt(member[[]byte](b, data.extensions, name))
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return out
}

var hmacSecretBehaviours = []behaviour{
	{254, bothProfiles, everyDoor, "hmac-secret is prepared by true", func(b *bench) {
		b.wants("hmac-secret", b.register(extension("hmac-secret", true)).data.extensions["hmac-secret"], true)
		b.lacks(b.register(extension("hmac-secret", false)).data.extensions, "hmac-secret")
		b.expect(unexpectedType, makeCredential(extension("hmac-secret", 1)))
	}},
	{255, bothProfiles, everyDoor, "no secret without presence", func(b *bench) {
		c := b.register(extension("hmac-secret", true))
		in := saltInput(b.secret(2), salt(1))
		b.expect(unsupportedOption, getAssertion(silent, listing(c.id), extension("hmac-secret", in)))
		in[3] = make([]byte, 32) // nobody looks at the proof
		b.expect(unsupportedOption, getAssertion(silent, listing(c.id), extension("hmac-secret", in)))
	}},
	{256, bothProfiles, everyDoor, "salts come complete and proven", func(b *bench) {
		c := b.register(extension("hmac-secret", true))
		for _, protocol := range []int{1, 2} {
			for _, key := range []int{1, 2, 3} {
				in := saltInput(b.secret(protocol), salt(1))
				delete(in, key)
				b.expect(missingParameter, getAssertion(listing(c.id), extension("hmac-secret", in)))
			}
			in := saltInput(b.secret(protocol), salt(1))
			in[3].([]byte)[0] ^= 1
			b.expect(pinAuthInvalid, getAssertion(listing(c.id), extension("hmac-secret", in)))
		}
		b.expect(unexpectedType, getAssertion(listing(c.id), extension("hmac-secret", true)))
	}},
	{257, bothProfiles, everyDoor, "one salt or two, of 32 bytes", func(b *bench) {
		c := b.register(extension("hmac-secret", true))
		for _, protocol := range []int{1, 2} {
			s := b.secret(protocol)
			for _, n := range []int{0, 16, 48, 80, 96} {
				b.expectOneOf([]byte{invalidParameter, invalidLength},
					getAssertion(listing(c.id), extension("hmac-secret", saltsInput(s, make([]byte, n)))))
			}
			in := saltInput(s, salt(1))
			in[2] = in[2].([]byte)[:31]
			in[3] = s.authenticate(in[2].([]byte))
			b.expectOneOf([]byte{invalidParameter, invalidLength}, getAssertion(listing(c.id), extension("hmac-secret", in)))
		}
	}},
	{258, bothProfiles, everyDoor, "one secret for each salt", func(b *bench) {
		c := b.register(extension("hmac-secret", true))
		for _, protocol := range []int{1, 2} {
			s := b.secret(protocol)
			overhead := 16 * (protocol - 1)
			one := b.signIn(listing(c.id), extension("hmac-secret", saltInput(s, salt(1))))
			two := b.signIn(listing(c.id), extension("hmac-secret", saltInput(s, salt(1), salt(2))))
			b.wants("length of one", len(member[[]byte](b, one.data.extensions, "hmac-secret")), 32+overhead)
			b.wants("length of two", len(member[[]byte](b, two.data.extensions, "hmac-secret")), 64+overhead)
			b.equal("first", b.hmacSecret(s, two.data)[:32], b.hmacSecret(s, one.data))
		}
		s := b.secret(1)
		in := saltInput(s, salt(1))
		delete(in, 4)
		b.signIn(listing(c.id), extension("hmac-secret", in))
	}},
	{259, securityKey, everyDoor, "the verified and the unverified have secrets of their own", func(b *bench) {
		b.setPIN("1234")
		c := b.register(extension("hmac-secret", true))
		ask := func(edits ...edit) []byte {
			b.Helper()
			s := b.secret(2)
			edits = append(edits, listing(c.id), extension("hmac-secret", saltInput(s, salt(1))))
			return b.hmacSecret(s, b.assertion(b.ok(getAssertion(edits...))).data)
		}
		verified, unverified := ask(by(b.token(maySignIn, site))), ask()
		if bytes.Equal(verified, unverified) {
			b.Errorf("both are %x", verified)
		}
		b.restart()
		b.equal("verified again", ask(by(b.token(maySignIn, site))), verified)
		b.equal("unverified again", ask(), unverified)
	}},
	{260, securityKey, everyDoor, "making a credential gives the secret of signing in", func(b *bench) {
		made := func(edits ...edit) {
			b.Helper()
			s := b.secret(2)
			edits = append(edits, extension("hmac-secret", true), extension("hmac-secret-mc", saltInput(s, salt(1), salt(2))))
			c := b.register(edits...)
			b.wants("hmac-secret", c.data.extensions["hmac-secret"], true)
			secrets := b.hmacSecret(s, c.data)
			s = b.secret(2)
			a := b.signIn(listing(c.id), extension("hmac-secret", saltInput(s, salt(1), salt(2))))
			b.wants("flag UV", a.data.flags&flagUV, c.data.flags&flagUV)
			b.equal("secrets", b.hmacSecret(s, a.data), secrets)
		}
		made()
		b.setPIN("1234")
		made(discoverable)
	}},
	{261, bothProfiles, everyDoor, "hmac-secret-mc rests on hmac-secret", func(b *bench) {
		in := saltInput(b.secret(2), salt(1))
		r := makeCredential(extension("hmac-secret-mc", in))
		b.prove(r, mayMake, site)
		b.expect(missingParameter, r)
		r = makeCredential(extension("hmac-secret-mc", in), extension("hmac-secret", false))
		b.prove(r, mayMake, site)
		b.expect(missingParameter, r)
	}},
}
