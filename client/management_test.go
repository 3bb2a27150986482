package client_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
)

// token gets one with permissions.
func token(t *testing.T, a *client.Authenticator, permissions uint64) *client.Token {
	t.Helper()
	tok, err := a.TokenByPIN(t.Context(), 2, []byte(pin), permissions, "")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestCredentialManagement(t *testing.T) {
	ctx, s := t.Context(), newSite(t)
	c, _ := page(t, authenticator.SecurityKey())
	a := client.New(c.Device)
	for _, p := range []uint64{ctap.PermissionCM, ctap.PermissionPCMR} {
		tok := token(t, a, p)
		if list, err := a.RelyingParties(ctx, tok); err != nil || list != nil {
			t.Errorf("relying parties %v, error %v", list, err)
		}
		if list, err := a.Credentials(ctx, tok, sha256.Sum256([]byte("example.com"))); err != nil || list != nil {
			t.Errorf("credentials %v, error %v", list, err)
		}
	}
	for _, id := range []string{"alice", "bob", "carol"} {
		if _, err := s.register(c, &account{id: id}, discoverable()); err != nil {
			t.Fatal(err)
		}
	}
	tok := token(t, a, ctap.PermissionCM)
	n, room, err := a.CredentialCount(ctx, tok)
	if err != nil || n != 3 || room == 0 {
		t.Errorf("%d credentials and room for %d, error %v", n, room, err)
	}
	rps, err := a.RelyingParties(ctx, tok)
	if err != nil || len(rps) != 1 || rps[0].ID != "example.com" || rps[0].IDHash != sha256.Sum256([]byte("example.com")) {
		t.Fatalf("relying parties %v, error %v", rps, err)
	}
	list, err := a.Credentials(ctx, tok, rps[0].IDHash)
	if err != nil || len(list) != 3 {
		t.Fatalf("credentials %v, error %v", list, err)
	}
	names := map[string]ctap.Descriptor{}
	for _, c := range list {
		names[string(c.User.ID)+" "+c.User.DisplayName] = c.ID
		if _, _, err := ctap.UnmarshalPublicKey(c.PublicKey); err != nil || c.CredProtect < 1 {
			t.Errorf("credential %+v, error %v", c, err)
		}
	}
	bob, ok := names["bob Who bob"]
	if !ok {
		t.Fatalf("names %v", names)
	}
	if err := a.UpdateUser(ctx, tok, bob.ID, ctap.User{ID: []byte("bob"), Name: "robert"}); err != nil {
		t.Error(err)
	}
	if err := a.UpdateUser(ctx, tok, bob.ID, ctap.User{ID: []byte("eve"), Name: "robert"}); !errors.Is(err, ctap.ErrInvalidParameter) {
		t.Errorf("another user: %v", err)
	}
	if err := a.DeleteCredential(ctx, tok, names["alice Who alice"].ID); err != nil {
		t.Error(err)
	}
	if list, err = a.Credentials(ctx, tok, rps[0].IDHash); err != nil || len(list) != 2 {
		t.Fatalf("credentials %v, error %v", list, err)
	}
	if list[0].User.Name != "robert" && list[1].User.Name != "robert" {
		t.Errorf("credentials %v", list)
	}
	if _, _, err := a.CredentialCount(ctx, nil); !errors.Is(err, ctap.ErrPUATRequired) {
		t.Errorf("without token: %v", err)
	}
	if err := a.DeleteCredential(ctx, token(t, a, ctap.PermissionPCMR), bob.ID); err == nil {
		t.Error("the persistent token deletes")
	}
}

func TestConfig(t *testing.T) {
	ctx := t.Context()
	c, _ := page(t, authenticator.SecurityKey())
	a := client.New(c.Device)
	tok := token(t, a, ctap.PermissionACFG)
	if err := a.ToggleAlwaysUV(ctx, tok); err != nil {
		t.Fatal(err)
	}
	length := uint64(8)
	if err := a.SetMinPINLength(ctx, tok, &ctap.SetMinPINLengthParams{NewMinPINLength: &length}); err != nil {
		t.Fatal(err)
	}
	info, err := a.GetInfo(ctx)
	if err != nil || !info.Options["alwaysUv"] || info.MinPINLength != 8 || !info.ForcePINChange {
		t.Errorf("getInfo %+v, error %v", info, err)
	}
	for _, call := range []func() error{
		func() error { return a.EnableEnterpriseAttestation(ctx, nil) },
		func() error { return a.EnableLongTouchForReset(ctx, nil) },
	} {
		var status ctap.Status
		if err := call(); !errors.As(err, &status) {
			t.Errorf("error %v has no status", err)
		}
	}
}

func TestPINLife(t *testing.T) {
	ctx := t.Context()
	c, _ := page(t, authenticator.SecurityKey())
	a := client.New(c.Device)
	if err := a.SetPIN(ctx, 2, []byte(pin)); !errors.Is(err, ctap.ErrPINAuthInvalid) {
		t.Errorf("a second first PIN: %v", err)
	}
	if err := a.ChangePIN(ctx, 1, []byte("000000"), []byte("654321")); !errors.Is(err, ctap.ErrPINInvalid) {
		t.Errorf("change by a wrong PIN: %v", err)
	}
	if n, powerCycle, err := a.PINRetries(ctx); n != 7 || powerCycle || err != nil {
		t.Errorf("%d tries, restart %t, error %v", n, powerCycle, err)
	}
	if err := a.ChangePIN(ctx, 1, []byte(pin), []byte("654321")); err != nil {
		t.Error(err)
	}
	if _, err := a.LegacyToken(ctx, 1, []byte("654321")); err != nil {
		t.Error(err)
	}
	if _, err := a.TokenByUV(ctx, 2, ctap.PermissionGA, "example.com"); !errors.Is(err, ctap.ErrInvalidSubcommand) {
		t.Errorf("built-in verification on a device without: %v", err)
	}
	if err := a.Selection(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Reset(ctx); err != nil {
		t.Error(err)
	}
	if info, err := a.GetInfo(ctx); err != nil || info.Options["clientPin"] {
		t.Errorf("after the reset: %+v, error %v", info, err)
	}
}

func TestBuiltInVerificationRetries(t *testing.T) {
	c, _ := page(t, authenticator.Platform())
	if n, err := client.New(c.Device).UVRetries(t.Context()); err != nil || n != ctap.MaxPINRetries {
		t.Errorf("%d tries, error %v", n, err)
	}
}

// The array is written in as many parts as the door's messages need.
func TestLargeBlobArrayOnDevice(t *testing.T) {
	ctx := t.Context()
	c, _ := page(t, authenticator.SecurityKey())
	a := client.New(c.Device)
	info, err := a.GetInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	array, err := a.ReadLargeBlobs(ctx, info)
	if err != nil || array.Len() != 0 {
		t.Fatalf("%d blobs, error %v", array.Len(), err)
	}
	tok := token(t, a, ctap.PermissionLBW)
	for i := range 40 {
		key, data := sha256.Sum256([]byte{byte(i)}), bytes.Repeat([]byte(fmt.Sprint(sha256.Sum256([]byte{byte(i)}))), 2)
		if err := array.Put(key[:], data); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.WriteLargeBlobs(ctx, info, tok, array); err != nil {
		t.Fatal(err)
	}
	if array, err = a.ReadLargeBlobs(ctx, info); err != nil || array.Len() != 40 {
		t.Fatalf("%d blobs, error %v", array.Len(), err)
	}
	key := sha256.Sum256([]byte{39})
	if data, ok := array.Find(key[:]); !ok || !bytes.HasPrefix(data, []byte("[")) {
		t.Errorf("blob %q, %t", data, ok)
	}
	if err := a.WriteLargeBlobs(ctx, info, nil, array); !errors.Is(err, ctap.ErrPUATRequired) {
		t.Errorf("without token: %v", err)
	}
	if err := array.Put(key[:], incompressible(int(info.MaxSerializedLargeBlobArray))); err != nil {
		t.Fatal(err)
	}
	if err := a.WriteLargeBlobs(ctx, info, tok, array); !errors.Is(err, ctap.ErrLargeBlobStorageFull) {
		t.Errorf("too much: %v", err)
	}
}

func incompressible(n int) []byte {
	var data []byte
	for sum := sha256.Sum256(nil); len(data) < n; sum = sha256.Sum256(sum[:]) {
		data = append(data, sum[:]...)
	}
	return data[:n]
}
