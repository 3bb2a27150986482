package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
)

// willing agrees to everything, at once.
type willing struct{}

func (willing) Ask(context.Context, authenticator.Prompt) (authenticator.Consent, error) {
	return authenticator.Consent{Present: true}, nil
}

// ceremonies compares an engine in memory, bytes in to bytes out, with the
// cryptography that a ceremony cannot do without.
func ceremonies(ctx context.Context, _ string) ([]comparison, error) {
	profile := authenticator.SecurityKey()
	profile.Attestation = authenticator.PackedSelf
	device, err := authenticator.New(ctx, authenticator.Config{Profile: profile, User: willing{}})
	if err != nil {
		return nil, fmt.Errorf("start device: %w", err)
	}
	session := &ctap.Session{Transport: "usb"}
	call := func(req []byte) ([]byte, error) {
		resp := device.ServeCTAP(ctx, session, req)
		if status := ctap.Status(resp[0]); status != ctap.StatusOK {
			return nil, status
		}
		return resp[1:], nil
	}

	listed, err := register(call, "listed.example", false)
	if err != nil {
		return nil, err
	}
	if _, err := register(call, "discoverable.example", true); err != nil {
		return nil, err
	}
	assertListed, err := request(ctap.CommandGetAssertion, ctap.GetAssertionRequest{
		RPID:           "listed.example",
		ClientDataHash: make([]byte, sha256.Size),
		AllowList:      []ctap.Descriptor{{ID: listed, Type: ctap.TypePublicKey}},
	})
	if err != nil {
		return nil, err
	}
	assertDiscoverable, err := request(ctap.CommandGetAssertion, ctap.GetAssertionRequest{
		RPID:           "discoverable.example",
		ClientDataHash: make([]byte, sha256.Size),
	})
	if err != nil {
		return nil, err
	}

	signature, err := bareSignature()
	if err != nil {
		return nil, err
	}
	// Without rk each is one credential more, whoever the user is.
	makeOne, err := creation("new.example", false)
	if err != nil {
		return nil, err
	}
	return []comparison{
		{
			clock:     processorTime,
			name:      "getAssertion, allowList",
			subject:   func() error { _, err := call(assertListed); return err },
			reference: signature,
		},
		{
			clock:     processorTime,
			name:      "getAssertion, discoverable",
			subject:   func() error { _, err := call(assertDiscoverable); return err },
			reference: signature,
		},
		{
			clock:   processorTime,
			name:    "makeCredential, packed self",
			subject: func() error { _, err := call(makeOne); return err },
			reference: func() error {
				key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					return err
				}
				_, err = key.Sign(rand.Reader, make([]byte, sha256.Size), crypto.SHA256)
				return err
			},
		},
	}, nil
}

// bareSignature signs on P-256 by the call that a device without a seed makes.
func bareSignature() (func() error, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	digest := make([]byte, sha256.Size)
	return func() error { _, err := key.Sign(rand.Reader, digest, crypto.SHA256); return err }, err
}

// creation is a request for an ES256 credential.
func creation(rpID string, discoverable bool) ([]byte, error) {
	return request(ctap.CommandMakeCredential, ctap.MakeCredentialRequest{
		ClientDataHash:   make([]byte, sha256.Size),
		RP:               &ctap.RP{ID: rpID, Name: "Bench"},
		User:             &ctap.User{ID: []byte("user"), Name: "user", DisplayName: "User"},
		PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}},
		Options:          ctap.Options{"rk": discoverable},
	})
}

// register makes a credential and returns its ID.
func register(call func([]byte) ([]byte, error), rpID string, discoverable bool) ([]byte, error) {
	req, err := creation(rpID, discoverable)
	if err != nil {
		return nil, err
	}
	resp, err := call(req)
	if err != nil {
		return nil, fmt.Errorf("makeCredential: %w", err)
	}
	var reply ctap.MakeCredentialResponse
	if err := ctap.Unmarshal(resp, &reply); err != nil {
		return nil, fmt.Errorf("makeCredential's reply: %w", err)
	}
	data, err := ctap.ParseAuthData(reply.AuthData)
	if err != nil {
		return nil, err
	}
	return data.CredentialID, nil
}

func request(cmd ctap.Command, params any) ([]byte, error) {
	body, err := ctap.Marshal(params)
	if err != nil {
		return nil, err
	}
	return append([]byte{byte(cmd)}, body...), nil
}
