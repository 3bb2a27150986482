package rptest

import (
	"encoding/base64"
	"fmt"
)

// accountCases use one account's credentials at another's.
func accountCases() []Case {
	return []Case{
		{ID: "sequence.account.other-credential", Sev: Critical, Anchor: "§7.2 step 6",
			Recipe:     "while one account is signing in, another account's passkey answers",
			Why:        "whoever has an account has them all",
			References: []string{"YSA-2026-02"},
			Needs:      []Need{NeedAllowList},
			play:       otherCredential},
		{ID: "sequence.account.no-credential", Sev: Critical, Anchor: "§7.2 step 6",
			Recipe:     "an account without any passkey is named, and another account's passkey answers",
			Why:        "an empty list of credentials is taken for no restriction",
			References: []string{"YSA-2026-02"},
			play:       noCredential},
		{ID: "sequence.account.other-user-handle", Sev: High, Anchor: "§7.2 step 6",
			Recipe: "the userHandle is another account's",
			Why:    "a site that goes by the handle signs the other in",
			Needs:  []Need{NeedDiscoverable},
			play:   otherUserHandle},
		{ID: "sequence.account.not-discoverable", Sev: Medium, Anchor: "§7.2 step 6",
			Recipe:     "in a sign-in without a user name the ID is of a credential that is not discoverable, with its own account's userHandle",
			Why:        "no device answers so: ID and handle were typed in",
			References: []string{"CVE-2025-26788"},
			Needs:      []Need{NeedUsernameless},
			play:       signInFromMemory},
		{ID: "sequence.account.duplicate-id", Sev: High, Anchor: "§7.1 step 26",
			Recipe:     "a credential is registered under the ID of another account's",
			Why:        "a site that stores by ID hands over, or destroys, the other's passkey",
			References: []string{"https://github.com/SandeepVashishtha/Eventra/issues/17866"},
			play:       func(p *play) error { return duplicateID(p, true) }},
		{ID: "sequence.account.same-id-again", Sev: Medium, Anchor: "§7.1 step 26",
			Recipe: "an account registers another key under the ID of its own credential",
			Why:    "the key is replaced without anybody noticing",
			play:   func(p *play) error { return duplicateID(p, false) }},
		{ID: "sequence.account.deleted-credential", Sev: Critical, Anchor: "§7.2 step 6",
			Recipe:     "a passkey signs in that its owner has deleted",
			Why:        "people delete what was stolen",
			References: []string{"CVE-2021-32726"},
			Needs:      []Need{NeedDelete},
			play:       deletedCredential},
		{ID: "sequence.account.last-credential", Sev: Medium, Anchor: "§7.2 step 6",
			Recipe: "the only passkey of an account is deleted, and signs in",
			Why:    "an account without passkeys is a state that sites forget",
			Needs:  []Need{NeedDelete},
			play:   lastCredential},
		{ID: "sequence.account.recreated", Sev: Critical, Anchor: "§7.2 step 6",
			Recipe:     "an account is deleted, somebody else makes one of the same name, and the first's passkey signs in",
			Why:        "credentials that are kept by name outlive their owner's account",
			References: []string{"CVE-2021-32726"},
			Needs:      []Need{NeedAccountDeletion, NeedUsernameless},
			play:       recreated},
	}
}

// answerOpenly has one's device answer another's options, with whatever passkey it
// has, and posts that in the other's session.
func (p *play) answerOpenly(device, session *User, options []byte) error {
	open, err := change(options, map[string]any{"allowCredentials": nil})
	if err != nil {
		return err
	}
	r, err := p.get(device, open)
	if deviceRefuses(err) {
		// Not discoverable: the attacker knows the own credential's ID.
		return unmet(p.rp, RegisterBegin, NeedDiscoverable)
	}
	if err != nil {
		return err
	}
	return p.post(session, LogInFinish, r.JSON)
}

func otherCredential(p *play) error {
	victim, _, err := p.visitor()
	if err != nil {
		return err
	}
	attacker, _, err := p.visitor()
	if err != nil {
		return err
	}
	options, err := p.begin(victim, LogInBegin)
	if err != nil {
		return err
	}
	return p.answerOpenly(attacker, victim, options)
}

func noCredential(p *play) error {
	victim, err := p.person()
	if err != nil {
		return err
	}
	if err := victim.SetUp(); err != nil {
		return err
	}
	attacker, _, err := p.visitor()
	if err != nil {
		return err
	}
	if err := p.takesNames(attacker); err != nil {
		return err
	}
	options, err := p.begin(victim, LogInBegin)
	if p.refusedBy(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.answerOpenly(attacker, victim, options)
}

// takesNames gives errNotApplicable where the site does not list the passkeys of a
// name: then it signs everybody in as who they are.
func (p *play) takesNames(u *User) error {
	options, err := p.begin(u, LogInBegin)
	if err != nil {
		return err
	}
	o, err := parseOffered(options)
	if err != nil {
		return err
	}
	if len(o.Allow) == 0 {
		return unmet(p.rp, LogInBegin, NeedAllowList)
	}
	return nil
}

// userHandle is the account's, as its own device knows it.
func (p *play) userHandle(u *User) (string, error) {
	all, err := u.Device.Credentials(p.ctx)
	if err != nil {
		return "", err
	}
	for _, c := range all {
		if len(c.UserHandle) > 0 {
			return c.UserHandle.String(), nil
		}
	}
	return "", unmet(p.rp, RegisterBegin, NeedDiscoverable)
}

func otherUserHandle(p *play) error {
	victim, _, err := p.visitor()
	if err != nil {
		return err
	}
	handle, err := p.userHandle(victim)
	if err != nil {
		return err
	}
	attacker, options, err := p.visit()
	if err != nil {
		return err
	}
	return p.answer(attacker, options, claiming(handle))
}

// signInFromMemory signs in without a user name by a credential that is not
// discoverable, with the account's userHandle, which the device did not give.
func signInFromMemory(p *play) error {
	attacker, err := p.person()
	if err != nil {
		return err
	}
	attacker.Wishes.ResidentKey = "discouraged"
	o, creation, err := p.offered(attacker)
	if err != nil {
		return err
	}
	handle := Bytes(o.User.ID).String()
	selection, err := change(creation, map[string]any{"authenticatorSelection": map[string]any{"residentKey": "discouraged"}})
	if err != nil {
		return err
	}
	made, err := p.create(attacker, selection)
	if err != nil {
		return err
	}
	if err := p.succeed(attacker, RegisterFinish, made.JSON); err != nil {
		return fmt.Errorf("without a discoverable credential: %w", err)
	}
	if err := attacker.leave(); err != nil {
		return err
	}
	options, err := p.begin(attacker, LogInBegin)
	if err != nil {
		return err
	}
	listed, err := listing(options, made)
	if err != nil {
		return err
	}
	return p.answer(attacker, listed, claiming(handle).optional())
}

// duplicateID registers under an ID that is taken: by another account's
// credential, or by the own.
func duplicateID(p *play, others bool) error {
	owner, first, err := p.member()
	if err != nil {
		return err
	}
	id, err := base64.RawURLEncoding.DecodeString(credentialIDs(first)[0])
	if err != nil {
		return err
	}
	var again *User
	if others {
		again, err = p.person()
	} else {
		again, err = p.otherDevice(owner)
	}
	if err != nil {
		return err
	}
	_, answer, err := again.registerFor(p.c, named(id))
	if err != nil {
		return err
	}
	p.judge(answer)
	if p.outcome != Rejected {
		return nil
	}
	if err := owner.leave(); err != nil {
		return err
	}
	if _, answer, err = owner.logInFor(p.c); err == nil && !answer.OK {
		p.stored("the first passkey no longer signs in")
	}
	return nil
}

func deletedCredential(p *play) error {
	u, first, err := p.member()
	if err != nil {
		return err
	}
	if _, _, err := p.withPasskey(u); err != nil {
		return err
	}
	return p.signInDeleted(u, first, false)
}

func lastCredential(p *play) error {
	u, r, err := p.member()
	if err != nil {
		return err
	}
	return p.signInDeleted(u, r, true)
}

// signInDeleted deletes a passkey and signs in with it. A site may keep an account's
// last one, and has to give up any other, or nothing was deleted.
func (p *play) signInDeleted(u *User, r *Registration, last bool) error {
	id, err := p.listed(u, r)
	if err != nil {
		return err
	}
	_, err = u.do(DeleteCredential, Request{CredentialID: id})
	if last && p.refusedBy(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete the passkey: %w", err)
	}
	if err := u.leave(); err != nil {
		return err
	}
	options, err := p.begin(u, LogInBegin)
	if p.refusedBy(err) {
		return nil
	}
	if err != nil {
		return err
	}
	own, err := listing(options, r)
	if err != nil {
		return err
	}
	return p.answer(u, own)
}

func recreated(p *play) error {
	old, _, err := p.member()
	if err != nil {
		return err
	}
	if _, err := old.do(DeleteAccount, Request{}); err != nil {
		return err
	}
	fresh, err := p.person()
	if err != nil {
		return err
	}
	fresh.Session.User, fresh.Session.DisplayName = old.Session.User, old.Session.DisplayName
	if _, answer, err := fresh.registerFor(p.c); err != nil || !answer.OK {
		return cannot("register under the name of an account that was deleted", answer, err)
	}
	if err := old.NewSession(); err != nil {
		return err
	}
	options, err := p.begin(old, LogInBegin)
	if err != nil {
		return err
	}
	return p.answerOpenly(old, old, options)
}
