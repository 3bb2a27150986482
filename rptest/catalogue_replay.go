package rptest

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"
)

// replayCases use a challenge twice, late, or elsewhere.
func replayCases() []Case {
	return []Case{
		{ID: "sequence.replay.registration", Sev: High, Anchor: "§13.4.3",
			Recipe:     "a registration that was taken is posted again",
			Why:        "a challenge is good for one answer",
			References: []string{"CVE-2022-42731"},
			registers:  true,
			play:       replayRegistration},
		{ID: "sequence.replay.login", Sev: Critical, Anchor: "§13.4.3",
			Recipe:     "a sign-in that was taken is posted again in the same session",
			Why:        "whoever reads one answer, in a log or a cache, has a session",
			References: []string{"https://github.com/better-auth/better-auth/issues/6816"},
			play:       func(p *play) error { return replayLogin(p, false) }},
		{ID: "sequence.replay.login-elsewhere", Sev: Critical, Anchor: "§13.4.3",
			Recipe: "a sign-in that was taken is posted again in another session",
			Why:    "whoever reads one answer, in a log or a cache, has a session",
			play:   func(p *play) error { return replayLogin(p, true) }},
		{ID: "sequence.replay.parallel", Sev: High, Anchor: "§13.4.3",
			Recipe: "one sign-in is posted five times at once: one may be taken",
			Why:    "a challenge that is looked up first and deleted later is good for several sessions",
			play:   replayParallel},
		{ID: "sequence.challenge.other-session", Sev: Critical, Anchor: "§7.2 step 11",
			Recipe: "a sign-in to a challenge of one session is posted in another, which has one of its own",
			Why:    "an attacker has the victim answer the attacker's challenge",
			play:   challengeOfOther},
		{ID: "sequence.challenge.of-registration", Sev: Critical, Anchor: "§7.2 step 11",
			Recipe: "a registration's challenge is used for a sign-in",
			Why:    "challenges are for one purpose: a page that only registers could sign in",
			play:   challengeOfRegistration},
		{ID: "sequence.challenge.after-bad", Want: Policy, Sev: Medium, Anchor: "§13.4.3",
			Recipe: "a bad sign-in is posted, then a good one to the same challenge",
			Why:    "a challenge that outlives a failure can be guessed at for as long as it lives",
			play:   challengeAfterBad},
		{ID: "sequence.challenge.two-tabs", Want: Policy, Sev: Medium, Anchor: "§13.4.3",
			Recipe: "two tabs begin to sign in, and the first to begin finishes last",
			Why:    "one of the two may be lost; people notice",
			play:   twoTabs},
		{ID: "sequence.challenge.late", Sev: Medium, Anchor: "§13.4.3", Slow: true,
			Recipe: "a sign-in is posted after the options' timeout is over",
			Why:    "challenges that never die pile up, and can be used whenever",
			play:   late},
	}
}

func replayRegistration(p *play) error {
	u, r, err := p.member()
	if err != nil {
		return err
	}
	return p.post(u, RegisterFinish, r.JSON)
}

func replayLogin(p *play, elsewhere bool) error {
	u, options, err := p.visit()
	if err != nil {
		return err
	}
	r, err := p.get(u, options)
	if err != nil {
		return err
	}
	if err := p.succeed(u, LogInFinish, r.JSON); err != nil {
		return err
	}
	if elsewhere {
		err = u.NewSession()
	} else if u.rp.Offers(LogOut) {
		_, err = u.do(LogOut, Request{})
	}
	if err != nil {
		return err
	}
	return p.post(u, LogInFinish, r.JSON)
}

// racers is how many posts of one sign-in race.
const racers = 5

func replayParallel(p *play) error {
	u, options, err := p.visit()
	if err != nil {
		return err
	}
	r, err := p.get(u, options)
	if err != nil {
		return err
	}
	u.rp = p.run.RP // the recorder is not for several at once
	answers := make([]*Answer, racers)
	errs := make([]error, racers)
	panics := make([]any, racers) // which whoever plays the case may recover
	var wg sync.WaitGroup
	for i := range racers {
		tab := u.twin()
		wg.Go(func() {
			defer func() { panics[i] = recover() }()
			answers[i], errs[i] = tab.finish(LogInFinish, r.JSON)
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	won, crashed := 0, 0
	for _, a := range answers {
		switch {
		case a == nil: // errs has why
			continue
		case a.Crashed:
			crashed++
		case a.OK:
			won++
		}
		p.rp.exchanges = append(p.rp.exchanges, a.Exchanges...)
	}
	p.detail = fmt.Sprintf("of %d posts of one sign-in %d were taken and %d crashed", racers, won, crashed)
	switch {
	case won > 1:
		p.outcome = Accepted
	case crashed > 0:
		p.outcome = Crashed
	case cmp.Or(errs...) != nil:
		return cmp.Or(errs...)
	case won == 0:
		return fmt.Errorf("none of %d posts of one sign-in was taken", racers)
	default:
		p.outcome = Rejected
	}
	return nil
}

func challengeOfOther(p *play) error {
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
	if _, err := p.begin(u, LogInBegin); err != nil {
		return err
	}
	return p.post(u, LogInFinish, r.JSON)
}

func challengeOfRegistration(p *play) error {
	u, _, err := p.member()
	if err != nil {
		return err
	}
	o, _, err := p.offered(u)
	if err != nil {
		return err
	}
	r, err := p.getWith(u, o.Challenge)
	if err != nil {
		return err
	}
	return p.post(u, LogInFinish, r.JSON)
}

// getWith answers a challenge of another place, as the user's page would. The
// session's own challenge stays what it is.
func (p *play) getWith(u *User, challenge []byte) (*Assertion, error) {
	elsewhere := u.twin()
	if err := elsewhere.NewSession(); err != nil {
		return nil, err
	}
	options, err := p.begin(elsewhere, LogInBegin)
	if err != nil {
		return nil, err
	}
	if options, err = change(options, map[string]any{"challenge": Bytes(challenge)}); err != nil {
		return nil, err
	}
	return p.get(u, options)
}

func challengeAfterBad(p *play) error {
	u, options, err := p.visit()
	if err != nil {
		return err
	}
	if err := p.answer(u, options, mustFind(badSignature)); err != nil {
		return err
	}
	if p.outcome == Accepted {
		return errBadTaken
	}
	return p.answer(u, options)
}

// badSignature is the case whose fault stands for a sign-in that fails.
const badSignature = "login.signature.bit"

var errBadTaken = errors.New("the bad sign-in was taken: see " + badSignature)

// mustFind is the mutation of a case that is in the catalogue.
func mustFind(id string) Mutation {
	c, _ := FindCase(id)
	return c.Mutation()
}

func twoTabs(p *play) error {
	u, first, err := p.visit()
	if err != nil {
		return err
	}
	second, err := p.begin(u, LogInBegin)
	if err != nil {
		return err
	}
	r, err := p.get(u, second)
	if err != nil {
		return err
	}
	if err := p.succeed(u, LogInFinish, r.JSON); err != nil {
		return fmt.Errorf("in the second tab: %w", err)
	}
	return p.answer(u, first)
}

// late waits for the timeout that the site's options say, and a little.
func late(p *play) error {
	u, options, err := p.visit()
	if err != nil {
		return err
	}
	r, err := p.get(u, options)
	if err != nil {
		return err
	}
	o, err := parseOffered(options)
	if err != nil {
		return err
	}
	wait := 5 * time.Minute
	if o.Timeout > 0 {
		wait = time.Duration(o.Timeout) * time.Millisecond
	}
	select {
	case <-time.After(wait + wait/10):
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	return p.post(u, LogInFinish, r.JSON)
}
