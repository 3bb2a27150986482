package authenticator_test

import (
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
)

// Devices that take no PIN from clients.

var withoutClientPIN = profiled(func(p *authenticator.Profile) { p.ClientPIN = false })

// proofsWithoutClientPIN take the place of those that need a PIN by the client.
var proofsWithoutClientPIN = map[string]func(b *bench){
	"version FIDO_2_1": func(b *bench) {
		b.ok(manage(b.token(mayManage, ""), 1, nil))
		b.ok(configure(b.token(maySet, ""), 4, nil))
		b.ok(bare(cmdSelection))
	},
	"version FIDO_2_0": func(b *bench) {
		b.verifies(b.register(discoverable), b.signIn())
		b.ok(bare(cmdReset))
	},
	"option uvAcfg": func(b *bench) {
		b.expect(puatRequired, configure(token{}, 4, nil))
		b.ok(configure(b.token(maySet, ""), 4, nil))
	},
	"option authnrCfg": showLongTouch,
}

// proofsWithoutTokens take the place of those that need any token.
var proofsWithoutTokens = map[string]func(b *bench){
	"version FIDO_2_3": func(b *bench) {
		b.checkPackedCertificate(b.register(discoverable, set(0x0b, list{"packed"})))
	},
	"version FIDO_2_1": func(b *bench) {
		b.ok(configure(token{}, 4, nil))
		b.ok(bare(cmdSelection))
	},
	"version FIDO_2_0":      proofsWithoutClientPIN["version FIDO_2_0"],
	"option authnrCfg":      showLongTouch,
	"protocol 1":            showSecretBy(1),
	"protocol 2":            showSecretBy(2),
	"extension credProtect": showCredProtectUnverified,
	"option makeCredUvNotRqd": func(b *bench) {
		b.wants("makeCredUvNotRqd", b.option("makeCredUvNotRqd"), false)
	},
	// What cannot verify, and always must, refuses until it need not.
	"option alwaysUv": func(b *bench) {
		b.ok(configure(token{}, 2, nil))
		b.expectSilently(operationDenied, makeCredential())
		b.expectSilently(operationDenied, configure(token{}, 4, nil))
		b.ok(configure(token{}, 2, nil))
		b.ok(makeCredential())
	},
}

// showSecretBy uses a protocol for hmac-secret, which takes no PIN.
func showSecretBy(protocol int) func(b *bench) {
	return func(b *bench) {
		c := b.register(extension("hmac-secret", true))
		s := b.secret(protocol)
		a := b.signIn(listing(c.id), extension("hmac-secret", saltInput(s, salt(1))))
		b.wants("length of the secret", len(b.hmacSecret(s, a.data)), 32)
	}
}

func showCredProtectUnverified(b *bench) {
	two := b.register(discoverable, extension("credProtect", 2))
	b.expect(noCredentials, getAssertion(silent))
	b.ok(getAssertion(listing(two.id)))
	three := b.register(discoverable, as("bob"), extension("credProtect", 3))
	b.expect(noCredentials, getAssertion(listing(three.id)))
}

// What needs a PIN by the client is neither advertised nor there without one.
func TestWithoutClientPIN(t *testing.T) {
	for _, device := range []struct {
		name    string
		profile profiles
		options []string // of those that tokens make
		subs    map[int]bool
	}{
		{"security-key", securityKey, nil, map[int]bool{2: true}},
		{"platform", platform, []string{"uv", "uvAcfg", "pinUvAuthToken", "credMgmt", "perCredMgmtRO"}, map[int]bool{2: true, 6: true, 7: true}},
	} {
		t.Run(device.name, func(t *testing.T) {
			onBench(t, device.profile, func(b *bench) {
				b.fresh(withoutClientPIN)
				options := member[dict](b, b.info(), 4)
				for _, name := range []string{"clientPin", "setMinPINLength", "noMcGaPermissionsWithClientPin", "uv", "uvAcfg", "pinUvAuthToken", "credMgmt", "perCredMgmtRO"} {
					b.wants("option "+name, has(options, name), slices.Contains(device.options, name))
				}
				b.lacks(b.info(), 0x0c, 0x0d, 0x10, 0x1b, 0x1d)
				b.wants("encIdentifier", has(b.info(), 0x19), len(device.options) > 0)
				b.wants("encCredStoreState", has(b.info(), 0x1e), len(device.options) > 0)
				for _, e := range b.strings(b.info(), 2) {
					if e == "minPinLength" || e == "pinComplexityPolicy" {
						b.Errorf("extension %s is listed", e)
					}
				}
				for _, sub := range []int{1, 2, 3, 4, 5, 6, 7, 9} {
					there := b.ask(clientPIN(sub, 2)).status != invalidSubcommand
					b.wants("clientPIN "+string(rune('0'+sub)), there, device.subs[sub])
				}
				b.expect(invalidSubcommand, configure(token{}, 3, nil))
			})
		})
	}
}
