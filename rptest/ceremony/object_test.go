package ceremony

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestObjectKeepsOrderAndDuplicates(t *testing.T) {
	const text = `{"b":1,"a":{"z":0,"y":[1,2]},"b":"twice","":null}`
	o, err := ParseObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(o.JSON()); got != text {
		t.Errorf("written again: %s, want %s", got, text)
	}
	if got := string(o.Get("b")); got != "1" {
		t.Errorf("Get gives %s, not the first", got)
	}

	for _, change := range []struct {
		name string
		do   func(*Object) error
		want string
	}{
		{"set", func(o *Object) error { return o.Set("b", true) }, `{"b":true,"a":{"z":0,"y":[1,2]},"b":"twice","":null}`},
		{"set a new one", func(o *Object) error { return o.Set("c", []int{}) }, `{"b":1,"a":{"z":0,"y":[1,2]},"b":"twice","":null,"c":[]}`},
		{"add", func(o *Object) error { return o.Add("a", 0) }, `{"b":1,"a":{"z":0,"y":[1,2]},"b":"twice","":null,"a":0}`},
		{"delete", func(o *Object) error { o.Delete("b"); return nil }, `{"a":{"z":0,"y":[1,2]},"":null}`},
		{"rename", func(o *Object) error { o.Rename("b", "B"); return nil }, `{"B":1,"a":{"z":0,"y":[1,2]},"B":"twice","":null}`},
	} {
		o, err := ParseObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := change.do(o); err != nil {
			t.Fatalf("%s: %v", change.name, err)
		}
		if got := string(o.JSON()); got != change.want {
			t.Errorf("%s: %s, want %s", change.name, got, change.want)
		}
	}
	if err := o.Set("f", func() {}); err == nil {
		t.Error("a function was set")
	}
	if err := o.Add("f", func() {}); err == nil {
		t.Error("a function was added")
	}
}

func TestParseObjectRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", "1", `{"a":1`, `{"a"}`, `{"a":1}{}`, `{}}`, `{}]`, `{"a":1} x`, `{"a":}`, "\xef\xbb\xbf{}", `{1:2}`} {
		if _, err := ParseObject([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// What was read is written so that it reads the same.
func FuzzParseObject(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":1,"a":{"b":[]}}`, `{"type":"webauthn.create","challenge":"AA"}`, `{"\u0063":" \n"}`, `{"a":1}x`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseObject(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("read what is no JSON: %q", data)
		}
		again, err := ParseObject(o.JSON())
		if err != nil {
			t.Fatalf("written as %q: %v", o.JSON(), err)
		}
		if !bytes.Equal(o.JSON(), again.JSON()) {
			t.Fatalf("%q, then %q", o.JSON(), again.JSON())
		}
	})
}
