package rptest

import (
	"context"
	"fmt"

	"testing"
)

// User is a person with a device and a browser at a site: an account's owner.
// One goroutine at a time; users of one RP may work at once.
type User struct {
	Name    string
	Device  *Device
	Client  *Client
	Session *Session
	// Wishes are what Register and Login would like the site's options to say.
	Wishes Wishes

	rp  RP
	ctx context.Context
	t   testing.TB // nil: outside of a test
	set bool       // the account is set up
}

// A RefusedError tells that the site refused a step.
type RefusedError struct {
	RP     string
	Step   Step
	Answer *Answer
}

func (e *RefusedError) Error() string {
	if e.Answer.Message == "" {
		return fmt.Sprintf("%s refused %s with status %d", e.RP, e.Step, e.Answer.Status)
	}
	return fmt.Sprintf("%s refused %s with status %d: %s", e.RP, e.Step, e.Answer.Status, e.Answer.Message)
}

// NewUser makes a user whose browser shows a page of origin. The device is a
// Phone seeded with the test's name, or the config given. It fails the test
// where the config is wrong.
func NewUser(t testing.TB, rp RP, origin string, config ...DeviceConfig) *User {
	t.Helper()
	c := DeviceConfig{Seed: t.Name()}
	for _, more := range config {
		c = more.over(c)
	}
	u, err := newUser(t.Context(), rp, origin, "user", c)
	if err != nil {
		t.Fatal(err)
	}
	u.t = t
	return u
}

func newUser(ctx context.Context, rp RP, origin, name string, c DeviceConfig) (*User, error) {
	d, err := NewDevice(c)
	if err != nil {
		return nil, err
	}
	s, err := newSession(name)
	if err != nil {
		return nil, err
	}
	return &User{
		Name: name, Device: d, Session: s, rp: rp, ctx: ctx,
		Client: &Client{Device: d, Origin: origin},
	}, nil
}

func newSession(name string) (*Session, error) {
	jar, err := newJar()
	if err != nil {
		return nil, fmt.Errorf("session of %s: %w", name, err)
	}
	return &Session{User: name, DisplayName: name, Jar: jar, Vars: map[string]string{}}, nil
}

// NewSession gives the user another browser: no cookies.
func (u *User) NewSession() error {
	s, err := newSession(u.Name)
	if err == nil {
		u.Session = s
	}
	return err
}

// do takes a step at the site: *RefusedError where it is refused.
func (u *User) do(step Step, r Request) (*Answer, error) {
	if !u.rp.Offers(step) {
		return nil, fmt.Errorf("%s does not offer %s", u.rp.Name(), step)
	}
	a, err := u.rp.Do(u.ctx, u.Session, step, r)
	if err != nil {
		return nil, err
	}
	if !a.OK {
		return a, &RefusedError{u.rp.Name(), step, a}
	}
	return a, nil
}

// SetUp makes the account where the site wants that done first. It is done
// once; Register does it.
func (u *User) SetUp() error {
	if u.set || !u.rp.Offers(SetUp) {
		return nil
	}
	if _, err := u.do(SetUp, Request{}); err != nil {
		return fmt.Errorf("set up account: %w", err)
	}
	u.set = true
	return nil
}

// Register registers a passkey of the device. An error's ErrorName is the
// browser's; a *RefusedError is the site's.
func (u *User) Register(mutations ...Mutation) (*Registration, error) {
	if err := u.SetUp(); err != nil {
		return nil, err
	}
	a, err := u.do(RegisterBegin, Request{Wishes: u.Wishes})
	if err != nil {
		return nil, fmt.Errorf("begin registration: %w", err)
	}
	r, err := u.Client.Create(u.ctx, a.Options, mutations...)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if _, err := u.do(RegisterFinish, Request{Credential: r.JSON}); err != nil {
		return r, fmt.Errorf("finish registration: %w", err)
	}
	return r, nil
}

// Login signs in with a passkey of the device; errors are as Register's.
func (u *User) Login(mutations ...Mutation) (*Assertion, error) {
	a, err := u.do(LogInBegin, Request{Wishes: u.Wishes})
	if err != nil {
		return nil, fmt.Errorf("begin sign-in: %w", err)
	}
	r, err := u.Client.Get(u.ctx, a.Options, mutations...)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if _, err := u.do(LogInFinish, Request{Credential: r.JSON}); err != nil {
		return r, fmt.Errorf("finish sign-in: %w", err)
	}
	return r, nil
}

// MustRegister registers, or fails the test.
func (u *User) MustRegister(mutations ...Mutation) *Registration {
	u.t.Helper()
	r, err := u.Register(mutations...)
	if err != nil {
		u.t.Fatal(err)
	}
	return r
}

// MustLogin signs in, or fails the test.
func (u *User) MustLogin(mutations ...Mutation) *Assertion {
	u.t.Helper()
	r, err := u.Login(mutations...)
	if err != nil {
		u.t.Fatal(err)
	}
	return r
}
