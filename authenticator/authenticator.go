// Package authenticator is the device: every CTAP 2.3 command, with no I/O of
// its own. It is given what it needs of the world in a Config, and answers
// requests through the methods of ctap.Handler.
package authenticator

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-77d61853/signet/keystore"
)

// Config is all that the device sees of the outside world. The zero Config is a
// working device in memory whose person always refuses.
type Config struct {
	Profile Profile        // zero: SecurityKey()
	Root    keystore.Root  // keeps the keys; nil: memory
	Vault   keystore.Vault // remembers the credentials; nil: memory
	User    User           // asks the person; nil: refuses
	// Copyable tells, when a vault is first used, whether its passkeys may be
	// copied to another device: their backup flags, which never change.
	Copyable bool
	Now      func() time.Time // nil: time.Now
	// Seed makes whatever is random a function of the seed, the site and the
	// user; nil: crypto/rand.
	Seed []byte
	Log  *slog.Logger // nil: silent
}

// New starts a device. It finishes what a crash left half done, and fails
// rather than start afresh on a vault or root that it cannot read.
// The caller closes the device, then the root and the vault that it gave.
func New(ctx context.Context, cfg Config) (*Authenticator, error) { return nil, nil }

// Authenticator is one device. It implements ctap.Handler.
type Authenticator struct{}

// Close ends the device: tokens die, the gate is shut, what was kept in memory
// is written.
func (a *Authenticator) Close(ctx context.Context) error { return nil }

// Lock ends tokens and shuts the PIN gate. Ungated passkeys stay usable.
func (a *Authenticator) Lock(ctx context.Context) {}
