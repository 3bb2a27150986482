package tpm

import (
	"context"
	"fmt"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
)

// AttestationRoot implements keystore.AttestationIssuer. The key of the
// certificate was dropped when it was made.
func (r *Root) AttestationRoot(ctx context.Context) (der []byte, err error) {
	err = r.chip.run(ctx, func(transport.TPM) error {
		if n := len(r.rec.Chain); n > 0 {
			der = r.rec.Chain[n-1]
			return nil
		}
		return keystore.ErrCorrupt
	})
	if err != nil {
		return nil, fmt.Errorf("read the TPM's attestation root: %w", err)
	}
	return der, nil
}

var _ keystore.AttestationIssuer = (*Root)(nil)
