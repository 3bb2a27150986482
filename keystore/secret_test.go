package keystore

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func TestSecretDoesNotShow(t *testing.T) {
	s := Secret(bytes.Repeat([]byte{'A'}, 32))
	holder := struct {
		Value   Secret
		Pointer *Secret
	}{s, &s}

	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c"} {
		fmt.Fprintf(&out, verb+verb+verb, s, &s, holder.Value)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "p", &s)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "h", holder)
	for _, leak := range []string{"AAA", "4141", "65 65", "65,65", "0x41"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("a secret shows as %q in %s", leak, &out)
		}
	}

	if b, err := json.Marshal(holder); err == nil {
		t.Errorf("json.Marshal = %s, want an error", b)
	}
	if b, err := cbor.Marshal(holder); err == nil {
		t.Errorf("cbor.Marshal = %x, want an error", b)
	}
	if err := gob.NewEncoder(new(bytes.Buffer)).Encode(s); err == nil {
		t.Error("gob encoded a secret")
	}
	s.Wipe()
	if s != (Secret{}) {
		t.Error("Wipe left bytes")
	}
}
