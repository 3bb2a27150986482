package client

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// The standard's vectors: from a page's inputs to salts, from the device's
// output to results.
func TestPRFVectors(t *testing.T) {
	v := readVectors(t)
	shared := func(k string) []byte { return unhex(t, v.PRF.Shared[k]) }
	platform, err := pinuv.ParseKeyAgreement(shared("platform_key_agreement_private_key"))
	if err != nil {
		t.Fatal(err)
	}
	peer := &ctap.KeyAgreementKey{Kty: 2, Alg: ctap.ECDHES256, Crv: 1,
		X: shared("authenticator_key_agreement_x"), Y: shared("authenticator_key_agreement_y")}
	for _, c := range v.PRF.Cases {
		get := func(k string) []byte {
			s, _ := c[k].(string)
			return unhex(t, s)
		}
		secret, err := platform.Decapsulate(pinuv.Protocol(c["pinProtocol"].(float64)), peer)
		if err != nil {
			t.Fatal(err)
		}
		salt1, salt2 := prfSalt(get("prf_eval_first")), prfSalt(get("prf_eval_second"))
		if !bytes.Equal(salt1[:], get("salt1")) {
			t.Errorf("salt1 %x", salt1)
		}
		_, two := c["salt2"]
		if two && !bytes.Equal(salt2[:], get("salt2")) {
			t.Errorf("salt2 %x", salt2)
		}
		h := hmacSecret{secret, two}
		got, err := h.results(&ctap.AuthData{Flags: ctap.FlagUV}, get("output_enc"))
		if err != nil {
			t.Fatal(err)
		}
		want := prfResults{First: encodeBase64URL(get("prf_results_first"))}
		if two {
			want.Second = encodeBase64URL(get("prf_results_second"))
		}
		if *got != want {
			t.Errorf("results %+v, want %+v", *got, want)
		}
		if _, err := (&hmacSecret{secret, !two}).results(&ctap.AuthData{Flags: ctap.FlagUV}, get("output_enc")); err == nil {
			t.Error("an output of the wrong length passes")
		}
	}
}

// answerPRF has the fake answer hmac-secret under a key of its own.
func answerPRF(t *testing.T, f *fake, id string) (key []byte, sent *ctap.HMACSecretInput) {
	key, sent = []byte("cred random"), new(ctap.HMACSecretInput)
	f.seen = func(ext ctap.Extensions) {
		f.outputs = nil
		in := ext[id]
		if in == nil {
			return
		}
		*sent = ctap.HMACSecretInput{}
		if err := cbor.Unmarshal(in, sent); err != nil {
			t.Fatal(err)
		}
		p := pinuv.One
		if sent.PinUvAuthProtocol != nil {
			p = pinuv.Protocol(*sent.PinUvAuthProtocol)
		}
		secret, err := f.agreement.Decapsulate(p, sent.KeyAgreement)
		if err != nil {
			t.Fatal(err)
		}
		if !secret.Verify(sent.SaltAuth, sent.SaltEnc) {
			t.Error("saltAuth does not verify")
		}
		salts, err := secret.Decrypt(sent.SaltEnc)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		for ; len(salts) > 0; salts = salts[32:] {
			out = append(out, mac(key, salts[:32])...)
		}
		enc, err := secret.Encrypt(out)
		if err != nil {
			t.Fatal(err)
		}
		f.outputs = ctap.Extensions{id: cborText(t, enc)}
		if id == ctap.ExtHMACSecretMC {
			f.outputs[ctap.ExtHMACSecret] = ctap.RawMessage{0xF5}
		}
	}
	return key, sent
}

func mac(key, msg []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(msg)
	return h.Sum(nil)
}

func prfResult(key []byte, input string) string {
	salt := prfSalt([]byte(input))
	return encodeBase64URL(mac(key, salt[:]))
}

func prfInput(first string) map[string]any {
	return map[string]any{"first": encodeBase64URL([]byte(first))}
}

func TestPRFAtSignIn(t *testing.T) {
	for _, protocol := range []uint64{1, 2} {
		f := newFake(t)
		f.info.Extensions = []string{"hmac-secret"}
		f.info.PinUvAuthProtocols = []uint64{protocol}
		f.credentials = [][]byte{{1}}
		key, sent := answerPRF(t, f, ctap.ExtHMACSecret)

		// The credential's own inputs win over the common ones, and the PIN is
		// asked for though the site does not care.
		r, _ := signIn(t, f.client(), f, with(with(list("allowCredentials", "Ag", "AQ"), map[string]any{"userVerification": "discouraged"}),
			extensions(map[string]any{"prf": map[string]any{
				"eval":             prfInput("common"),
				"evalByCredential": map[string]any{"AQ": map[string]any{"first": "b3du", "second": "c2Vjb25k"}},
			}})))
		got := r.ClientExtensionResults.PRF
		if got == nil || got.Results == nil || got.Enabled != nil {
			t.Fatalf("prf %+v", got)
		}
		if got.Results.First != prfResult(key, "own") || got.Results.Second != prfResult(key, "second") {
			t.Errorf("results %+v", got.Results)
		}
		if (sent.PinUvAuthProtocol == nil) != (protocol == 1) {
			t.Errorf("protocol %v is sent along", sent.PinUvAuthProtocol)
		}

		// Another credential takes the common ones.
		r, _ = signIn(t, f.client(), f, with(list("allowCredentials", "Ag", "AQ"),
			extensions(map[string]any{"prf": map[string]any{
				"eval":             prfInput("common"),
				"evalByCredential": map[string]any{"Ag": prfInput("other")},
			}})))
		if got := r.ClientExtensionResults.PRF; got.Results == nil || got.Results.First != prfResult(key, "common") || got.Results.Second != "" {
			t.Errorf("results %+v", got.Results)
		}

		// And without common ones nothing is evaluated.
		r, _ = signIn(t, f.client(), f, with(list("allowCredentials", "Ag", "AQ"),
			extensions(map[string]any{"prf": map[string]any{"evalByCredential": map[string]any{"Ag": prfInput("other")}}})))
		if got := r.ClientExtensionResults.PRF; got == nil || got.Results != nil {
			t.Errorf("prf %+v", got)
		}
	}
}

// The PRF is the one for verified persons, or none.
func TestPRFWithoutVerification(t *testing.T) {
	more := with(list("allowCredentials", "AQ"), extensions(map[string]any{"prf": map[string]any{"eval": prfInput("x")}, "appid": "https://example.com/u2f"}))
	for name, device := range map[string]func(f *fake, c *Client){
		"nobody to ask":              func(_ *fake, c *Client) { c.PIN = nil },
		"a U2F credential":           func(f *fake, _ *Client) { f.credentials = [][]byte{[]byte("https://example.com/u2f/\x01")} },
		"a device that does without": func(f *fake, _ *Client) { f.tamper = func(a *ctap.AuthData) { a.Flags &^= ctap.FlagUV } },
	} {
		f := newFake(t)
		f.info.Extensions = []string{"hmac-secret"}
		f.credentials = [][]byte{{1}}
		answerPRF(t, f, ctap.ExtHMACSecret)
		c := f.client()
		device(f, c)
		r, _ := signIn(t, c, f, more)
		if got := r.ClientExtensionResults.PRF; got == nil || got.Results != nil {
			t.Errorf("%s: prf %+v", name, got)
		}
	}
}

func TestPRFAtRegistration(t *testing.T) {
	f := newFake(t)
	f.info.Extensions = []string{"hmac-secret", "hmac-secret-mc"}
	f.info.Options["makeCredUvNotRqd"] = true
	key, _ := answerPRF(t, f, ctap.ExtHMACSecretMC)
	r, asked := register(t, f.client(), f, with(selection("userVerification", "discouraged"),
		extensions(map[string]any{"prf": map[string]any{"eval": prfInput("x")}})))
	got := r.ClientExtensionResults.PRF
	if got == nil || got.Enabled == nil || !*got.Enabled || got.Results == nil || got.Results.First != prfResult(key, "x") {
		t.Errorf("prf %+v\n%s", got, asked)
	}

	// A device without hmac-secret-mc says only that it can.
	f = newFake(t)
	f.info.Extensions = []string{"hmac-secret"}
	f.outputs = ctap.Extensions{"hmac-secret": ctap.RawMessage{0xF5}}
	r, _ = register(t, f.client(), f, extensions(map[string]any{"prf": map[string]any{"eval": prfInput("x")}}))
	if got := r.ClientExtensionResults.PRF; got == nil || got.Enabled == nil || !*got.Enabled || got.Results != nil {
		t.Errorf("prf %+v", got)
	}

	// One without either says that it cannot.
	f = newFake(t)
	r, _ = register(t, f.client(), f, extensions(map[string]any{"prf": map[string]any{"eval": prfInput("x")}}))
	if got := r.ClientExtensionResults.PRF; got == nil || got.Enabled == nil || *got.Enabled || got.Results != nil {
		t.Errorf("prf %+v", got)
	}
}
