package rptest

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// sessionCases mix up sessions, and what was sent in them.
func sessionCases() []Case {
	return []Case{
		{ID: "sequence.session.registration-of-other", Sev: Critical, Anchor: "§7.1 step 29",
			Recipe:     "a registration to the options of one account is posted in the session of another",
			Why:        "an attacker's passkey is put into the victim's account, or the other way round",
			References: []string{"https://github.com/expo-passkey/expo-passkey/issues/13"},
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

func registrationOfOther(ctx context.Context, p *play) error {
	a, err := p.person()
	if err != nil {
		return err
	}
	b, err := p.person()
	if err != nil {
		return err
	}
	if err := b.SetUp(); err != nil {
		return err
	}
	options, err := a.beginRegistration()
	if err != nil {
		return err
	}
	r, err := a.Client.Create(ctx, options)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if _, err := p.begin(b, RegisterBegin); err != nil {
		return err
	}
	answer, err := b.finish(RegisterFinish, r.JSON)
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

func loginUnbegun(ctx context.Context, p *play) error {
	u, _, err := p.visitor()
	if err != nil {
		return err
	}
	options, err := p.begin(u, LogInBegin)
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
	answer, err := u.finish(LogInFinish, r.JSON)
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

// registrationSignature takes the signature out of a packed self statement.
func registrationSignature(ctx context.Context, p *play) error {
	u, r, err := p.visitor()
	if err != nil {
		return err
	}
	sig, err := ceremony.StatementSignature(r.JSON)
	if err != nil {
		return errNotApplicable{NeedAttestation}
	}
	options, err := p.begin(u, LogInBegin)
	if err != nil {
		return err
	}
	got, err := p.get(u, options, Mutation{"signature of the registration", edits(ceremony.SignatureBytes(sig))})
	if err != nil {
		return err
	}
	answer, err := u.finish(LogInFinish, got.JSON)
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

func failedLogin(ctx context.Context, p *play) error {
	u, _, err := p.visitor()
	if err != nil {
		return err
	}
	bad := mustFind("login.signature.bit")
	bad.Edits = append(slices.Clone(bad.Edits), ceremony.SignCount(1<<30))
	_, answer, err := u.logInFor(p.c, bad)
	switch {
	case err != nil:
		return err
	case answer.OK:
		return fmt.Errorf("the bad sign-in was taken: see login.signature.bit")
	}
	_, answer, err = u.logInFor(p.c)
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

func uvInitialized(ctx context.Context, p *play) error {
	u, err := p.person()
	if err != nil {
		return err
	}
	u.Wishes.UserVerification = "discouraged"
	_, answer, err := u.registerFor(p.c, Mutation{"UV clear", edits(ceremony.Flags(0, uv))})
	if err != nil || !answer.OK {
		return cannot("register without verification", answer, err)
	}
	if err := u.leave(); err != nil {
		return err
	}
	_, answer, err = u.logInFor(p.c, Mutation{"UV set", edits(ceremony.Flags(uv, 0))})
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

func notListed(ctx context.Context, p *play) error {
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
	second, err := p.person()
	if err != nil {
		return err
	}
	// The account's second device is another person's here.
	owner := u.twin()
	owner.Client = second.Client
	owner.Device = second.Device
	r, answer, err := owner.registerFor(p.c)
	if err != nil || !answer.OK {
		return cannot("register a second passkey", answer, err)
	}
	open, err := change(options, map[string]any{"allowCredentials": descriptors(credentialIDs(r)...)})
	if err != nil {
		return err
	}
	got, err := p.get(owner, open)
	if err != nil {
		return err
	}
	if answer, err = visitor.finish(LogInFinish, got.JSON); err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

// descriptors makes a list of credentials, as options have it.
func descriptors(ids ...string) []any {
	var list []any
	for _, id := range ids {
		list = append(list, map[string]any{"type": "public-key", "id": id})
	}
	return list
}
