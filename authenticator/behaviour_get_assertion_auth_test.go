package authenticator_test

import (
	"bytes"
	"time"
)

// getAssertion with tokens (§6.2), and getNextAssertion (§6.3).

var getAssertionTokens = []behaviour{
	{135, bothProfiles, everyDoor, "a token for something else, or elsewhere", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		b.expectSilently(pinAuthInvalid, getAssertion(by(b.token(mayMake, site))))
		b.expectSilently(pinAuthInvalid, getAssertion(by(b.token(maySignIn, "other.example"))))
		b.expectSilently(pinAuthInvalid, getAssertion(silent, by(b.token(mayMake, site))))
	}},
	{136, bothProfiles, everyDoor, "a token signs in once", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		t := b.token(maySignIn|mayManage, site)
		b.ok(getAssertion(by(t)))
		b.expectSilently(pinAuthInvalid, getAssertion(by(t)))
		b.expectSilently(pinAuthInvalid, getAssertion(silent, by(t)))
		b.expectSilently(pinAuthInvalid, manage(t, 4, siteHash))
	}},
	{137, bothProfiles, everyDoor, "and may look silently before", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		for _, protocol := range []int{1, 2} {
			t := b.tokenOf(protocol, maySignIn, site)
			b.ok(getAssertion(silent, listing(c.id), by(t)))
			a := b.assertion(b.ok(getAssertion(listing(c.id), by(t))))
			b.wants("flags UP and UV", a.data.flags&(flagUP|flagUV), byte(flagUP|flagUV))
		}
	}},
	{138, bothProfiles, everyDoor, "a deleted credential is gone", func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		b.ok(manage(b.token(mayManage, ""), 6, dict{2: descriptor(c.id)}))
		b.expect(noCredentials, getAssertion(silent))
		b.expect(noCredentials, getAssertion(silent, listing(c.id)))
		b.expect(noCredentials, getAssertion(listing(c.id), by(b.token(maySignIn, site))))
	}},
	{139, bothProfiles, everyDoor, "nobody signs in without a person's touch", func(b *bench) {
		b.register(discoverable)
		if b.pin == "" {
			b.person.is(refuses)
			b.expectAsking(operationDenied, getAssertion())
			b.person.is(waits)
			b.expectOneOf([]byte{operationDenied, userActionTimeout}, getAssertion())
		}
		b.wants("status", b.cancelled(getAssertion()).status, keepaliveCancel)
	}},
	{140, bothProfiles, everyDoor, "nothing comes that was not asked for", func(b *bench) {
		c := b.register(discoverable)
		b.lacks(b.signIn(listing(c.id)).body, 5, 6, 7, 8)
		b.lacks(b.signIn(listing(c.id), set(4, dict{}), set(5, dict{})).body, 7, 8)
		if b.option("largeBlobs") == true {
			c = b.register(discoverable, extension("largeBlobKey", true))
			b.lacks(b.signIn(listing(c.id)).body, 7)
		}
	}},
}

// accounts makes discoverable credentials for several users at the site.
func (b *bench) accounts(n int, edits ...edit) []credential {
	b.Helper()
	var all []credential
	for i := range n {
		all = append(all, b.register(append([]edit{discoverable, as("user" + string(rune('0'+i)))}, edits...)...))
	}
	return all
}

// next is getNextAssertion.
func (b *bench) next() assertion {
	b.Helper()
	return b.assertion(b.ok(bare(cmdGetNextAssertion)))
}

var getNextAssertionBehaviours = []behaviour{
	{141, bothProfiles, everyDoor, "there is no next without a first", func(b *bench) {
		b.expectSilently(notAllowed, bare(cmdGetNextAssertion))
		b.register(discoverable)
		b.signIn()
		b.expectSilently(notAllowed, bare(cmdGetNextAssertion))
	}},
	{142, securityKey, everyDoor, "as many as were counted, and no more", func(b *bench) {
		b.accounts(4)
		n := b.number(b.ok(getAssertion()), 5)
		b.wants("numberOfCredentials", n, 4)
		seen := map[string]bool{}
		for range n - 1 {
			before := b.person.questions()
			seen[string(b.next().id)] = true
			b.wants("questions", b.person.questions(), before)
		}
		b.wants("different credentials", len(seen), 3)
		b.expect(notAllowed, bare(cmdGetNextAssertion))
		b.expect(notAllowed, bare(cmdGetNextAssertion))
	}},
	{143, securityKey, everyDoor, "the next is like the first, but for the number", func(b *bench) {
		b.setPIN("1234")
		all := b.accounts(2)
		first := b.signIn(by(b.token(maySignIn, site)))
		second := b.next()
		b.lacks(second.body, 5)
		b.wants("flags", second.data.flags, first.data.flags)
		b.wants("name", second.user["name"], "user0@example.org")
		b.verifies(all[1], first)
		b.verifies(all[0], second)
	}},
	{144, securityKey, everyDoor, "the rest waits for thirty seconds, each time anew", func(b *bench) {
		b.accounts(5)
		b.signIn()
		for range 3 {
			time.Sleep(25 * time.Second)
			b.next()
		}
		time.Sleep(31 * time.Second)
		b.expect(notAllowed, bare(cmdGetNextAssertion))
	}},
	{145, securityKey, everyDoor, "another command in between ends it", func(b *bench) {
		b.accounts(3)
		for _, between := range []request{bare(cmdSelection), makeCredential(), clientPIN(1, 0), getAssertion(at("unknown.example"))} {
			b.signIn()
			b.next()
			b.ask(between)
			b.expect(notAllowed, bare(cmdGetNextAssertion))
		}
	}},
	{146, securityKey, everyDoor, "so does a reset, and another client has no part in it", func(b *bench) {
		b.accounts(2)
		b.signIn()
		b.ok(bare(cmdReset))
		b.expect(notAllowed, bare(cmdGetNextAssertion))
		b.accounts(3)
		b.signIn()
		b.elsewhere(func() { b.expect(notAllowed, bare(cmdGetNextAssertion)) })
		b.next()
		b.reconnect()
		b.expect(notAllowed, bare(cmdGetNextAssertion))
		b.signIn()
		b.restart()
		b.expect(notAllowed, bare(cmdGetNextAssertion))
	}},
	{147, securityKey, everyDoor, "extensions answer for each credential by itself", func(b *bench) {
		all := b.accounts(2, extension("largeBlobKey", true), extension("hmac-secret", true))
		s := b.secret(2)
		ask := []edit{extension("largeBlobKey", true), extension("hmac-secret", saltInput(s, salt(1)))}
		first := b.signIn(ask...)
		second := b.next()
		for i, a := range []assertion{second, first} {
			b.equal("large-blob key", member[[]byte](b, a.body, 7), member[[]byte](b, all[i].body, 5))
			alone := b.signIn(append(ask, listing(all[i].id))...)
			b.equal("hmac-secret", b.hmacSecret(s, a.data), b.hmacSecret(s, alone.data))
		}
		if bytes.Equal(b.hmacSecret(s, first.data), b.hmacSecret(s, second.data)) {
			b.Errorf("two credentials have one hmac-secret")
		}
	}},
	{148, securityKey, everyDoor, "it ends with the token that began it", func(b *bench) {
		b.setPIN("1234")
		b.accounts(3)
		b.signIn(by(b.token(maySignIn, site)))
		b.next()
		b.elsewhere(func() { b.token(maySignIn, site) })
		b.expect(notAllowed, bare(cmdGetNextAssertion))

		t := b.token(maySignIn, site)
		b.ok(getAssertion(silent, by(t)))
		time.Sleep(590 * time.Second)
		b.ok(getAssertion(by(t)))
		b.next()
		time.Sleep(15 * time.Second)
		b.expect(notAllowed, bare(cmdGetNextAssertion))
	}},
}
