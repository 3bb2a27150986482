package authenticator_test

// credentialManagement (§6.8).

// whose are the parameters that name a credential.
func whose(id []byte) dict { return dict{2: descriptor(id)} }

// rename are the parameters that give a credential's user new names.
func rename(id []byte, user dict) dict { return dict{2: descriptor(id), 3: user} }

var siteHash = dict{1: hash(site)}

var credentialManagementBehaviours = []behaviour{
	{197, bothProfiles, everyDoor, "nothing is told without a proof, not even that there is nothing", func(b *bench) {
		requests := []request{manage(token{}, 1, nil), manage(token{}, 2, nil), manage(token{}, 4, siteHash),
			manage(token{}, 6, whose([]byte{1})), manage(token{}, 7, rename([]byte{1}, dict{"id": []byte{1}}))}
		for _, r := range requests {
			b.expectSilently(puatRequired, r)
		}
		b.ensurePIN()
		b.register(discoverable)
		for _, r := range requests {
			b.expectSilently(puatRequired, r)
		}
	}},
	{198, bothProfiles, everyDoor, "a proof needs its protocol, and one that exists", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayManage, "")
		b.expect(missingParameter, manage(t, 1, nil, without(3)))
		b.expect(invalidParameter, manage(t, 1, nil, set(3, 9)))
	}},
	{199, bothProfiles, everyDoor, "some subcommands need parameters", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		t := b.token(mayManage, "")
		for _, sub := range []int{4, 6, 7} {
			b.expect(missingParameter, manage(t, sub, nil))
			b.expect(missingParameter, manage(t, sub, dict{}))
		}
		b.expect(missingParameter, manage(t, 7, whose(c.id)))
		b.expect(missingParameter, request{cmdCredentials, dict{}})
	}},
	{200, bothProfiles, everyDoor, "a proof has to verify, and allow managing", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		t := b.token(mayManage, "")
		b.expect(pinAuthInvalid, manage(t, 1, nil, set(4, t.authenticate([]byte{2}))))
		b.expect(pinAuthInvalid, manage(t, 6, whose(c.id), set(4, t.authenticate([]byte{6}))))
		b.expect(pinAuthInvalid, manage(t, 4, siteHash, set(4, t.authenticate([]byte{4}, encode(whose(c.id))))))
		t = b.token(maySignIn|maySet, site)
		for _, r := range []request{manage(t, 1, nil), manage(t, 2, nil), manage(t, 4, siteHash), manage(t, 6, whose(c.id))} {
			b.expect(pinAuthInvalid, r)
		}
		b.ok(getAssertion(silent, listing(c.id)))
	}},
	{201, bothProfiles, everyDoor, "unlike elsewhere, the proof has no prefix", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayManage, "")
		b.expect(pinAuthInvalid, manage(t, 1, nil, set(4, t.authenticate(ones, []byte{1}))))
		b.expect(pinAuthInvalid, manage(t, 1, nil, set(4, t.authenticate(ones, []byte{cmdCredentials, 1}))))
		for _, protocol := range []int{1, 2} {
			b.ok(manage(b.tokenOf(protocol, mayManage, ""), 1, nil))
		}
	}},
	{202, bothProfiles, everyDoor, "an empty store is empty and has room", func(b *bench) {
		b.ensurePIN()
		r := b.ok(manage(b.token(mayManage, ""), 1, nil))
		b.wants("credentials", r.body[1], 0)
		b.wants("room", r.body[2], b.info()[0x14])
		b.lacks(r.body, 3, 4, 5, 6, 7, 8, 9)
	}},
	{203, bothProfiles, everyDoor, "no sites to list", func(b *bench) {
		b.ensurePIN()
		b.register()
		b.expect(noCredentials, manage(b.token(mayManage, ""), 2, nil))
	}},
	{204, bothProfiles, everyDoor, "no credentials of a site to list", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		b.expect(noCredentials, manage(b.token(mayManage, ""), 4, dict{1: hash("unknown.example")}))
	}},
	{205, bothProfiles, everyDoor, "there is no next without a first", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		t := b.token(mayManage, "")
		b.expect(notAllowed, manage(token{}, 3, nil))
		b.expect(notAllowed, manage(token{}, 5, nil))
		b.ok(manage(t, 2, nil))
		b.expect(notAllowed, manage(token{}, 3, nil))
		b.ok(manage(t, 4, siteHash))
		b.expect(notAllowed, manage(token{}, 5, nil))
		b.register(discoverable, at("other.example"))
		t = b.token(mayManage, "")
		for _, between := range []request{bare(cmdSelection), manage(t, 1, nil), manage(token{}, 5, nil)} {
			b.ok(manage(t, 2, nil))
			b.ask(between)
			b.expect(notAllowed, manage(token{}, 3, nil))
		}
		b.ok(manage(t, 2, nil))
		b.elsewhere(func() { b.expect(notAllowed, manage(token{}, 3, nil)) })
		b.ok(manage(token{}, 3, nil))
	}},
	{206, bothProfiles, everyDoor, "the rest of a list needs no proof", func(b *bench) {
		b.ensurePIN()
		all := b.accounts(3)
		b.register(discoverable, at("other.example"))
		t := b.token(mayManage, "")

		sites := map[string]bool{}
		r := b.ok(manage(t, 2, nil))
		for i := range 2 {
			if i > 0 {
				r = b.ok(manage(token{}, 3, nil))
			}
			name := member[string](b, b.fields(r, 3), "id")
			b.equal("rpIDHash", b.octets(r, 4), hash(name))
			sites[name] = true
		}
		b.wants("sites", len(sites), 2)
		b.expect(notAllowed, manage(token{}, 3, nil))

		ids := map[string]bool{}
		r = b.ok(manage(t, 4, siteHash))
		for i := range 3 {
			if i > 0 {
				r = b.ok(manage(token{}, 5, nil))
			}
			ids[string(member[[]byte](b, b.fields(r, 7), "id"))] = true
			b.wants("type", b.fields(r, 7)["type"], "public-key")
		}
		for _, c := range all {
			b.wants("credential listed", ids[string(c.id)], true)
		}
		b.expect(notAllowed, manage(token{}, 5, nil))
	}},
	{207, bothProfiles, everyDoor, "totals come with the first only", func(b *bench) {
		b.ensurePIN()
		b.accounts(2)
		b.register(discoverable, at("other.example"))
		t := b.token(mayManage, "")
		b.wants("sites", b.ok(manage(t, 2, nil)).body[5], 2)
		b.lacks(b.ok(manage(token{}, 3, nil)).body, 5)
		b.wants("credentials", b.ok(manage(t, 4, siteHash)).body[9], 2)
		b.lacks(b.ok(manage(token{}, 5, nil)).body, 9)
	}},
	{208, bothProfiles, everyDoor, "deleting is for what is there", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		t := b.token(mayManage, "")
		b.expect(noCredentials, manage(t, 6, whose(make([]byte, 32))))
		b.wants("length of the reply", b.ok(manage(t, 6, whose(c.id))).size, 1)
		b.expect(noCredentials, manage(t, 6, whose(c.id)))
	}},
	{209, bothProfiles, everyDoor, "what is deleted is gone, and makes room", func(b *bench) {
		b.ensurePIN()
		all := b.accounts(2)
		t := b.token(mayManage, "")
		room := b.number(b.ok(manage(t, 1, nil)), 2)
		b.ok(manage(t, 6, whose(all[0].id)))
		r := b.ok(manage(t, 1, nil))
		b.wants("credentials", r.body[1], 1)
		b.wants("room", r.body[2], room+1)
		b.expect(noCredentials, getAssertion(silent, listing(all[0].id)))
		b.verifies(all[1], b.signIn())
	}},
	{210, bothProfiles, everyDoor, "a credential does not change its user", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		b.expect(invalidParameter, manage(b.token(mayManage, ""), 7, rename(c.id, dict{"id": []byte("mallory"), "name": "alice"})))
		b.wants("name", b.signIn(by(b.token(maySignIn, site))).user["name"], "alice@example.org")
	}},
	{211, bothProfiles, everyDoor, "a name that is left out is taken away", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		b.ok(manage(b.token(mayManage, ""), 7, rename(c.id, dict{"id": []byte("alice"), "name": "al"})))
		user := b.signIn(by(b.token(maySignIn, site))).user
		b.wants("name", user["name"], "al")
		b.lacks(user, "displayName")
		b.ok(manage(b.token(mayManage, ""), 7, rename(c.id, dict{"id": []byte("alice"), "name": "", "displayName": "Al"})))
		user = b.signIn(by(b.token(maySignIn, site))).user
		b.lacks(user, "name")
		b.wants("displayName", user["displayName"], "Al")
	}},
	{212, bothProfiles, everyDoor, "a token for one site sees no others", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		t := b.token(mayManage, site)
		b.expect(pinAuthInvalid, manage(t, 1, nil))
		b.expect(pinAuthInvalid, manage(t, 2, nil))
	}},
	{213, bothProfiles, everyDoor, "nor does it touch them", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		t := b.token(mayManage, "other.example")
		b.expect(pinAuthInvalid, manage(t, 6, whose(c.id)))
		b.expect(pinAuthInvalid, manage(t, 7, rename(c.id, dict{"id": []byte("alice")})))
		b.expect(pinAuthInvalid, manage(t, 6, whose(make([]byte, 32))))
		b.expect(pinAuthInvalid, manage(t, 4, siteHash))
		b.ok(manage(b.token(mayManage, site), 6, whose(c.id)))
	}},
	{214, bothProfiles, everyDoor, "the lasting token reads, and writes nothing", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		for _, protocol := range []int{1, 2} {
			t := b.tokenOf(protocol, mayRead, "")
			b.restart()
			for _, r := range []request{manage(t, 1, nil), manage(t, 2, nil), manage(t, 4, siteHash)} {
				b.ok(r)
			}
			b.expect(pinAuthInvalid, manage(t, 6, whose(c.id)))
			b.expect(pinAuthInvalid, manage(t, 7, rename(c.id, dict{"id": []byte("alice")})))
			b.expect(pinAuthInvalid, getAssertion(by(t)))
			b.expect(pinAuthInvalid, configure(t, 3, dict{}))
		}
	}},
	{215, bothProfiles, everyDoor, "managing does not use a token up", func(b *bench) {
		b.ensurePIN()
		all := b.accounts(3)
		t := b.token(mayManage, "")
		for i, c := range all {
			b.ok(manage(t, 7, rename(c.id, dict{"id": []byte{'u', 's', 'e', 'r', '0' + byte(i)}, "name": "x"})))
			b.ok(manage(t, 6, whose(c.id)))
		}
		b.wants("credentials", b.ok(manage(t, 1, nil)).body[1], 0)
	}},
	{216, bothProfiles, everyDoor, "a token for the site lists its credentials", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		r := b.ok(manage(b.token(mayManage, site), 4, siteHash))
		b.equal("credential", member[[]byte](b, b.fields(r, 7), "id"), c.id)
	}},
	{217, bothProfiles, everyDoor, "no command for fingers without a sensor", func(b *bench) {
		b.wants("bioEnroll", b.option("bioEnroll"), nil)
		b.expect(invalidCommand, request{0x09, dict{6: true}})
	}},
	{218, bothProfiles, everyDoor, "a listed credential tells its protection, and a key if it has one", func(b *bench) {
		b.ensurePIN()
		plain := b.register(discoverable)
		t := b.token(mayManage, "")
		r := b.ok(manage(t, 4, siteHash))
		b.wants("credProtect", r.body[0x0a], 1)
		b.lacks(r.body, 0x0b)
		b.equal("public key", encode(b.fields(r, 8)), encode(plain.key))
		user := b.fields(r, 6)
		b.equal("user.id", member[[]byte](b, user, "id"), []byte("alice"))
		b.wants("name", user["name"], "alice@example.org")
		b.register(discoverable, extension("credProtect", 3))
		b.wants("credProtect", b.ok(manage(b.token(mayManage, ""), 4, siteHash)).body[0x0a], 3)
		if b.option("largeBlobs") == true {
			c := b.register(discoverable, extension("largeBlobKey", true))
			r := b.ok(manage(b.token(mayManage, ""), 4, siteHash))
			b.equal("large-blob key", b.octets(r, 0x0b), member[[]byte](b, c.body, 5))
		}
	}},
}
