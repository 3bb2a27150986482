package client

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

const goodCreation = `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`

// What WebIDL and the conversion from JSON refuse, before anything else is
// looked at.
func TestCreationOptionsErrors(t *testing.T) {
	for _, tt := range []struct{ name, options, want string }{
		{"empty", ``, TypeError},
		{"not JSON", `{`, TypeError},
		{"array", `[]`, TypeError},
		{"null", `null`, TypeError},
		{"no members", `{}`, TypeError},
		{"no rp", `{"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"rp null", `{"rp":null,"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"no rp.name", `{"rp":{},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"rp a string", `{"rp":"n","user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"no user", `{"rp":{"name":"n"},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"no user.id", `{"rp":{"name":"n"},"user":{"name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"no user.name", `{"rp":{"name":"n"},"user":{"id":"AA","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"no user.displayName", `{"rp":{"name":"n"},"user":{"id":"AA","name":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"user.id empty", `{"rp":{"name":"n"},"user":{"id":"","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"user.id of 65 bytes", `{"rp":{"name":"n"},"user":{"id":"` + strings.Repeat("A", 87) + `","name":"","displayName":""},"challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"no challenge", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"pubKeyCredParams":[]}`, TypeError},
		{"Challenge", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"Challenge":"","pubKeyCredParams":[]}`, TypeError},
		{"no pubKeyCredParams", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"challenge":""}`, TypeError},
		{"pubKeyCredParams null", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":null}`, TypeError},
		{"pubKeyCredParams an object", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":{}}`, TypeError},
		{"pubKeyCredParams of numbers", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[-7]}`, TypeError},
		{"param without alg", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[{"type":"public-key"}]}`, TypeError},
		{"param without type", `{"rp":{"name":"n"},"user":{"id":"AA","name":"","displayName":""},"challenge":"","pubKeyCredParams":[{"alg":-7}]}`, TypeError},
		{"challenge with padding", strings.Replace(goodCreation, `"challenge":""`, `"challenge":"AA=="`, 1), EncodingError},
		{"challenge in base64", strings.Replace(goodCreation, `"challenge":""`, `"challenge":"a+/b"`, 1), EncodingError},
		{"challenge with a line end", strings.Replace(goodCreation, `"challenge":""`, `"challenge":"AA\nAA"`, 1), EncodingError},
		{"challenge of one letter", strings.Replace(goodCreation, `"challenge":""`, `"challenge":"A"`, 1), EncodingError},
		{"challenge with stray bits", strings.Replace(goodCreation, `"challenge":""`, `"challenge":"AB"`, 1), EncodingError},
		{"challenge an object", strings.Replace(goodCreation, `"challenge":""`, `"challenge":{}`, 1), TypeError},
		{"challenge null, a word in base64url", strings.Replace(goodCreation, `"challenge":""`, `"challenge":null`, 1), ""},
		{"excludeCredentials null", with1(`"excludeCredentials":null`), TypeError},
		{"excludeCredentials of null", with1(`"excludeCredentials":[null]`), TypeError},
		{"descriptor without id", with1(`"excludeCredentials":[{"type":"public-key"}]`), TypeError},
		{"descriptor without type", with1(`"excludeCredentials":[{"id":"AA"}]`), TypeError},
		{"descriptor's transports a string", with1(`"excludeCredentials":[{"id":"AA","type":"public-key","transports":"usb"}]`), TypeError},
		{"descriptor's id in base64", with1(`"excludeCredentials":[{"id":"+A","type":"public-key"}]`), EncodingError},
		{"authenticatorSelection a string", with1(`"authenticatorSelection":"x"`), TypeError},
		{"authenticatorSelection null", with1(`"authenticatorSelection":null`), ""},
		{"residentKey an array", with1(`"authenticatorSelection":{"residentKey":[]}`), TypeError},
		{"residentKey unknown", with1(`"authenticatorSelection":{"residentKey":"often"}`), ""},
		{"attestation unknown", with1(`"attestation":"some"`), ""},
		{"hints a string", with1(`"hints":"hybrid"`), TypeError},
		{"hints", with1(`"hints":["hybrid","unknown"]`), ""},
		{"timeout null", with1(`"timeout":null`), ""},
		{"timeout a string", with1(`"timeout":"60000"`), ""},
		{"timeout an array", with1(`"timeout":[]`), TypeError},
		{"extensions an array", with1(`"extensions":[]`), TypeError},
		{"prf null", with1(`"extensions":{"prf":null}`), ""},
		{"prf true", with1(`"extensions":{"prf":true}`), TypeError},
		{"prf.eval without first", with1(`"extensions":{"prf":{"eval":{}}}`), TypeError},
		{"prf.eval.first not base64url", with1(`"extensions":{"prf":{"eval":{"first":"*"}}}`), EncodingError},
		{"credBlob not base64url", with1(`"extensions":{"credBlob":"*"}`), EncodingError},
		{"credentialProtectionPolicy unknown", with1(`"extensions":{"credentialProtectionPolicy":"all"}`), TypeError},
		{"largeBlob a string", with1(`"extensions":{"largeBlob":"required"}`), TypeError},
		{"unknown members", with1(`"color":[{}],"extensions":{"unheard":[1]}`), ""},
		{"as credentials.create takes them", `{"publicKey":` + goodCreation + `,"mediation":"optional"}`, ""},
		{"publicKey null", `{"publicKey":null}`, TypeError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseCreationOptions([]byte(tt.options))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, tt.want)
		})
	}
}

func with1(member string) string { return goodCreation[:len(goodCreation)-1] + `,` + member + `}` }

// Scalars convert as JavaScript converts them.
func TestConversions(t *testing.T) {
	d := newDictionary([]byte(`{"s":"x","n":-7,"f":1.9,"big":4294967297,"neg":-1,"t":true,"f0":false,"nil":null,"num":"12","word":"a","e":"","z":0,"huge":1e999}`))
	for member, want := range map[string]string{"s": "x", "n": "-7", "f": "1.9", "t": "true", "nil": "null"} {
		if got := d.text(member, true); got != want {
			t.Errorf("string of %s is %q, want %q", member, got, want)
		}
	}
	for member, want := range map[string]int32{"n": -7, "f": 1, "big": 1, "neg": -1, "t": 1, "f0": 0, "nil": 0, "num": 12, "word": 0, "e": 0} {
		if got := d.long(member, true); got != want {
			t.Errorf("long of %s is %d, want %d", member, got, want)
		}
	}
	if got := d.unsignedLong("neg", true); got != 1<<32-1 {
		t.Errorf("unsigned long of -1 is %d", got)
	}
	for member, want := range map[string]bool{"s": true, "n": true, "t": true, "f0": false, "nil": false, "e": false, "z": false, "absent": false} {
		if got := d.boolean(member); got != want {
			t.Errorf("boolean of %s is %t", member, got)
		}
	}
	if d.document.err != nil {
		t.Error(d.document.err)
	}
	d.number("huge", true)
	refused(t, d.document.err, TypeError)
}

func TestErrorNamesTheMember(t *testing.T) {
	_, err := parseCreationOptions([]byte(with1(`"excludeCredentials":[{"id":"AA","type":"public-key"},{"type":"public-key"}]`)))
	if err == nil || !strings.Contains(err.Error(), "excludeCredentials[1].id is required") {
		t.Errorf("error %v", err)
	}
	for options, want := range map[string]string{
		`{}`: "rp is required", `[]`: "options is not an object", `{`: "options is not well-formed JSON", `{} {}`: "options is not well-formed JSON",
	} {
		if _, err := parseCreationOptions([]byte(options)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", options, err)
		}
	}
}

func TestRequestOptions(t *testing.T) {
	for _, tt := range []struct{ options, want string }{
		{`{"challenge":""}`, ""},
		{`{"publicKey":{"challenge":""}}`, ""},
		{`{}`, TypeError},
		{`{"challenge":"="}`, EncodingError},
		{`{"challenge":"","allowCredentials":{}}`, TypeError},
		{`{"challenge":"","rpId":{}}`, TypeError},
		{`{"challenge":"","extensions":{"prf":{"evalByCredential":[]}}}`, TypeError},
		{`{"challenge":"","extensions":{"prf":{"evalByCredential":{"AA":{}}}}}`, TypeError},
		{`{"challenge":"","extensions":{"prf":{"evalByCredential":{"AA":{"first":"*"}}}}}`, EncodingError},
	} {
		_, err := parseRequestOptions([]byte(tt.options))
		if tt.want == "" && err != nil {
			t.Errorf("%s: %v", tt.options, err)
		}
		if tt.want != "" {
			refused(t, err, tt.want)
		}
	}
	o, err := parseRequestOptions([]byte(`{"challenge":"","allowCredentials":[{"id":"AQ","type":"password"},{"id":"Ag","type":"public-key"}]}`))
	if err != nil || len(o.allow) != 1 || o.allow[0].ID[0] != 2 {
		t.Errorf("options %+v, error %v; want the one credential of a known type", o, err)
	}
}

// Any bytes give options that keep the standard's bounds, or an *Error of the
// two names that conversion has.
func FuzzCreationOptions(f *testing.F) {
	f.Add([]byte(goodCreation))
	f.Add([]byte(with1(`"extensions":{"prf":{"eval":{"first":"AA","second":"AA"}},"largeBlob":{"support":"required"}},"timeout":1e40`)))
	f.Add([]byte(`{"publicKey":{"rp":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parseCreationOptions(data)
		if err != nil {
			conversionError(t, err)
			return
		}
		if !json.Valid(data) || len(o.user.ID) < 1 || len(o.user.ID) > ctap.MaxUserIDLength {
			t.Errorf("takes %q", data)
		}
		for _, d := range o.exclude {
			if d.Type != ctap.TypePublicKey {
				t.Errorf("descriptor of type %q", d.Type)
			}
		}
	})
}

func FuzzRequestOptions(f *testing.F) {
	f.Add([]byte(`{"challenge":"AA","allowCredentials":[{"id":"AQ","type":"public-key","transports":["usb"]}],"timeout":1}`))
	f.Add([]byte(`{"challenge":"AA","extensions":{"prf":{"evalByCredential":{"AQ":{"first":""}}},"largeBlob":{"write":"AA"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parseRequestOptions(data)
		if err != nil {
			conversionError(t, err)
			return
		}
		if !json.Valid(data) || o.challenge == nil {
			t.Errorf("takes %q", data)
		}
	})
}

func conversionError(t *testing.T, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Name != TypeError && e.Name != EncodingError {
		t.Errorf("error %v", err)
	}
}
