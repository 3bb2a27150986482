package rptest

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
)

// PersonAnswer is what a person does at a prompt.
type PersonAnswer string

const (
	Approve     PersonAnswer = "approve" // the default
	Deny        PersonAnswer = "deny"    // the person says no
	TimeOut     PersonAnswer = "timeout" // the device gives up on the person, at once
	NeverAnswer PersonAnswer = "never"   // the prompt stays until the page aborts or its timeout is over
)

// Behaviour is what the person does in one ceremony, and what goes wrong in it.
// The zero value approves whatever is asked. In JSON it is what the HTTP service
// takes.
type Behaviour struct {
	Answer PersonAnswer `json:"answer,omitempty"`
	// DelayMs is how long the person thinks, in milliseconds.
	DelayMs int `json:"delayMs,omitempty"`
	// Pick names the account to sign in with: its name, or its user handle in
	// base64url. Empty: the newest.
	Pick string `json:"pick,omitempty"`
	// WrongPINs is how many times a wrong PIN is typed before the right one.
	WrongPINs int `json:"wrongPins,omitempty"`
	// Error makes the browser fail with this name, of those that create and get
	// throw, before it asks any device.
	Error string `json:"error,omitempty"`
	// Mutate lists the faults to put into the response: case IDs, or what
	// ParseMutation takes.
	Mutate []string `json:"mutate,omitempty"`

	unmet error // why the person could not do it at a prompt
}

// thrown are the names of what create and get throw: those of package client, and
// NotReadableError, OperationError and TimeoutError, which browsers throw where the
// machine's own passkeys fail, where a request is pending and where the page's
// AbortSignal.timeout is over.
var thrown = []string{
	client.AbortError, client.ConstraintError, client.EncodingError, client.InvalidStateError, client.NotAllowedError,
	"NotReadableError", client.NotSupportedError, "OperationError", client.SecurityError, client.SyntaxError,
	"TimeoutError", client.TypeError, client.UnknownError,
}

// check refuses what nobody can do, and gives the faults that Mutate names.
func (b *Behaviour) check() (faults []Mutation, err error) {
	if b.Error != "" && !slices.Contains(thrown, b.Error) {
		return nil, fmt.Errorf("error %q is none that create and get throw: %s", b.Error, strings.Join(thrown, ", "))
	}
	switch b.Answer {
	case "", Approve, Deny, TimeOut, NeverAnswer:
	default:
		return nil, fmt.Errorf("answer %q is none of approve, deny, timeout, never", b.Answer)
	}
	if b.DelayMs < 0 || b.WrongPINs < 0 {
		return nil, errors.New("delayMs and wrongPins are not negative")
	}
	for _, id := range b.Mutate {
		m, err := ParseMutation(id)
		if err != nil {
			return nil, err
		}
		faults = append(faults, m)
	}
	return faults, nil
}

// Script says what the person does in the next ceremony, or with Always in
// every one. Its methods give it back, so that they chain, and are safe for
// concurrent use.
type Script struct {
	mu sync.Mutex
	b  Behaviour
}

func (s *Script) set(f func(*Behaviour)) *Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.b)
	return s
}

func (s *Script) behaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.b
	b.Mutate = slices.Clone(b.Mutate)
	return b
}

// Approve has the person agree.
func (s *Script) Approve() *Script { return s.set(func(b *Behaviour) { b.Answer = Approve }) }

// Deny has the person refuse: NotAllowedError.
func (s *Script) Deny() *Script { return s.set(func(b *Behaviour) { b.Answer = Deny }) }

// TimeOut has the person not answer in time: NotAllowedError.
func (s *Script) TimeOut() *Script { return s.set(func(b *Behaviour) { b.Answer = TimeOut }) }

// NeverAnswer leaves the prompt open: AbortError where the context ends,
// NotAllowedError where the options' timeout is over.
func (s *Script) NeverAnswer() *Script { return s.set(func(b *Behaviour) { b.Answer = NeverAnswer }) }

// Delay has the person think for d first.
func (s *Script) Delay(d time.Duration) *Script {
	return s.set(func(b *Behaviour) { b.DelayMs = int(d.Milliseconds()) })
}

// Pick has the person sign in with an account; see Behaviour.
func (s *Script) Pick(account string) *Script { return s.set(func(b *Behaviour) { b.Pick = account }) }

// WrongPIN has the person type n wrong PINs before the right one. Three in a row
// block the device until PowerCycle, eight until Reset.
func (s *Script) WrongPIN(n int) *Script { return s.set(func(b *Behaviour) { b.WrongPINs = n }) }

// Fail makes the browser fail with a DOMException name, before any device is
// asked: what a page sees of a browser that has its own reasons. A name that
// create and get never throw becomes UnknownError.
func (s *Script) Fail(name string) *Script { return s.set(func(b *Behaviour) { b.Error = name }) }

// Mutate spoils the response: by case IDs, or what ParseMutation takes. One
// that is unknown fails the ceremony with UnknownError.
func (s *Script) Mutate(mutations ...string) *Script {
	return s.set(func(b *Behaviour) { b.Mutate = append(b.Mutate, mutations...) })
}

// Next queues what the person does in the next ceremony for which nothing is
// queued yet. The default is to approve.
func (d *Device) Next() *Script {
	s := new(Script)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = append(d.queue, s)
	return s
}

// Always replaces what the person does whenever nothing is queued.
func (d *Device) Always() *Script {
	s := new(Script)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.always = s
	return s
}

// Behave queues a behaviour as Next does, or with always replaces the default.
func (d *Device) Behave(b Behaviour, always bool) error {
	if _, err := b.check(); err != nil {
		return err
	}
	s := d.Next
	if always {
		s = d.Always
	}
	s().set(func(to *Behaviour) { *to = b })
	return nil
}

// take gives the behaviour of a ceremony that begins.
func (d *Device) take() Behaviour {
	d.mu.Lock()
	s := d.always
	if len(d.queue) > 0 {
		s, d.queue = d.queue[0], d.queue[1:]
	}
	d.mu.Unlock()
	if s == nil {
		return Behaviour{}
	}
	return s.behaviour()
}

// behaviourKey carries a ceremony's Behaviour to the device's prompt, through
// the engine.
type behaviourKey struct{}

// person is the engine's User: the one whose behaviour is scripted.
type person struct {
	canVerify bool // at the device itself, not through the browser
	display   bool // accounts are picked on the device
}

// CanVerify implements authenticator.Verifier.
func (p person) CanVerify() bool { return p.canVerify }

var errGaveUp = errors.New("the person did not answer in time")

// Ask implements authenticator.User.
func (p person) Ask(ctx context.Context, prompt authenticator.Prompt) (authenticator.Consent, error) {
	b, _ := ctx.Value(behaviourKey{}).(*Behaviour)
	if b == nil {
		b = &Behaviour{}
	}
	if err := b.think(ctx); err != nil {
		return authenticator.Consent{}, err
	}
	switch b.Answer {
	case Deny:
		return authenticator.Consent{}, nil
	case TimeOut:
		return authenticator.Consent{}, errGaveUp
	case NeverAnswer:
		<-ctx.Done()
		return authenticator.Consent{}, ctx.Err()
	}
	consent := authenticator.Consent{Present: true}
	if p.display && prompt.Operation == authenticator.SignIn {
		var err error
		if consent.Choice, err = b.choose(prompt.Accounts); err != nil {
			return authenticator.Consent{}, err
		}
	}
	if prompt.Verify == nil {
		return consent, nil
	}
	for range b.WrongPINs {
		if err := prompt.Verify(ctx, []byte(wrongPIN)); ctap.StatusOf(err) != ctap.ErrPINInvalid {
			return consent, nil // present, blocked, not verified
		}
	}
	consent.Verified = prompt.Verify(ctx, []byte(rightPIN)) == nil
	return consent, nil
}

const (
	rightPIN = "271828"
	wrongPIN = "314159"
)

func (b *Behaviour) think(ctx context.Context) error {
	if b.DelayMs == 0 {
		return nil
	}
	select {
	case <-time.After(time.Duration(b.DelayMs) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Behaviour) choose(accounts []authenticator.Account) (int, error) {
	if b.Pick == "" {
		return 0, nil
	}
	var offered []string
	for i, a := range accounts {
		handle := base64.RawURLEncoding.EncodeToString(a.ID)
		if a.Name == b.Pick || handle == b.Pick {
			return i, nil
		}
		offered = append(offered, strconv.Quote(cmp.Or(a.Name, handle)))
	}
	others := "nor any other"
	if len(offered) > 0 {
		others = "but " + strings.Join(offered, ", ")
	}
	b.unmet = fmt.Errorf("no account %q is offered, %s", b.Pick, others)
	return 0, b.unmet
}

// told gives a ceremony's error the reason that a device does not tell its client: to
// that, a person who cannot do as scripted has refused.
func (b *Behaviour) told(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || !errors.Is(err, ctap.ErrOperationDenied) || b.unmet == nil {
		return err
	}
	return &client.Error{Name: e.Name, Message: b.unmet.Error(), Err: e.Err}
}

// typePIN is the browser's PIN prompt. It counts the wrong PINs down.
func (b *Behaviour) typePIN(ctx context.Context, _ client.PINRequest) ([]byte, error) {
	if err := b.think(ctx); err != nil {
		return nil, err
	}
	switch b.Answer {
	case Deny, TimeOut:
		return nil, errGaveUp
	case NeverAnswer:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if b.WrongPINs > 0 {
		b.WrongPINs--
		return []byte(wrongPIN), nil
	}
	return []byte(rightPIN), nil
}

// pickAccount is the browser's list of accounts, for devices without a display.
func (b *Behaviour) pickAccount(_ context.Context, users []ctap.User) (int, error) {
	accounts := make([]authenticator.Account, len(users))
	for i, u := range users {
		accounts[i] = authenticator.Account{ID: u.ID, Name: u.Name}
	}
	return b.choose(accounts)
}
