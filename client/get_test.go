package client

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

var request = map[string]any{"challenge": "AAAA"}

// signIn runs Get and returns what the page and the device saw.
func signIn(t *testing.T, c *Client, f *fake, more map[string]any) (*authenticationResponse, string) {
	t.Helper()
	out, err := c.Get(t.Context(), marshal(t, with(request, more)))
	if err != nil {
		t.Fatalf("%v\n%s", err, f.asked())
	}
	var r authenticationResponse
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return &r, f.asked()
}

const byPINGet = "getInfo\npinRetries\nkeyAgreement 2\ntokenByPIN 0x2 example.com\n"

func TestGetRequests(t *testing.T) {
	for _, tt := range []struct {
		name   string
		device func(f *fake)
		more   map[string]any
		want   string
	}{
		{
			name:   "discoverable, verification preferred",
			device: func(f *fake) { f.accounts = []ctap.User{{ID: []byte("a")}} },
			want:   byPINGet + `getAssertion {1: "example.com", 6: "token", 7: 2}`,
		},
		{
			name:   "discoverable, verification discouraged",
			device: func(f *fake) { f.accounts = []ctap.User{{ID: []byte("a")}} },
			more:   map[string]any{"userVerification": "discouraged"},
			want:   "getInfo\n" + `getAssertion {1: "example.com"}`,
		},
		{
			name: "always verified",
			device: func(f *fake) {
				f.accounts = []ctap.User{{ID: []byte("a")}}
				f.info.Options["alwaysUv"] = true
			},
			more: map[string]any{"userVerification": "discouraged"},
			want: byPINGet + `getAssertion {1: "example.com", 6: "token", 7: 2}`,
		},
		{
			name: "several without anybody to choose",
			device: func(f *fake) {
				f.accounts = []ctap.User{{ID: []byte("a")}, {ID: []byte("b")}}
				f.info.Options = nil
			},
			want: "getInfo\n" + `getAssertion {1: "example.com"}`,
		},
		{
			name: "the device's credential of a list in chunks",
			device: func(f *fake) {
				f.credentials = [][]byte{{3}}
				f.info.Options = nil
			},
			more: list("allowCredentials", "AQ", "Ag", "Aw"),
			want: "getInfo\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}, {"id": h'02', "type": "public-key"}], 5: {"up": false}}` + "\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'03', "type": "public-key"}], 5: {"up": false}}` + "\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'03', "type": "public-key"}]}`,
		},
		{
			name:   "probes carry the token",
			device: func(f *fake) { f.credentials = [][]byte{{1}} },
			more:   list("allowCredentials", "AQ", "Ag", "Aw"),
			want: byPINGet +
				`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}, {"id": h'02', "type": "public-key"}], 5: {"up": false}, 6: "token", 7: 2}` + "\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}], 6: "token", 7: 2}`,
		},
		{
			name: "other types of credential are passed over",
			device: func(f *fake) {
				f.accounts = []ctap.User{{ID: []byte("a")}}
				f.info.Options = nil
			},
			more: map[string]any{"allowCredentials": []any{}},
			want: "getInfo\n" + `getAssertion {1: "example.com"}`,
		},
		{
			name: "built-in verification of CTAP 2.0",
			device: func(f *fake) {
				f.credentials = [][]byte{{1}}
				f.info.Options = map[string]bool{"uv": true}
			},
			more: list("allowCredentials", "AQ"),
			want: "getInfo\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}], 5: {"uv": true}}`,
		},
		{
			name: "credBlob",
			device: func(f *fake) {
				f.accounts = []ctap.User{{ID: []byte("a")}}
				f.info.Options = nil
				f.info.Extensions = []string{"credBlob"}
			},
			more: extensions(map[string]any{"getCredBlob": true}),
			want: "getInfo\n" + `getAssertion {1: "example.com", 4: {"credBlob": true}}`,
		},
		{
			name: "prf on a device that cannot verify anybody: not asked",
			device: func(f *fake) {
				f.accounts = []ctap.User{{ID: []byte("a")}}
				f.info.Options = nil
				f.info.Extensions = []string{"hmac-secret"}
			},
			more: extensions(map[string]any{"prf": map[string]any{"eval": map[string]any{"first": "AA"}}}),
			want: "getInfo\n" + `getAssertion {1: "example.com"}`,
		},
		{
			name: "large blob, read from the array",
			device: func(f *fake) {
				f.accounts = []ctap.User{{ID: []byte("a")}}
				f.info.Options = map[string]bool{"largeBlobs": true}
				f.info.Extensions = []string{"largeBlobKey"}
			},
			more: extensions(map[string]any{"largeBlob": map[string]any{"read": true}}),
			want: "getInfo\n" + `getAssertion {1: "example.com", 4: {"largeBlobKey": true}}`,
		},
		{
			name: "large blob, read with the credential",
			device: func(f *fake) {
				f.accounts = []ctap.User{{ID: []byte("a")}}
				f.info.Options = nil
				f.info.Extensions = []string{"largeBlob"}
			},
			more: extensions(map[string]any{"largeBlob": map[string]any{"read": true}}),
			want: "getInfo\n" + `getAssertion {1: "example.com", 4: {"largeBlob": {"read": true}}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			tt.device(f)
			if _, got := signIn(t, f.client(), f, tt.more); got != tt.want {
				t.Errorf("asked\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestGetResponse(t *testing.T) {
	f := newFake(t)
	f.accounts = []ctap.User{{ID: []byte("alice")}}
	f.info.Options["plat"] = true
	f.info.Extensions = []string{"credBlob"}
	f.outputs = ctap.Extensions{"credBlob": cborText(t, []byte("blob"))}
	r, _ := signIn(t, f.client(), f, extensions(map[string]any{"getCredBlob": true, "prf": map[string]any{}}))
	if r.ID != "b2YgYWxpY2U" || r.RawID != r.ID || r.Type != "public-key" || r.AuthenticatorAttachment != "platform" {
		t.Errorf("response %+v", r)
	}
	if r.Response.UserHandle == nil || *r.Response.UserHandle != "YWxpY2U" || r.Response.Signature != "c2lnbmF0dXJl" {
		t.Errorf("response %+v", r.Response)
	}
	data, _ := decodeBase64URL([]byte(r.Response.ClientDataJSON))
	if want := `{"type":"webauthn.get","challenge":"AAAA","origin":"https://example.com","crossOrigin":false}`; string(data) != want {
		t.Errorf("clientDataJSON %s", data)
	}
	if got := string(marshal(t, r.ClientExtensionResults)); got != `{"getCredBlob":"YmxvYg","prf":{}}` {
		t.Errorf("clientExtensionResults %s", got)
	}

	// Without user handle there is no member.
	f.credentials = [][]byte{{1}}
	out, err := f.client().Get(t.Context(), marshal(t, with(request, list("allowCredentials", "AQ"))))
	if err != nil {
		t.Fatal(err)
	}
	var members struct{ Response map[string]any }
	if err := json.Unmarshal(out, &members); err != nil {
		t.Fatal(err)
	}
	if _, ok := members.Response["userHandle"]; ok {
		t.Errorf("userHandle in %s", out)
	}
}

func TestChoose(t *testing.T) {
	f := newFake(t)
	f.accounts = []ctap.User{{ID: []byte("a")}, {ID: []byte("b"), Name: "bob"}, {ID: []byte("c")}}
	f.info.Options = nil
	c := f.client()
	c.Choose = func(_ context.Context, accounts []ctap.User) (int, error) {
		if len(accounts) != 3 || accounts[1].Name != "bob" {
			t.Errorf("accounts %v", accounts)
		}
		return 1, nil
	}
	r, got := signIn(t, c, f, nil)
	if r.ID != encodeBase64URL([]byte("of b")) {
		t.Errorf("chosen %s", r.ID)
	}
	if want := "getInfo\n" + `getAssertion {1: "example.com"}` + "\ngetNextAssertion\ngetNextAssertion"; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	for _, i := range []int{-1, 3} {
		c.Choose = func(context.Context, []ctap.User) (int, error) { return i, nil }
		_, err := c.Get(t.Context(), marshal(t, request))
		refused(t, err, NotAllowedError)
	}
	c.Choose = func(context.Context, []ctap.User) (int, error) { return 0, errors.New("closed") }
	_, err := c.Get(t.Context(), marshal(t, request))
	refused(t, err, NotAllowedError)
}

func TestGetErrors(t *testing.T) {
	prf := func(m map[string]any) map[string]any { return extensions(map[string]any{"prf": m}) }
	value := map[string]any{"first": "AA"}
	for _, tt := range []struct {
		name   string
		device func(f *fake)
		more   map[string]any
		want   string
	}{
		{name: "no credentials", want: NotAllowedError},
		{name: "none of one chunk", more: list("allowCredentials", "AQ"), want: NotAllowedError},
		{name: "none of three", more: list("allowCredentials", "AQ", "Ag", "Aw"), want: NotAllowedError},
		{name: "none that can be one", more: list("allowCredentials", ""), want: NotAllowedError},
		{name: "verification required of a device that cannot", device: func(f *fake) { f.info.Options = nil }, more: map[string]any{"userVerification": "required"}, want: ConstraintError},
		{name: "refused", device: func(f *fake) {
			f.accounts = []ctap.User{{ID: []byte("a")}}
			f.status[2] = ctap.ErrOperationDenied
		}, want: NotAllowedError},
		{name: "answer of another RP ID", device: func(f *fake) {
			f.accounts = []ctap.User{{ID: []byte("a")}}
			f.tamper = func(a *ctap.AuthData) { a.RPIDHash[0] ^= 1 }
		}, want: UnknownError},
		{name: "RP ID of another site", more: map[string]any{"rpId": "example.org"}, want: SecurityError},
		{name: "largeBlob.support", more: extensions(map[string]any{"largeBlob": map[string]any{"support": "preferred"}}), want: NotSupportedError},
		{name: "largeBlob.read and write", more: extensions(map[string]any{"largeBlob": map[string]any{"read": true, "write": "AA"}}), want: NotSupportedError},
		{name: "largeBlob.write without list", more: extensions(map[string]any{"largeBlob": map[string]any{"write": "AA"}}), want: NotSupportedError},
		{name: "largeBlob.write to either of two", more: with(list("allowCredentials", "AQ", "Ag"), extensions(map[string]any{"largeBlob": map[string]any{"write": "AA"}})), want: NotSupportedError},
		{name: "evalByCredential without list", more: prf(map[string]any{"evalByCredential": map[string]any{"AQ": value}}), want: NotSupportedError},
		{name: "evalByCredential of an empty ID", more: with(list("allowCredentials", "AQ"), prf(map[string]any{"evalByCredential": map[string]any{"": value}})), want: SyntaxError},
		{name: "evalByCredential of no base64url", more: with(list("allowCredentials", "AQ"), prf(map[string]any{"evalByCredential": map[string]any{"A+": value}})), want: SyntaxError},
		{name: "evalByCredential of an ID not listed", more: with(list("allowCredentials", "AQ"), prf(map[string]any{"evalByCredential": map[string]any{"Ag": value}})), want: SyntaxError},
		{name: "appid of another site", more: extensions(map[string]any{"appid": "https://example.org/app"}), want: SecurityError},
		{name: "appid without https", more: extensions(map[string]any{"appid": "http://example.com/app"}), want: SecurityError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			if tt.device != nil {
				tt.device(f)
			}
			_, err := f.client().Get(t.Context(), marshal(t, with(request, tt.more)))
			refused(t, err, tt.want)
		})
	}
}

func TestAppID(t *testing.T) {
	const appID = "https://example.com/u2f"
	f := newFake(t)
	f.credentials = [][]byte{append([]byte(appID+"/"), 1)}
	more := with(list("allowCredentials", "AQ"), extensions(map[string]any{"appid": appID}))
	r, got := signIn(t, f.client(), f, more)
	want := byPINGet +
		`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}], 5: {"up": false}, 6: "token", 7: 2}` + "\n" +
		`getAssertion {1: "https://example.com/u2f", 3: [{"id": h'01', "type": "public-key"}], 5: {"up": false}}` + "\n" +
		`getAssertion {1: "https://example.com/u2f", 3: [{"id": h'01', "type": "public-key"}]}`
	if got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	if out := r.ClientExtensionResults.AppID; out == nil || !*out {
		t.Error("appid is not true")
	}

	f.credentials = [][]byte{{1}}
	r, _ = signIn(t, f.client(), f, more)
	if out := r.ClientExtensionResults.AppID; out == nil || *out {
		t.Error("appid is not false where the RP ID served")
	}

	f.credentials = [][]byte{append([]byte(appID+"/"), 1)}
	_, err := f.client().Get(t.Context(), marshal(t, with(request, with(more, map[string]any{"userVerification": "required"}))))
	refused(t, err, NotAllowedError)
}
