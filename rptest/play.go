package rptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/seed-77d61853/signet/client"
)

// play is what a case of several requests works with. It plays steps of new
// people, and says with judge what the site did.
type play struct {
	run    *run
	ctx    context.Context // the audit's; a play is one call
	c      Case
	rp     *recorder
	people int

	honest  []*Answer // of the control before
	outcome Outcome
	detail  string
}

// recorder is the site, and notes what is said.
type recorder struct {
	RP
	exchanges []Exchange
	limited   error // the last request that the site did not look at
}

func (r *recorder) Do(ctx context.Context, s *Session, step Step, req Request) (*Answer, error) {
	a, err := r.RP.Do(ctx, s, step, req)
	if a != nil {
		r.exchanges = append(r.exchanges, a.Exchanges...)
	}
	if errors.Is(err, errLimited) {
		r.limited = err
	}
	return a, err
}

// playSequence plays a case of several requests. What it needs to succeed is
// its control.
func (r *run) playSequence(ctx context.Context, result *Result, honest ...*Answer) {
	p := &play{run: r, ctx: ctx, c: result.Case, rp: &recorder{RP: r.RP}, honest: honest}
	err := p.c.play(p)
	if err == nil && p.outcome == Rejected {
		err = p.rp.limited // what was kept did not show
	}
	result.Exchanges = p.rp.exchanges
	switch {
	case err != nil:
		result.Outcome, result.Detail = outcomeOf(err), err.Error()
	case p.outcome == "":
		result.Outcome, result.Detail = ControlFailed, "the case came to no verdict"
	default:
		result.Outcome, result.Detail = p.outcome, p.detail
	}
}

// judge makes an answer the verdict.
func (p *play) judge(a *Answer) {
	p.outcome, p.detail = a.verdict()
	p.detail += a.doubt(p.honest)
}

// found makes it the verdict whether a flaw is there, and tells what there is.
func (p *play) found(flaw bool, format string, args ...any) {
	p.outcome, p.detail = Rejected, "no flaw: "+fmt.Sprintf(format, args...)
	if flaw {
		p.outcome, p.detail = Accepted, fmt.Sprintf(format, args...)
	}
}

// person is somebody new, with a device of the case's kind.
func (p *play) person() (*User, error) {
	p.people++
	u, err := p.run.user(p.ctx, fmt.Sprintf("person %d", p.people), p.c)
	if err != nil {
		return nil, err
	}
	u.rp = p.rp
	return u, nil
}

// member is somebody new who has registered a passkey and is still signed in, if
// registering does that.
func (p *play) member() (*User, *Registration, error) {
	u, err := p.person()
	if err != nil {
		return nil, nil, err
	}
	r, answer, err := u.registerFor(p.c)
	if err != nil || !answer.OK {
		return nil, nil, cannot("register", answer, err)
	}
	return u, r, nil
}

// visitor is a member who has left: the next request is of a new session.
func (p *play) visitor() (*User, *Registration, error) {
	u, r, err := p.member()
	if err != nil {
		return nil, nil, err
	}
	return u, r, u.leave()
}

// visit is a visitor who has begun to sign in, and the options.
func (p *play) visit() (*User, []byte, error) {
	u, _, err := p.visitor()
	if err != nil {
		return nil, nil, err
	}
	options, err := p.begin(u, LogInBegin)
	return u, options, err
}

// withPasskey is somebody's session with a new device, on which it registers a
// further passkey.
func (p *play) withPasskey(u *User) (*User, *Registration, error) {
	spare, err := p.otherDevice(u)
	if err != nil {
		return nil, nil, err
	}
	r, answer, err := spare.registerFor(p.c)
	if err != nil || !answer.OK {
		return nil, nil, cannot("register a second passkey", answer, err)
	}
	return spare, r, nil
}

// otherDevice is somebody's session with a new device.
func (p *play) otherDevice(u *User) (*User, error) {
	second, err := p.person()
	if err != nil {
		return nil, err
	}
	spare := u.twin()
	spare.Client, spare.Device = second.Client, second.Device
	return spare, nil
}

// signIn signs in honestly.
func (p *play) signIn(u *User) error {
	_, answer, err := u.logInFor(p.c)
	if err != nil || !answer.OK {
		return cannot("sign in", answer, err)
	}
	return nil
}

// begin gets options from the site.
func (p *play) begin(u *User, step Step) ([]byte, error) {
	options, err := u.begin(p.c, step)
	return bare(options), err
}

// offered gets creation options of an account, and reads them.
func (p *play) offered(u *User) (*offered, []byte, error) {
	options, err := p.begin(u, RegisterBegin)
	if err != nil {
		return nil, nil, err
	}
	o, err := parseOffered(options)
	return o, options, err
}

// get answers options with a device.
func (p *play) get(u *User, options []byte, mutations ...Mutation) (*Assertion, error) {
	r, err := u.Client.Get(p.ctx, options, mutations...)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return r, nil
}

// answer answers options with a device, as logged-in people do, and makes what the
// site says the verdict.
func (p *play) answer(u *User, options []byte, mutations ...Mutation) error {
	r, err := p.get(u, options, mutations...)
	if err != nil {
		return err
	}
	return p.post(u, LogInFinish, r.JSON)
}

// post posts a response, and makes what the site says the verdict: a refusal after
// which somebody is signed in all the same is none.
func (p *play) post(u *User, step Step, credential []byte) error {
	was := step == LogInFinish && u.signedIn()
	answer, err := u.finish(step, credential)
	if err != nil {
		return err
	}
	p.judge(answer)
	if p.outcome == Rejected && step == LogInFinish && !was && u.signedIn() {
		p.stored("a session was given")
	}
	p.detail += u.doubt(answer)
	return nil
}

// stored makes of a refusal one that changed something.
func (p *play) stored(what string) {
	p.outcome, p.detail = RejectedButStored, p.detail+"; and yet "+what
}

// look looks whether a registration that was refused was kept in one of the accounts.
func (p *play) look(r *Registration, accounts ...*User) {
	for _, u := range accounts {
		if p.outcome != Rejected || r == nil {
			return
		}
		if kept, where := u.kept(r); kept {
			p.stored(where)
		}
	}
}

// succeed posts a response that the site has to take, or what comes next says
// nothing.
func (p *play) succeed(u *User, step Step, credential []byte) error {
	answer, err := u.finish(step, credential)
	if err != nil || !answer.OK {
		return cannot(string(step), answer, err)
	}
	return nil
}

// create answers creation options with a device.
func (p *play) create(u *User, options []byte) (*Registration, error) {
	r, err := u.Client.Create(p.ctx, options)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	return r, nil
}

// judged makes the answer to a registration the verdict, or the refusal to begin it.
func (p *play) judged(u *User, r *Registration, answer *Answer, err error) error {
	if p.refusedBy(err) {
		return nil
	}
	if err != nil {
		return err
	}
	p.judge(answer)
	p.look(r, u)
	return nil
}

// twin is the same browser in another tab, to be used at once.
func (u *User) twin() *User {
	t := *u
	s := *u.Session
	s.Vars = maps.Clone(u.Session.Vars)
	t.Session = &s
	return &t
}

// change changes members of options; nil deletes one.
func change(options []byte, members map[string]any) ([]byte, error) {
	var o map[string]any
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, fmt.Errorf("read options: %w", err)
	}
	for name, v := range members {
		if v == nil {
			delete(o, name)
		} else {
			o[name] = v
		}
	}
	return json.Marshal(o)
}

// refusedBy tells whether an error is a site's refusal, and then makes it the
// verdict.
func (p *play) refusedBy(err error) bool {
	var refused *RefusedError
	if errors.As(err, &refused) {
		p.judge(refused.Answer)
		return true
	}
	return false
}

// deviceRefuses tells whether it was the browser or the device that would not.
func deviceRefuses(err error) bool {
	var browser *client.Error
	return errors.As(err, &browser)
}
