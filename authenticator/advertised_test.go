package authenticator_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
)

// Nothing is advertised that does not work: for each thing that getInfo names,
// a proof by use. What getInfo names and no proof is written for fails.

var proofs = map[string]func(b *bench){
	"version FIDO_2_3": func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		b.ok(manage(b.token(mayRead, ""), 1, nil))
		b.register(set(0x0b, list{"packed"}))
	},
	"version FIDO_2_1": func(b *bench) {
		b.ensurePIN()
		b.ok(manage(b.token(mayManage, ""), 1, nil))
		b.ok(configure(b.token(maySet, ""), 3, dict{}))
		b.ok(bare(cmdSelection))
	},
	"version FIDO_2_0": func(b *bench) {
		b.ensurePIN()
		s := b.secret(1)
		b.register(discoverable)
		b.ok(getAssertion(by(b.openToken(s, b.ok(oldTokenRequest(s, b.pin))))))
		b.ok(bare(cmdReset))
	},
	"version U2F_V2": func(b *bench) {
		handle, key := b.u2fRegisterKey("application")
		b.u2fSigned("application", key, b.u2fTouch(u2fAuthenticate(0x03, "application", handle)))
	},

	"extension credProtect": showCredProtect,
	"extension hmac-secret": showHMACSecret,
	"extension hmac-secret-mc": func(b *bench) {
		s := b.secret(2)
		c := b.register(extension("hmac-secret", true), extension("hmac-secret-mc", saltInput(s, salt(1))))
		made := b.hmacSecret(s, c.data)
		b.equal("secret", b.hmacSecret(s, b.signIn(listing(c.id), extension("hmac-secret", saltInput(s, salt(1)))).data), made)
	},
	"extension credBlob": func(b *bench) {
		b.register(discoverable, extension("credBlob", []byte("a blob")))
		b.equal("blob", member[[]byte](b, b.signIn(extension("credBlob", true)).data.extensions, "credBlob"), []byte("a blob"))
	},
	"extension largeBlobKey": func(b *bench) {
		c := b.register(discoverable, extension("largeBlobKey", true))
		b.equal("key", member[[]byte](b, b.signIn(extension("largeBlobKey", true)).body, 7), member[[]byte](b, c.body, 5))
	},
	"extension largeBlob":           showLargeBlob,
	"extension minPinLength":        showMinPINLength,
	"extension pinComplexityPolicy": showPINComplexity,
	"extension thirdPartyPayment": func(b *bench) {
		c := b.register(extension("thirdPartyPayment", true))
		b.wants("thirdPartyPayment", b.signIn(listing(c.id), extension("thirdPartyPayment", true)).data.extensions["thirdPartyPayment"], true)
	},

	"option rk": func(b *bench) { b.verifies(b.register(discoverable), b.signIn()) },
	"option up": func(b *bench) {
		c := b.register()
		b.wants("flag UP", b.signIn(listing(c.id)).data.flags&flagUP, byte(flagUP))
	},
	"option uv": func(b *bench) {
		c := b.register(option("uv", true))
		b.wants("flag UV", c.data.flags&flagUV, byte(flagUV))
		b.wants("flag UV", b.signIn(option("uv", true), listing(c.id)).data.flags&flagUV, byte(flagUV))
	},
	"option plat": func(b *bench) {
		b.wants("reached from within", slices.Contains(b.strings(b.info(), 9), "internal"), b.option("plat"))
	},
	"option clientPin": func(b *bench) {
		b.ensurePIN()
		b.wants("clientPin", b.option("clientPin"), true)
		b.tryPIN(b.pin, success)
	},
	"option pinUvAuthToken": func(b *bench) {
		b.ensurePIN()
		b.ok(makeCredential(by(b.token(mayMake, site))))
	},
	"option noMcGaPermissionsWithClientPin": func(b *bench) {
		b.ensurePIN()
		b.wants("noMcGaPermissionsWithClientPin", b.option("noMcGaPermissionsWithClientPin"), false)
		b.ok(makeCredential(by(b.token(mayMake, site))))
	},
	"option largeBlobs": func(b *bench) {
		array := someBlobs(100, 1)
		b.ok(writeBlob(token{}, 0, array, 100))
		b.equal("array", b.blobs(), array)
	},
	"option authnrCfg": showMinPINLength,
	"option uvAcfg": func(b *bench) {
		s := b.secret(2)
		b.ok(configure(b.openToken(s, b.ok(uvTokenRequest(s, maySet, ""))), 3, dict{}))
	},
	"option credMgmt": func(b *bench) {
		b.ensurePIN()
		c := b.register(discoverable)
		b.ok(manage(b.token(mayManage, ""), 6, whose(c.id)))
	},
	"option perCredMgmtRO": func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		b.ok(manage(b.token(mayRead, ""), 4, siteHash))
	},
	"option setMinPINLength": showMinPINLength,
	"option makeCredUvNotRqd": func(b *bench) {
		b.ensurePIN()
		b.wants("makeCredUvNotRqd", b.option("makeCredUvNotRqd"), false)
		if !b.verifiesItself() {
			b.expect(puatRequired, makeCredential())
		}
	},
	"option alwaysUv": func(b *bench) {
		b.ensurePIN()
		if b.option("alwaysUv") == false {
			b.ok(configure(b.token(maySet, ""), 2, nil))
		}
		b.wants("flag UV", b.register().data.flags&flagUV, byte(flagUV))
		if !b.verifiesItself() {
			b.expect(puatRequired, makeCredential())
		}
	},
	"option ep": func(b *bench) {
		b.ensurePIN()
		b.ok(configure(b.token(maySet, ""), 1, nil))
		b.wants("epAtt", b.register(set(0x0a, 2)).body[4], true)
	},

	"format packed": func(b *bench) { b.checkPackedCertificate(b.register(set(0x0b, list{"packed"}))) },
	"format fido-u2f": func(b *bench) {
		c := b.register(set(0x0b, list{"fido-u2f"}))
		b.wants("format", c.body[1], "fido-u2f")
		b.equal("AAGUID", c.data.aaguid, make([]byte, 16))
		b.checkU2FStatement(c)
	},

	"config 1": func(b *bench) {
		b.ensurePIN()
		b.ok(configure(b.token(maySet, ""), 1, nil))
		b.wants("ep", b.option("ep"), true)
	},
	"config 2": func(b *bench) {
		b.ensurePIN()
		before := b.option("alwaysUv")
		b.ok(configure(b.token(maySet, ""), 2, nil))
		b.wants("alwaysUv toggled", b.option("alwaysUv") != before, true)
	},
	"config 3":   showMinPINLength,
	"config 4":   showLongTouch,
	"config 255": showLock,

	"protocol 1": showProtocol(1),
	"protocol 2": showProtocol(2),
}

// showProtocol signs in with a token of the protocol.
func showProtocol(protocol int) func(b *bench) {
	return func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		b.ok(getAssertion(by(b.tokenOf(protocol, maySignIn, site))))
	}
}

// showAlgorithm makes and uses a credential of the algorithm.
func showAlgorithm(alg int) func(b *bench) {
	return func(b *bench) {
		c := b.register(using(alg))
		b.wants("algorithm", c.key[3], alg)
		b.verifies(c, b.signIn(listing(c.id)))
	}
}

func showLargeBlob(b *bench) {
	ask := func(d dict) edit { return extension("largeBlob", d) }
	output := func(body dict, key int) dict {
		b.Helper()
		return member[dict](b, member[dict](b, body, key), "largeBlob")
	}
	c := b.register(discoverable, ask(dict{"support": "required"}))
	b.wants("supported", output(c.body, 6)["supported"], true)
	b.lacks(b.signIn(listing(c.id), ask(dict{"read": true})).body, 8)
	write := dict{"write": []byte("deflated"), "originalSize": 100}
	b.wants("written silently", output(b.signIn(silent, listing(c.id), ask(write)).body, 8)["written"], false)
	b.wants("written without a list", output(b.signIn(ask(write)).body, 8)["written"], false)
	b.wants("written", output(b.signIn(listing(c.id), ask(write)).body, 8)["written"], true)
	got := output(b.signIn(listing(c.id), ask(dict{"read": true})).body, 8)
	b.equal("blob", member[[]byte](b, got, "blob"), []byte("deflated"))
	b.wants("originalSize", got["originalSize"], 100)
}

func showPINComplexity(b *bench) {
	b.ensurePIN()
	b.changePIN("73129485")
	b.ok(configure(b.token(maySet, ""), 3, dict{2: list{site}, 4: true}))
	b.wants("pinComplexityPolicy in getInfo", b.info()[0x1b], true)
	if b.info()[0x0c] == true {
		b.changePIN("84920137")
	}
	b.wants("pinComplexityPolicy", b.register(extension("pinComplexityPolicy", true)).data.extensions["pinComplexityPolicy"], true)
	b.expect(pinPolicyViolation, changePINRequest(b.secret(2), b.pin, padded("11111111", 64)))
	b.changePIN("90817263")
}

// members says of each other member of getInfo how its value shows.
var members = map[int]func(b *bench, value any){
	0x03: func(b *bench, value any) { b.equal("AAGUID", b.register().data.aaguid, value.([]byte)) },
	0x05: func(b *bench, value any) {
		r := makeCredential(set(0x7e, make([]byte, value.(int))))
		b.expect(requestTooLarge, r)
	},
	0x07: func(b *bench, value any) {
		c := b.register()
		ids := [][]byte{}
		for i := range value.(int) - 1 {
			ids = append(ids, []byte{byte(i)})
		}
		b.ok(getAssertion(silent, listing(append(ids, c.id)...)))
	},
	0x08: func(b *bench, value any) {
		if n := len(b.register().id); n > value.(int) {
			b.Errorf("a credential ID has %d bytes, more than %d", n, value)
		}
	},
	0x0b: func(b *bench, value any) { b.ok(writeBlob(token{}, 0, make([]byte, 100), value.(int))) },
	0x0d: func(b *bench, value any) {
		b.ensurePIN()
		b.changePIN("12345678"[:value.(int)])
		b.expect(pinPolicyViolation, changePINRequest(b.secret(2), b.pin, padded("12345678"[:value.(int)-1], 64)))
	},
	0x0f: func(b *bench, value any) {
		blob := make([]byte, value.(int))
		b.wants("kept", b.register(discoverable, extension("credBlob", blob)).data.extensions["credBlob"], true)
	},
	0x10: func(b *bench, value any) {
		b.ensurePIN()
		sites := list{}
		for i := range value.(int) {
			sites = append(sites, fmt.Sprint(i, ".example"))
		}
		b.ok(configure(b.token(maySet, ""), 3, dict{2: sites}))
	},
	0x11: func(b *bench, value any) { b.ok(clientPIN(7, 0)) },
	0x12: func(b *bench, value any) {
		b.wants("modality: a PIN typed at the device", value, 4)
		b.signIn(listing(b.register(option("uv", true)).id))
	},
	0x14: func(b *bench, value any) {
		b.register(discoverable)
		b.wants("room", b.info()[0x14], value.(int)-1)
	},
	0x15: func(b *bench, value any) {
		b.ensurePIN()
		for _, id := range value.(list) {
			b.ok(configure(b.token(maySet, ""), 0xff, dict{1: id}))
		}
	},
	0x17: func(b *bench, value any) {
		b.person.pin = "0000"
		s := b.secret(2)
		b.expect(uvInvalid, uvTokenRequest(s, maySignIn, site))
		b.wants("uvCountSinceLastPinEntry", b.info()[0x17], value.(int)+1)
		if !b.config.Profile.ClientPIN {
			return
		}
		b.tryPIN(b.pin, success)
		b.wants("uvCountSinceLastPinEntry", b.info()[0x17], 0)
	},
	0x18: func(b *bench, _ any) { showLongTouch(b) },
	0x19: func(b *bench, value any) {
		b.ensurePIN()
		b.wants("length of the identifier", len(b.identity(b.token(mayRead, ""))), 16)
	},
	0x1b: func(b *bench, value any) { showPINComplexity(b) },
	0x1d: func(b *bench, value any) {
		b.ensurePIN()
		b.changePIN(string(bytes.Repeat([]byte{'7'}, value.(int))))
	},
	0x1e: func(b *bench, value any) {
		b.ensurePIN()
		b.wants("length of the state", len(b.storeState(b.token(mayRead, ""))), 16)
	},
}

// spokenFor are members whose elements have proofs of their own, or that only
// tell which model this is.
var spokenFor = []any{0x01, 0x02, 0x04, 0x06, 0x09, 0x0a, 0x0e, 0x16, 0x1f}

func TestAdvertised(t *testing.T) {
	for _, device := range []struct {
		name    string
		profile profiles
		change  func(*authenticator.Config)
		instead map[string]func(b *bench) // of proofs
	}{
		{"security-key", securityKey, func(*authenticator.Config) {}, nil},
		{"security-key-enterprise", securityKey, enterprise(site), nil},
		{"security-key-without-PIN", securityKey, withoutClientPIN, proofsWithoutTokens},
		{"platform", platform, func(*authenticator.Config) {}, nil},
		{"platform-without-client-PIN", platform, withoutClientPIN, proofsWithoutClientPIN},
	} {
		t.Run(device.name, func(t *testing.T) {
			proven := func(name string, proof func(b *bench)) {
				if other := device.instead[name]; other != nil {
					proof = other
				}
				if proof == nil {
					t.Errorf("%s is advertised, and not proven", name)
					return
				}
				t.Run(name, func(t *testing.T) {
					onBench(t, device.profile, func(b *bench) {
						b.fresh(device.change)
						proof(b)
					})
				})
			}
			var info dict
			onBench(t, device.profile, func(b *bench) {
				b.fresh(device.change)
				info = b.info()
			})
			advertised(info, proven)
		})
	}
}

// advertised calls proven for each thing that getInfo names.
func advertised(info dict, proven func(name string, proof func(b *bench))) {
	byName := func(kind string, value any) {
		name := fmt.Sprint(kind, " ", value)
		proven(name, proofs[name])
	}
	for key, kind := range map[int]string{0x01: "version", 0x02: "extension", 0x06: "protocol", 0x16: "format", 0x1f: "config"} {
		for _, e := range info[key].(list) {
			byName(kind, e)
		}
	}
	for name := range info[4].(dict) {
		byName("option", name)
	}
	for _, e := range info[0x0a].(list) {
		alg := e.(dict)["alg"].(int)
		proven(fmt.Sprint("algorithm ", alg), showAlgorithm(alg))
	}
	for key, value := range info {
		if slices.Contains(spokenFor, key) {
			continue
		}
		name := fmt.Sprintf("member %#02x", key)
		if show := members[key.(int)]; show != nil {
			proven(name, func(b *bench) { show(b, value) })
		} else {
			proven(name, nil)
		}
	}
}

// What getInfo cannot show: commands that have no option.
func TestCommandsWithoutOption(t *testing.T) {
	onEachProfile(t, "selection and reset", func(b *bench) {
		b.register(discoverable)
		b.ok(bare(cmdSelection))
		if b.verifiesItself() {
			time.Sleep(time.Hour) // a device with a display is not bound to its first seconds
		}
		b.ok(bare(cmdReset))
		b.expect(noCredentials, getAssertion(silent))
	})
	onEachProfile(t, "the old code of credentialManagement", func(b *bench) {
		b.ensurePIN()
		b.register(discoverable)
		r := manage(b.token(mayManage, ""), 1, nil)
		r.command = 0x41
		b.wants("credentials", b.ok(r).body[1], 1)
	})
}
