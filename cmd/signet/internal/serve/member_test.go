package serve

import (
	"encoding/json"
	"strings"
	"testing"
)

// A body with something of another type than it has to be is refused in words of
// JSON, which say what, and what it has to be.
func TestMistypedMembers(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	s = s.wrong()
	for _, test := range []struct{ path, body, want string }{
		{"/behaviour", `{"mutate":"x"}`, "mutate has to be an array of strings, and is a string"},
		{"/behaviour", `{"mutate":["flags=-UV",1]}`, "mutate[1] has to be a string, and is a number"},
		{"/behaviour", `{"always":"yes"}`, "always has to be a boolean, and is a string"},
		{"/behaviour", `{"pick":{}}`, "pick has to be a string, and is an object"},
		{"/behaviour", `{"delayMs":1.5}`, "delayMs has to be an integer, and is 1.5"},
		{"/behaviour", `{"delayMs":true}`, "delayMs has to be an integer, and is a boolean"},
		{"/behaviour", `["deny"]`, "it has to be an object, and is an array"},
		{"/behaviour", `"deny"`, "it has to be an object, and is a string"},
		{"/behaviour", `{"answer":"deny"`, "it is not JSON: unexpected EOF"},
		{"/create", `{"origin":["https://login.example"],"options":{}}`, "origin has to be a string, and is an array"},
		{"/create", `{"mutations":"x","options":{}}`, "mutations has to be an array of strings, and is a string"},
		{"/autofill", `{"waitMs":"5"}`, "waitMs has to be an integer, and is a string"},
		{"/signal/unknownCredential", `{"rpId":1}`, "rpId has to be a string, and is a number"},
		{"/credentials", `{"credentialId":1}`, "credentialId has to be a string, and is a number"},
		{"/credentials", `{"privateKey":"!"}`, `privateKey: "!" is not base64url without padding`},
		{"/credentials", `{"signCount":-1}`, "signCount has to be an integer from 0 to 4294967295, and is -1"},
		{"", `{"counter":{"start":4294967296}}`, "counter.start has to be an integer from 0 to 4294967295, and is 4294967296"},
		{"", `{"counter":7}`, "counter has to be an object, and is a number"},
		{"", `{"algorithms":["ES256"]}`, "algorithms[0] has to be an integer, and is a string"},
		{"", `{"aaguid":{}}`, "aaguid has to be a string, and is an object"},
		{"", `{"clock":"noon"}`, `clock has to be a time like 2026-01-02T03:04:05Z, and is "noon"`},
		{"", `{"clock":12}`, "clock has to be a string, and is a number"},
		{"", `{"relatedOrigins":{"login.example":"https://login.example"}}`, "relatedOrigins.login.example has to be an array of strings, and is a string"},
		{"", `{"Profile":1}`, "Profile has to be a string, and is a number"},
		{"runs", `{"device":{"algorithms":-7}}`, "device.algorithms has to be an array of integers, and is a number"},
		{"runs", `{"atLeast":3}`, "atLeast has to be a string, and is a number"},
		{"runs", `{"atLeast":"awful"}`, `atLeast: severity "awful" is none of low, medium, high, critical`},
		{"runs", `{"baseline":{"known":{"login.origin.port":1}}}`, "baseline.known.login.origin.port has to be a string, and is a number"},
		{"runs", `{"baseline":[]}`, "baseline has to be an object, and is an array"},
	} {
		path := d + test.path
		switch test.path {
		case "":
			path = "/v1/devices"
		case "runs":
			path = "/v1/runs"
		}
		status, answer := s.do("POST", path, test.body)
		var e Error
		if err := json.Unmarshal(answer, &e); err != nil || status != 400 || e.Message != "body: "+test.want {
			t.Errorf("%s %s: %d %s\nwant %s", test.path, test.body, status, answer, test.want)
		}
	}
}

// Properties decode themselves, and are no exception.
func TestMistypedProperties(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	id := s.register(d)["id"].(string)
	s.wrong().refused(400, "BadRequest", "body: backupState has to be a boolean, and is a string", "PATCH", d+"/credentials/"+id, `{"backupState":"x"}`)
	s.must("PATCH", d+"/credentials/"+id, `{"signCount":null}`)
}

// Whatever is refused is refused without a word of Go's.
func FuzzComplaint(f *testing.F) {
	for _, seed := range []string{`{"device":{"counter":{"start":1e3}}}`, `{"mapping":[[]]}`, `{"only":[null,{}]}`, `{"url":1`, `[`, `null`, `1e999`, `{"url":1,"url":"x"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var b auditRequest
		err := json.Unmarshal(body, &b)
		if err == nil {
			return
		}
		if why := complaint(body, &b, err); why == "" || strings.Contains(why, "Go ") || strings.Contains(why, "unmarshal") {
			t.Errorf("%q is refused with %q", body, why)
		}
	})
}
