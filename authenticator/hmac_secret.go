package authenticator

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
)

// hmacSecret is a checked and decrypted input of hmac-secret or hmac-secret-mc
// (§12.7, §12.8).
type hmacSecret struct {
	secret *pinuv.SharedSecret
	salts  []byte // one or two of 32 bytes
}

func (h *hmacSecret) wipe() {
	h.secret.Wipe()
	clear(h.salts)
}

func (h *hmacSecret) clone() *hmacSecret {
	secret := *h.secret
	return &hmacSecret{secret: &secret, salts: append([]byte{}, h.salts...)}
}

const saltLength = 32

// parseHMACSecret checks the salts' authentication and decrypts them; nil where
// the request does not use the extension. Without a person's presence there is no
// output to ask for.
func (a *Authenticator) parseHMACSecret(in ctap.Extensions, id string, up bool) (*hmacSecret, error) {
	var input ctap.HMACSecretInput
	ok, err := a.input(in, id, &input)
	if err != nil || !ok {
		return nil, err
	}
	if input.KeyAgreement == nil || input.SaltEnc == nil || input.SaltAuth == nil {
		return nil, ctap.ErrMissingParameter
	}
	p := pinuv.One
	if input.PinUvAuthProtocol != nil {
		if p, err = protocolOf(input.PinUvAuthProtocol); err != nil {
			return nil, err
		}
	}
	if !up {
		return nil, ctap.ErrUnsupportedOption
	}
	secret, err := a.decapsulate(p, input.KeyAgreement)
	if err != nil {
		return nil, err
	}
	h := &hmacSecret{secret: secret}
	if !secret.Verify(input.SaltAuth, input.SaltEnc) {
		h.wipe()
		return nil, ctap.ErrPINAuthInvalid
	}
	h.salts, err = secret.Decrypt(input.SaltEnc)
	if err != nil || len(h.salts) != saltLength && len(h.salts) != 2*saltLength {
		h.wipe()
		return nil, errors.Join(ctap.ErrInvalidParameter, err)
	}
	return h, nil
}

// evaluateHMACSecret computes the outputs for a credential and encrypts them.
// Each credential has two secrets, one for the verified and one for the merely
// present, both derived by the root and known to no one else; the verified one
// lies behind the PIN gate.
func (a *Authenticator) evaluateHMACSecret(ctx context.Context, h *hmacSecret, credentialID []byte, uv bool) (ctap.Bytes, error) {
	label, protection := "CredRandomWithoutUV", keystore.Ungated
	if uv {
		label, protection = "CredRandomWithUV", keystore.Gated
	}
	credRandom, err := a.root.Derive(ctx, label, credentialID, protection)
	if errors.Is(err, keystore.ErrGateShut) {
		return nil, fmt.Errorf("%w: %w", ctap.ErrOperationDenied, err)
	}
	if err != nil {
		return nil, fmt.Errorf("derive %s: %w", label, err)
	}
	defer clear(credRandom[:])
	var out []byte
	for salt := h.salts; len(salt) > 0; salt = salt[saltLength:] {
		mac := hmac.New(sha256.New, credRandom[:])
		mac.Write(salt[:saltLength])
		out = mac.Sum(out)
	}
	defer clear(out)
	encrypted, err := h.secret.Encrypt(out)
	if err != nil {
		return nil, fmt.Errorf("encrypt hmac-secret output: %w", err)
	}
	return encrypted, nil
}
