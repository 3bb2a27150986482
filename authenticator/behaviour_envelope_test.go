package authenticator_test

import "bytes"

// The envelope: a command byte, canonical CBOR, a status byte (§6, §8).

// spoil is a makeCredential whose parameters are these bytes.
func spoil(params []byte) []byte { return append([]byte{cmdMakeCredential}, params...) }

var envelopeBehaviours = []behaviour{
	{1, bothProfiles, engine | apdu, "a request of no bytes is no command", func(b *bench) {
		b.expectRaw(invalidCommand, nil)
	}},
	{2, bothProfiles, everyDoor, "commands that the device does not have", func(b *bench) {
		for _, command := range []byte{0x05, 0x0e, 0x3f, 0x40, 0x00, 0xff} {
			b.expect(invalidCommand, bare(command))
		}
	}},
	{3, bothProfiles, everyDoor, "parameters have to be a map", func(b *bench) {
		for _, v := range []any{list{1, 2}, "text", 7, true} {
			r := spoil(encode(v))
			b.status(r, b.askRaw(r), invalidCBOR, unexpectedType)
		}
	}},
	{4, bothProfiles, everyDoor, "parameters that break off", func(b *bench) {
		whole := makeCredential().bytes()
		for _, n := range []int{2, 3, 10, len(whole) / 2, len(whole) - 1} {
			b.expectRaw(invalidCBOR, whole[:n])
		}
	}},
	{5, bothProfiles, everyDoor, "bytes behind the parameters", func(b *bench) {
		b.expectRaw(invalidCBOR, append(makeCredential().bytes(), 0))
		b.expectRaw(invalidCBOR, append(clientPIN(1, 0).bytes(), 0xa0))
	}},
	{6, bothProfiles, everyDoor, "lengths have to be given beforehand", func(b *bench) {
		body := encode(makeCredential().body)
		b.expectRaw(invalidCBOR, spoil(append(append([]byte{0xbf}, body[1:]...), 0xff)))
		b.expect(invalidCBOR, makeCredential(set(4, raw("\x9f"+string(encode(param(-7)))+"\xff"))))
		b.expect(invalidCBOR, makeCredential(inside(2, "name", raw("\x7f\x61a\xff"))))
		b.expect(invalidCBOR, makeCredential(inside(3, "id", raw("\x5f\x41a\xff"))))
	}},
	{7, bothProfiles, everyDoor, "tags are not part of the encoding", func(b *bench) {
		b.expect(invalidCBOR, makeCredential(set(1, raw(append([]byte{0xd8, 0x18}, encode(clientData)...)))))
		b.expect(invalidCBOR, makeCredential(set(0x7e, raw{0xc1, 0x00})))
	}},
	{8, bothProfiles, everyDoor, "a key that occurs twice", func(b *bench) {
		b.expectRaw(invalidCBOR, append([]byte{cmdClientPIN}, encode(pairs{2, 1, 2, 1})...))
		b.expect(invalidCBOR, makeCredential(set(2, pairs{"id", site, "id", site})))
	}},
	{9, bothProfiles, everyDoor, "keys that are not in order", func(b *bench) {
		b.expectRaw(invalidCBOR, append([]byte{cmdClientPIN}, encode(pairs{2, 2, 1, 2})...))
		b.expect(invalidCBOR, makeCredential(set(2, pairs{"name", "Example", "id", site})))
	}},
	{10, bothProfiles, everyDoor, "numbers and lengths take the fewest bytes", func(b *bench) {
		b.expectRaw(invalidCBOR, []byte{cmdClientPIN, 0xa1, 0x02, 0x18, 0x01})
		b.expectRaw(invalidCBOR, []byte{cmdClientPIN, 0xb8, 0x01, 0x02, 0x01})
		b.expect(invalidCBOR, makeCredential(inside(2, "name", raw{0x78, 0x01, 'a'})))
	}},
	{11, bothProfiles, everyDoor, "nothing nests deeper than four", func(b *bench) {
		b.ok(makeCredential(set(0x7e, list{list{list{}}})))
		b.expect(invalidCBOR, makeCredential(set(0x7e, list{list{list{list{}}}})))
		b.expect(invalidCBOR, makeCredential(set(0x7e, dict{1: dict{1: dict{1: dict{}}}})))
	}},
	{12, bothProfiles, everyDoor, "text has to be UTF-8", func(b *bench) {
		b.expect(invalidCBOR, makeCredential(inside(2, "name", "\xc3\x28")))
		b.expect(invalidCBOR, makeCredential(inside(3, "displayName", "cut \xe2\x82")))
	}},
	{13, bothProfiles, everyDoor, "members that nobody knows are passed over", func(b *bench) {
		b.ok(makeCredential(discoverable, set(0x7e, "from the future"), inside(2, "logo", 1), inside(3, "icon", "x")))
		b.ok(getAssertion(set(0x7e, list{1})))
		b.ok(clientPIN(1, 0, set(0x7e, dict{"a": 1})))
	}},
	{14, bothProfiles, everyDoor, "a request longer than the device says it takes", func(b *bench) {
		most := b.number(b.ok(bare(cmdGetInfo)), 5)
		r := makeCredential(set(0x7e, []byte{}))
		b.expect(requestTooLarge, makeCredential(set(0x7e, make([]byte, most+1-len(r.bytes())))))
		r = makeCredential(set(0x7e, make([]byte, 1000)))
		fits := most - (len(r.bytes()) - 1000)
		r.body[0x7e] = make([]byte, fits)
		b.wants("length", len(r.bytes()), most)
		b.ok(r)
	}},
	{15, bothProfiles, everyDoor, "a refusal is one byte", func(b *bench) {
		for _, r := range []request{bare(0x3f), makeCredential(without(1)), getAssertion(at("unknown.example")),
			clientPIN(0x55, 2), bare(cmdGetNextAssertion), manage(token{}, 1, nil)} {
			got := b.ask(r)
			if got.status == success || got.size != 1 {
				b.Errorf("%s\nstatus %#02x in %d bytes, want a refusal in one", show(r.bytes()), got.status, got.size)
			}
		}
	}},
	{16, bothProfiles, everyDoor, "success without output is one byte", func(b *bench) {
		b.ensurePIN()
		b.changePIN("123456")
		for _, r := range []request{bare(cmdSelection), configure(b.token(maySet, ""), 3, dict{1: 5})} {
			if got := b.ok(r); got.size != 1 {
				b.Errorf("%s\nreply of %d bytes, want one", show(r.bytes()), got.size)
			}
		}
	}},
	{17, bothProfiles, everyDoor, "what the device says is canonical, too", func(b *bench) {
		// The bench takes every reply to its canonical form and compares.
		c := b.register(discoverable, extension("credProtect", 1), extension("hmac-secret", true))
		if !bytes.Equal(encode(c.key), c.data.keyBytes) || len(c.data.extensions) != 2 {
			b.Errorf("key %x and extensions %v", c.data.keyBytes, c.data.extensions)
		}
		b.signIn()
		b.info()
		b.ok(clientPIN(1, 0))
		b.ok(clientPIN(2, 1))
		b.ensurePIN()
		m := b.token(mayManage, "")
		b.ok(manage(m, 1, nil))
		b.ok(manage(m, 2, nil))
		b.ok(manage(m, 4, dict{1: hash(site)}))
	}},
	{18, bothProfiles, everyDoor, "a subcommand that does not exist", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayManage|maySet, "")
		b.expect(invalidSubcommand, clientPIN(0x55, 2))
		b.expect(invalidSubcommand, clientPIN(8, 2))
		b.expect(invalidSubcommand, manage(t, 0x55, nil))
		b.expect(invalidSubcommand, configure(t, 0x55, nil))
	}},
}
