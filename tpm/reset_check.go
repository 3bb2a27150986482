package tpm

import (
	"context"
	"fmt"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
)

// CheckReset implements keystore.ResetChecker: ErrOwnerPassword where the owner
// password is missing that a new gate takes.
func (r *Root) CheckReset(ctx context.Context) error {
	if err := r.chip.run(ctx, r.checkReset); err != nil {
		return fmt.Errorf("reset TPM root: %w", err)
	}
	return nil
}

func (r *Root) checkReset(t transport.TPM) error {
	if err := r.parent.check(t); err != nil {
		return err
	}
	if r.rec.Stage != ready {
		return nil // it has been destroyed already: Reset finds out
	}
	return r.checkOwner(t)
}

var _ keystore.ResetChecker = (*Root)(nil)
