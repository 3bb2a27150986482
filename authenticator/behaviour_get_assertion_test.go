package authenticator_test

import (
	"bytes"
)

// getAssertion (§6.2).

var getAssertionBehaviours = []behaviour{
	{109, bothProfiles, everyDoor, "the site and the client data are required", func(b *bench) {
		b.expectSilently(missingParameter, getAssertion(without(1)))
		b.expectSilently(missingParameter, getAssertion(without(2)))
	}},
	{110, bothProfiles, everyDoor, "each member has its type", func(b *bench) {
		for key, bad := range map[int]list{
			1: {[]byte(site), 7}, 2: {"text", 7}, 3: {dict{}, "x"}, 4: {list{}, true},
			5: {list{}, 1}, 6: {"text", 7}, 7: {"2", []byte{2}, -1},
		} {
			for _, value := range bad {
				r := getAssertion(proof(2, make([]byte, 32)), set(key, value))
				b.expectSilently(unexpectedType, r)
			}
		}
		b.expect(unexpectedType, getAssertion(option("up", 1)))
	}},
	{111, bothProfiles, everyDoor, "the allowList is a list of descriptors", func(b *bench) {
		for _, bad := range []any{[]byte{1}, dict{"id": "x", "type": "public-key"}, dict{"id": []byte{1}}, dict{"type": "public-key"}} {
			b.expect(unexpectedType, getAssertion(set(3, list{bad})))
		}
	}},
	{112, bothProfiles, everyDoor, "rk is no option of signing in, whatever its value", func(b *bench) {
		b.register(discoverable)
		b.expectSilently(unsupportedOption, getAssertion(option("rk", true)))
		b.expectSilently(unsupportedOption, getAssertion(option("rk", false)))
	}},
	{113, securityKey, everyDoor, "uv is no option of a device that cannot verify by itself", func(b *bench) {
		b.register(discoverable)
		b.expectSilently(invalidOption, getAssertion(option("uv", true)))
		b.setPIN("1234")
		b.expectSilently(invalidOption, getAssertion(option("uv", true)))
		b.ok(getAssertion(option("uv", true), by(b.token(maySignIn, site))))
	}},
	{114, bothProfiles, everyDoor, "unknown options are passed over", func(b *bench) {
		b.register(discoverable)
		b.signIn(option("hover", false))
	}},
	{115, bothProfiles, everyDoor, "no credential at the site", func(b *bench) {
		b.expect(noCredentials, getAssertion())
		b.expect(noCredentials, getAssertion(silent))
		b.register()
		b.expect(noCredentials, getAssertion())
	}},
	{116, bothProfiles, everyDoor, "another site's credential", func(b *bench) {
		c := b.register(at("other.example"))
		b.expect(noCredentials, getAssertion(listing(c.id)))
		b.expect(noCredentials, getAssertion(silent, listing(c.id)))
	}},
	{117, bothProfiles, everyDoor, "an ID that the device did not make", func(b *bench) {
		c := b.register()
		for _, i := range []int{0, len(c.id) / 2, len(c.id) - 1} {
			id := bytes.Clone(c.id)
			id[i] ^= 0x10
			b.expect(noCredentials, getAssertion(listing(id)))
		}
		b.expect(noCredentials, getAssertion(listing(c.id[:len(c.id)-1])))
		b.expect(noCredentials, getAssertion(listing(append(bytes.Clone(c.id), 0), []byte{}, make([]byte, 200))))
	}},
	{118, bothProfiles, everyDoor, "a descriptor of another type does not count", func(b *bench) {
		c := b.register(discoverable)
		other := dict{"id": c.id, "type": "private-key"}
		b.expect(noCredentials, getAssertion(set(3, list{other})))
		b.ok(getAssertion(set(3, list{other, descriptor(c.id)})))
	}},
	{119, bothProfiles, everyDoor, "an assertion's data is 37 bytes with presence and no key", func(b *bench) {
		c := b.register()
		a := b.signIn(listing(c.id))
		b.wants("length of the data", len(a.data.raw), 37)
		b.wants("flags UP, AT and ED", a.data.flags&(flagUP|flagAT|flagED), byte(flagUP))
		b.equal("rpIdHash", a.data.rpIDHash, hash(site))
	}},
	{120, bothProfiles, everyDoor, "where the client lists credentials it gets no number of them", func(b *bench) {
		one, two := b.register(discoverable), b.register(discoverable, as("bob"))
		a := b.signIn(listing(one.id, two.id))
		b.lacks(a.body, 5)
		b.expect(notAllowed, bare(cmdGetNextAssertion))
	}},
	{121, bothProfiles, everyDoor, "a silent assertion asks nobody, and uses no token up", func(b *bench) {
		b.ensurePIN()
		c := b.register()
		t := b.token(maySignIn, site)
		for range 2 {
			a := b.assertion(b.expectSilently(success, getAssertion(silent, listing(c.id), by(t))))
			b.wants("flags UP and UV", a.data.flags&(flagUP|flagUV), byte(flagUV))
			b.verifies(c, a)
		}
	}},
	{122, securityKey, everyDoor, "it works without a token, unverified", func(b *bench) {
		b.setPIN("1234")
		c := b.register()
		a := b.assertion(b.expectSilently(success, getAssertion(silent, listing(c.id))))
		b.wants("flags UP and UV", a.data.flags&(flagUP|flagUV), byte(0))
	}},
	{123, securityKey, everyDoor, "and under alwaysUv, too", func(b *bench) {
		b.fresh(alwaysVerified)
		b.expect(noCredentials, getAssertion(silent))
		b.setPIN("1234")
		c := b.register()
		a := b.assertion(b.expectSilently(success, getAssertion(silent, listing(c.id))))
		b.wants("flags UP and UV", a.data.flags&(flagUP|flagUV), byte(0))
	}},
	{124, securityKey, everyDoor, "where any other assertion takes a token", func(b *bench) {
		b.fresh(alwaysVerified)
		b.expectSilently(puatRequired, getAssertion())
		b.setPIN("1234")
		c := b.register()
		b.expectSilently(puatRequired, getAssertion(listing(c.id)))
		b.expectSilently(puatRequired, getAssertion(listing(c.id), option("up", true)))
	}},
	{125, bothProfiles, everyDoor, "the credential's key signs data and client data", func(b *bench) {
		for _, e := range member[list](b, b.info(), 0x0a) {
			c := b.register(using(e.(dict)["alg"].(int)))
			b.verifies(c, b.signIn(listing(c.id)))
		}
	}},
	{126, bothProfiles, everyDoor, "a counter rises, or always stands at zero", func(b *bench) {
		rises := func(strictly bool) {
			b.Helper()
			c := b.register(discoverable)
			last := c.data.count
			for i := range 4 {
				if i == 2 {
					b.restart()
				}
				now := b.signIn(listing(c.id)).data.count
				if strictly && now <= last || !strictly && now != 0 {
					b.Errorf("counter %d after %d", now, last)
				}
				last = now
			}
		}
		rises(true)
		b.fresh(copyable)
		rises(false)
	}},
	{127, securityKey, everyDoor, "several accounts, and no display: the newest comes first", func(b *bench) {
		var ids [][]byte
		for _, user := range []string{"alice", "bob", "carol"} {
			ids = append(ids, b.register(discoverable, as(user)).id)
		}
		a := b.signIn()
		b.wants("numberOfCredentials", a.body[5], 3)
		b.lacks(a.body, 6)
		b.equal("first", a.id, ids[2])
		b.equal("second", b.assertion(b.ok(bare(cmdGetNextAssertion))).id, ids[1])
		b.equal("third", b.assertion(b.ok(bare(cmdGetNextAssertion))).id, ids[0])
	}},
	{128, platform, everyDoor, "several accounts, and a display: the person chooses", func(b *bench) {
		for _, user := range []string{"alice", "bob", "carol"} {
			b.register(discoverable, as(user))
		}
		for choice := range 3 {
			b.person.choice = choice
			a := b.signIn()
			b.wants("userSelected", a.body[6], true)
			b.lacks(a.body, 5)
			b.equal("user chosen", member[[]byte](b, a.user, "id"), b.person.last().Accounts[choice].ID)
		}
		b.expect(notAllowed, bare(cmdGetNextAssertion))
		b.person.is(refuses)
		b.expect(operationDenied, getAssertion(by(b.tokenWhile(approves, maySignIn, site))))
	}},
	{129, securityKey, everyDoor, "without verification a user is a handle", func(b *bench) {
		b.register(discoverable)
		b.register(discoverable, as("bob"))
		a := b.signIn()
		b.equal("user.id", member[[]byte](b, a.user, "id"), []byte("bob"))
		b.lacks(a.user, "name", "displayName")
		b.lacks(b.assertion(b.ok(bare(cmdGetNextAssertion))).user, "name", "displayName")
	}},
	{130, bothProfiles, everyDoor, "with verification the user has names", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		a := b.signIn(by(b.token(maySignIn, site)))
		b.wants("name", a.user["name"], "alice@example.org")
		b.wants("displayName", a.user["displayName"], "Alice")
	}},
	{131, bothProfiles, everyDoor, "an empty allowList is none", func(b *bench) {
		c := b.register(discoverable)
		b.verifies(c, b.signIn(listing()))
	}},
	{132, securityKey, everyDoor, "credProtect 3 hides a credential from the unverified", func(b *bench) {
		c := b.register(discoverable, extension("credProtect", 3))
		b.expect(noCredentials, getAssertion())
		b.expect(noCredentials, getAssertion(listing(c.id)))
		b.expect(noCredentials, getAssertion(silent, listing(c.id)))
		b.setPIN("1234")
		b.expect(noCredentials, getAssertion(silent, listing(c.id)))
		b.verifies(c, b.signIn(listing(c.id)))
		b.verifies(c, b.signIn())
	}},
	{133, securityKey, everyDoor, "credProtect 2 hides it from those who do not know it", func(b *bench) {
		b.register(discoverable, extension("credProtect", 2))
		b.expect(noCredentials, getAssertion())
		b.expect(noCredentials, getAssertion(silent))
		b.expect(noCredentials, getAssertion(listing()))
	}},
	{134, securityKey, everyDoor, "but not from those who list it", func(b *bench) {
		c := b.register(discoverable, extension("credProtect", 2))
		b.verifies(c, b.signIn(listing(c.id)))
	}},
}
