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

// Labels of a credential's two secrets, one for the verified and one for the
// merely present.
const (
	labelWithoutUV = "CredRandomWithoutUV"
	labelWithUV    = "CredRandomWithUV"
)

// credRandom returns one of a credential's two secrets, which the caller wipes.
// Both are the root's to derive and known to no one else, unless the credential
// brought them from another root; the verified one lies behind the PIN gate.
func (a *Authenticator) credRandom(ctx context.Context, c *credential, uv bool) (random [32]byte, err error) {
	label, protection, brought := labelWithoutUV, keystore.Ungated, c.WithoutUV
	if uv {
		label, protection, brought = labelWithUV, keystore.Gated, c.WithUV
	}
	if len(brought) == 0 {
		if random, err = a.root.Derive(ctx, label, c.ID, protection); err != nil {
			err = fmt.Errorf("derive %s: %w", label, err)
		}
		return random, err
	}
	plain, err := a.root.Unseal(ctx, brought, credRandomBinding(label, c.ID))
	defer clear(plain)
	if err == nil && len(plain) != len(random) {
		err = keystore.ErrCorrupt
	}
	if err != nil {
		return random, fmt.Errorf("open %s: %w", label, err)
	}
	copy(random[:], plain)
	return random, nil
}

func credRandomBinding(label string, credentialID []byte) []byte {
	return append([]byte(label), credentialID...)
}

// evaluateHMACSecret computes the outputs for a credential and encrypts them.
func (a *Authenticator) evaluateHMACSecret(ctx context.Context, h *hmacSecret, c *credential, uv bool) (ctap.Bytes, error) {
	credRandom, err := a.credRandom(ctx, c, uv)
	if errors.Is(err, keystore.ErrGateShut) {
		return nil, fmt.Errorf("%w: %w", ctap.ErrOperationDenied, err)
	}
	if err != nil {
		return nil, err
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
