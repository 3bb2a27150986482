package rptest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/client"
)

// User is a person with a device and a browser at a site: an account's owner.
// NewUser makes one. One goroutine at a time; users of one RP may work at once.
type User struct {
	Device *Device
	Client *Client
	// Session is the browser at the site. Its User is the account's name.
	Session *Session
	// Wishes are what Register and Login would like the site's options to say.
	Wishes Wishes

	rp RP
	// ctx is the test's, or the audit's: a User lives no longer, and what a person
	// does is written without it.
	ctx context.Context
	t   testing.TB // nil for an audit's users, who must nothing
	set bool       // the account is set up

	asked []Exchange // for the last options
}

// A RefusedError tells that the site refused a step, or crashed on it. It wraps why
// there was no answer.
type RefusedError struct {
	RP     string
	Step   Step
	Answer *Answer
}

func (e *RefusedError) Error() string {
	switch {
	case e.Answer.err != nil:
		return fmt.Sprintf("%s did not answer: %v", e.RP, e.Answer.err)
	}
	_, detail := e.Answer.verdict()
	return fmt.Sprintf("%s refused %s: %v", e.RP, e.Step, naming(e.Answer.Exchanges, errors.New(detail)))
}

// naming has an error name the last of some requests, which it is about.
func naming(exchanges []Exchange, err error) error {
	n := len(exchanges)
	if _, unmet := errors.AsType[errNotApplicable](err); unmet || n == 0 {
		return err
	}
	request := exchanges[n-1].Method + " " + exchanges[n-1].URL
	if strings.Contains(err.Error(), request) {
		return err
	}
	return fmt.Errorf("%s: %w", request, err)
}

// Unwrap returns why there was no answer, where there was none.
func (e *RefusedError) Unwrap() error { return e.Answer.err }

// Refused gives the step that the site refused, of an error that a method of User
// returned; "" where the site did not refuse, but crashed, hung up or was not asked.
func Refused(err error) Step {
	if e, ok := errors.AsType[*RefusedError](err); ok && !e.Answer.Crashed {
		return e.Step
	}
	return ""
}

// NewUser makes a user whose browser shows a page of origin. The device is a
// Phone seeded with the test's name, or the config given. It fails the test
// where the origin or the config is wrong; so do the user's ceremonies where a
// mutation is misspelt, or no fault of this response: that is no refusal.
//
// The account is called user; those of a test's further users at one Site user-2
// and so on, and their devices have other seeds. A site that is not in this process
// keeps accounts from one run of a test to the next, so there the names end in
// something random. See Named.
func NewUser(t testing.TB, rp RP, origin string, config ...DeviceConfig) *User {
	t.Helper()
	name, seed := "user", t.Name()
	if h, ok := rp.(host); ok {
		name, seed = h.welcome(t)
	}
	c := DeviceConfig{Seed: seed}
	for _, more := range config {
		c = more.over(c)
	}
	if err := checkOrigin(origin); err != nil {
		t.Fatal(err)
	}
	u, err := newUser(t.Context(), rp, origin, name, c)
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
		Device: d, Session: s, rp: rp, ctx: ctx,
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

// Named gives the account another name, and people's name for it, and returns the
// user. It comes before the first step.
func (u *User) Named(name string) *User {
	u.Session.User, u.Session.DisplayName = name, name
	return u
}

// NewSession gives the user another browser: no cookies, nothing saved.
func (u *User) NewSession() error {
	s, err := newSession(u.Session.User)
	if err == nil {
		s.DisplayName = u.Session.DisplayName
		u.Session = s
	}
	return err
}

// A host is an RP that tells the users of a test apart.
type host interface {
	// welcome gives a new user's name and its device's seed.
	welcome(testing.TB) (name, seed string)
}

// users counts NewUser's, by the names of the tests that are under way.
type users struct {
	suffix string // of their names
	mu     sync.Mutex
	of     map[string]int
}

// welcome implements host. A test's first device is seeded with the test's name
// alone; its name is the account's that no user of a test above it has.
func (u *users) welcome(t testing.TB) (name, seed string) {
	test := t.Name()
	u.mu.Lock()
	defer u.mu.Unlock()
	before := 0
	for above, n := range u.of {
		if above == test || strings.HasPrefix(test, above+"/") {
			before += n
		}
	}
	name, seed = "user", test
	if before > 0 {
		name = fmt.Sprintf("user-%d", before+1)
	}
	if u.of[test] > 0 {
		seed += " " + name // a space is in no test's name
	} else {
		t.Cleanup(func() {
			u.mu.Lock()
			defer u.mu.Unlock()
			delete(u.of, test)
		})
	}
	if u.of == nil {
		u.of = map[string]int{}
	}
	u.of[test]++
	return name + u.suffix, seed
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
	return a, u.agreed(step, a)
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
// browser's; a *RefusedError is the site's, and comes with what was refused.
func (u *User) Register(mutations ...Mutation) (*Registration, error) {
	u.t.Helper()
	r, answer, err := u.registerFor(Case{}, mutations...)
	if err == nil {
		err = u.agreed(RegisterFinish, answer)
	}
	u.wants(err)
	return r, err
}

// Login signs in with a passkey of the device; errors are as Register's.
func (u *User) Login(mutations ...Mutation) (*Assertion, error) {
	u.t.Helper()
	r, answer, err := u.logInFor(Case{}, mutations...)
	if err == nil {
		err = u.agreed(LogInFinish, answer)
	}
	u.wants(err)
	return r, err
}

// wants fails the test where what it asked for cannot be done.
func (u *User) wants(err error) {
	u.t.Helper()
	if Impossible(err) {
		u.t.Error(err)
	}
}

// unable tells of a ceremony that the browser did not do, and where that was, if it
// is about the page, or which request it is about, if that is the options.
func (u *User) unable(what string, options []byte, err error) error {
	switch ErrorName(err) {
	case client.TypeError, client.EncodingError: // no options at all
		return fmt.Errorf("%s: %w", what, naming(u.asked, err))
	}
	o, unread := parseOffered(options)
	if ErrorName(err) != client.SecurityError || unread != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s on a page of %s, with the RP ID %q: %w", what, u.Client.Origin, cmp.Or(o.RPID, o.RP.ID), err)
}

// agreed gives a *RefusedError where an answer does not agree.
func (u *User) agreed(step Step, a *Answer) error {
	if a.OK {
		return nil
	}
	return &RefusedError{u.rp.Name(), step, a}
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
