package authenticator_test

import (
	"bytes"
)

// clientPIN (§6.5): setting a PIN, changing it, and losing it.

var pinBehaviours = []behaviour{
	{149, bothProfiles, everyDoor, "a subcommand is required", func(b *bench) {
		b.expect(missingParameter, clientPIN(1, 2, without(2)))
		b.expectRaw(missingParameter, []byte{cmdClientPIN, 0xa0})
	}},
	{150, bothProfiles, everyDoor, "key agreement is of one protocol or the other", func(b *bench) {
		b.expect(missingParameter, clientPIN(2, 0))
		b.expect(invalidParameter, clientPIN(2, 3))
		b.expect(invalidParameter, clientPIN(2, 0, set(1, 0)))
	}},
	{151, bothProfiles, everyDoor, "the key agreement key has five labels", func(b *bench) {
		for _, protocol := range []int{1, 2} {
			r := b.ok(clientPIN(2, protocol))
			key := b.fields(r, 1)
			x, _ := key[-2].([]byte)
			y, _ := key[-3].([]byte)
			if len(key) != 5 || key[1] != 2 || key[3] != -25 || key[-1] != 1 || len(x) != 32 || len(y) != 32 {
				b.Errorf("key agreement key %v", key)
			}
			b.lacks(r.body, 2, 3, 4, 5)
		}
	}},
	{152, bothProfiles, everyDoor, "eight tries at first, told without a touch", func(b *bench) {
		r := b.expectSilently(success, clientPIN(1, 0))
		b.wants("tries", r.body[3], 8)
		b.lacks(r.body, 1, 2, 4, 5)
	}},
	{153, securityKey, everyDoor, "what a first PIN takes", func(b *bench) {
		for _, key := range []int{1, 3, 4, 5} {
			b.expect(missingParameter, setPINRequest(b.secret(2), padded("1234", 64), without(key)))
		}
		b.wants("clientPin", b.option("clientPin"), false)
	}},
	{154, bothProfiles, everyDoor, "there is but one first PIN", func(b *bench) {
		b.ensurePIN()
		b.expect(pinAuthInvalid, setPINRequest(b.secret(2), padded("654321", 64)))
		b.tryPIN(b.pin, success)
	}},
	{155, securityKey, everyDoor, "a first PIN that somebody tampered with", func(b *bench) {
		for _, protocol := range []int{1, 2} {
			s := b.secret(protocol)
			r := setPINRequest(s, padded("1234", 64))
			r.body[4].([]byte)[3] ^= 1
			b.expect(pinAuthInvalid, r)
			r = setPINRequest(s, padded("1234", 64))
			r.body[5].([]byte)[20] ^= 1
			b.expect(pinAuthInvalid, r)
		}
		b.wants("clientPin", b.option("clientPin"), false)
	}},
	{156, securityKey, everyDoor, "a client's key has to be a point of the curve", func(b *bench) {
		s := b.secret(2)
		bend := func(label int, value []byte) dict {
			k := dict{}
			for l, v := range s.ours {
				k[l] = v
			}
			k[label] = value
			return k
		}
		x := bytes.Clone(s.ours[-2].([]byte))
		x[31] ^= 1
		for _, key := range []dict{bend(-2, x), bend(-2, make([]byte, 32)), bend(-3, make([]byte, 32)), bend(-2, x[1:]), bend(-3, append(x, 0))} {
			b.expect(invalidParameter, setPINRequest(s, padded("1234", 64), set(3, key)))
		}
		b.wants("clientPin", b.option("clientPin"), false)
	}},
	{157, securityKey, everyDoor, "a new PIN comes padded to 64 bytes", func(b *bench) {
		s := b.secret(2)
		b.expect(invalidParameter, setPINRequest(s, padded("1234", 32)))
		b.expect(invalidParameter, setPINRequest(s, padded("1234", 48)))
		b.expectOneOf([]byte{pinPolicyViolation, invalidParameter}, setPINRequest(s, padded("1234", 128)))
		b.wants("clientPin", b.option("clientPin"), false)
	}},
	{158, securityKey, everyDoor, "three code points are too few", func(b *bench) {
		for _, pin := range []string{"123", "ééé", "😀😀😀", ""} {
			b.expect(pinPolicyViolation, setPINRequest(b.secret(2), padded(pin, 64)))
		}
	}},
	{159, securityKey, everyDoor, "four are enough, however long", func(b *bench) {
		b.setPIN("😀😀😀😀")
		b.tryPIN("😀😀😀😀", success)
	}},
	{160, securityKey, everyDoor, "63 bytes fit, 64 do not", func(b *bench) {
		long := string(bytes.Repeat([]byte{'7'}, 64))
		b.expect(pinPolicyViolation, setPINRequest(b.secret(2), []byte(long)))
		b.setPIN(long[:63])
		b.tryPIN(long[:63], success)
		b.tryPIN(long[:62], pinInvalid)
	}},
	{161, securityKey, everyDoor, "no change before there is a PIN", func(b *bench) {
		b.expect(pinNotSet, changePINRequest(b.secret(2), "1234", padded("4321", 64)))
		b.expect(pinNotSet, oldTokenRequest(b.secret(2), "1234"))
		b.expect(pinNotSet, tokenRequest(b.secret(2), "1234", maySignIn, site))
	}},
	{162, bothProfiles, everyDoor, "a change that somebody tampered with costs no try", func(b *bench) {
		b.ensurePIN()
		r := changePINRequest(b.secret(2), "0000", padded("4321", 64))
		r.body[4].([]byte)[0] ^= 1
		b.expect(pinAuthInvalid, r)
		b.wants("tries", b.retries(), 8)
	}},
	{163, bothProfiles, everyDoor, "a change with the wrong old PIN costs a try and the key agreement", func(b *bench) {
		b.ensurePIN()
		before := b.ok(clientPIN(2, 2)).body[1].(dict)[-2].([]byte)
		b.expect(pinInvalid, changePINRequest(b.secret(2), "0000", padded("4321", 64)))
		b.wants("tries", b.retries(), 7)
		if after := b.ok(clientPIN(2, 2)).body[1].(dict)[-2].([]byte); bytes.Equal(before, after) {
			b.Errorf("the key agreement key is the same")
		}
		b.tryPIN(b.pin, success)
	}},
	{164, bothProfiles, everyDoor, "a right old PIN and a new one that is too short", func(b *bench) {
		b.ensurePIN()
		b.tryPIN("0000", pinInvalid)
		b.expect(pinPolicyViolation, changePINRequest(b.secret(2), b.pin, padded("123", 64)))
		b.wants("tries", b.retries(), 8)
		b.tryPIN(b.pin, success)
	}},
	{165, bothProfiles, everyDoor, "a change ends the old PIN and every token", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		lasting := b.token(mayRead, "")
		t := b.token(maySignIn|mayManage, site)
		old := b.pin
		b.changePIN("654321")
		b.expect(pinAuthInvalid, getAssertion(by(t)))
		b.expect(pinAuthInvalid, manage(lasting, 2, nil))
		b.tryPIN(old, pinInvalid)
		b.tryPIN("654321", success)
	}},
}

var pinLockBehaviours = []behaviour{
	{166, bothProfiles, everyDoor, "three wrong PINs in a row are the last", func(b *bench) {
		b.ensurePIN()
		b.tryPIN("0000", pinInvalid)
		b.tryPIN("0000", pinInvalid)
		b.tryPIN("0000", pinAuthBlocked)
		b.wants("tries", b.retries(), 5)
	}},
	{167, bothProfiles, everyDoor, "then even the right one is not heard", func(b *bench) {
		b.ensurePIN()
		b.missThrice()
		b.wants("powerCycleState", b.ok(clientPIN(1, 0)).body[4], true)
		b.tryPIN(b.pin, pinAuthBlocked)
		b.expect(pinAuthBlocked, changePINRequest(b.secret(2), b.pin, padded("654321", 64)))
		b.expect(pinAuthBlocked, tokenRequest(b.secret(2), b.pin, maySignIn, site))
		b.reconnect()
		b.tryPIN(b.pin, pinAuthBlocked)
		b.wants("tries", b.retries(), 5)
	}},
	{168, bothProfiles, everyDoor, "until the device is started again", func(b *bench) {
		b.ensurePIN()
		b.missThrice()
		b.restart()
		b.lacks(b.ok(clientPIN(1, 0)).body, 4)
		b.wants("tries", b.retries(), 5)
		b.tryPIN(b.pin, success)
		b.wants("tries", b.retries(), 8)
	}},
	{169, bothProfiles, everyDoor, "eight in all, and only a reset helps", func(b *bench) {
		b.ensurePIN()
		b.missThrice()
		b.restart()
		b.missThrice()
		b.restart()
		b.tryPIN("0000", pinInvalid)
		b.tryPIN("0000", pinBlocked)
		b.wants("tries", b.retries(), 0)
		b.tryPIN(b.pin, pinBlocked)
		b.restart()
		b.tryPIN(b.pin, pinBlocked)
		b.expect(pinBlocked, changePINRequest(b.secret(2), b.pin, padded("654321", 64)))
		b.ok(bare(cmdReset))
		b.wants("tries", b.retries(), 8)
	}},
	{170, bothProfiles, everyDoor, "a spent try stays spent when the power fails", func(b *bench) {
		b.ensurePIN()
		b.tryPIN("0000", pinInvalid)
		b.kill()
		b.wants("tries", b.retries(), 7)
		b.powerFailsAtTry("0000")
		b.wants("tries after a try that was cut off", b.retries(), 6)
		b.powerFailsAtTry(b.pin)
		if n := b.retries(); n != 5 && n != 8 {
			b.Errorf("%d tries after a right one that was cut off", n)
		}
		b.tryPIN(b.pin, success)
	}},
	{171, bothProfiles, everyDoor, "a right PIN gives all tries back", func(b *bench) {
		b.ensurePIN()
		for range 3 {
			b.tryPIN("0000", pinInvalid)
			b.tryPIN("0000", pinInvalid)
			b.wants("tries", b.retries(), 6)
			b.tryPIN(b.pin, success)
			b.wants("tries", b.retries(), 8)
		}
	}},
	{172, bothProfiles, everyDoor, "a wrong PIN spends the key agreement, too", func(b *bench) {
		b.ensurePIN()
		s := b.secret(2)
		b.expect(pinInvalid, oldTokenRequest(s, "0000"))
		b.expectOneOf([]byte{pinInvalid, pinAuthInvalid}, oldTokenRequest(s, b.pin))
		b.expect(pinAuthInvalid, changePINRequest(s, b.pin, padded("654321", 64)))
	}},
}

// missThrice tries three wrong PINs.
func (b *bench) missThrice() {
	b.Helper()
	b.tryPIN("0000", pinInvalid)
	b.tryPIN("0000", pinInvalid)
	b.tryPIN("0000", pinAuthBlocked)
}
