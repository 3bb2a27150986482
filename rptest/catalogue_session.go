package rptest

import (
	"errors"
	"slices"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// sessionCases mix up sessions, and what was sent in them.
func sessionCases() []Case {
	return []Case{
		{ID: "sequence.session.registration-of-other", Sev: Critical, Anchor: "§7.1 step 29",
			Recipe:     "a registration to the options of one account is posted in the session of another",
			Why:        "an attacker's passkey is put into the victim's account, or the other way round",
			References: []string{"https://github.com/iosazee/expo-passkey/issues/13"},
			registers:  true,
			play:       registrationOfOther},
		{ID: "sequence.session.login-unbegun", Sev: Critical, Anchor: "§7.2 step 11",
			Recipe: "a sign-in is posted in a session that never asked for options",
			Why:    "the challenge then comes from the answer itself, or from nowhere",
			play:   loginUnbegun},
		{ID: "sequence.session.registration-signature", Sev: High, Anchor: "§7.2 step 21",
			Recipe: "the signature of the registration is used for a sign-in",
			Why:    "it is over other data: whoever has seen the registration could sign in",
			Needs:  []Need{NeedAttestation},
			Device: DeviceConfig{Personality: Platform},
			play:   registrationSignature},
		{ID: "sequence.state.failed-login", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 24",
			Recipe: "a sign-in with a bad signature and a huge counter fails; then a good one follows",
			Why:    "what a failed sign-in says must not be kept, or anybody locks anybody out",
			Device: DeviceConfig{Personality: Hardware},
			play:   failedLogin},
		{ID: "sequence.state.uv-initialized", Want: Policy, Sev: High, Anchor: "§7.2 step 24",
			Recipe: "a credential that was registered without verification says UV at sign-in",
			Why:    "to count it as a second factor from now on, another factor has to be shown first",
			Needs:  []Need{NeedUVOptional},
			play:   uvInitialized},
		{ID: "sequence.login.not-listed", Sev: High, Anchor: "§7.2 step 5",
			Needs:  []Need{NeedAllowList, NeedWhoAmI},
			Recipe: "the sign-in is by a passkey of the account that was registered after the options were sent, and is not among allowCredentials",
			Why:    "a site that lists some passkeys for a purpose takes any",
			play:   notListed},
	}
}

func registrationOfOther(p *play) error {
	a, err := p.person()
	if err != nil {
		return err
	}
	b, err := p.person()
	if err != nil {
		return err
	}
	options, err := p.begin(a, RegisterBegin)
	if err != nil {
		return err
	}
	r, err := p.create(a, options)
	if err != nil {
		return err
	}
	if _, err := p.begin(b, RegisterBegin); err != nil {
		return err
	}
	if err := p.post(b, RegisterFinish, r.JSON); err != nil {
		return err
	}
	p.look(r, a, b)
	return nil
}

func loginUnbegun(p *play) error {
	u, options, err := p.visit()
	if err != nil {
		return err
	}
	r, err := p.get(u, options)
	if err != nil {
		return err
	}
	if err := u.NewSession(); err != nil {
		return err
	}
	return p.post(u, LogInFinish, r.JSON)
}

// registrationSignature takes the signature out of a packed self statement.
func registrationSignature(p *play) error {
	u, r, err := p.visitor()
	if err != nil {
		return err
	}
	sig, err := ceremony.StatementSignature(r.JSON)
	if err != nil {
		return unmet(p.rp, RegisterBegin, NeedAttestation)
	}
	options, err := p.begin(u, LogInBegin)
	if err != nil {
		return err
	}
	return p.answer(u, options, signed(sig))
}

func failedLogin(p *play) error {
	u, _, err := p.visitor()
	if err != nil {
		return err
	}
	bad := mustFind(badSignature)
	bad.Edits = append(slices.Clone(bad.Edits), ceremony.SignCount(1<<30))
	_, answer, err := u.logInFor(p.c, bad)
	switch {
	case err != nil:
		return err
	case answer.OK:
		return errBadTaken
	}
	_, answer, err = u.logInFor(p.c)
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

func uvInitialized(p *play) error {
	u, err := p.person()
	if err != nil {
		return err
	}
	u.Wishes.UserVerification = "discouraged"
	_, answer, err := u.registerFor(p.c, withoutUV().optional())
	if err != nil || !answer.OK {
		return cannot("register without verification", answer, err)
	}
	if err := u.leave(); err != nil {
		return err
	}
	_, answer, err = u.logInFor(p.c, withUV().optional())
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

func notListed(p *play) error {
	u, _, err := p.member()
	if err != nil {
		return err
	}
	visitor := u.twin()
	if err := visitor.NewSession(); err != nil {
		return err
	}
	options, err := p.begin(visitor, LogInBegin)
	if err != nil {
		return err
	}
	owner, r, err := p.withPasskey(u)
	if err != nil {
		return err
	}
	own, err := listing(options, r)
	if err != nil {
		return err
	}
	got, err := p.get(owner, own)
	if err != nil {
		return err
	}
	if err := p.post(visitor, LogInFinish, got.JSON); err != nil {
		return err
	}
	return p.signInListed(owner, r)
}

// signInListed signs in with a passkey that was refused where the options did not list
// it: now they have to.
func (p *play) signInListed(u *User, r *Registration) error {
	if err := u.NewSession(); err != nil {
		return err
	}
	options, err := p.begin(u, LogInBegin)
	if err != nil {
		return err
	}
	o, err := parseOffered(options)
	if err != nil {
		return err
	}
	ids := credentialIDs(r)
	if !slices.ContainsFunc(o.Allow, func(c descriptor) bool { return slices.Contains(ids, c.ID) }) {
		return errors.New("the account's new passkey is not among allowCredentials, so it signs in nowhere")
	}
	got, err := p.get(u, options)
	if err != nil {
		return err
	}
	return p.succeed(u, LogInFinish, got.JSON)
}

// listing makes options list one credential alone.
func listing(options []byte, r *Registration) ([]byte, error) {
	var list []any
	for _, id := range credentialIDs(r) {
		list = append(list, map[string]any{"type": "public-key", "id": id})
	}
	return change(options, map[string]any{"allowCredentials": list})
}
