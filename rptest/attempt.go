package rptest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/client"
)

// attempt is one ceremony, spoilt or not.
type attempt struct {
	outcome  Outcome
	detail   string
	evidence Evidence
	err      error
	all      []Exchange // from the account's making on
	answers  []*Answer  // to the steps that finish
	// unregistered tells that the site refused the registration, fault or not.
	unregistered bool
}

// settle makes a control's failure the result, with all that was said; it reports
// whether there is none.
func (a *attempt) settle(result *Result) bool {
	switch {
	case a.err != nil:
		result.Outcome, result.Detail = outcomeOf(a.err), a.err.Error()
	case a.outcome != Accepted:
		result.Outcome = ControlFailed
		result.Detail = fmt.Sprintf("without the fault: %s: %v", a.outcome, naming(a.evidence.Exchanges, errors.New(a.detail)))
	default:
		return true
	}
	result.Control, result.Exchanges = a.evidence, a.all
	result.Control.Exchanges = nil // they are among the others
	return false
}

// outcomeOf tells what it means that a ceremony did not get as far as the
// site's judgement.
func outcomeOf(err error) Outcome {
	var unmet errNotApplicable
	if errors.As(err, &unmet) {
		return NotApplicable
	}
	var browser *client.Error
	if errors.As(err, &browser) && browser.Name == client.UnknownError {
		return NotApplicable // the fault cannot be made of this response
	}
	return ControlFailed
}

func (r *run) attempt(ctx context.Context, c Case, role string, mutations ...Mutation) *attempt {
	a := &attempt{}
	u, err := r.user(ctx, role, c)
	if err != nil {
		a.err = err
		return a
	}
	site := &recorder{RP: r.RP}
	u.rp = site
	defer func() { a.all = site.exchanges }()
	if c.Kind == Registering || c.registers {
		a.register(u, c, mutations)
	} else {
		a.logIn(u, c, mutations)
	}
	if a.err == nil && a.outcome == Rejected {
		a.err = site.limited // what was kept did not show
	}
	return a
}

func (a *attempt) register(u *User, c Case, mutations []Mutation) {
	reg, answer, err := u.registerFor(c, mutations...)
	if err != nil {
		a.err = err
		return
	}
	a.judge(answer, reg)
	if a.outcome != Rejected {
		return
	}
	a.unregistered = true
	if kept, where := u.kept(reg); kept {
		a.outcome, a.detail = RejectedButStored, a.detail+"; and yet "+where
	}
}

func (a *attempt) logIn(u *User, c Case, mutations []Mutation) {
	_, registered, err := u.registerFor(c)
	if err != nil || !registered.OK {
		a.err = cannot("register first", registered, err)
		a.detail, a.unregistered = a.err.Error(), err == nil && !registered.Crashed
		return
	}
	a.answers = append(a.answers, registered)
	if err := u.leave(); err != nil {
		a.err = err
		return
	}
	got, answer, err := u.logInFor(c, mutations...)
	contradicted := ""
	if len(mutations) == 0 {
		contradicted = registered.disowned("the sign-in after it failed")
	}
	if err != nil {
		a.err = err
		if outcomeOf(err) == ControlFailed && contradicted != "" {
			a.err = fmt.Errorf("%w%s", err, contradicted)
		}
		return
	}
	a.judge(answer, (*Registration)(got))
	switch {
	case a.outcome == Rejected && u.signedIn():
		a.outcome, a.detail = RejectedButStored, a.detail+"; and yet a session was given"
	case a.outcome == Accepted:
		a.detail += u.doubt(answer)
	default:
		a.detail += contradicted
	}
}

func (a *attempt) judge(answer *Answer, r *Registration) {
	a.evidence = Evidence{Options: r.Options, Credential: r.JSON, Honest: r.Honest, Exchanges: answer.Exchanges}
	a.outcome, a.detail = answer.verdict()
	a.answers = append(a.answers, answer)
}

// verdict reads an answer to a step that finishes.
func (a *Answer) verdict() (Outcome, string) {
	detail := fmt.Sprintf("status %d", a.Status)
	if a.Status == 0 {
		detail = "no answer"
	}
	if a.Message != "" {
		detail += ": " + a.Message
	}
	switch {
	case a.Crashed:
		return Crashed, detail
	case a.OK:
		return Accepted, detail
	}
	return Rejected, detail
}

// cannot makes an error of a step that was to succeed.
func cannot(what string, answer *Answer, err error) error {
	if err == nil {
		_, detail := answer.verdict()
		err = naming(answer.Exchanges, errors.New(detail))
	}
	return fmt.Errorf("%s: %w", what, err)
}

// begin gets options for a case, of an account that is set up:
// errNotApplicable where they do not say what the case needs.
func (u *User) begin(c Case, step Step) ([]byte, error) {
	w := u.Wishes
	if step == RegisterBegin {
		if err := u.SetUp(); err != nil {
			return nil, err
		}
	} else {
		w.Extensions = cmp.Or(w.Extensions, c.extensions())
	}
	a, err := u.do(step, Request{Wishes: w})
	if err != nil {
		return nil, err
	}
	u.asked = a.Exchanges
	if err := u.meets(c, step, a.Options); err != nil {
		return a.Options, naming(a.Exchanges, err)
	}
	return a.Options, nil
}

// registerFor registers for a case: the answer is the site's, whatever it says.
func (u *User) registerFor(c Case, mutations ...Mutation) (*Registration, *Answer, error) {
	options, err := u.begin(c, RegisterBegin)
	if err != nil {
		return nil, nil, err
	}
	r, err := u.Client.Create(u.ctx, options, mutations...)
	if err != nil {
		return nil, nil, u.unable("register", options, err)
	}
	answer, err := u.finish(RegisterFinish, r.JSON)
	return r, answer, err
}

// logInFor signs in for a case; as registerFor.
func (u *User) logInFor(c Case, mutations ...Mutation) (*Assertion, *Answer, error) {
	options, err := u.begin(c, LogInBegin)
	if err != nil {
		return nil, nil, err
	}
	r, err := u.Client.Get(u.ctx, options, mutations...)
	if err != nil {
		return nil, nil, u.unable("sign in", options, err)
	}
	answer, err := u.finish(LogInFinish, r.JSON)
	return r, answer, err
}

// meets gives errNotApplicable where options do not say what a case needs.
func (u *User) meets(c Case, step Step, options []byte) error {
	o, err := parseOffered(options)
	if err != nil {
		return err
	}
	if need := c.missing(step, o, u.makesDiscoverable(o)); need != "" {
		return unmet(u.rp, step, need)
	}
	return nil
}

// makesDiscoverable tells whether a registration makes a discoverable credential, or one
// that the case wants not to be.
func (u *User) makesDiscoverable(o *offered) bool {
	unsaid := o.Selection.ResidentKey == "" && u.Device.config.Personality == Phone
	return o.Selection.discoverable() || unsaid || u.Wishes.ResidentKey == "discouraged"
}

// finish posts a response. A site that hangs up, or does not answer in time,
// has crashed; one that has too many requests has not answered.
func (u *User) finish(step Step, credential []byte) (*Answer, error) {
	return u.post(step, Request{Credential: credential})
}

func (u *User) post(step Step, r Request) (*Answer, error) {
	a, err := u.rp.Do(u.ctx, u.Session, step, r)
	if err != nil {
		if u.ctx.Err() != nil || errors.Is(err, errLimited) {
			return nil, err
		}
		return &Answer{Crashed: true, Message: err.Error(), err: err}, nil
	}
	return a, nil
}

// leave ends the session, so that the sign-in to come is one.
func (u *User) leave() error {
	if u.rp.Offers(LogOut) {
		if _, err := u.do(LogOut, Request{}); err != nil {
			return fmt.Errorf("sign out: %w", err)
		}
	}
	return u.NewSession()
}

// signedIn tells whether the site says that somebody is signed in; false where it
// cannot be asked.
func (u *User) signedIn() bool {
	if !u.rp.Offers(WhoAmI) {
		return false
	}
	a, err := u.rp.Do(u.ctx, u.Session, WhoAmI, Request{})
	return err == nil && a.OK && a.User != ""
}

// kept tells whether a site knows the credential that it refused, and where that
// shows.
func (u *User) kept(r *Registration) (bool, string) {
	ids := credentialIDs(r)
	if u.rp.Offers(Credentials) {
		a, err := u.rp.Do(u.ctx, u.Session, Credentials, Request{})
		if err == nil && a.OK {
			return slices.ContainsFunc(a.Credentials, func(id string) bool { return slices.Contains(ids, id) }),
				"the credential is in the account's list"
		}
	}
	fresh, err := newSession(u.Session.User)
	if err != nil {
		return false, ""
	}
	a, err := u.rp.Do(u.ctx, fresh, LogInBegin, Request{})
	if err != nil || !a.OK {
		return false, ""
	}
	o, err := parseOffered(a.Options)
	if err != nil {
		return false, ""
	}
	for _, c := range o.Allow {
		if slices.Contains(ids, c.ID) {
			return true, "the credential may sign in"
		}
	}
	return false, ""
}

// credentialIDs are the IDs by which a site may have kept a credential: that of
// the authenticator data, and those of the JSON around it.
func credentialIDs(r *Registration) []string {
	var ids []string
	for _, response := range [][]byte{r.Honest, r.JSON} {
		var m map[string]any
		if json.Unmarshal(response, &m) != nil {
			continue
		}
		for _, name := range []string{"id", "rawId"} {
			if id, ok := m[name].(string); ok && id != "" {
				if b, err := base64.RawURLEncoding.DecodeString(id); err == nil {
					ids = append(ids, base64.RawURLEncoding.EncodeToString(b))
				}
			}
		}
	}
	return ids
}
