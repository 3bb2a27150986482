package brokenrp

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"net/http"
	"testing"
)

// rs changes the integers of a signature on P-256.
func rs(f func(r, s, n *big.Int)) func([]byte) []byte {
	return func(b []byte) []byte {
		var v struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(b, &v); err != nil {
			return b
		}
		f(v.R, v.S, elliptic.P256().Params().N)
		b, _ = asn1.Marshal(v)
		return b
	}
}

func loginBent() []bent {
	results := func(v object) fault { return fault{outer: set("clientExtensionResults", v)} }
	return []bent{
		{check: "login.shape", fault: fault{outer: func(o object) {
			setInner("attestationObject", "oA")(o)
			setInner("authenticatorData", nil)(o)
			setInner("signature", nil)(o)
		}}},
		{check: "login.signature.present", fault: fault{outer: setInner("signature", nil)}},
		{check: "login.authenticatorData.present", fault: fault{outer: setInner("authenticatorData", nil)}},
		{check: "login.known", fault: fault{outer: func(o object) { o["id"], o["rawId"] = "AAAA", "AAAA" }}},
		{check: "login.userHandle", fault: fault{outer: setInner("userHandle", "AAAA")}},
		{check: "login.userHandle.present", fault: fault{outer: setInner("userHandle", nil), request: object{"username": ""}}},
		{check: "login.accept.userHandle.missing", fault: fault{outer: setInner("userHandle", nil)}},
		{check: "login.accept.userHandle.empty", fault: fault{outer: setInner("userHandle", "")}},
		{check: "login.type", fault: fault{clientData: replace("webauthn.get", "webauthn.create")}},
		{check: "login.appid", fault: fault{rpIDHash: func([]byte) []byte { return hash("https://login.example/appid") }, outer: set("clientExtensionResults", object{"appid": true})}},
		{check: "login.accept.uv.preferred", fault: fault{flags: without(flagUV)}},
		{check: "login.accept.uv.discouraged", fault: fault{flags: without(flagUV), request: object{"userVerification": "discouraged"}}},
		{check: "login.accept.uv.unwanted", fault: fault{request: object{"userVerification": "discouraged"}}},
		{check: "login.backup.eligible", fault: fault{flags: with(flagBE)}},
		{check: "login.attested", fault: fault{flags: with(flagAT), authData: func(b []byte) []byte {
			return append(append(b, make([]byte, 18)...), 0xA0)
		}}},
		{check: "login.at.data", fault: fault{flags: with(flagAT)}},
		{check: "login.signature", fault: fault{sig: rs(func(r, s, _ *big.Int) { r.Sub(r, big.NewInt(1)) })}},
		{check: "login.signature.empty", fault: fault{sig: func([]byte) []byte { return []byte{} }}},
		{check: "login.signature.range", fault: fault{sig: rs(func(r, s, n *big.Int) { r.Set(n); s.Set(n) })}},
		{check: "login.signature.reduced", fault: fault{sig: rs(func(r, s, n *big.Int) { r.Add(r, n) })}},
		{check: "login.signature.trailing", fault: fault{sig: func(b []byte) []byte { return append(b, 0) }}},
		{check: "login.signature.length", fault: fault{sig: func(b []byte) []byte { return append([]byte{0x30, 0x81}, b[1:]...) }}},
		{check: "login.signature.members", fault: fault{sig: func(b []byte) []byte { b[1] += 3; return append(b, 2, 1, 1) }}},
		{check: "login.signature.zeros", fault: fault{sig: func(b []byte) []byte {
			b = append(b[:4:4], append([]byte{0, 0}, b[4:]...)...)
			b[1] += 2
			b[3] += 2
			return b
		}}},
		{check: "login.signature.raw", fault: fault{sig: func(b []byte) []byte {
			var v struct{ R, S *big.Int }
			_, _ = asn1.Unmarshal(b, &v) // made by the test
			return append(v.R.FillBytes(make([]byte, 32)), v.S.FillBytes(make([]byte, 32))...)
		}}},
		{check: "login.accept.highS", fault: fault{sig: highS}},
		{check: "login.accept.unsolicited.client", fault: results(object{"credProps": object{}})},
		{check: "login.accept.unsolicited.authenticator", fault: fault{flags: with(flagED), authData: func(b []byte) []byte { return append(b, "\xA1\x63uvm\x80"...) }}},
		{check: "login.prf.length", fault: results(object{"prf": object{"results": object{"first": "AAAA"}}})},
		{check: "login.largeBlob.encoding", fault: results(object{"largeBlob": object{"blob": "+/="}})},
	}
}

func TestLoginSwitches(t *testing.T) {
	for _, f := range loginBent() {
		t.Run(string(f.check), f.prove)
	}
}

// A site that hashes client data that it wrote anew refuses what has an order of
// its own, and takes what was changed after signing.
func TestLoginClientDataRaw(t *testing.T) {
	b, f := signedUp(t, "login.clientData.raw")
	f.fault = fault{clientData: replace(`,"origin"`, ` ,"origin"`)}
	b.refused(http.StatusBadRequest, "POST", "/assertion/result", f.assertion(b.must("POST", "/assertion/options", object{"username": "alice"})))
}

// signedUp is alice's device, and her browser, signed in.
func signedUp(t *testing.T, off ...Check) (*browser, *forger) {
	t.Helper()
	b := &browser{t: t, site: newSite(t, Config{Off: off, Now: nil})}
	return b, enrolled(b, "alice", fault{})
}

// enrolled signs somebody up.
func enrolled(b *browser, name string, f fault) *forger {
	b.t.Helper()
	d := newForger(b, f)
	b.must("POST", "/attestation/result", d.registration(d.options(name)))
	return d
}

// in answers a login with the device.
func (f *forger) in(request object) (int, object) {
	f.b.t.Helper()
	return f.b.call("POST", "/assertion/result", f.assertion(f.b.must("POST", "/assertion/options", request)))
}

// onOff runs a story on the strict site and without the check: it tells whether
// the site let the wrong thing happen.
func onOff(t *testing.T, check Check, wrong func(t *testing.T, off ...Check) bool) {
	t.Helper()
	accept := mustSwitches(t).info[check].Accept
	t.Run(string(check), func(t *testing.T) {
		if wrong(t) != accept {
			t.Error("wrong with the check on")
		}
		if wrong(t, check) == accept {
			t.Error("no difference with the check off")
		}
	})
}

func TestCounter(t *testing.T) {
	for _, test := range []struct {
		check         Check
		before, after uint32
		flags         byte
	}{
		{"login.counter", 10, 5, 0},
		{"login.counter.equal", 10, 10, 0},
		{"login.counter.zero", 10, 0, 0},
		{"login.accept.counter.none", 0, 0, 0},
		{"login.accept.counter.max", 10, 0xFFFFFFFF, 0},
		{"login.accept.counter.jump", 10, 1_000_000, 0},
		{"login.accept.counter.synced", 10, 5, flagBE | flagBS},
	} {
		onOff(t, test.check, func(t *testing.T, off ...Check) bool {
			b := &browser{t: t, site: newSite(t, Config{Off: off})}
			f := newForger(b, fault{flags: with(test.flags)})
			f.counter = test.before
			b.must("POST", "/attestation/result", f.registration(f.options("alice")))
			f.counter = test.after - 1 // assertion counts first
			code, _ := f.in(object{"username": "alice"})
			return code == http.StatusOK
		})
	}
	onOff(t, "login.accept.backup.state", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		f := enrolled(b, "alice", fault{flags: with(flagBE)})
		f.fault = fault{flags: with(flagBE | flagBS)}
		code, _ := f.in(object{"username": "alice"})
		return code == http.StatusOK
	})
}

func TestLoginState(t *testing.T) {
	onOff(t, "login.state", func(t *testing.T, off ...Check) bool {
		_, f := signedUp(t, off...)
		f.fault = fault{sig: rs(func(r, s, _ *big.Int) { r.Sub(r, big.NewInt(1)) })}
		f.counter = 100
		f.in(object{"username": "alice"})
		f.fault, f.counter = fault{}, 50
		code, _ := f.in(object{"username": "alice"})
		return code != http.StatusOK
	})
	onOff(t, "login.accept.uvInitialized", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		f := enrolled(b, "alice", fault{flags: without(flagUV)})
		f.fault = fault{}
		code, _ := f.in(object{"username": "alice"})
		if list := b.must("GET", "/credentials", nil)["credentials"].([]any); list[0].(object)["uvInitialized"] != false {
			t.Error("one sign-in raised uvInitialized")
		}
		return code == http.StatusOK
	})
	onOff(t, "login.session.late", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		b.must("POST", "/logout", nil)
		f.fault = fault{sig: rs(func(r, s, _ *big.Int) { r.Sub(r, big.NewInt(1)) })}
		if code, _ := f.in(object{"username": "alice"}); code == http.StatusOK {
			t.Error("logged in")
		}
		code, _ := b.call("GET", "/whoami", nil)
		return code == http.StatusOK
	})
	onOff(t, "register.store", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		f := newForger(b, fault{format: "packed", sig: func(b []byte) []byte { return bytes.Repeat([]byte{1}, len(b)) }})
		if code, _ := b.call("POST", "/attestation/result", f.registration(f.options("alice"))); code == http.StatusOK {
			t.Error("registered")
		}
		f.fault = fault{}
		code, _ := f.in(object{"username": "alice"})
		return code == http.StatusOK
	})
}
