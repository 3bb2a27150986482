package tpm

import (
	"context"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

var (
	_ keystore.Exporter = (*Root)(nil)
	_ keystore.Importer = (*Root)(nil)
	_ keystore.Locator  = (*Root)(nil)
)

// ExportKey implements keystore.Exporter: keystore.ErrInChip for keys in the chip.
func (r *Root) ExportKey(ctx context.Context, h keystore.Handle, binding []byte) (ctap.Algorithm, []byte, error) {
	if r.InChip(h) {
		return 0, nil, fmt.Errorf("export key: %w", keystore.ErrInChip)
	}
	return r.rings.ExportKey(ctx, h, binding)
}

// ImportKey implements keystore.Importer: the key is sealed to the TPM, not in it.
func (r *Root) ImportKey(ctx context.Context, alg ctap.Algorithm, private, binding []byte, p keystore.Protection) (keystore.Handle, error) {
	if r.opts.HardwareOnly {
		return nil, fmt.Errorf("import a key of %v into a root of hardware keys only: %w", alg, keystore.ErrUnsupported)
	}
	return r.rings.ImportKey(ctx, alg, private, binding, p)
}

// InChip implements keystore.Locator.
func (r *Root) InChip(h keystore.Handle) bool { return len(h) > 0 && h[0] == chipKey }
