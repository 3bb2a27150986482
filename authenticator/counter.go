package authenticator

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/seed-77d61853/signet/keystore"
)

// counter makes signature counters (WebAuthn §6.1.1) that never go back, also
// over a crash, and yet cost no write:
//
//	signCount = start (random, of the credential, below 2^24)
//	          + run · 4096 (durable; rises at the first use of a passkey after
//	            each start, and when a range is spent)
//	          + uses of the credential in this run
//
// A run begins no earlier than it is needed: a start without a use costs neither
// one of the million runs that 32 bits have room for, nor a write of a chip.
// There is no counter that two sites could compare. Passkeys that may be copied
// have the constant 0, since copies cannot count together.
type counter struct {
	uses map[[credentialIDLength]byte]uint32 // nil: no run has begun since the start
}

const (
	counterRange = 1 << 12
	// counterCredentials bounds the uses that are kept in memory; beyond, a new
	// run begins.
	counterCredentials = 1 << 16
)

// next returns the counter for one use of c.
func (a *Authenticator) next(ctx context.Context, c *credential) (uint32, error) {
	if a.state.Copyable {
		return 0, nil
	}
	id := [credentialIDLength]byte(c.ID)
	uses := a.counter.uses[id] + 1
	if a.counter.uses == nil || uses >= counterRange || len(a.counter.uses) >= counterCredentials {
		run, base, err := a.nextRun(ctx)
		if err != nil {
			return 0, err
		}
		if err := a.change(ctx, func(s *state) { s.Run, s.RunBase = run, base }); err != nil {
			return 0, err
		}
		a.counter.uses, uses = map[[credentialIDLength]byte]uint32{}, 1
	}
	a.counter.uses[id] = uses
	// At the end of all runs it stands still, rather than going back.
	return uint32(min(uint64(c.CounterStart)+a.state.Run*counterRange+uint64(uses), math.MaxUint32)), nil
}

// nextRun gives the number of a new run. A chip that counts counts it: then a
// vault that was put back from a copy does not make counters go back, and the
// gap shows it.
func (a *Authenticator) nextRun(ctx context.Context) (run, base uint64, err error) {
	run, base = a.state.Run+1, a.state.RunBase
	chip, ok := a.root.(keystore.Counter)
	if !ok || a.state.Copyable {
		return run, 0, nil
	}
	number, err := chip.NextRun(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("count a run: %w", err)
	}
	if base == 0 {
		// The store is new, or came from a root that does not count.
		base = number - run
	}
	if ahead := number - base; ahead > run {
		a.log.Warn("the chip has counted more runs than the vault: the vault was put back from a copy", "ahead", ahead-run)
		run = ahead
	}
	return run, base, nil
}

// counterStart draws a new credential's offset.
func (a *Authenticator) counterStart(credentialID []byte) uint32 {
	b := a.random.bytes(4, "counter", credentialID)
	return binary.BigEndian.Uint32(b) >> 8
}
