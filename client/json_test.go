package client

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

var splitSeeds = []string{
	`{}`, `[]`, ` { } `, "[\n]", `null`, `1`, `"a"`, `true`, `{"a":1}`, ` { "a" : [1, {"b":"]"}] , "c":null,"a":-2.5e3 } `,
	`{"\u0061":"\"","b\\":"\\","":""}`, `[1,"x,y",{"a":[]},[[]],false , 0]`, `{"a":{"a":{"a":"}"}}}`, `["\\",":"]`,
	"{\"\xff\":\"\xff\"}",
}

// Objects and arrays come apart as encoding/json takes them apart, all the way down.
func FuzzDocument(f *testing.F) {
	for _, s := range splitSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<10 {
			return // what is below takes the square of it
		}
		d := parseDocument(data)
		if !json.Valid(data) {
			if len(d.nodes) > 0 {
				t.Errorf("%q is taken apart", data)
			}
			return
		}
		if d.after(0) != len(d.nodes) {
			t.Errorf("%q: %d of %d nodes", data, d.after(0), len(d.nodes))
		}
		whole := bytes.Equal(data, bytes.ToValidUTF8(data, nil))
		for n := range d.nodes {
			sameNode(t, d, n, whole)
		}
	})
}

// As deep as encoding/json goes, and no deeper.
func TestDocumentDepth(t *testing.T) {
	for _, depth := range []int{maxDepth, maxDepth + 1} {
		for _, text := range []string{
			strings.Repeat("[", depth) + strings.Repeat("]", depth),
			strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth),
		} {
			if got, want := len(parseDocument([]byte(text)).nodes) > 0, json.Valid([]byte(text)); got != want {
				t.Errorf("%d deep: taken apart %t, well-formed %t", depth, got, want)
			}
		}
	}
}

// sameNode holds what a node holds against what encoding/json finds in its text.
// Names are compared where the text is UTF-8.
func sameNode(t *testing.T, d *document, n int, names bool) {
	text, after := d.of(n), d.after(n)
	if s, ok := plainString(text); ok {
		var want string
		if json.Unmarshal(text, &want) != nil || string(s) != want {
			t.Errorf("%q: string %q, want %q", text, s, want)
		}
	}
	switch {
	case d.is(n, '{'):
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got := map[string]json.RawMessage{}
		for m := n + 1; m < after; m = d.after(m + 1) {
			got[string(d.name(m))] = d.of(m + 1)
		}
		if names && !maps.EqualFunc(got, want, sameJSON) {
			t.Errorf("%q: members %q, want %q", text, got, want)
		}
		for name, value := range got {
			if at, ok := d.member(n, name); !ok || !bytes.Equal(d.of(at), value) {
				t.Errorf("%q: member %q is not found", text, name)
			}
		}
	case d.is(n, '['):
		var got, want []json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for e := n + 1; e < after; e = d.after(e) {
			got = append(got, d.of(e))
		}
		if !slices.EqualFunc(got, want, sameJSON) {
			t.Errorf("%q: elements %q, want %q", text, got, want)
		}
	default:
		if !json.Valid(text) || after != n+1 {
			t.Errorf("%q: %d nodes below", text, after-n-1)
		}
	}
}

func sameJSON(a, b json.RawMessage) bool { return bytes.Equal(a, b) }
