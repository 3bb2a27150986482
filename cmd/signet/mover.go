package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// A mover moves a device that is open in this process.
type mover struct {
	dev         *device
	header      store.Header // of the store as it will be: root and what opens it
	secrets     rootSecrets
	pin         []byte
	leaveBehind bool
	progress    func(done, total int)

	to      *store.Store
	discard func() error // takes a new key file back
}

// run moves. Whatever its error, and wherever it is cut short, the store has one
// root and vault that are whole; what is left of the others goes now or at the
// next command.
func (m *mover) run(ctx context.Context) error {
	for _, step := range m.steps() {
		if err := step(ctx); err != nil {
			return errors.Join(err, m.giveUp(context.WithoutCancel(ctx)))
		}
	}
	return nil
}

func (m *mover) steps() []func(context.Context) error {
	return []func(context.Context) error{m.begin, m.makeRoot, m.fill, m.switchOver, m.clear}
}

// begin notes the move, after what an earlier one has left is gone.
func (m *mover) begin(ctx context.Context) (err error) {
	if _, err := clearMove(ctx, m.dev.store, m.secrets); err != nil {
		return err
	}
	m.to, err = m.dev.store.BeginMove(m.header)
	return err
}

func (m *mover) makeRoot(ctx context.Context) (err error) {
	if m.discard, err = makeKeyFile(m.to.Header); err != nil {
		return err
	}
	if err := createRoot(ctx, m.to, m.secrets); err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	return nil
}

// fill makes the vault and moves everything into it.
func (m *mover) fill(ctx context.Context) (err error) {
	root, v, err := makeVault(ctx, m.to, m.secrets)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close(), root.Close()) }()
	return m.dev.engine.AsOwner(ctx, m.pin, func(o *authenticator.Owner) error {
		return o.Move(ctx, authenticator.Move{Root: root, Vault: v, LeaveBehind: m.leaveBehind, Progress: m.progress})
	})
}

// switchOver makes the new root and vault the store's. The old ones are closed:
// nothing must count there any more.
func (m *mover) switchOver(ctx context.Context) error {
	if err := m.dev.stop(ctx); err != nil {
		return err
	}
	return m.dev.store.Switch(m.to)
}

// clear destroys the old root and removes its files. The device has moved
// whatever comes of it.
func (m *mover) clear(ctx context.Context) error {
	if _, err := clearMove(context.WithoutCancel(ctx), m.dev.store, m.secrets); err != nil {
		tell("warning: what kept the keys before could not be destroyed; the next command tries again: " + explainOn(m.dev.store, err))
	}
	return nil
}

// giveUp removes what there is of the new root and vault. Where it cannot, the
// next command tries again.
func (m *mover) giveUp(ctx context.Context) error {
	if m.to == nil || m.dev.store.Generation == m.to.Generation {
		return nil
	}
	_, err := clearMove(ctx, m.dev.store, m.secrets)
	if m.discard != nil {
		err = errors.Join(err, m.discard())
	}
	return err
}

// What clearMove found.
type leftover int

const (
	nothingLeft leftover = iota
	oldLeft              // the device has moved
	newLeft              // it has not
)

// clearMove removes what a move has left of the root that is not the store's.
func clearMove(ctx context.Context, s *store.Store, secrets rootSecrets) (leftover, error) {
	left, moved, err := s.Leftover()
	if err != nil || left == nil {
		return nothingLeft, err
	}
	err = s.Clear(left, func(left *store.Store) error {
		if moved {
			return forgetMoved(ctx, left, secrets)
		}
		return forgetUnfinished(ctx, left, secrets)
	})
	if moved {
		return oldLeft, err
	}
	return newLeft, err
}

// settleMove clears up after a move that was cut short, and tells. That it cannot
// now is no reason not to use the device: the next command tries again.
func settleMove(ctx context.Context, s *store.Store, secrets rootSecrets) {
	left, err := clearMove(ctx, s, secrets)
	switch {
	case err != nil:
		tell("warning: what a move has left could not be cleared up; the next command tries again: " + explainOn(s, err))
	case left == oldLeft:
		tell("a move that was cut short is finished: what keeps the keys is " + rootText(s.Root))
	case left == newLeft:
		tell("a move that was cut short is undone: what keeps the keys is, as before, " + rootText(s.Root))
	}
}

func explainOn(s *store.Store, err error) string { return (&config{Store: s.Path}).explain(err) }

func tell(what string) { fmt.Fprintln(os.Stderr, "signet:", what) }
