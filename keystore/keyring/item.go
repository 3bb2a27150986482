package keyring

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"

	"github.com/seed-77d61853/signet/keystore"
)

// An item of the keyring holds one key, in base64, since not every keyring
// keeps every byte. The key's name is in that of the account, so that a new key
// never takes the place of one that is in use.
const serviceName = "signet"

func account(name [16]byte) string { return "root key " + hex.EncodeToString(name[:]) }

// A service is an OS keyring. Its calls cannot be interrupted, and may wait for
// a person for ever.
type service interface {
	Set(service, account, password string) error
	Get(service, account string) (string, error)
	Delete(service, account string) error
}

// osKeyring is the one that this system has.
type osKeyring struct{}

func (osKeyring) Set(service, account, password string) error {
	return keyring.Set(service, account, password)
}
func (osKeyring) Get(service, account string) (string, error) { return keyring.Get(service, account) }
func (osKeyring) Delete(service, account string) error        { return keyring.Delete(service, account) }

func (o Options) service() service {
	if o.keyring == nil {
		return osKeyring{}
	}
	return o.keyring
}

// set stores a key under a name and reads it back: keyrings have been seen to
// report success where a person had dismissed the question. After an error
// nothing is there, as far as that can be had without another question.
func (o Options) set(ctx context.Context, name [16]byte, key *keystore.Secret) error {
	text := base64.StdEncoding.EncodeToString(key[:])
	_, err := ask(ctx, o, func(s service) (string, error) {
		return "", s.Set(serviceName, account(name), text)
	}, func(s service) { s.Delete(serviceName, account(name)) })
	if err != nil {
		return fmt.Errorf("store a key: %w", err)
	}
	back, err := o.get(ctx, name)
	switch {
	case errors.Is(err, ErrKeyLost):
		return fmt.Errorf("store a key: %w", ErrLocked)
	case err == nil && subtle.ConstantTimeCompare(back[:], key[:]) != 1:
		err = keystore.ErrCorrupt
	}
	if back != nil {
		back.Wipe()
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, ErrUnanswered) {
		_ = o.delete(context.WithoutCancel(ctx), name) // of no use, and no harm
	}
	return fmt.Errorf("read back what was stored: %w", err)
}

// get returns the key of a name, which the caller wipes: ErrKeyLost where there
// is none. What the keyring gave it as, a string, cannot be wiped.
func (o Options) get(ctx context.Context, name [16]byte) (*keystore.Secret, error) {
	text, err := ask(ctx, o, func(s service) (string, error) {
		return s.Get(serviceName, account(name))
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", account(name), err)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	defer clear(b)
	key := new(keystore.Secret)
	if err != nil || len(b) != len(key) {
		return nil, fmt.Errorf("%s holds something else: %w", account(name), keystore.ErrCorrupt)
	}
	copy(key[:], b)
	return key, nil
}

func (o Options) delete(ctx context.Context, name [16]byte) error {
	_, err := ask(ctx, o, func(s service) (string, error) {
		return "", s.Delete(serviceName, account(name))
	}, nil)
	return err
}

// ask makes one call of the keyring and waits for it as long as ctx and the
// timeout allow. A call that is given up goes on by itself; should it succeed,
// undo is called, unless nil.
func ask(ctx context.Context, o Options, call func(service) (string, error), undo func(service)) (string, error) {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, ErrUnanswered)
	defer cancel()

	type answer struct {
		text string
		err  error
	}
	answered, givenUp := make(chan answer), make(chan struct{})
	go func() {
		text, err := unbroken(o.service(), call)
		select {
		case answered <- answer{text, err}:
		case <-givenUp:
			if err == nil && undo != nil {
				unbroken(o.service(), func(s service) (string, error) { undo(s); return "", nil })
			}
		}
	}()
	select {
	case a := <-answered:
		return a.text, explain(ctx, a.err)
	case <-ctx.Done():
		close(givenUp)
		return "", context.Cause(ctx)
	}
}

// unbroken makes a call. go-keyring panics where the bus goes away, or says
// something else, while it waits for a person.
func unbroken(s service, call func(service) (string, error)) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errBroken, p)
		}
	}()
	return call(s)
}
