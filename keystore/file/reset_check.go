package file

import (
	"context"
	"fmt"

	"github.com/seed-77d61853/signet/keystore"
)

// CheckReset implements keystore.ResetChecker. It writes the file as it is once
// more: where there is no room for that, there is none for a reset.
func (r *Root) CheckReset(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.SaveTo(ctx, r.seal.save); err != nil {
		return fmt.Errorf("reset root file %s: %w", r.path, err)
	}
	return nil
}

var _ keystore.ResetChecker = (*Root)(nil)
