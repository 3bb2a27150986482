package authenticator_test

import (
	"bytes"
	"slices"
)

// makeCredential (§6.1): its members and what comes back.

var makeCredentialMembers = []behaviour{
	{39, bothProfiles, everyDoor, "the client data, site, user and algorithms are required", func(b *bench) {
		for key := 1; key <= 4; key++ {
			b.expectSilently(missingParameter, makeCredential(without(key)))
		}
	}},
	{40, bothProfiles, everyDoor, "clientDataHash is bytes, not text", func(b *bench) {
		b.expect(unexpectedType, makeCredential(set(1, string(make([]byte, 32)))))
	}},
	{41, bothProfiles, everyDoor, "rp is a map with an id", func(b *bench) {
		b.expect(unexpectedType, makeCredential(set(2, site)))
		b.expect(unexpectedType, makeCredential(withoutInside(2, "id")))
	}},
	{42, bothProfiles, everyDoor, "rp.id is text, not bytes", func(b *bench) {
		b.expect(unexpectedType, makeCredential(inside(2, "id", []byte(site))))
	}},
	{43, bothProfiles, everyDoor, "user has an id of bytes", func(b *bench) {
		b.expect(unexpectedType, makeCredential(withoutInside(3, "id")))
		b.expect(unexpectedType, makeCredential(inside(3, "id", "alice")))
	}},
	{44, bothProfiles, everyDoor, "a user's names are text", func(b *bench) {
		for _, name := range []string{"name", "displayName"} {
			b.expect(unexpectedType, makeCredential(inside(3, name, []byte("alice"))))
			b.expect(unexpectedType, makeCredential(inside(3, name, 7)))
		}
	}},
	{45, bothProfiles, everyDoor, "the algorithms are a list", func(b *bench) {
		b.expect(unexpectedType, makeCredential(set(4, param(-7))))
		b.expect(unexpectedType, makeCredential(set(4, -7)))
	}},
	{46, bothProfiles, everyDoor, "an algorithm is a number with a type of text", func(b *bench) {
		for _, bad := range []any{-7, "ES256", dict{"alg": "ES256", "type": "public-key"}, dict{"alg": -7, "type": []byte("public-key")}} {
			b.expect(unexpectedType, makeCredential(set(4, list{bad})))
		}
		for _, half := range []any{dict{"alg": -7}, dict{"type": "public-key"}} {
			b.expectOneOf([]byte{unexpectedType, invalidCBOR}, makeCredential(set(4, list{half})))
		}
	}},
	{47, bothProfiles, everyDoor, "one good algorithm does not excuse those behind it", func(b *bench) {
		b.expect(unexpectedType, makeCredential(set(4, list{param(-7), "ES256"})))
		b.expect(unexpectedType, makeCredential(set(4, list{param(-7), dict{"alg": "x", "type": "public-key"}})))
	}},
	{48, bothProfiles, everyDoor, "no algorithm that the device knows", func(b *bench) {
		b.expectSilently(unsupportedAlgorithm, makeCredential(using(-999)))
		b.expectSilently(unsupportedAlgorithm, makeCredential(set(4, list{})))
	}},
	{49, bothProfiles, everyDoor, "an algorithm counts only for public keys", func(b *bench) {
		b.expect(unsupportedAlgorithm, makeCredential(set(4, list{dict{"alg": -7, "type": "foo"}})))
	}},
	{50, bothProfiles, everyDoor, "unknown algorithms are passed over", func(b *bench) {
		b.wants("algorithm", b.register(using(-999, -7)).key[3], -7)
	}},
	{51, bothProfiles, everyDoor, "the site's order decides, not the device's", func(b *bench) {
		b.wants("algorithm", b.register(using(-8, -7)).key[3], -8)
		b.wants("algorithm", b.register(using(-7, -8)).key[3], -7)
	}},
	{52, bothProfiles, everyDoor, "an algorithm may be named twice", func(b *bench) {
		b.wants("algorithm", b.register(using(-7, -7, -8, -8)).key[3], -7)
	}},
	{53, bothProfiles, everyDoor, "the excludeList is a list of descriptors", func(b *bench) {
		for _, bad := range []any{dict{}, "x", list{[]byte{1}}, list{dict{"type": "public-key"}}, list{dict{"id": "x", "type": "public-key"}}} {
			b.expect(unexpectedType, makeCredential(set(5, bad)))
		}
	}},
	{54, bothProfiles, everyDoor, "unknown options are passed over", func(b *bench) {
		b.register(option("hover", true))
	}},
	{55, bothProfiles, everyDoor, "an option is true or false", func(b *bench) {
		for _, name := range []string{"rk", "uv", "up"} {
			b.expect(unexpectedType, makeCredential(option(name, 1)))
		}
	}},
	{56, bothProfiles, everyDoor, "making a credential always takes presence", func(b *bench) {
		b.expectSilently(invalidOption, makeCredential(option("up", false)))
	}},
	{57, bothProfiles, everyDoor, "asking for presence is allowed, if needless", func(b *bench) {
		b.register(option("up", true))
	}},
	{58, securityKey, everyDoor, "uv is no option of a device that cannot verify by itself", func(b *bench) {
		b.expect(invalidOption, makeCredential(option("uv", true)))
		b.setPIN("1234")
		b.expect(invalidOption, makeCredential(option("uv", true)))
		b.ok(makeCredential(option("uv", false), by(b.token(mayMake, site))))
		b.ok(makeCredential(option("uv", true), by(b.token(mayMake, site)))) // a proof says more
	}},
}

var makeCredentialReplies = []behaviour{
	{60, bothProfiles, everyDoor, "a credential comes with format, data and statement", func(b *bench) {
		c := b.register()
		b.wants("format", c.body[1], "packed")
		if _, ok := c.body[3].(dict); !ok {
			b.Errorf("attestation statement is %v", c.body[3])
		}
		if c.data.flags&flagUP == 0 || c.data.flags&flagAT == 0 {
			b.Errorf("flags are %#02x", c.data.flags)
		}
		b.lacks(c.body, 4, 5, 6)
	}},
	{61, bothProfiles, everyDoor, "no extension asked for, none in the data", func(b *bench) {
		for _, c := range []credential{b.register(), b.register(set(6, dict{}))} {
			b.wants("flag ED", c.data.flags&flagED, byte(0))
		}
	}},
	{62, bothProfiles, everyDoor, "unknown extensions are passed over", func(b *bench) {
		b.wants("flag ED", b.register(extension("telepathy", true)).data.flags&flagED, byte(0))
	}},
	{63, bothProfiles, everyDoor, "the data is bound to the site by its hash", func(b *bench) {
		b.equal("rpIdHash", b.register().data.rpIDHash, hash(site))
		b.equal("rpIdHash", b.register(at("sub.example.org")).data.rpIDHash, hash("sub.example.org"))
	}},
	{64, bothProfiles, everyDoor, "a public key has its type's labels and no others", func(b *bench) {
		for _, e := range member[list](b, b.info(), 0x0a) {
			alg := e.(dict)["alg"].(int)
			key := b.register(using(alg)).key
			labels := coseLabels(alg)
			for label := range key {
				if !slices.Contains(labels, label) {
					b.Errorf("algorithm %d: label %v", alg, label)
				}
			}
			if len(key) != len(labels) || key[3] != alg {
				b.Errorf("algorithm %d: key %v", alg, key)
			}
		}
	}},
	{65, bothProfiles, everyDoor, "self attestation is signed by the credential, with its algorithm", func(b *bench) {
		b.fresh(selfAttested)
		for _, alg := range []int{-7, -8, -35} {
			c := b.register(using(alg))
			statement := member[dict](b, c.body, 3)
			b.wants("alg of the statement", statement["alg"], alg)
			b.lacks(statement, "x5c")
			if !b.signed(c.key, slices.Concat(c.data.raw, clientData), member[[]byte](b, statement, "sig")) {
				b.Errorf("algorithm %d: the statement does not verify", alg)
			}
		}
	}},
	{66, bothProfiles, everyDoor, "an attestation certificate keeps to its profile", func(b *bench) {
		b.checkPackedCertificate(b.register())
		b.checkPackedCertificate(b.register(using(-8)))
	}},
	{67, bothProfiles, everyDoor, "no attestation where only none is wanted", func(b *bench) {
		c := b.register(set(0x0b, list{"none"}))
		b.wants("format", c.body[1], "none")
		if statement, ok := c.body[3]; ok && len(statement.(dict)) != 0 {
			b.Errorf("attestation statement is %v", statement)
		}
	}},
	{68, bothProfiles, everyDoor, "no preference, the default", func(b *bench) {
		b.wants("format", b.register(set(0x0b, list{})).body[1], b.register().body[1])
	}},
	{69, bothProfiles, everyDoor, "of the preferred formats the first that the device makes", func(b *bench) {
		b.wants("format", b.register(set(0x0b, list{"bogus", "packed"})).body[1], "packed")
		b.register(set(0x0b, list{"bogus"}))
	}},
	{70, bothProfiles, everyDoor, "formats are a list of text", func(b *bench) {
		for _, bad := range []any{"packed", list{1}, list{[]byte("packed")}, dict{}} {
			b.expect(unexpectedType, makeCredential(set(0x0b, bad)))
		}
	}},
}

var makeCredentialStore = []behaviour{
	{71, bothProfiles, everyDoor, "a user's second discoverable credential replaces the first", func(b *bench) {
		first := b.register(discoverable)
		room := b.number(b.ok(bare(cmdGetInfo)), 0x14)
		second := b.register(discoverable)
		b.wants("room", b.number(b.ok(bare(cmdGetInfo)), 0x14), room)
		if bytes.Equal(first.id, second.id) {
			b.Errorf("both credentials are %x", first.id)
		}
		b.expect(noCredentials, getAssertion(silent, listing(first.id)))
		b.verifies(second, b.signIn(listing(second.id)))
	}},
	{72, bothProfiles, everyDoor, "another user's stands beside it", func(b *bench) {
		first := b.register(discoverable)
		room := b.number(b.ok(bare(cmdGetInfo)), 0x14)
		second := b.register(discoverable, as("bob"))
		b.wants("room", b.number(b.ok(bare(cmdGetInfo)), 0x14), room-1)
		b.verifies(first, b.signIn(listing(first.id)))
		b.verifies(second, b.signIn(listing(second.id)))
	}},
	{73, bothProfiles, everyDoor, "a full store takes no more, and loses nothing", func(b *bench) {
		b.fresh(roomFor(2))
		b.register(discoverable, as("alice"))
		bob := b.register(discoverable, as("bob"))
		b.wants("room", b.number(b.ok(bare(cmdGetInfo)), 0x14), 0)
		r := makeCredential(discoverable, as("carol"))
		b.prove(r, mayMake, site)
		b.expect(keyStoreFull, r)
		alice := b.register(discoverable, as("alice"))
		b.verifies(alice, b.signIn(listing(alice.id)))
		b.verifies(bob, b.signIn(listing(bob.id)))
	}},
	{74, bothProfiles, everyDoor, "an excluded credential is admitted to after a touch only", func(b *bench) {
		c := b.register()
		b.expectAsking(credentialExcluded, makeCredential(listing(c.id)))
	}},
	{75, securityKey, everyDoor, "or after a refused one", func(b *bench) {
		c := b.register()
		b.person.is(refuses)
		b.expectAsking(credentialExcluded, makeCredential(listing(c.id)))
	}},
	{76, bothProfiles, everyDoor, "another site's credential excludes nothing", func(b *bench) {
		c := b.register(at("other.example"))
		b.register(listing(c.id))
	}},
	{77, securityKey, everyDoor, "a credential under credProtect 3 excludes nothing unverified", func(b *bench) {
		c := b.register(extension("credProtect", 3))
		b.ok(makeCredential(listing(c.id)))
		other := b.register()
		b.expect(credentialExcluded, makeCredential(listing(c.id, other.id)))
	}},
	{78, bothProfiles, everyDoor, "but excludes when verified", func(b *bench) {
		b.ensurePIN()
		c := b.register(extension("credProtect", 3))
		b.expect(credentialExcluded, makeCredential(listing(c.id), by(b.token(mayMake, site))))
	}},
	{79, bothProfiles, everyDoor, "a descriptor of another type excludes nothing", func(b *bench) {
		c := b.register()
		b.register(set(5, list{dict{"id": c.id, "type": "private-key"}}))
	}},
	{80, bothProfiles, everyDoor, "a list longer than the device says it takes", func(b *bench) {
		most := b.number(b.ok(bare(cmdGetInfo)), 7)
		var ids [][]byte
		for i := range most {
			ids = append(ids, []byte{byte(i)})
		}
		b.register(listing(ids...))
		ids = append(ids, []byte{0xff})
		b.expectSilently(limitExceeded, makeCredential(listing(ids...)))
		b.expectSilently(limitExceeded, getAssertion(listing(ids...)))
	}},
}
