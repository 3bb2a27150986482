package rptest

import (
	"bytes"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// The key to a large blob is a function of the seed for imported passkeys, too.
func TestImportedLargeBlobKey(t *testing.T) {
	ctx := t.Context()
	key := func(seed string) []byte {
		d, err := NewDevice(DeviceConfig{Personality: Hardware, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		private, err := encodePrivate(ctap.EdDSA, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Add(ctx, Credential{
			CredentialID: []byte("credential"), IsResidentCredential: true, RPID: "login.example", UserHandle: []byte("user"), PrivateKey: private,
		}); err != nil {
			t.Fatal(err)
		}
		s := d.session()
		got, err := s.GetAssertion(ctx, &ctap.GetAssertionRequest{
			RPID: "login.example", ClientDataHash: make([]byte, 32),
			Extensions: ctap.Extensions{ctap.ExtLargeBlobKey: ctap.RawMessage{0xf5}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return got.LargeBlobKey
	}
	if a, b := key("seed"), key("seed"); len(a) != ctap.LargeBlobKeyLength || !bytes.Equal(a, b) {
		t.Errorf("%x, %x", a, b)
	}
	if bytes.Equal(key("seed"), key("another seed")) {
		t.Error("another seed, and the same key")
	}
}
