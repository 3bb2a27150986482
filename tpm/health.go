package tpm

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// Health is what a TPM says of itself, without any password.
type Health struct {
	Manufacturer string // up to four letters, such as "INTC"
	Model        string
	Firmware     string // two hexadecimal numbers

	// OwnerPassword tells that the owner has a password: then Create, Reset
	// and Destroy need it.
	OwnerPassword bool
	// LockedOut tells that the protection against guessing is in force, after
	// Failures wrong guesses of at most MaxFailures. One is forgiven each
	// Recovery. Signet's own keys and PINs do not count here, and are not
	// locked by it.
	LockedOut   bool
	Failures    uint32
	MaxFailures uint32
	Recovery    time.Duration

	// Room for keys that are kept, keys that are loaded, and sessions.
	PersistentFree, TransientFree, SessionsFree uint32

	// Indices are those in the range that Signet takes its own from.
	Indices []Index
}

// An Index is an NV index in the TPM.
type Index struct {
	Handle uint32
	// Purpose is what an index of Signet's with these attributes is for; empty
	// for one that no root of Signet's made.
	Purpose string
	// Mine tells that it belongs to the root that was asked.
	Mine bool
}

// Purposes of indices.
const (
	PurposeDevice  = "device secret"
	PurposeTries   = "PIN tries"
	PurposeSecret  = "gate secret"
	PurposeCounter = "run number"
)

// Inspect asks a TPM about its health.
func Inspect(ctx context.Context, open Opener) (*Health, error) {
	c := newChip(open)
	defer c.close()
	h, err := do(ctx, c, inspect, nil)
	if err != nil {
		return nil, fmt.Errorf("inspect TPM: %w", err)
	}
	return h, nil
}

// Health asks the root's TPM about its health.
func (r *Root) Health(ctx context.Context) (*Health, error) {
	h, err := do(ctx, r.chip, func(t transport.TPM) (*Health, error) {
		h, err := inspect(t)
		if err != nil {
			return nil, err
		}
		mine := map[tpm2.TPMHandle]bool{
			r.rec.Device: true, r.rec.Counter: true, r.rec.Gate.Tries: true, r.rec.Gate.Secret: true,
		}
		for i, x := range h.Indices {
			h.Indices[i].Mine = mine[tpm2.TPMHandle(x.Handle)]
		}
		return h, nil
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("inspect TPM: %w", err)
	}
	return h, nil
}

// Bits of TPM_PT_PERMANENT.
const (
	ownerAuthSet = 1 << 0
	inLockout    = 1 << 9
)

func inspect(t transport.TPM) (*Health, error) {
	id, err := readIdentity(t)
	if err != nil {
		return nil, err
	}
	props, err := properties(t, tpm2.TPMPTPermanent, uint32(tpm2.TPMPTLockoutRecovery-tpm2.TPMPTPermanent)+1)
	if err != nil {
		return nil, err
	}
	h := &Health{
		Manufacturer:   plain(string(binary.BigEndian.AppendUint32(nil, id.manufacturer))),
		Model:          plain(id.model),
		Firmware:       fmt.Sprintf("%x.%x", uint32(id.firmware>>32), uint32(id.firmware)),
		OwnerPassword:  props[tpm2.TPMPTPermanent]&ownerAuthSet != 0,
		LockedOut:      props[tpm2.TPMPTPermanent]&inLockout != 0,
		Failures:       props[tpm2.TPMPTLockoutCounter],
		MaxFailures:    props[tpm2.TPMPTMaxAuthFail],
		Recovery:       time.Duration(props[tpm2.TPMPTLockoutInterval]) * time.Second,
		PersistentFree: props[tpm2.TPMPTHRPersistentAvail],
		TransientFree:  props[tpm2.TPMPTHRTransientAvail],
		SessionsFree:   props[tpm2.TPMPTHRActiveAvail],
	}
	h.Indices, err = listIndices(t)
	return h, err
}

// plain leaves what is printable ASCII of a text that a chip gives.
func plain(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text))
}

// listIndices lists the indices in the range.
func listIndices(t transport.TPM) ([]Index, error) {
	var indices []Index
	for next := firstIndex; ; {
		r, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: uint32(next), PropertyCount: 64}.Execute(t)
		if err != nil {
			return nil, err
		}
		handles, err := r.CapabilityData.Data.Handles()
		if err != nil {
			return nil, err
		}
		for _, h := range handles.Handle {
			if h < firstIndex || h > lastIndex {
				return indices, nil
			}
			x, err := readIndex(t, h)
			if err != nil {
				return nil, err
			}
			if x != nil {
				indices = append(indices, Index{Handle: uint32(h), Purpose: x.purpose()})
			}
			next = h + 1
		}
		if !r.MoreData || len(handles.Handle) == 0 {
			return indices, nil
		}
	}
}

// purpose recognizes an index by all but its handle and policy.
func (x index) purpose() string {
	for _, known := range []struct {
		index
		purpose string
	}{
		{deviceIndex(x.handle()), PurposeDevice},
		{counterIndex(x.handle()), PurposeCounter},
		{triesIndex(x.handle(), x.public.AuthPolicy, true), PurposeTries},
		{triesIndex(x.handle(), x.public.AuthPolicy, false), PurposeTries},
		{secretIndex(x.handle(), x.public.AuthPolicy), PurposeSecret},
	} {
		if x.like(known.index) {
			return known.purpose
		}
	}
	return ""
}
