package rptest

import (
	"strings"
	"testing"
)

// A response within a larger body arrives byte for byte, also where it is no JSON
// or nested deeper than encoding/json goes.
func TestCredentialIsWrittenAsItIs(t *testing.T) {
	for _, response := range []string{
		`{"id": "AA",  "rawId": "AA"}`,
		`{"id": `,
		strings.Repeat("[", 100_000),
		`{"name": "${credential}"}`,
	} {
		v := newVars(&Session{User: "alice"}, Request{Credential: []byte(response)})
		for _, body := range []struct {
			json       any
			head, tail string
		}{
			{"${credential}", "", ""},
			{map[string]any{"response": "${credential}", "user": "${user}"}, `{"response":`, `,"user":"alice"}`},
		} {
			got, err := v.writeJSON(body.json)
			if want := body.head + response + body.tail; err != nil || string(got) != want {
				t.Errorf("%v, %v, want %v", cut(string(got), 80), err, cut(want, 80))
			}
		}
	}
}

func TestExpand(t *testing.T) {
	session := &Session{User: "alice", DisplayName: "Alice", Vars: map[string]string{"csrf": "c", "user2": "bob"}}
	v := newVars(session, Request{
		Credential: []byte(`{"id":"-_8","response":{"signature":"AQI","transports":["usb"],"userHandle":null}}`), CredentialID: "AA", Token: "t",
		Wishes: Wishes{Attestation: "direct", Extensions: `{"prf":{}}`, Usernameless: true},
	})
	for in, want := range map[string]string{
		"plain":                             "plain",
		"${user}/${displayName}/${csrf}":    "alice/Alice/c",
		"[${loginUser?}]":                   "[]", // who is not said
		"${credentialId}${token}":           "AAt",
		"${wish.attestation?}":              "direct",
		"${wish.mediation?}":                "",
		"${credential.id}":                  "-_8",
		"${credential.id|base64}":           "+/8=",
		"${credential.response.signature}":  "AQI",
		"${credential.response.transports}": `["usb"]`,
		"[${credential.id|numbers}]":        "[251,255]",
		"${credential.response.none}":       "", // a fault may have taken it out
		"${credential.response.userHandle}": "null",
		"$user ${ user} {user} ${user":      "$user ${ user} {user} ${user",
		"${csrf|string}":                    "c",
		"${user2}":                          "bob",
	} {
		if got, err := v.expand(in); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", in, got, err, want)
		}
	}
	for in, says := range map[string]string{
		"${nobody}":       "no earlier request saves it",
		"${nobody?}":      "no earlier request saves it",
		"${user|rot13}":   `codec "rot13" is none of`,
		"${user|base64}x": "illegal base64",
	} {
		if got, err := v.expand(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %q, %v, want %q", in, got, err, says)
		}
	}
	// JSON within JSON, and members that are left out.
	got, err := v.writeJSON(map[string]any{
		"extensions": "${wish.extensions?|json}", "mediation": "${wish.mediation?}", "name": "${user}", "empty": "", "n": 1,
		"list": []any{"${csrf}", "${wish.mediation?}"},
	})
	const want = `{"empty":"","extensions":{"prf":{}},"list":["c",""],"n":1,"name":"alice"}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
