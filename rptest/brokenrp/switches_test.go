package brokenrp

import (
	"net/http"
	"strings"
	"testing"
)

// bent is one wrong response, or an odd one that is right, and its check.
type bent struct {
	check Check
	fault fault
	crash bool // what happens without the check
}

// try says how a site answers: an honest registration and login first where it
// is the login that is bent.
func (f bent) try(t *testing.T, off ...Check) int {
	t.Helper()
	cfg := f.fault.config
	cfg.Off = off
	b := &browser{t: t, site: newSite(t, cfg)}
	login := f.check[:6] == "login."
	honest := fault{id: f.fault.id, config: cfg}
	if !login {
		honest = f.fault
	}
	device := newForger(b, honest)
	response := device.registration(device.options("alice"))
	if !login {
		code, _ := b.call("POST", "/attestation/result", response)
		return code
	}
	b.must("POST", "/attestation/result", response)
	device.fault = f.fault
	request := object{"username": "alice"}
	for k, v := range f.fault.request {
		request[k] = v
	}
	code, _ := b.call("POST", "/assertion/result", device.assertion(b.must("POST", "/assertion/options", request)))
	return code
}

// Each wrong response is refused as long as its check is on, whatever else is
// off, and goes through without it; with the odd ones it is the other way.
func (f bent) prove(t *testing.T) {
	t.Helper()
	info, ok := mustSwitches(t).info[f.check]
	if !ok {
		t.Fatalf("no check %s", f.check)
	}
	with, without := f.try(t), f.try(t, f.check)
	want, wantWithout := http.StatusBadRequest, http.StatusOK
	if f.crash {
		wantWithout = http.StatusInternalServerError
	}
	if info.Accept {
		want, wantWithout = wantWithout, want
	}
	if with != want || without != wantWithout {
		t.Errorf("%s: %d with the check and %d without, want %d and %d", f.check, with, without, want, wantWithout)
	}
}

func mustSwitches(t *testing.T) switches {
	t.Helper()
	s, err := newSwitches(nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sharedBent are wrong in both ceremonies, or in those that have the check.
func sharedBent() map[string]bent {
	return map[string]bent{
		"rawId.equal":               {fault: fault{outer: set("rawId", "AAAA")}},
		"rawId.present":             {fault: fault{outer: unset("rawId")}},
		"rawId.type":                {fault: fault{outer: set("rawId", 5)}},
		"type.outer":                {fault: fault{outer: set("type", "password")}},
		"id.encoding":               {fault: fault{outer: func(o object) { o["id"] = o["id"].(string) + "=" }}},
		"accept.noExtensionResults": {fault: fault{outer: unset("clientExtensionResults")}},

		"extensionResults.type": {fault: fault{outer: set("clientExtensionResults", "none")}},
		"clientData.present":    {fault: fault{outer: setInner("clientDataJSON", nil)}, crash: true},
		"accept.bom":            {fault: fault{clientData: func(s string) string { return "\uFEFF" + s }}},
		"clientData.json":       {fault: fault{clientData: func(s string) string { return s[:len(s)-1] }}},
		"clientData.trailing":   {fault: fault{clientData: func(s string) string { return s + "{}" }}},
		"clientData.duplicate":  {fault: fault{clientData: replace(`"origin"`, `"origin":"https://evil.example","origin"`)}},
		"clientData.case":       {fault: fault{clientData: replace(`"origin":"https://login.example"`, `"origin":"https://evil.example","ORIGIN":"https://login.example"`)}},
		"accept.order":          {fault: fault{clientData: replace(`{"type"`, `{ "type"`)}},
		"accept.unknownMember":  {fault: fault{clientData: replace(`}`, `,"more":[{}]}`)}},
		"accept.escape":         {fault: fault{clientData: replace(`"challenge"`, `"\u0063hallenge"`)}},
		"type.present":          {fault: fault{clientData: func(s string) string { return "{" + s[strings.Index(s, `"challenge"`):] }}},
		"type.case":             {fault: fault{clientData: replace(`webauthn`, `WebAuthn`)}},
		"type.payment":          {fault: fault{clientData: replace(`webauthn.get`, `payment.get`)}},
		"challenge":             {fault: fault{clientData: replace(`"challenge":"`, `"challenge":"AAAA`)}},
		"challenge.present":     {fault: fault{clientData: replace(`"challenge"`, `"other"`)}},
		"challenge.prefix":      {fault: fault{clientData: cutChallenge}},
		"challenge.padding":     {fault: fault{clientData: replace(`","origin`, `=","origin`)}},

		"origin":           {fault: origin("https://evil.test")},
		"origin.scheme":    {fault: origin("http://login.example")},
		"origin.port":      {fault: origin("https://login.example:8443")},
		"origin.prefix":    {fault: origin("https://login.example.evil.test")},
		"origin.suffix":    {fault: origin("https://evillogin.example")},
		"origin.userinfo":  {fault: origin("https://login.example@evil.test")},
		"origin.subdomain": {fault: origin("https://sub.login.example")},
		"origin.null":      {fault: origin("null")},
		"origin.present":   {fault: origin("")},
		"origin.type":      {fault: fault{clientData: replace(`"https://login.example"`, `5`)}},
		"origin.case":      {fault: origin("https://LOGIN.example")},
		"origin.slash":     {fault: origin("https://login.example/")},
		"origin.android":   {fault: origin("android:apk-key-hash:AAAA")},
		"origin.ios":       {fault: origin("ios:bundle-id:com.evil")},
		"crossOrigin":      {fault: fault{clientData: replace(`:false`, `:true`)}},
		"crossOrigin.type": {fault: fault{clientData: replace(`:false`, `:"true"`)}},
		"topOrigin":        {fault: fault{clientData: replace(`:false`, `:true,"topOrigin":"https://evil.test"`)}},
		"topOrigin.alone":  {fault: fault{clientData: replace(`:false`, `:false,"topOrigin":"https://evil.test"`)}},

		"authData.length":   {fault: fault{authData: func(b []byte) []byte { return b[:36] }}, crash: true},
		"authData.trailing": {fault: fault{authData: func(b []byte) []byte { return append(b, 0) }}},
		"ed.present":        {fault: fault{flags: with(flagED)}},
		"ed.map":            {fault: fault{flags: with(flagED), authData: func(b []byte) []byte { return append(b, 0x61, 'a') }}},
		"ed.trailing":       {fault: fault{flags: with(flagED), authData: func(b []byte) []byte { return append(b, 0xA0, 0) }}},
		"ed.flag":           {fault: fault{authData: func(b []byte) []byte { return append(b, 0xA0) }}},
		"rpIdHash":          {fault: fault{rpIDHash: func(b []byte) []byte { return make([]byte, 32) }}},
		"rpIdHash.origin":   {fault: fault{rpIDHash: func(b []byte) []byte { return hash("https://login.example") }}},
		"accept.rfu":        {fault: fault{flags: with(flagRFU1 | flagRFU2)}},
		"up":                {fault: fault{flags: without(flagUP)}},
		"uv":                {fault: fault{flags: without(flagUV), config: Config{UserVerification: "required"}}},
		"backup.flags":      {fault: fault{flags: with(flagBS)}},
	}
}

func TestSharedSwitches(t *testing.T) {
	table := sharedBent()
	known := mustSwitches(t).info
	for name, f := range table {
		for _, prefix := range []Check{"register.", "login."} {
			f.check = prefix + Check(name)
			if _, ok := known[f.check]; !ok {
				continue
			}
			t.Run(string(f.check), f.prove)
		}
	}
	for _, s := range sharedChecks {
		if _, ok := table[s.name]; !ok && !provenElsewhere[s.name] {
			t.Errorf("nothing proves %s", s.name)
		}
	}
}

// provenElsewhere are shared checks that need more than one bent response.
var provenElsewhere = map[string]bool{
	"clientData.raw": true, "type": true, "at.data": true,
	"signature.empty": true, "signature.range": true, "signature.reduced": true, "signature.trailing": true, "signature.length": true,
	"signature.members": true, "signature.zeros": true, "signature.raw": true, "accept.highS": true,
	"session": true, "purpose": true, "replay": true, "stateless": true, "burn": true, "superseded": true, "expiry": true, "atomic": true,
}

func origin(o string) fault {
	return fault{clientData: replace("https://login.example", o)}
}

// cutChallenge leaves the first 20 characters of the challenge.
func cutChallenge(s string) string {
	before, after, _ := strings.Cut(s, `"challenge":"`)
	_, rest, _ := strings.Cut(after, `"`)
	return before + `"challenge":"` + after[:20] + `"` + rest
}

func with(set byte) func(byte) byte    { return func(b byte) byte { return b | set } }
func without(bit byte) func(byte) byte { return func(b byte) byte { return b &^ bit } }
