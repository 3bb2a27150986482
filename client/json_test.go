package client

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

var splitSeeds = []string{
	`{}`, `[]`, ` { } `, "[\n]", `null`, `1`, `"a"`, `true`, `{"a":1}`, ` { "a" : [1, {"b":"]"}] , "c":null,"a":-2.5e3 } `,
	`{"\u0061":"\"","b\\":"\\","":""}`, `[1,"x,y",{"a":[]},[[]],false , 0]`, `{"a":{"a":{"a":"}"}}}`, `["\\",":"]`,
	"{\"\xff\":\"\xff\"}",
}

// Objects and arrays come apart as encoding/json takes them apart.
func FuzzSplitJSON(f *testing.F) {
	for _, s := range splitSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		var want map[string]json.RawMessage
		err := json.Unmarshal(data, &want)
		members, ok := jsonMembers(data)
		if ok != (err == nil) || (members == nil) != (want == nil) {
			t.Fatalf("%q: members %v, %t, want %v", data, members, ok, want)
		}
		got := make(map[string]json.RawMessage, len(members))
		for _, m := range members {
			got[string(bytes.ToValidUTF8(m.name, []byte("\uFFFD")))] = m.value
		}
		if !maps.EqualFunc(got, want, sameJSON) && bytes.Equal(data, bytes.ToValidUTF8(data, nil)) {
			t.Errorf("%q: members %q, want %q", data, got, want)
		}

		var list []json.RawMessage
		err = json.Unmarshal(data, &list)
		elements, ok := jsonElements(data)
		if ok != (err == nil && list != nil) || !slices.EqualFunc(elements, list, sameJSON) {
			t.Errorf("%q: elements %q, %t, want %q", data, elements, ok, list)
		}

		var text string
		if s, ok := plainString(bytes.TrimSpace(data)); ok && (json.Unmarshal(data, &text) != nil || string(s) != text) {
			t.Errorf("%q: string %q, want %q", data, s, text)
		}
	})
}

func sameJSON(a, b json.RawMessage) bool { return bytes.Equal(a, b) }
