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
