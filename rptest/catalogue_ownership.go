package rptest

import (
	"errors"
	"fmt"
	"slices"
)

// ownershipCases are about who may change an account.
func ownershipCases() []Case {
	return registering([]Case{
		{ID: "sequence.ownership.password-only-enrols", Sev: Critical, Anchor: "§7.1",
			Recipe:     "a session that came in by password adds a passkey to an account that has one",
			Why:        "a stolen password becomes a passkey, and the second factor is gone",
			References: []string{"https://github.com/AthenaNetworks/mymate/issues/42"},
			Needs:      []Need{NeedPasswordLogIn},
			play:       passwordOnlyEnrols},
		{ID: "sequence.ownership.stranger-enrols", Sev: Critical, Anchor: "§7.1",
			Recipe: "somebody who is not signed in registers a passkey under the name of an account that has one",
			Why:    "whoever knows a name has the account",
			Needs:  []Need{NeedOwnEndpoints},
			play:   strangerEnrols},
		{ID: "sequence.ownership.rename-other", Sev: Medium, Anchor: "§7.1",
			Recipe:     "one account renames another account's passkey by its ID",
			Why:        "names tell people which passkey to delete",
			References: []string{"CVE-2025-71400"},
			Needs:      []Need{NeedRename},
			play:       renameOther},
		{ID: "sequence.ownership.delete-other", Sev: High, Anchor: "§7.1",
			Recipe:     "one account deletes another account's passkey by its ID",
			Why:        "anybody can lock anybody out",
			References: []string{"CVE-2025-71400"},
			Needs:      []Need{NeedDelete},
			play:       deleteOther},
		{ID: "sequence.ownership.enrolment-token-twice", Sev: Critical, Anchor: "§7.1",
			Recipe:     "a token that lets one passkey be registered is used twice",
			Why:        "whoever finds the link in a mailbox has the account",
			References: []string{"CVE-2026-37982"},
			Needs:      []Need{NeedEnrolmentToken},
			play:       enrolmentTokenTwice},
		{ID: "sequence.ownership.password-change", Want: Policy, Sev: Medium, Anchor: "§7.1",
			Recipe: "the password is changed while a registration is under way in another session",
			Why:    "people change passwords to throw intruders out",
			Needs:  []Need{NeedPasswordLogIn, NeedPasswordChange},
			play:   passwordChange},
	})
}

// registering marks cases in which nobody signs in with a passkey.
func registering(cases []Case) []Case {
	for i := range cases {
		cases[i].registers = true
	}
	return cases
}

func passwordOnlyEnrols(p *play) error {
	u, _, err := p.member()
	if err != nil {
		return err
	}
	if _, err := u.do(PasswordLogIn, Request{}); err != nil {
		return fmt.Errorf("sign in by password: %w", err)
	}
	thief, err := p.person()
	if err != nil {
		return err
	}
	thief.Session.User, thief.set = u.Session.User, true // the account is there
	if _, err := thief.do(PasswordLogIn, Request{}); err != nil {
		return fmt.Errorf("sign in by password: %w", err)
	}
	r, answer, err := thief.registerFor(p.c)
	return p.judged(thief, r, answer, err)
}

func strangerEnrols(p *play) error {
	owner, _, err := p.member()
	if err != nil {
		return err
	}
	stranger, err := p.person()
	if err != nil {
		return err
	}
	stranger.Session.User, stranger.set = owner.Session.User, true
	r, answer, err := stranger.registerFor(p.c)
	return p.judged(stranger, r, answer, err)
}

// listed finds the ID by which an account's list has a credential.
func (p *play) listed(owner *User, r *Registration) (string, error) {
	list, err := owner.do(Credentials, Request{})
	if err != nil {
		return "", fmt.Errorf("list credentials: %w", err)
	}
	for _, known := range credentialIDs(r) {
		if slices.Contains(list.Credentials, known) {
			return known, nil
		}
	}
	return "", errors.New("the credential is not in the account's list")
}

func renameOther(p *play) error {
	owner, id, err := p.touchOther(RenameCredential)
	if err != nil {
		return err
	}
	return p.touchOwn(owner, RenameCredential, id)
}

// touchOwn has an owner do what another was refused: a step that nobody may take says
// nothing of whose passkey it is.
func (p *play) touchOwn(owner *User, step Step, id string) error {
	if p.outcome != Rejected {
		return nil
	}
	if _, err := owner.do(step, Request{CredentialID: id}); err != nil {
		return fmt.Errorf("by the owner: %w", err)
	}
	return nil
}

// touchOther has one account do something to another's passkey: it gives the owner,
// and the passkey's ID.
func (p *play) touchOther(step Step) (owner *User, id string, err error) {
	owner, r, err := p.member()
	if err != nil {
		return nil, "", err
	}
	thief, _, err := p.member()
	if err != nil {
		return nil, "", err
	}
	if id, err = p.listed(owner, r); err != nil {
		return nil, "", err
	}
	answer, err := thief.post(step, Request{CredentialID: id})
	if err != nil {
		return nil, "", err
	}
	p.judge(answer)
	return owner, id, nil
}

func deleteOther(p *play) error {
	owner, id, err := p.touchOther(DeleteCredential)
	if err != nil {
		return err
	}
	list, err := owner.do(Credentials, Request{})
	if err != nil {
		return err
	}
	switch there := slices.Contains(list.Credentials, id); {
	case there && p.outcome == Accepted:
		p.outcome, p.detail = Rejected, p.detail+", but it is still there"
	case !there && p.outcome == Rejected:
		p.stored("it is gone")
	}
	return p.touchOwn(owner, DeleteCredential, id)
}

func enrolmentTokenTwice(p *play) error {
	owner, _, err := p.member()
	if err != nil {
		return err
	}
	token, err := owner.do(EnrolmentToken, Request{})
	if err != nil {
		return err
	}
	for _, first := range []bool{true, false} {
		finder, err := p.person()
		if err != nil {
			return err
		}
		finder.Session.User = owner.Session.User
		r, answer, err := p.enrol(finder, token.Token)
		if first && (err != nil || !answer.OK) {
			return cannot("register with a fresh token", answer, err)
		}
		if err := p.judged(finder, r, answer, err); err != nil {
			return err
		}
	}
	return nil
}

// enrol registers with a token.
func (p *play) enrol(u *User, token string) (*Registration, *Answer, error) {
	a, err := u.do(RegisterBegin, Request{Wishes: u.Wishes, Token: token})
	if err != nil {
		return nil, nil, err
	}
	r, err := p.create(u, a.Options)
	if err != nil {
		return nil, nil, err
	}
	answer, err := u.finish(RegisterFinish, r.JSON)
	return r, answer, err
}

func passwordChange(p *play) error {
	u, err := p.person()
	if err != nil {
		return err
	}
	if err := u.SetUp(); err != nil {
		return err
	}
	if _, err := u.do(PasswordLogIn, Request{}); err != nil {
		return fmt.Errorf("sign in by password: %w", err)
	}
	options, err := p.begin(u, RegisterBegin)
	if err != nil {
		return err
	}
	r, err := p.create(u, options)
	if err != nil {
		return err
	}
	owner := u.twin()
	if err := owner.NewSession(); err != nil {
		return err
	}
	for _, step := range []Step{PasswordLogIn, PasswordChange} {
		if _, err := owner.do(step, Request{}); err != nil {
			return err
		}
	}
	return p.post(u, RegisterFinish, r.JSON)
}

// stepUpCases are of a second place that verifies passkeys.
func stepUpCases() []Case {
	return []Case{
		{ID: "sequence.step-up.honest", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 17",
			Recipe:     "somebody who is signed in confirms it with the passkey, verified",
			Why:        "a site that asks again and again locks its users out",
			References: []string{"https://github.com/zitadel/zitadel/pull/12575"},
			Needs:      []Need{NeedStepUp},
			play:       confirmed},
		{ID: "sequence.step-up.other-key", Sev: Critical, Anchor: "§7.2 step 21",
			Recipe:     "at the second place the last bit of the signature is flipped",
			Why:        "each place that verifies has to heed the verdict: one that ignores it guards nothing",
			References: []string{"https://gitlab.com/gitlab-org/gitlab/-/issues/585333"},
			Needs:      []Need{NeedStepUp},
			play:       func(p *play) error { return stepUp(p, mustFind("login.signature.bit")) }},
		{ID: "sequence.step-up.challenge", Sev: Critical, Anchor: "§7.2 step 11",
			Recipe: "at the second place the challenge is another one",
			Why:    "an old answer confirms whatever is asked",
			Needs:  []Need{NeedStepUp},
			play:   func(p *play) error { return stepUp(p, mustFind("login.challenge.other")) }},
		{ID: "sequence.step-up.uv", Sev: Critical, Anchor: "§7.2 step 17",
			Recipe: "at the second place the flag UV (user verified) is clear",
			Why:    "it was to prove who is there, and proves only that somebody is",
			Needs:  []Need{NeedStepUp, NeedUV},
			play:   func(p *play) error { return stepUp(p, withoutUV()) }},
	}
}

// stepUp confirms a sign-in with a fault in it, where one without is taken.
func stepUp(p *play, fault Mutation) error {
	u, _, err := p.visitor()
	if err != nil {
		return err
	}
	if err := p.confirm(u); err != nil {
		return err
	}
	if p.outcome != Accepted {
		return fmt.Errorf("confirm without the fault: %s", p.detail)
	}
	if err := u.leave(); err != nil {
		return err
	}
	return p.confirm(u, fault)
}

// confirm signs in, confirms it at the second place, and makes what the site says to
// that the verdict.
func (p *play) confirm(u *User, mutations ...Mutation) error {
	if err := p.signIn(u); err != nil {
		return err
	}
	options, err := p.begin(u, StepUpBegin)
	if err != nil {
		return err
	}
	r, err := p.get(u, options, mutations...)
	if err != nil {
		return err
	}
	return p.post(u, StepUpFinish, r.JSON)
}

// confirmed is a person who confirms a sign-in and is heard.
func confirmed(p *play) error {
	u, _, err := p.visitor()
	if err != nil {
		return err
	}
	return p.confirm(u)
}
