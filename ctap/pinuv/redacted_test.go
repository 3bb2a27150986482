package pinuv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
)

func TestSecretsDoNotPrint(t *testing.T) {
	s, k := secret(t, Two), scalar(t, 7)
	for name, v := range map[string]any{"*SharedSecret": s, "SharedSecret": *s, "*KeyAgreement": k, "KeyAgreement": *k} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%z"} {
			if got := fmt.Sprintf(verb, v); got != "[redacted]" {
				t.Errorf("%s under %s: %s", name, verb, got)
			}
		}
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%s marshals to %s", name, b)
		}
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var out bytes.Buffer
			slog.New(handler(&out)).Info("x", "secret", v)
			if !bytes.Contains(out.Bytes(), []byte("[redacted]")) {
				t.Errorf("%s logs %s", name, out.String())
			}
		}
	}
}
