package authenticator_test

import (
	"bytes"
	"slices"

	"github.com/seed-77d61853/signet/authenticator"
)

// getInfo (§6.4).

// Changes of the profile that several chapters need.
var (
	alwaysVerified = profiled(func(p *authenticator.Profile) { p.AlwaysUv = true })
	uvNotRequired  = profiled(func(p *authenticator.Profile) { p.MakeCredUvNotRqd = true })
	tokensForLess  = profiled(func(p *authenticator.Profile) { p.NoMcGaPermissions = true })
)

// withoutExtension drops an extension from the profile.
func withoutExtension(name string) func(*authenticator.Config) {
	return profiled(func(p *authenticator.Profile) {
		p.Extensions = slices.DeleteFunc(slices.Clone(p.Extensions), func(e string) bool { return e == name })
	})
}

// storeState opens getInfo's encCredStoreState.
func (b *bench) storeState(persistent token) []byte {
	b.Helper()
	return openIdentifier(persistent.key, "encCredStoreState", b.octets(b.ok(bare(cmdGetInfo)), 0x1e))
}

// identity opens getInfo's encIdentifier.
func (b *bench) identity(persistent token) []byte {
	b.Helper()
	return openIdentifier(persistent.key, "encIdentifier", b.octets(b.ok(bare(cmdGetInfo)), 0x19))
}

var getInfoBehaviours = []behaviour{
	{19, bothProfiles, everyDoor, "the version is 2.3, and there never was a 2.2", func(b *bench) {
		versions := b.strings(b.info(), 1)
		if !slices.Contains(versions, "FIDO_2_3") || slices.Contains(versions, "FIDO_2_2") {
			b.Errorf("versions are %q", versions)
		}
	}},
	{20, bothProfiles, everyDoor, "protocol two is among those for PINs", func(b *bench) {
		if protocols := member[list](b, b.info(), 6); !slices.Contains(protocols, any(2)) {
			b.Errorf("protocols are %v", protocols)
		}
	}},
	{21, bothProfiles, everyDoor, "an AAGUID has sixteen bytes", func(b *bench) {
		b.wants("length of the AAGUID", len(member[[]byte](b, b.info(), 3)), 16)
	}},
	{22, securityKey, everyDoor, "clientPin tells whether there can be a PIN, and is one", func(b *bench) {
		b.wants("clientPin", b.option("clientPin"), false)
		b.setPIN("1234")
		b.wants("clientPin", b.option("clientPin"), true)
		b.fresh(profiled(func(p *authenticator.Profile) { p.ClientPIN = false }))
		b.wants("clientPin", b.option("clientPin"), nil)
	}},
	{23, securityKey, everyDoor, "a device with PINs says how short they may be", func(b *bench) {
		if n := member[int](b, b.info(), 0x0d); n < 4 {
			b.Errorf("minPINLength is %d", n)
		}
		b.fresh(profiled(func(p *authenticator.Profile) { p.ClientPIN = false }))
		b.lacks(b.info(), 0x0d)
	}},
	{24, bothProfiles, everyDoor, "the longest PIN is between 8 and 63", func(b *bench) {
		if n, ok := b.info()[0x1d].(int); ok && (n < 8 || n > 63) {
			b.Errorf("maxPINLength is %d", n)
		}
	}},
	{25, bothProfiles, everyDoor, "none is not an attestation format to boast of", func(b *bench) {
		formats := b.strings(b.info(), 0x16)
		if len(formats) == 0 || slices.Contains(formats, "none") {
			b.Errorf("attestationFormats is %q", formats)
		}
	}},
	{26, bothProfiles, everyDoor, "an algorithm is listed by alg and type alone", func(b *bench) {
		for _, e := range member[list](b, b.info(), 0x0a) {
			d := e.(dict)
			if _, ok := d["alg"].(int); !ok || len(d) != 2 || d["type"] != "public-key" {
				b.Errorf("algorithm %v", d)
			}
		}
	}},
	{27, securityKey, everyDoor, "makeCredUvNotRqd yields to alwaysUv", func(b *bench) {
		b.fresh(uvNotRequired)
		b.wants("makeCredUvNotRqd", b.option("makeCredUvNotRqd"), true)
		b.ok(configure(token{}, 2, nil))
		b.wants("alwaysUv", b.option("alwaysUv"), true)
		if v := b.option("makeCredUvNotRqd"); v == true {
			b.Errorf("makeCredUvNotRqd is %v under alwaysUv", v)
		}
	}},
	{28, securityKey, everyDoor, "U2F is not spoken under alwaysUv", func(b *bench) {
		b.wants("U2F_V2 listed", slices.Contains(b.strings(b.info(), 1), "U2F_V2"), true)
		b.ok(configure(token{}, 2, nil))
		b.wants("U2F_V2 listed under alwaysUv", slices.Contains(b.strings(b.info(), 1), "U2F_V2"), false)
	}},
	{29, bothProfiles, everyDoor, "the large-blob array's size comes with the array", func(b *bench) {
		n, there := b.info()[0x0b].(int)
		if blobs := b.option("largeBlobs") == true; blobs != there || blobs && n < 1024 {
			b.Errorf("largeBlobs is %v, maxSerializedLargeBlobArray %v", blobs, b.info()[0x0b])
		}
	}},
	{30, securityKey, everyDoor, "credBlob holds 32 bytes at least", func(b *bench) {
		if n := member[int](b, b.info(), 0x0f); n < 32 {
			b.Errorf("maxCredBlobLength is %d", n)
		}
		b.fresh(withoutExtension("credBlob"))
		b.lacks(b.info(), 0x0f)
	}},
	{31, bothProfiles, everyDoor, "the room for RP IDs comes with setMinPINLength", func(b *bench) {
		b.wants("member 10", has(b.info(), 0x10), b.option("setMinPINLength") == true)
	}},
	{32, bothProfiles, everyDoor, "the config subcommands listed are those that work", func(b *bench) {
		b.ensurePIN()
		var works list
		for _, sub := range []int{1, 2, 3, 4, 5, 6, 7, 8, 0xff} {
			if b.ask(configure(token{}, sub, nil)).status != invalidSubcommand {
				works = append(works, sub)
			}
		}
		if listed := member[list](b, b.info(), 0x1f); !slices.Equal(listed, works) {
			b.Errorf("authenticatorConfigCommands is %v, but %v work", listed, works)
		}
	}},
	{33, bothProfiles, everyDoor, "encIdentifier is never the same and always says the same", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayRead, "")
		first, second := member[[]byte](b, b.info(), 0x19), member[[]byte](b, b.info(), 0x19)
		if bytes.Equal(first[:16], second[:16]) {
			b.Errorf("initialization vector %x twice", first[:16])
		}
		b.equal("second identifier", openIdentifier(t.key, "encIdentifier", second), openIdentifier(t.key, "encIdentifier", first))
		b.wants("length of the identifier", len(b.identity(t)), 16)
	}},
	{34, securityKey, everyDoor, "the identifier survives a restart, and no reset", func(b *bench) {
		b.setPIN("1234")
		t := b.token(mayRead, "")
		before := b.identity(t)
		b.restart()
		b.equal("identifier after a restart", b.identity(t), before)
		b.ok(bare(cmdReset))
		b.setPIN("1234")
		if after := b.identity(b.token(mayRead, "")); bytes.Equal(before, after) {
			b.Errorf("identifier %x outlived a reset", after)
		}
	}},
	{35, bothProfiles, everyDoor, "the store's state changes with each discoverable credential", func(b *bench) {
		b.ensurePIN()
		t := b.token(mayRead, "")
		state := b.storeState(t)
		changed := func(what string) {
			b.Helper()
			now := b.storeState(t)
			if bytes.Equal(now, state) {
				b.Errorf("the state is the same after %s", what)
			}
			state = now
		}
		b.register(discoverable)
		changed("making one")
		c := b.register(discoverable)
		changed("replacing it")
		m := b.token(mayManage, "")
		b.ok(manage(m, 7, dict{2: descriptor(c.id), 3: dict{"id": []byte("alice"), "name": "al"}}))
		changed("renaming its user")
		b.ok(manage(m, 6, dict{2: descriptor(c.id)}))
		changed("deleting it")
	}},
	{36, bothProfiles, everyDoor, "and with nothing else", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		t := b.token(mayRead, "")
		before := b.storeState(t)
		b.register()
		b.signIn()
		b.equal("state", b.storeState(t), before)
	}},
	{37, bothProfiles, everyDoor, "the room left shrinks by one credential at a time", func(b *bench) {
		room := func() int { b.Helper(); return b.number(b.ok(bare(cmdGetInfo)), 0x14) }
		before := room()
		b.register(discoverable)
		b.wants("room after one credential", room(), before-1)
		b.register(discoverable)
		b.wants("room after replacing it", room(), before-1)
		b.register()
		b.wants("room after one that is not discoverable", room(), before-1)
	}},
	{38, bothProfiles, everyDoor, "largeBlob and largeBlobKey exclude each other", func(b *bench) {
		extensions := b.strings(b.info(), 2)
		if slices.Contains(extensions, "largeBlob") && slices.Contains(extensions, "largeBlobKey") {
			b.Errorf("extensions are %q", extensions)
		}
	}},
}
