package rptest

import (
	"fmt"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

func TestSmoke(t *testing.T) {
	for _, p := range Personalities() {
		t.Run(string(p), func(t *testing.T) {
			d, err := NewDevice(DeviceConfig{Seed: t.Name(), Personality: p})
			if err != nil {
				t.Fatal(err)
			}
			c := &Client{Device: d, Origin: "https://login.example"}
			rk := "preferred"
			opts := fmt.Sprintf(`{"rp":{"id":"login.example","name":"x"},"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],"attestation":"direct","authenticatorSelection":{"residentKey":%q}}`, rk)
			r, err := c.Create(t.Context(), []byte(opts), Mutation{ID: "x", Edits: []ceremony.Edit{ceremony.Flags(0, ctap.FlagUP)}})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", r.Honest)
			id := r.Honest[7:50]
			a, err := c.Get(t.Context(), []byte(fmt.Sprintf(`{"rpId":"login.example","challenge":"cmVnaXN0ZXIgYWxpY2U","allowCredentials":[{"type":"public-key","id":%q}]}`, id)), Mutation{ID: "x", Edits: []ceremony.Edit{ceremony.Flags(0, ctap.FlagUP)}})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", a.JSON)
			d.Next().Deny()
			_, err = c.Create(t.Context(), []byte(opts))
			t.Log(ErrorName(err), err)
			d.Next().WrongPIN(3)
			_, err = c.Create(t.Context(), []byte(opts))
			t.Log(ErrorName(err), err)
		})
	}
}

func BenchmarkDevice(b *testing.B) {
	opts := []byte(`{"rp":{"id":"login.example","name":"x"},"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],"authenticatorSelection":{"residentKey":"preferred"}}`)
	for _, p := range []Personality{Phone, Hardware} {
		b.Run("first/"+string(p), func(b *testing.B) {
			for b.Loop() {
				d, err := NewDevice(DeviceConfig{Personality: p})
				if err != nil {
					b.Fatal(err)
				}
				c := &Client{Device: d, Origin: "https://login.example"}
				if _, err := c.Create(b.Context(), opts); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("get/"+string(p), func(b *testing.B) {
			d, err := NewDevice(DeviceConfig{Personality: p})
			if err != nil {
				b.Fatal(err)
			}
			c := &Client{Device: d, Origin: "https://login.example"}
			if _, err := c.Create(b.Context(), opts); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := c.Get(b.Context(), []byte(`{"rpId":"login.example","challenge":"cmVnaXN0ZXIgYWxpY2U"}`)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
