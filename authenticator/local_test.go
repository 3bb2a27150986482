package authenticator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// Two devices of one seed answer the same, one in CBOR and one in this process.
func TestLocalCommands(t *testing.T) {
	seeded := func() *device {
		profile := SecurityKey()
		profile.Attestation = PackedSelf
		return newDevice(t, Config{Profile: profile, Root: memory.NewRoot([]byte("local")), Seed: []byte("local")})
	}
	near, far := seeded(), seeded()
	same := func(name string, local, wire any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := ctap.Marshal(local)
		if err != nil {
			t.Fatal(err)
		}
		again := reflect.New(reflect.TypeOf(wire).Elem())
		if err := ctap.Unmarshal(b, again.Interface()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again.Interface(), wire) {
			t.Errorf("%s in this process:\n%+v\nby CBOR:\n%+v", name, again, wire)
		}
	}
	ctx := t.Context()

	var info ctap.GetInfoResponse
	if err := far.send(ctx, ctap.CommandGetInfo, nil, &info); err != nil {
		t.Fatal(err)
	}
	got, err := near.GetInfo(ctx, near.session)
	got.EncIdentifier, info.EncIdentifier = nil, nil // each begins with a fresh IV
	got.EncCredStoreState, info.EncCredStoreState = nil, nil
	same("getInfo", got, &info, err)

	for i := range 2 {
		creation := ctap.MakeCredentialRequest{
			ClientDataHash: make([]byte, 32), RP: &ctap.RP{ID: "login.example"},
			User:             &ctap.User{ID: fmt.Append(nil, "user", i)},
			PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}},
			Options:          ctap.Options{"rk": true},
		}
		var made ctap.MakeCredentialResponse
		if err := far.send(ctx, ctap.CommandMakeCredential, creation, &made); err != nil {
			t.Fatal(err)
		}
		local, err := near.MakeCredential(ctx, near.session, &creation)
		same("makeCredential", local, &made, err)
	}

	request := ctap.GetAssertionRequest{ClientDataHash: make([]byte, 32), RPID: "login.example"}
	var asserted, next ctap.GetAssertionResponse
	if err := far.send(ctx, ctap.CommandGetAssertion, request, &asserted); err != nil {
		t.Fatal(err)
	}
	local, err := near.GetAssertion(ctx, near.session, &request)
	same("getAssertion", local, &asserted, err)
	if err := far.send(ctx, ctap.CommandGetNextAssertion, nil, &next); err != nil {
		t.Fatal(err)
	}
	local, err = near.GetNextAssertion(ctx, near.session)
	same("getNextAssertion", local, &next, err)
}

// A caller in this process sees what a client would: a status.
func TestLocalErrors(t *testing.T) {
	d := newDevice(t, Config{Profile: SecurityKey()})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	want := func(name string, err error, want ctap.Status) {
		t.Helper()
		var status ctap.Status
		if !errors.As(err, &status) || err != error(status) || status != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	ctx := t.Context()
	_, err := d.MakeCredential(ctx, d.session, &ctap.MakeCredentialRequest{})
	want("nothing asked", err, ctap.ErrMissingParameter)
	_, err = d.GetAssertion(ctx, d.session, &ctap.GetAssertionRequest{RPID: "login.example"})
	want("no hash", err, ctap.ErrMissingParameter)
	request := &ctap.GetAssertionRequest{RPID: "login.example", ClientDataHash: make([]byte, 32)}
	_, err = d.GetAssertion(ctx, d.session, request)
	want("no credentials", err, ctap.ErrNoCredentials)
	_, err = d.GetAssertion(cancelled, d.session, request)
	want("cancelled", err, ctap.ErrKeepaliveCancel)
	_, err = d.GetNextAssertion(ctx, d.session)
	want("nothing pending", err, ctap.ErrNotAllowed)
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = d.GetInfo(ctx, d.session)
	want("closed", err, ctap.ErrNotAllowed)
}
