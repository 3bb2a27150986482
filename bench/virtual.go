package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/descope/virtualwebauthn"
)

// virtuals compares descope/virtualwebauthn with the bare signature, at what
// browsers measures of ours: it has no CTAP and no rules of a browser between the
// options and the response.
func virtuals(context.Context, string) ([]comparison, error) {
	signature, err := bareSignature()
	if err != nil {
		return nil, err
	}
	return []comparison{{
		clock:     processorTime,
		name:      "virtualwebauthn: get",
		subject:   newVirtual(1).get,
		reference: signature,
	}}, nil
}

// fullVirtual is one with many passkeys.
func fullVirtual(signature func() error) comparison {
	var full *virtual
	return comparison{
		clock:     processorTime,
		name:      fmt.Sprintf("virtualwebauthn: get, 1 of %d", many),
		prepare:   func() error { full = newVirtual(many); return nil },
		subject:   func() error { return full.get() },
		reference: signature,
	}
}

// virtual is a virtualwebauthn.Authenticator, and what asks for a credential of it.
type virtual struct {
	rp            virtualwebauthn.RelyingParty
	authenticator virtualwebauthn.Authenticator
	options       string
}

// newVirtual makes an authenticator with so many credentials; all have one key, which
// it parses at each signature anyway.
func newVirtual(credentials int) *virtual {
	v := &virtual{
		rp:            virtualwebauthn.RelyingParty{ID: "login.example", Name: "Bench", Origin: "https://login.example"},
		authenticator: virtualwebauthn.NewAuthenticator(),
	}
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2).Key
	for range credentials {
		v.authenticator.AddCredential(virtualwebauthn.NewCredentialWithImportedKey(key.Type, key.Data))
	}
	wanted := v.authenticator.Credentials[credentials/2].ID
	v.options = string(requestOptions(v.rp.ID, base64.RawURLEncoding.EncodeToString(wanted)))
	return v
}

func (v *virtual) get() error {
	options, err := virtualwebauthn.ParseAssertionOptions(v.options)
	if err != nil {
		return err
	}
	credential := v.authenticator.FindAllowedCredential(*options)
	if credential == nil {
		return errors.New("virtualwebauthn has no such credential")
	}
	virtualwebauthn.CreateAssertionResponse(v.rp, v.authenticator, *credential, *options)
	return nil
}
