package pinuv

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// HashPIN returns what pinHashEnc encrypts: the first 16 bytes of the SHA-256 of
// the PIN in UTF-8 (§6.5.5.6).
func HashPIN(pin []byte) [16]byte {
	sum := sha256.Sum256(pin)
	defer clear(sum[:])
	return [16]byte(sum[:16])
}

// PadPIN returns what newPinEnc encrypts: the PIN in UTF-8 followed by zeros, 64
// bytes (§6.5.5.5). The error is ctap.ErrPINPolicyViolation for a PIN of more
// than 63 bytes, and for one that ends in a zero byte, which UnpadPIN would take
// for padding. Whether a PIN is long enough is the authenticator's to say.
func PadPIN(pin []byte) ([]byte, error) {
	if len(pin) > ctap.MaxPINBytes || bytes.HasSuffix(pin, []byte{0}) {
		return nil, fmt.Errorf("pad PIN: %w", ctap.ErrPINPolicyViolation)
	}
	padded := make([]byte, ctap.PaddedPINLength)
	copy(padded, pin)
	return padded, nil
}

// UnpadPIN undoes PadPIN; pin shares padded's memory. The error is
// ctap.ErrInvalidParameter unless padded is 64 bytes, and
// ctap.ErrPINPolicyViolation where it leaves no room for a zero.
func UnpadPIN(padded []byte) (pin []byte, err error) {
	if len(padded) != ctap.PaddedPINLength {
		return nil, fmt.Errorf("padded PIN of %d bytes: %w", len(padded), ctap.ErrInvalidParameter)
	}
	pin = bytes.TrimRight(padded, "\x00")
	if len(pin) > ctap.MaxPINBytes {
		return nil, fmt.Errorf("PIN of more than %d bytes: %w", ctap.MaxPINBytes, ctap.ErrPINPolicyViolation)
	}
	return pin, nil
}
