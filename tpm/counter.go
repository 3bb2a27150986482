package tpm

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// makeCounter defines the counter and makes it count; orderly where the chip
// has such.
func makeCounter(t transport.TPM, p *parent, rec *record, password []byte) (orderly bool, err error) {
	orderly = true
	err = counterIndex(rec.Counter, orderly).define(t, p, password, rec.Auth)
	if err != nil && (refused(err) || is(err, tpm2.TPMRCNVSpace)) {
		orderly = false
		err = counterIndex(rec.Counter, orderly).define(t, p, password, rec.Auth)
	}
	if err != nil {
		return false, err
	}
	return orderly, increment(t, p, counterIndex(rec.Counter, orderly), rec.Auth)
}

func increment(t transport.TPM, p *parent, x index, auth []byte) error {
	_, err := tpm2.NVIncrement{AuthHandle: x.by(p.hmac(auth)), NVIndex: x.named()}.Execute(t)
	return err
}

// NextRun raises the chip's counter and returns it: a number above all that it
// returned before, also before a reset, a restored disk and a power cut, which
// may skip some hundreds. It tells a restored vault: one that has seen a higher
// number than its own last one.
func (r *Root) NextRun(ctx context.Context) (uint64, error) {
	n, err := do(ctx, r.chip, func(t transport.TPM) (uint64, error) {
		x := counterIndex(r.rec.Counter, r.rec.Orderly).written()
		if err := increment(t, r.parent, x, r.rec.Auth); err != nil {
			return 0, r.counterError(t, x, err)
		}
		got, err := tpm2.NVRead{AuthHandle: x.by(r.parent.hmac(r.rec.Auth)), NVIndex: x.named(), Size: 8}.Execute(t)
		if err != nil {
			return 0, r.counterError(t, x, err)
		}
		if len(got.Data.Buffer) != 8 {
			return 0, fmt.Errorf("a counter of %d bytes", len(got.Data.Buffer))
		}
		return binary.BigEndian.Uint64(got.Data.Buffer), nil
	}, nil)
	if err != nil {
		return 0, fmt.Errorf("raise the TPM's counter: %w", err)
	}
	return n, nil
}

func (r *Root) counterError(t transport.TPM, x index, err error) error {
	if lost(err) {
		return err
	}
	if checked := x.check(t); checked != nil {
		return checked
	}
	return err
}
