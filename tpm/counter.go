package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// makeCounter defines the counter and makes it count.
func (s setup) makeCounter(rec *record) error {
	x := counterIndex(rec.Counter)
	if err := x.define(s, s.parent, s.password, rec.Auth); err != nil {
		return err
	}
	return increment(s, s.parent, x, rec.Auth)
}

func increment(t transport.TPM, p *parent, x index, auth []byte) error {
	_, err := tpm2.NVIncrement{AuthHandle: x.by(p.hmac(auth)), NVIndex: x.named()}.Execute(t)
	return err
}

// NextRun raises the chip's counter by one and returns it: a number above all
// that it returned before, also before a reset, a restored disk and a power
// cut. It costs the chip one NV write. Where someone removed the counter it is
// made again, which takes the owner's authorization.
func (r *Root) NextRun(ctx context.Context) (uint64, error) {
	n, err := do(ctx, r.chip, func(t transport.TPM) (uint64, error) {
		x := counterIndex(r.rec.Counter).written()
		err := increment(t, r.parent, x, r.rec.Auth)
		if err != nil {
			err = r.counterError(t, x, err)
		}
		if errors.Is(err, ErrIndexMissing) {
			// A chip begins a new counter above all that it ever had.
			err = r.setup(t).makeCounter(r.rec)
		}
		if err != nil {
			return 0, err
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
