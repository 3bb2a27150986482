package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

var creation = map[string]any{
	"rp":               map[string]any{"name": "Example"},
	"user":             map[string]any{"id": "YWxpY2U", "name": "alice", "displayName": "Alice"},
	"challenge":        "AAAA",
	"pubKeyCredParams": []any{map[string]any{"type": "public-key", "alg": -7}},
}

func selection(kv ...string) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return map[string]any{"authenticatorSelection": m}
}

func extensions(m map[string]any) map[string]any { return map[string]any{"extensions": m} }

func list(member string, ids ...string) map[string]any {
	var l []any
	for _, id := range ids {
		l = append(l, map[string]any{"type": "public-key", "id": id})
	}
	return map[string]any{member: l}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// register runs Create and returns what the page and the device saw.
func register(t *testing.T, c *Client, f *fake, more map[string]any) (*registrationResponse, string) {
	t.Helper()
	out, err := c.Create(t.Context(), marshal(t, with(creation, more)))
	if err != nil {
		t.Fatalf("%v\n%s", err, f.asked())
	}
	var r registrationResponse
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return &r, f.asked()
}

// refused checks an error's name.
func refused(t *testing.T, err error, name string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want %s", err, name)
	}
	if e.Name != name {
		t.Fatalf("error is %v, want %s", err, name)
	}
}

const (
	rpUser    = `2: {"id": "example.com", "name": "Example"}, 3: {"id": h'616c696365', "name": "alice", "displayName": "Alice"}, 4: [{"alg": -7, "type": "public-key"}]`
	byPIN     = "getInfo\npinRetries\nkeyAgreement 2\ntokenByPIN 0x3 example.com\n"
	withToken = `8: "token", 9: 2}`
)

func TestCreateRequests(t *testing.T) {
	for _, tt := range []struct {
		name   string
		device func(f *fake)
		more   map[string]any
		want   string
	}{
		{
			name: "PIN set: verification even where only preferred",
			want: byPIN + `makeCredential {` + rpUser + `, ` + withToken,
		},
		{
			name: "PIN set and no makeCredUvNotRqd: verification though discouraged",
			more: selection("userVerification", "discouraged"),
			want: byPIN + `makeCredential {` + rpUser + `, ` + withToken,
		},
		{
			name:   "makeCredUvNotRqd, discouraged",
			device: func(f *fake) { f.info.Options["makeCredUvNotRqd"] = true },
			more:   selection("userVerification", "discouraged"),
			want:   "getInfo\nmakeCredential {" + rpUser + `}`,
		},
		{
			name:   "makeCredUvNotRqd does not cover discoverable credentials",
			device: func(f *fake) { f.info.Options["makeCredUvNotRqd"] = true },
			more:   selection("userVerification", "discouraged", "residentKey", "required"),
			want:   byPIN + `makeCredential {` + rpUser + `, 7: {"rk": true}, ` + withToken,
		},
		{
			name: "residentKey preferred on a device that can",
			more: selection("residentKey", "preferred"),
			want: byPIN + `makeCredential {` + rpUser + `, 7: {"rk": true}, ` + withToken,
		},
		{
			name:   "residentKey preferred on a device that cannot",
			device: func(f *fake) { delete(f.info.Options, "rk") },
			more:   selection("residentKey", "preferred"),
			want:   byPIN + `makeCredential {` + rpUser + `, ` + withToken,
		},
		{
			name: "requireResidentKey alone",
			more: map[string]any{"authenticatorSelection": map[string]any{"requireResidentKey": true}},
			want: byPIN + `makeCredential {` + rpUser + `, 7: {"rk": true}, ` + withToken,
		},
		{
			name: "requireResidentKey gives way to residentKey",
			more: map[string]any{"authenticatorSelection": map[string]any{"requireResidentKey": true, "residentKey": "discouraged"}},
			want: byPIN + `makeCredential {` + rpUser + `, ` + withToken,
		},
		{
			name:   "no verification set up, preferred",
			device: func(f *fake) { f.info.Options = map[string]bool{"rk": true} },
			want:   "getInfo\nmakeCredential {" + rpUser + `}`,
		},
		{
			name:   "built-in verification before the PIN",
			device: func(f *fake) { f.info.Options["uv"] = true },
			want:   "getInfo\nkeyAgreement 2\ntokenByUV 0x3 example.com\nmakeCredential {" + rpUser + `, ` + withToken,
		},
		{
			name: "built-in verification of CTAP 2.0: the option",
			device: func(f *fake) {
				f.info.Options = map[string]bool{"rk": true, "uv": true}
			},
			want: "getInfo\nmakeCredential {" + rpUser + `, 7: {"uv": true}}`,
		},
		{
			name: "PIN of CTAP 2.0: token without permissions, protocol one",
			device: func(f *fake) {
				f.info.Options = map[string]bool{"rk": true, "clientPin": true}
				f.info.PinUvAuthProtocols = []uint64{1}
			},
			want: "getInfo\npinRetries\nkeyAgreement 1\ntoken\nmakeCredential {" + rpUser + `, 8: "token", 9: 1}`,
		},
		{
			name: "unknown protocols are passed over",
			device: func(f *fake) {
				f.info.PinUvAuthProtocols = []uint64{9, 1}
			},
			want: "getInfo\npinRetries\nkeyAgreement 1\ntokenByPIN 0x3 example.com\nmakeCredential {" + rpUser + `, 8: "token", 9: 1}`,
		},
		{
			name: "PIN that gives no permission for ceremonies",
			device: func(f *fake) {
				f.info.Options["noMcGaPermissionsWithClientPin"] = true
				f.info.Options["makeCredUvNotRqd"] = true
			},
			want: "getInfo\nmakeCredential {" + rpUser + `}`,
		},
		{
			name: "exclude list in chunks, none found",
			more: list("excludeCredentials", "AQ", "Ag", "Aw"),
			want: byPIN +
				`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}, {"id": h'02', "type": "public-key"}], 5: {"up": false}, 6: "token", 7: 2}` + "\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'03', "type": "public-key"}], 5: {"up": false}, 6: "token", 7: 2}` + "\n" +
				`makeCredential {` + rpUser + `, ` + withToken,
		},
		{
			name: "exclude list in one chunk, none found: sent along",
			more: list("excludeCredentials", "AQ"),
			want: byPIN +
				`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}], 5: {"up": false}, 6: "token", 7: 2}` + "\n" +
				`makeCredential {` + rpUser + `, 5: [{"id": h'01', "type": "public-key"}], ` + withToken,
		},
		{
			name: "one credential a list where the device does not say",
			device: func(f *fake) {
				f.info.MaxCredentialCountInList = 0
				f.info.Options = map[string]bool{}
			},
			more: list("excludeCredentials", "AQ", "Ag"),
			want: "getInfo\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}], 5: {"up": false}}` + "\n" +
				`getAssertion {1: "example.com", 3: [{"id": h'02', "type": "public-key"}], 5: {"up": false}}` + "\n" +
				`makeCredential {` + rpUser + `}`,
		},
		{
			name: "default algorithms",
			more: map[string]any{"pubKeyCredParams": []any{}, "authenticatorSelection": map[string]any{"userVerification": "discouraged"}},
			device: func(f *fake) {
				f.info.Options = map[string]bool{}
			},
			want: "getInfo\n" + `makeCredential {2: {"id": "example.com", "name": "Example"}, 3: {"id": h'616c696365', "name": "alice", "displayName": "Alice"}, 4: [{"alg": -7, "type": "public-key"}, {"alg": -257, "type": "public-key"}]}`,
		},
		{
			name: "attestation none is told to devices that have formats",
			device: func(f *fake) {
				f.info.Options = map[string]bool{}
				f.info.AttestationFormats = []string{"packed"}
			},
			want: "getInfo\nmakeCredential {" + rpUser + `, 11: ["none"]}`,
		},
		{
			name: "attestationFormats, direct",
			device: func(f *fake) {
				f.info.Options = map[string]bool{}
				f.info.AttestationFormats = []string{"packed"}
			},
			more: map[string]any{"attestation": "direct", "attestationFormats": []string{"tpm", "packed"}},
			want: "getInfo\nmakeCredential {" + rpUser + `, 11: ["tpm", "packed"]}`,
		},
		{
			name: "enterprise attestation, by the vendor's list",
			device: func(f *fake) {
				f.info.Options = map[string]bool{"ep": true}
			},
			more: map[string]any{"attestation": "enterprise"},
			want: "getInfo\nmakeCredential {" + rpUser + `, 10: 1}`,
		},
		{
			name: "enterprise attestation where the device has it switched off",
			device: func(f *fake) {
				f.info.Options = map[string]bool{"ep": false}
			},
			more: map[string]any{"attestation": "enterprise"},
			want: "getInfo\nmakeCredential {" + rpUser + `}`,
		},
		{
			name: "extensions that the device has",
			device: func(f *fake) {
				f.info.Options = map[string]bool{"rk": true, "largeBlobs": true}
				f.info.Extensions = []string{"credProtect", "hmac-secret", "credBlob", "minPinLength", "pinComplexityPolicy", "largeBlobKey"}
				f.info.MaxCredBlobLength = 32
			},
			more: with(selection("residentKey", "required", "userVerification", "discouraged"), extensions(map[string]any{
				"credentialProtectionPolicy": "userVerificationRequired",
				"credBlob":                   "AQID", "minPinLength": true, "pinComplexityPolicy": true, "credProps": true,
				"prf": map[string]any{}, "largeBlob": map[string]any{"support": "preferred"},
			})),
			want: "getInfo\nmakeCredential {" + rpUser + `, 6: {"credBlob": h'010203', "credProtect": 3, "hmac-secret": true, "largeBlobKey": true, "minPinLength": true, "pinComplexityPolicy": true}, 7: {"rk": true}}`,
		},
		{
			name: "extensions that the device lacks",
			device: func(f *fake) {
				f.info.Options = map[string]bool{}
			},
			more: extensions(map[string]any{
				"credentialProtectionPolicy": "userVerificationRequired",
				"credBlob":                   "AQID", "minPinLength": true, "prf": map[string]any{},
				"largeBlob": map[string]any{"support": "preferred"}, "unheard": 1,
			}),
			want: "getInfo\nmakeCredential {" + rpUser + `}`,
		},
		{
			name: "the largeBlob extension of CTAP 2.3",
			device: func(f *fake) {
				f.info.Options = map[string]bool{"rk": true}
				f.info.Extensions = []string{"largeBlob"}
			},
			more: with(selection("residentKey", "required"), extensions(map[string]any{"largeBlob": map[string]any{"support": "required"}})),
			want: "getInfo\nmakeCredential {" + rpUser + `, 6: {"largeBlob": {"support": "required"}}, 7: {"rk": true}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			if tt.device != nil {
				tt.device(f)
			}
			f.blobKey = nil
			if _, got := register(t, f.client(), f, tt.more); got != tt.want {
				t.Errorf("asked\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestEnterpriseByPolicy(t *testing.T) {
	f := newFake(t)
	f.info.Options = map[string]bool{"ep": true}
	c := f.client()
	c.Enterprise = []string{"example.com"}
	_, got := register(t, c, f, map[string]any{"attestation": "enterprise"})
	if want := "getInfo\nmakeCredential {" + rpUser + `, 10: 2}`; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

// The lists that a device takes are also bounded by what fits in a message.
func TestBatchesFitTheMessage(t *testing.T) {
	y := &ceremony{info: &ctap.GetInfoResponse{MaxCredentialCountInList: 100, MaxMsgSize: 1200}}
	var all []ctap.Descriptor
	for i := range 50 {
		all = append(all, ctap.Descriptor{ID: bytes.Repeat([]byte{byte(i + 1)}, 64), Type: ctap.TypePublicKey, Transports: []string{"usb"}})
	}
	all = append(all, ctap.Descriptor{ID: make([]byte, 1024), Type: ctap.TypePublicKey}, ctap.Descriptor{Type: ctap.TypePublicKey})
	n := 0
	for _, part := range y.batches(all) {
		raw, err := ctap.Marshal(ctap.GetAssertionRequest{RPID: "example.com", ClientDataHash: make([]byte, 32), AllowList: part, PinUvAuthParam: make([]byte, 32)})
		if err != nil || len(raw) > 1200 {
			t.Errorf("message of %d bytes, error %v", len(raw), err)
		}
		n += len(part)
	}
	if n != 50 {
		t.Errorf("%d credentials are left, want 50: no more than those of a possible length", n)
	}
}

func TestCreateResponse(t *testing.T) {
	f := newFake(t)
	f.outputs = ctap.Extensions{"hmac-secret": ctap.RawMessage{0xF5}, "credBlob": ctap.RawMessage{0xF5}}
	f.info.Extensions = []string{"hmac-secret", "credBlob"}
	f.info.MaxCredBlobLength = 32
	out, err := f.client().Create(t.Context(), marshal(t, with(creation, extensions(map[string]any{"credProps": true, "prf": map[string]any{}, "credBlob": "AA"}))))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		ID       string `json:"id"`
		RawID    string `json:"rawId"`
		Response struct {
			ClientDataJSON     string
			AuthenticatorData  string
			Transports         []string
			PublicKey          string
			PublicKeyAlgorithm int
			AttestationObject  string
		} `json:"response"`
		AuthenticatorAttachment string
		ClientExtensionResults  map[string]any
		Type                    string
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if r.ID != "Y3JlZGVudGlhbA" || r.RawID != r.ID || r.Type != "public-key" || r.AuthenticatorAttachment != "cross-platform" {
		t.Errorf("response %+v", r)
	}
	if got := r.Response.Transports; len(got) != 2 || got[0] != "nfc" || got[1] != "usb" {
		t.Errorf("transports %v, want them sorted and once each", got)
	}
	if r.Response.PublicKeyAlgorithm != -7 || r.Response.PublicKey == "" {
		t.Errorf("public key %q of algorithm %d", r.Response.PublicKey, r.Response.PublicKeyAlgorithm)
	}
	if got := string(marshal(t, r.ClientExtensionResults)); got != `{"credBlob":true,"credProps":{"rk":false},"prf":{"enabled":true}}` {
		t.Errorf("clientExtensionResults %s", got)
	}
	raw, _ := decodeBase64URL([]byte(r.Response.AttestationObject))
	o, err := ctap.ParseAttestationObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	if encodeBase64URL(o.AuthData) != r.Response.AuthenticatorData {
		t.Error("authenticatorData is not that of the attestation object")
	}
	data, _ := decodeBase64URL([]byte(r.Response.ClientDataJSON))
	if want := `{"type":"webauthn.create","challenge":"AAAA","origin":"https://example.com","crossOrigin":false}`; string(data) != want {
		t.Errorf("clientDataJSON %s", data)
	}
}

func TestAttestationConveyance(t *testing.T) {
	self := map[string]any{"alg": -7, "sig": []byte{1}}
	basic := map[string]any{"alg": -7, "sig": []byte{1}, "x5c": []any{[]byte{2}}}
	for _, tt := range []struct {
		name, conveyance, format string
		statement                map[string]any
		aaguid                   ctap.AAGUID
		want                     string
	}{
		{"none keeps self attestation without a model", "none", "packed", self, ctap.AAGUID{}, "packed"},
		{"none strips self attestation of a model", "none", "packed", self, ctap.AAGUID{1}, "none"},
		{"none strips a certificate", "none", "packed", basic, ctap.AAGUID{}, "none"},
		{"none strips another format", "none", "fido-u2f", self, ctap.AAGUID{}, "none"},
		{"the default is none", "", "packed", basic, ctap.AAGUID{1}, "none"},
		{"an unknown value is none", "every", "packed", basic, ctap.AAGUID{1}, "none"},
		{"indirect", "indirect", "packed", basic, ctap.AAGUID{1}, "packed"},
		{"direct", "direct", "packed", basic, ctap.AAGUID{1}, "packed"},
		{"enterprise", "enterprise", "packed", basic, ctap.AAGUID{1}, "packed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.statement, f.formatOf, f.aaguid = tt.statement, tt.format, tt.aaguid
			more := map[string]any{}
			if tt.conveyance != "" {
				more["attestation"] = tt.conveyance
			}
			r, _ := register(t, f.client(), f, more)
			raw, _ := decodeBase64URL([]byte(r.Response.AttestationObject))
			o, err := ctap.ParseAttestationObject(raw)
			if err != nil {
				t.Fatal(err)
			}
			if o.Fmt != tt.want || (o.Fmt == "none") != bytes.Equal(o.AttStmt, ctap.EmptyMap()) {
				t.Errorf("fmt %s, statement %x; want %s", o.Fmt, o.AttStmt, tt.want)
			}
			auth, err := ctap.ParseAuthData(o.AuthData)
			if err != nil || auth.AAGUID != tt.aaguid {
				t.Errorf("AAGUID %v, error %v; want it kept", auth.AAGUID, err)
			}
		})
	}
}

func TestCreateErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		device func(f *fake)
		client func(c *Client)
		more   map[string]any
		want   string
	}{
		{name: "excluded", device: func(f *fake) { f.credentials = [][]byte{{2}} }, more: list("excludeCredentials", "AQ", "AA", "Ag"), want: InvalidStateError},
		{name: "no public-key in pubKeyCredParams", more: map[string]any{"pubKeyCredParams": []any{map[string]any{"type": "private", "alg": -7}}}, want: NotSupportedError},
		{name: "device without the algorithms", device: func(f *fake) { f.status[1] = ctap.ErrUnsupportedAlgorithm }, want: NotSupportedError},
		{name: "residentKey required of a device that cannot", device: func(f *fake) { delete(f.info.Options, "rk") }, more: selection("residentKey", "required"), want: ConstraintError},
		{name: "verification required of a device that cannot", device: func(f *fake) { f.info.Options = nil }, more: selection("userVerification", "required"), want: ConstraintError},
		{name: "verification required, no PIN set, nobody to set one", device: func(f *fake) { f.info.Options["clientPin"] = false }, client: func(c *Client) { c.PIN = nil }, more: selection("userVerification", "required"), want: ConstraintError},
		{name: "a PIN is needed and nobody can be asked", client: func(c *Client) { c.PIN = nil }, more: selection("userVerification", "required"), want: NotAllowedError},
		{name: "platform asked for", more: selection("authenticatorAttachment", "platform"), want: NotAllowedError},
		{name: "refused", device: func(f *fake) { f.status[1] = ctap.ErrOperationDenied }, want: NotAllowedError},
		{name: "user action timeout", device: func(f *fake) { f.status[1] = ctap.ErrUserActionTimeout }, want: NotAllowedError},
		{name: "full", device: func(f *fake) { f.status[1] = ctap.ErrKeyStoreFull }, want: NotAllowedError},
		{name: "malformed getInfo", device: func(f *fake) { f.info.Versions = nil }, want: UnknownError},
		{name: "answer of another RP ID", device: func(f *fake) { f.tamper = func(a *ctap.AuthData) { a.RPIDHash[0] ^= 1 } }, want: UnknownError},
		{name: "answer without credential", device: func(f *fake) { f.tamper = func(a *ctap.AuthData) { a.Flags &^= ctap.FlagAT } }, want: UnknownError},
		{name: "answer without verification", device: func(f *fake) { f.tamper = func(a *ctap.AuthData) { a.Flags &^= ctap.FlagUV } }, more: selection("userVerification", "required"), want: UnknownError},
		{name: "opaque origin", client: func(c *Client) { c.Origin = "null" }, want: NotAllowedError},
		{name: "RP ID of another site", more: map[string]any{"rp": map[string]any{"name": "", "id": "example.org"}}, want: SecurityError},
		{name: "evalByCredential", more: extensions(map[string]any{"prf": map[string]any{"evalByCredential": map[string]any{}}}), want: NotSupportedError},
		{name: "largeBlob.read", more: extensions(map[string]any{"largeBlob": map[string]any{"read": false}}), want: NotSupportedError},
		{name: "largeBlob.write", more: extensions(map[string]any{"largeBlob": map[string]any{"write": "AA"}}), want: NotSupportedError},
		{name: "largeBlob required of a device that cannot", more: extensions(map[string]any{"largeBlob": map[string]any{"support": "required"}}), want: NotAllowedError},
		{name: "credProtect enforced on a device that cannot", more: extensions(map[string]any{"credentialProtectionPolicy": "userVerificationRequired", "enforceCredentialProtectionPolicy": true}), want: NotAllowedError},
		{
			name: "credProtect enforced and not done",
			device: func(f *fake) {
				f.info.Extensions = []string{"credProtect"}
				f.outputs = ctap.Extensions{"credProtect": ctap.RawMessage{2}}
			},
			more: extensions(map[string]any{"credentialProtectionPolicy": "userVerificationRequired", "enforceCredentialProtectionPolicy": true}),
			want: NotAllowedError,
		},
		{name: "appidExclude of another site", more: extensions(map[string]any{"appidExclude": "https://example.org/app"}), want: SecurityError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			c := f.client()
			if tt.device != nil {
				tt.device(f)
			}
			if tt.client != nil {
				tt.client(c)
			}
			_, err := c.Create(t.Context(), marshal(t, with(creation, tt.more)))
			refused(t, err, tt.want)
		})
	}
}

func TestCreateOnBrokenDevice(t *testing.T) {
	c := &Client{Device: broken{}, Origin: "https://example.com"}
	_, err := c.Create(t.Context(), marshal(t, creation))
	refused(t, err, UnknownError)
}

type broken struct{}

func (broken) CTAP(context.Context, []byte) ([]byte, error) { return nil, errors.New("unplugged") }

// A U2F credential that is excluded by AppID costs a touch, and then tells.
func TestAppIDExclude(t *testing.T) {
	const appID = "https://www.example.com/u2f"
	f := newFake(t)
	f.info.Options = nil
	f.credentials = [][]byte{append([]byte(appID+"/"), 1)}
	more := with(list("excludeCredentials", "AQ"), extensions(map[string]any{"appidExclude": appID}))
	_, err := f.client().Create(t.Context(), marshal(t, with(creation, more)))
	refused(t, err, InvalidStateError)
	want := "getInfo\n" +
		`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}], 5: {"up": false}}` + "\n" +
		`getAssertion {1: "https://www.example.com/u2f", 3: [{"id": h'01', "type": "public-key"}], 5: {"up": false}}` + "\n" +
		`getAssertion {1: "https://www.example.com/u2f", 3: [{"id": h'01', "type": "public-key"}]}`
	if got := f.asked(); got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	f.credentials = nil
	r, _ := register(t, f.client(), f, more)
	if out := r.ClientExtensionResults.AppIDExclude; out == nil || !*out {
		t.Error("appidExclude is not in the results")
	}
}

// A device that asks for verification after all gets it.
func TestCreateVerifiesWhenTold(t *testing.T) {
	f := newFake(t)
	f.info.Options["makeCredUvNotRqd"] = true
	f.status[1] = ctap.ErrPUATRequired
	f.hook = func(cmd ctap.Command) {
		if cmd == ctap.CommandClientPIN {
			delete(f.status, 1)
		}
	}
	_, got := register(t, f.client(), f, selection("userVerification", "discouraged"))
	want := "getInfo\nmakeCredential {" + rpUser + "}\npinRetries\nkeyAgreement 2\ntokenByPIN 0x1 example.com\nmakeCredential {" + rpUser + `, ` + withToken
	if got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

// Keys in the field leave members out, add others and disregard canonical form.
func TestToleratesReplies(t *testing.T) {
	y := New(raw{0, 0xBF, 0x18, 0x63, 0x01, 0x01, 0x9F, 0x68, 'F', 'I', 'D', 'O', '_', '2', '_', '0', 0xFF, 0x03, 0x50,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF})
	info, err := y.GetInfo(t.Context())
	if err != nil || len(info.Versions) != 1 {
		t.Errorf("getInfo %+v, error %v", info, err)
	}
	for _, reply := range []raw{{}, {0}, {0, 0xA0}, {0, 0xFF}, {0x7F}, {0, 0xA1, 1, 1}} {
		if _, err := New(reply).GetInfo(t.Context()); err == nil {
			t.Errorf("getInfo takes %x", []byte(reply))
		}
	}
}

type raw []byte

func (r raw) CTAP(context.Context, []byte) ([]byte, error) { return r, nil }

// Whatever a device answers, the client returns a result or an *Error.
func FuzzDeviceReply(f *testing.F) {
	good, _ := ctap.Marshal(ctap.GetInfoResponse{Versions: []string{"FIDO_2_0"}, AAGUID: make([]byte, 16)})
	f.Add(append([]byte{0}, good...), []byte{0x2E})
	f.Add([]byte{0, 0xA0}, []byte{0, 0xA0})
	auth := (&ctap.AuthData{Flags: ctap.FlagAT | ctap.FlagED, CredentialID: []byte{1}, PublicKey: fakeKey(), Extensions: []byte{0xA0}}).Append(nil)
	reply, _ := ctap.Marshal(ctap.MakeCredentialResponse{Fmt: "none", AuthData: auth})
	f.Add(append([]byte{0}, good...), append([]byte{0}, reply...))
	options, _ := json.Marshal(creation)
	f.Fuzz(func(t *testing.T, info, reply []byte) {
		d := replies{info, reply}
		c := &Client{Device: d, Origin: "https://example.com"}
		for _, run := range []func(context.Context, []byte) ([]byte, error){c.Create, c.Get} {
			out, err := run(t.Context(), options)
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("error %v is no *Error", err)
			}
			if err == nil && !json.Valid(out) {
				t.Errorf("response %q is not JSON", out)
			}
		}
	})
}

type replies struct{ info, other []byte }

func (r replies) CTAP(_ context.Context, req []byte) ([]byte, error) {
	if req[0] == byte(ctap.CommandGetInfo) {
		return r.info, nil
	}
	return r.other, nil
}

func cborText(t *testing.T, v any) cbor.RawMessage {
	t.Helper()
	b, err := ctap.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
