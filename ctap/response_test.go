package ctap

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
)

func ptr[T any](v T) *T { return &v }

// responses holds every answer with all of its members set and with only those
// that it must have, and the keys and types that §6 gives it.
var responses = []struct {
	name    string
	full    any
	keys    map[uint64]string
	least   any
	leastOf []uint64
}{
	{
		"makeCredential",
		&MakeCredentialResponse{
			Fmt: "packed", AuthData: make([]byte, 37), AttStmt: RawMessage{0xA0}, EpAtt: true,
			LargeBlobKey: make([]byte, 32), UnsignedExtensionOutputs: Extensions{"largeBlob": {0xA0}, "b": {1}},
		},
		map[uint64]string{1: "text", 2: "bytes", 3: "map", 4: "boolean", 5: "bytes", 6: "map"},
		&MakeCredentialResponse{Fmt: "none", AuthData: Bytes{1}}, []uint64{1, 2},
	},
	{
		"getAssertion",
		&GetAssertionResponse{
			Credential: &Descriptor{ID: Bytes{1}, Type: TypePublicKey, Transports: []string{"usb"}},
			AuthData:   make([]byte, 37), Signature: Bytes{2},
			User:                &User{ID: Bytes{3}, Name: "n", DisplayName: "d"},
			NumberOfCredentials: 2, UserSelected: true, LargeBlobKey: make([]byte, 32),
			UnsignedExtensionOutputs: Extensions{"largeBlob": {0xA0}},
		},
		map[uint64]string{1: "map", 2: "bytes", 3: "bytes", 4: "map", 5: "unsigned", 6: "boolean", 7: "bytes", 8: "map"},
		&GetAssertionResponse{AuthData: Bytes{1}, Signature: Bytes{2}}, []uint64{2, 3},
	},
	{
		"getInfo",
		&GetInfoResponse{
			Versions: []string{VersionFIDO23}, Extensions: []string{ExtCredProtect}, AAGUID: make([]byte, 16),
			Options: map[string]bool{"rk": true, "clientPin": false}, MaxMsgSize: 7609, PinUvAuthProtocols: []uint64{2, 1},
			MaxCredentialCountInList: 20, MaxCredentialIDLength: 128, Transports: []string{"usb"},
			Algorithms:                  []PubKeyParam{{ES256, TypePublicKey}, {RS256, TypePublicKey}},
			MaxSerializedLargeBlobArray: 1024, ForcePINChange: true, MinPINLength: 4, FirmwareVersion: 1,
			MaxCredBlobLength: 32, MaxRPIDsForSetMinPINLength: ptr(uint64(0)), PreferredPlatformUvAttempts: 1,
			UVModality: UVModalityPasscode, Certifications: map[string]uint64{"FIDO": 1},
			RemainingDiscoverableCredentials: ptr(uint64(0)), VendorPrototypeConfigCommands: &[]uint64{},
			AttestationFormats: []string{"packed"}, UVCountSinceLastPINEntry: ptr(uint64(0)), LongTouchForReset: ptr(false),
			EncIdentifier: make([]byte, 32), TransportsForReset: []string{"usb"}, PINComplexityPolicy: ptr(false),
			PINComplexityPolicyURL: Bytes("https://example.org"), MaxPINLength: 63, EncCredStoreState: make([]byte, 32),
			AuthenticatorConfigCommands: &[]uint64{},
		},
		map[uint64]string{
			1: "array", 2: "array", 3: "bytes", 4: "map", 5: "unsigned", 6: "array", 7: "unsigned", 8: "unsigned",
			9: "array", 10: "array", 11: "unsigned", 12: "boolean", 13: "unsigned", 14: "unsigned", 15: "unsigned",
			16: "unsigned", 17: "unsigned", 18: "unsigned", 19: "map", 20: "unsigned", 21: "array", 22: "array",
			23: "unsigned", 24: "boolean", 25: "bytes", 26: "array", 27: "boolean", 28: "bytes", 29: "unsigned",
			30: "bytes", 31: "array",
		},
		&GetInfoResponse{Versions: []string{VersionFIDO20}, AAGUID: make([]byte, 16)}, []uint64{1, 3},
	},
	{
		"clientPIN",
		&ClientPINResponse{
			KeyAgreement:   &KeyAgreementKey{ktyEC2, ECDHES256, crvP256, make([]byte, 32), make([]byte, 32)},
			PinUvAuthToken: make([]byte, 48), PINRetries: ptr(uint64(0)), PowerCycleState: true, UVRetries: ptr(uint64(0)),
		},
		map[uint64]string{1: "map", 2: "bytes", 3: "unsigned", 4: "boolean", 5: "unsigned"},
		&ClientPINResponse{}, nil,
	},
	{
		"credentialManagement",
		&CredentialManagementResponse{
			ExistingResidentCredentialsCount: ptr(uint64(0)), MaxPossibleRemainingResidentCredentialsCount: ptr(uint64(0)),
			RP: &RP{ID: "example.org", Name: "Example"}, RPIDHash: make([]byte, 32), TotalRPs: 1,
			User:         &User{ID: Bytes{3}, Name: "n", DisplayName: "d"},
			CredentialID: &Descriptor{ID: Bytes{1}, Type: TypePublicKey}, PublicKey: RawMessage{0xA0}, TotalCredentials: 1,
			CredProtect: 1, LargeBlobKey: make([]byte, 32), ThirdPartyPayment: ptr(false),
		},
		map[uint64]string{
			1: "unsigned", 2: "unsigned", 3: "map", 4: "bytes", 5: "unsigned", 6: "map", 7: "map", 8: "map",
			9: "unsigned", 10: "unsigned", 11: "bytes", 12: "boolean",
		},
		&CredentialManagementResponse{}, nil,
	},
	{
		"largeBlobs",
		&LargeBlobsResponse{Config: Bytes{1}}, map[uint64]string{1: "bytes"},
		&LargeBlobsResponse{}, []uint64{1},
	},
}

// kindOf names the CBOR type of what an item decodes to.
func kindOf(v any) string {
	switch v.(type) {
	case uint64:
		return "unsigned"
	case int64:
		return "integer"
	case []byte:
		return "bytes"
	case string:
		return "text"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[any]any:
		return "map"
	}
	return fmt.Sprintf("%T", v)
}

func TestResponses(t *testing.T) {
	for _, r := range responses {
		data := encode(t, r.full)
		if err := CheckCanonical(data); err != nil {
			t.Errorf("%s: not canonical: %v", r.name, err)
		}
		var decoded map[uint64]any
		if err := reference.Unmarshal(data, &decoded); err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		got := map[uint64]string{}
		for k, v := range decoded {
			got[k] = kindOf(v)
		}
		if !maps.Equal(got, r.keys) {
			t.Errorf("%s: members %v, want %v", r.name, got, r.keys)
		}
		again := reflect.New(reflect.TypeOf(r.full).Elem()).Interface()
		if err := Unmarshal(data, again); err != nil || !reflect.DeepEqual(again, r.full) {
			t.Errorf("%s: came back as %+v (%v)", r.name, again, err)
		}
		reply, err := MarshalReply(r.full)
		if err != nil || reply[0] != byte(StatusOK) || !bytes.Equal(reply[1:], data) {
			t.Errorf("%s: reply %x (%v)", r.name, reply, err)
		}
	}
}

// Every member is filled in above, so that a new one cannot be forgotten there.
func TestResponsesAreFull(t *testing.T) {
	for _, r := range responses {
		v := reflect.ValueOf(r.full).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s: %s is not set", r.name, v.Type().Field(i).Name)
			}
		}
	}
}

// What is not there is not sent: no false, no zero, no empty list, no null.
func TestResponsesOmit(t *testing.T) {
	for _, r := range responses {
		var decoded map[uint64]any
		if err := reference.Unmarshal(encode(t, r.least), &decoded); err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		if got := slices.Sorted(maps.Keys(decoded)); !slices.Equal(got, r.leastOf) {
			t.Errorf("%s: members %v, want %v", r.name, got, r.leastOf)
		}
	}
}

func TestNestedNames(t *testing.T) {
	for _, c := range []struct {
		value any
		hex   string
	}{
		{RP{ID: "a", Name: "b"}, "a2 62 6964 61 61 64 6e616d65 61 62"},
		{User{ID: Bytes{1}, Name: "a", DisplayName: "b"}, "a3 62 6964 41 01 64 6e616d65 61 61 6b 646973706c61794e616d65 61 62"},
		{User{ID: Bytes{1}}, "a1 62 6964 41 01"},
		{Descriptor{ID: Bytes{1}, Type: "public-key"}, "a2 62 6964 41 01 64 74797065 6a 7075626c69632d6b6579"},
		{PubKeyParam{ES256, "public-key"}, "a2 63 616c67 26 64 74797065 6a 7075626c69632d6b6579"},
		{LargeBlobOutput{Written: ptr(false)}, "a1 67 7772697474656e f4"},
		{LargeBlobOutput{Blob: Bytes{}, OriginalSize: ptr(uint64(0))}, "a2 64 626c6f62 40 6c 6f726967696e616c53697a65 00"},
	} {
		if got := encode(t, c.value); !bytes.Equal(got, unhex(t, c.hex)) {
			t.Errorf("%+v: %x, want %s", c.value, got, c.hex)
		}
	}
}

func BenchmarkGetAssertionResponse(b *testing.B) {
	r := &GetAssertionResponse{
		Credential: &Descriptor{ID: make([]byte, 64), Type: TypePublicKey},
		AuthData:   make([]byte, 37), Signature: make([]byte, 71), User: &User{ID: make([]byte, 32)},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MarshalReply(r); err != nil {
			b.Fatal(err)
		}
	}
}
