package authenticator_test

import (
	"time"

	"github.com/seed-77d61853/signet/authenticator"
)

// reset (§6.6) and selection (§6.9).

var resetBehaviours = []behaviour{
	{191, securityKey, everyDoor, "without a display, reset is for the first ten seconds", func(b *bench) {
		b.register(discoverable)
		time.Sleep(11 * time.Second)
		b.expectSilently(notAllowed, bare(cmdReset))
		b.signIn()
		b.restart()
		time.Sleep(8 * time.Second)
		b.expectAsking(success, bare(cmdReset))
		b.expect(noCredentials, getAssertion())
	}},
	{192, bothProfiles, everyDoor, "no reset without a person's touch", func(b *bench) {
		b.register(discoverable)
		b.person.is(refuses)
		b.expectAsking(operationDenied, bare(cmdReset))
		b.wants("status", b.cancelled(bare(cmdReset)).status, keepaliveCancel)
		b.person.is(waits)
		b.expectAsking(userActionTimeout, bare(cmdReset))
		b.ok(getAssertion(silent))
	}},
	{193, securityKey, everyDoor, "a reset brings everything back to the start", func(b *bench) {
		b.fresh(enterprise(site))
		b.setPIN("123456")
		b.tryPIN("0000", pinInvalid)
		t := b.token(maySet|mayWrite, "")
		blob := blobArray(encode(list{"a blob"}))
		b.ok(writeBlob(t, 0, blob, len(blob)))
		b.ok(configure(t, 1, nil))
		b.ok(configure(t, 2, nil))
		b.ok(configure(t, 4, nil))
		b.ok(configure(t, 3, dict{1: 6, 2: list{site}}))
		b.tryPIN("0000", pinInvalid)
		b.restart()

		b.ok(bare(cmdReset))
		b.pin = ""
		b.wants("clientPin", b.option("clientPin"), false)
		b.wants("tries", b.retries(), 8)
		b.wants("alwaysUv", b.option("alwaysUv"), false)
		b.wants("ep", b.option("ep"), false)
		b.wants("longTouchForReset", b.info()[0x18], false)
		b.wants("minPINLength", b.info()[0x0d], 4)
		b.equal("large-blob array", b.octets(b.ok(readBlob(0, 100)), 1), initialBlobs)
		b.lacks(b.register(extension("minPinLength", true)).data.extensions, "minPinLength")
		b.setPIN("1234")
	}},
	{194, securityKey, everyDoor, "no credential survives a reset", func(b *bench) {
		listed, other := b.register(discoverable), b.register()
		handle := b.u2fRegister("application")
		b.ok(bare(cmdReset))
		for _, c := range []credential{listed, other} {
			b.expect(noCredentials, getAssertion(listing(c.id)))
		}
		b.expect(noCredentials, getAssertion())
		b.u2fExpect(wrongData, u2fAuthenticate(0x07, "application", handle))
	}},
	{195, securityKey, everyDoor, "reset may be kept from a door", func(b *bench) {
		b.fresh(profiled(func(p *authenticator.Profile) { p.ResetTransports = []string{"nfc"} }))
		b.register(discoverable)
		b.expectSilently(operationDenied, bare(cmdReset))
		b.ok(getAssertion())
		b.wants("transportsForReset", b.strings(b.info(), 0x1a)[0], "nfc")
	}},
	{196, bothProfiles, everyDoor, "selection is a touch, and nothing more", func(b *bench) {
		b.expectAsking(success, bare(cmdSelection))
		b.person.is(refuses)
		b.expectAsking(operationDenied, bare(cmdSelection))
		b.person.is(waits)
		start := time.Now()
		b.expectAsking(userActionTimeout, bare(cmdSelection))
		if waited := time.Since(start); waited < 10*time.Second {
			b.Errorf("the person had %v", waited)
		}
		b.wants("status", b.cancelled(bare(cmdSelection)).status, keepaliveCancel)
	}},
}
