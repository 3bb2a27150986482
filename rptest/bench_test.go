package rptest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

const (
	benchCreation = `{"rp":{"id":"login.example","name":"Example"},"user":{"id":"YWxpY2U%d","name":"alice","displayName":"Alice"},` +
		`"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],` +
		`"authenticatorSelection":{"residentKey":"required","userVerification":"preferred"}}`
	benchRequest = `{"rpId":"login.example","challenge":"cmVnaXN0ZXIgYWxpY2U","userVerification":"preferred"}`
)

func newClient(b *testing.B, config rptest.DeviceConfig) *rptest.Client {
	d, err := rptest.NewDevice(config)
	if err != nil {
		b.Fatal(err)
	}
	return &rptest.Client{Device: d, Origin: "https://login.example"}
}

// BenchmarkGet signs in, options JSON to response JSON: compare with bare.
func BenchmarkGet(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		digest := make([]byte, 32)
		for b.Loop() {
			if _, err := key.Sign(rand.Reader, digest, crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, p := range []rptest.Personality{rptest.Phone, rptest.Platform} {
		b.Run(string(p), func(b *testing.B) {
			c := newClient(b, rptest.DeviceConfig{Personality: p})
			if _, err := c.Create(b.Context(), fmt.Appendf(nil, benchCreation, 1000)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := c.Get(b.Context(), []byte(benchRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirst makes a device and registers its first passkey.
func BenchmarkFirst(b *testing.B) {
	for b.Loop() {
		c := newClient(b, rptest.DeviceConfig{})
		if _, err := c.Create(b.Context(), fmt.Appendf(nil, benchCreation, 1000)); err != nil {
			b.Fatal(err)
		}
	}
}
