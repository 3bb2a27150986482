// Package authenticator is the device: every CTAP 2.3 command, with no I/O of
// its own. It is given what it needs of the world in a Config, and answers
// requests through the methods of ctap.Handler.
//
// One command is one file, with its steps in the standard's order and numbered
// as there (CTAP 2.3, Proposed Standard of 26 February 2026).
package authenticator

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// Config is all that the device sees of the outside world. The zero Config is a
// working device in memory whose person always refuses.
type Config struct {
	Profile Profile        // zero: SecurityKey()
	Root    keystore.Root  // keeps the keys; nil: memory
	Vault   keystore.Vault // remembers the credentials; nil: memory
	User    User           // asks the person; nil: refuses
	// Copyable tells, when a vault is new, whether its passkeys may be
	// copied to another device: their backup flags, which never change.
	Copyable bool
	// BackedUp tells of a Copyable device that each passkey has a copy as soon as
	// it is made, so that Owner.BackedUp need not be called. It counts when a vault
	// is new, and after each reset.
	BackedUp bool
	// AllowRPIDs limits the sites at which passkeys are made and used; nil: all.
	// See AllowsRPID. Those of other sites stay, and can be looked after.
	AllowRPIDs []string
	// HardwareOnly refuses keys that are not in a chip: none is made, and
	// those that are there are not used.
	HardwareOnly bool
	Now          func() time.Time // nil: time.Now
	// Seed makes whatever is random in a credential a function of the seed,
	// the site and the user; nil: crypto/rand. For tests only.
	Seed []byte
	Log  *slog.Logger // nil: silent
}

// Authenticator is one device. It implements ctap.Handler; all its methods are
// safe for concurrent use.
type Authenticator struct {
	// Constant after New.
	profile Profile
	root    keystore.Root
	gate    keystore.Gate
	vault   *recent
	user    User
	now     func() time.Time
	random  *random
	log     *slog.Logger
	started time.Time
	// See Config.
	allowRPIDs   []string
	hardwareOnly bool
	backedUp     bool

	// u2f tells whether U2F is spoken now: the state's AlwaysUv, for doors that
	// must not wait for the turn.
	u2f atomic.Bool

	// asking holds one token: whoever has it is asking the person.
	asking chan struct{}

	// turn guards what follows. A command holds it from start to end but while
	// the person is being asked (see ask): what was read before a question has
	// to be read again after it.
	turn sync.Mutex

	state         state  // as in the vault
	pinSet        bool   // as the gate says, or the state does
	pins          uint64 // rises whenever the PIN is set, changed or removed
	pin           pinState
	token         token
	keyAgreements map[pinuv.Protocol]*pinuv.KeyAgreement // made when first asked for
	pending       pending
	touches       map[*ctap.Session]*touch // U2F requests that wait for a touch
	counter       counter
	lastUse       lastUse
	removals      uint64 // rises whenever a credential goes
	// verifying counts the commands under way that rest on the open gate
	// without a token: it stays open for them.
	verifying int
	opened    bool        // the gate, since it was last shut
	gateTimer *time.Timer // looks again whether the gate should be shut
	closed    bool
	// See FinishedReset.
	finishedReset bool
}

var _ ctap.Handler = (*Authenticator)(nil)

// New starts a device. It finishes what a crash left half done, and fails
// rather than start afresh on a vault or root that it cannot read.
// The caller closes the device, then the root and the vault that it gave.
func New(ctx context.Context, cfg Config) (*Authenticator, error) {
	a := &Authenticator{
		profile: cfg.Profile,
		root:    cfg.Root,
		vault:   &recent{Vault: cfg.Vault},
		user:    cfg.User,
		random:  newRandom(cfg.Seed),
		log:     cfg.Log,
		asking:  make(chan struct{}, 1),
		touches: map[*ctap.Session]*touch{},

		allowRPIDs:   cfg.AllowRPIDs,
		hardwareOnly: cfg.HardwareOnly,
		backedUp:     cfg.BackedUp,
	}
	if a.profile.Name == "" {
		a.profile = SecurityKey()
	}
	if err := a.profile.check(); err != nil {
		return nil, fmt.Errorf("profile %s: %w", a.profile.Name, err)
	}
	a.profile.settle()
	if a.root == nil {
		a.root = memory.NewRoot(a.random.seedFor("memory root"))
	}
	if a.vault.Vault == nil {
		a.vault.Vault = memory.NewVault()
	}
	if a.user == nil {
		a.user = nobody{}
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	// The monotonic clock stands still while a machine sleeps, and a token must
	// not outlive its limits by that: so the wall clock counts.
	a.now = func() time.Time { return now().Round(0) }
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.gate = a.root.Gate()
	a.started = a.now()
	if err := a.load(ctx, cfg.Copyable); err != nil {
		return nil, err
	}
	return a, nil
}

// nobody refuses.
type nobody struct{}

func (nobody) Ask(context.Context, Prompt) (Consent, error) { return Consent{}, nil }

// Close ends the device: what was kept in memory is written, tokens die, prompts
// of U2F requests are taken away and the gate is shut.
func (a *Authenticator) Close(ctx context.Context) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	err := a.flushLastUse(ctx)
	a.closed = true
	for s := range a.touches {
		a.dropTouch(s)
	}
	a.lock()
	return err
}

// Lock ends tokens and shuts the PIN gate. Ungated passkeys stay usable.
func (a *Authenticator) Lock(context.Context) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.lock()
}

func (a *Authenticator) lock() {
	a.endTokens()
	a.shutGate()
	a.vault.forget()
	if a.gateTimer != nil {
		a.gateTimer.Stop()
	}
}

// endTokens ends the token, and with it whatever a token has authorised: also the
// persistent one, which the caller has replaced.
func (a *Authenticator) endTokens() {
	a.token.stopUsing()
	a.pending.drop()
}

// Versions lists the protocol versions spoken now (§6.4). U2F cannot verify
// anybody, so alwaysUv silences it (§7.2.4).
func (a *Authenticator) Versions() []string {
	v := []string{ctap.VersionFIDO23, ctap.VersionFIDO21, ctap.VersionFIDO20}
	if a.u2f.Load() {
		v = append(v, ctap.VersionU2F)
	}
	return v
}

// Copyable tells whether the passkeys may be copied to another device, as the
// vault had it from the start.
func (a *Authenticator) Copyable() bool {
	a.turn.Lock()
	defer a.turn.Unlock()
	return a.state.Copyable
}

// Closed forgets what was bound to the session.
func (a *Authenticator) Closed(s *ctap.Session) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.pending.session == s {
		a.pending.drop()
	}
	a.dropTouch(s)
}
