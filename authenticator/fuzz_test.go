package authenticator

import (
	"encoding/binary"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// FuzzServeCTAP: any byte string gets a defined answer. An error is one byte, a
// success is StatusOK alone or with canonical CBOR, and what was stored before
// is there afterwards, unless the device was reset.
func FuzzServeCTAP(f *testing.F) {
	for _, request := range seedRequests(f) {
		f.Add(request)
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		d := newDevice(t, Config{Profile: fuzzedProfile()})
		_, err := d.register(t.Context(), rpID, "user", nil, nil)
		mustBe(t, "register", err, nil)
		reply := d.ServeCTAP(t.Context(), d.session, request)
		if len(reply) == 0 {
			t.Fatal("no answer")
		}
		if status := ctap.Status(reply[0]); status != ctap.StatusOK {
			if len(reply) != 1 {
				t.Errorf("%v with %d bytes", status, len(reply))
			}
			if status == ctap.ErrOther {
				t.Error("an input made the device fail")
			}
		} else if len(reply) > 1 {
			if err := ctap.CheckCanonical(reply[1:]); err != nil {
				t.Errorf("reply %x: %v", reply, err)
			}
		}
		if len(request) > 0 && ctap.Command(request[0]) == ctap.CommandReset {
			return
		}
		if _, err := d.login(t.Context(), rpID, nil, nil); err != nil && !d.state.AlwaysUv {
			t.Errorf("passkey does not sign in any more: %v", err)
		}
	})
}

// FuzzServeU2F: any byte string gets a status word.
func FuzzServeU2F(f *testing.F) {
	f.Add([]byte{0, 3, 0, 0})
	f.Add(append([]byte{0, 1, 3, 0, 0, 0, 64}, make([]byte, 66)...))
	f.Add(append([]byte{0, 2, 7, 0, 0, 0, 97}, make([]byte, 99)...))
	f.Fuzz(func(t *testing.T, apdu []byte) {
		d := newDevice(t, Config{})
		reply := d.ServeU2F(t.Context(), d.session, apdu)
		if len(reply) < 2 {
			t.Fatalf("answer %x", reply)
		}
		if sw := ctap.StatusWord(binary.BigEndian.Uint16(reply[len(reply)-2:])); sw == ctap.SWInternal {
			t.Error("an input made the device fail")
		}
	})
}

// fuzzedProfile has every extension that one profile can have.
func fuzzedProfile() Profile {
	p := SecurityKey()
	p.EnterpriseRPIDs = []string{rpID}
	return p
}

// seedRequests gives a well-formed request of each command.
func seedRequests(f *testing.F) [][]byte {
	f.Helper()
	_, secret, err := pinuv.Encapsulate(pinuv.Two, mustPublic(f))
	if err != nil {
		f.Fatal(err)
	}
	salt, err := secret.Encrypt(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	hmacSecret, err := ctap.Marshal(ctap.HMACSecretInput{KeyAgreement: mustPublic(f), SaltEnc: salt, SaltAuth: secret.Authenticate(salt), PinUvAuthProtocol: ptr(uint64(2))})
	if err != nil {
		f.Fatal(err)
	}
	yes := ctap.RawMessage{0xF5}
	var requests [][]byte
	for _, r := range []struct {
		cmd    ctap.Command
		params any
	}{
		{ctap.CommandMakeCredential, ctap.MakeCredentialRequest{
			ClientDataHash: clientDataHash, RP: &ctap.RP{ID: rpID, Name: "x"}, User: &ctap.User{ID: []byte{1}, Name: "n", DisplayName: "d"},
			PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}, {Alg: ctap.EdDSA, Type: ctap.TypePublicKey}},
			ExcludeList:      []ctap.Descriptor{{ID: []byte{1}, Type: ctap.TypePublicKey, Transports: []string{"usb"}}},
			Extensions: ctap.Extensions{
				ctap.ExtCredProtect: {0x03}, ctap.ExtHMACSecret: yes, ctap.ExtHMACSecretMC: hmacSecret,
				ctap.ExtCredBlob: {0x41, 0}, ctap.ExtLargeBlobKey: yes, ctap.ExtMinPINLength: yes, ctap.ExtThirdPartyPayment: yes,
			},
			Options: map[string]bool{"rk": true}, AttestationFormats: []string{"packed"},
		}},
		{ctap.CommandGetAssertion, ctap.GetAssertionRequest{
			RPID: rpID, ClientDataHash: clientDataHash, AllowList: []ctap.Descriptor{{ID: []byte{1}, Type: ctap.TypePublicKey}},
			Extensions: ctap.Extensions{ctap.ExtHMACSecret: hmacSecret, ctap.ExtCredBlob: yes}, Options: map[string]bool{"up": false},
			PinUvAuthParam: make([]byte, 32), PinUvAuthProtocol: ptr(uint64(2)),
		}},
		{ctap.CommandGetInfo, nil},
		{ctap.CommandReset, nil},
		{ctap.CommandGetNextAssertion, nil},
		{ctap.CommandSelection, nil},
		{ctap.CommandClientPIN, ctap.ClientPINRequest{
			PinUvAuthProtocol: ptr(uint64(2)), SubCommand: ptr(uint64(ctap.PINSet)), KeyAgreement: mustPublic(f),
			PinUvAuthParam: make([]byte, 32), NewPINEnc: make([]byte, 80), PINHashEnc: make([]byte, 32), Permissions: ptr(uint64(3)), RPID: ptr(rpID),
		}},
		{ctap.CommandCredentialManagement, ctap.CredentialManagementRequest{
			SubCommand: ptr(uint64(ctap.CredsEnumBegin)), SubCommandParams: ctap.RawMessage{0xA0},
			PinUvAuthProtocol: ptr(uint64(2)), PinUvAuthParam: make([]byte, 32),
		}},
		{ctap.CommandLargeBlobs, ctap.LargeBlobsRequest{Set: initialLargeBlobs(), Offset: ptr(uint64(0)), Length: ptr(uint64(17))}},
		{ctap.CommandLargeBlobs, ctap.LargeBlobsRequest{Get: ptr(uint64(17)), Offset: ptr(uint64(0))}},
		{ctap.CommandConfig, ctap.ConfigRequest{SubCommand: ptr(uint64(ctap.ConfigSetMinPINLength)), SubCommandParams: ctap.RawMessage{0xA1, 1, 8}}},
	} {
		request := []byte{byte(r.cmd)}
		if r.params != nil {
			body, err := ctap.Marshal(r.params)
			if err != nil {
				f.Fatal(err)
			}
			request = append(request, body...)
		}
		requests = append(requests, request)
	}
	return requests
}

func mustPublic(f *testing.F) *ctap.KeyAgreementKey {
	f.Helper()
	k, err := pinuv.NewKeyAgreement()
	if err != nil {
		f.Fatal(err)
	}
	return k.Public()
}
