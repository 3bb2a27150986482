package authenticator_test

import (
	"context"
	"sync"

	"github.com/seed-77d61853/signet/authenticator"
)

// A mood is what the scripted person does when asked.
type mood int

const (
	approves mood = iota // and types pin, where verification is wanted
	refuses
	waits // until the mood changes or the question is taken away
)

// A person answers the device's questions by script. Safe for concurrent use.
type person struct {
	mu      sync.Mutex
	mood    mood
	changed chan struct{} // closed when the mood changes
	pin     string        // what is typed where verification is wanted
	choice  int           // of several accounts
	hurried bool          // touches shortly, however long it should be
	asked   []authenticator.Prompt
}

func newPerson() *person { return &person{changed: make(chan struct{})} }

// is sets the mood; a question that waits is judged anew.
func (p *person) is(m mood) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mood = m
	close(p.changed)
	p.changed = make(chan struct{})
}

// questions returns how many times the person was asked.
func (p *person) questions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// last returns the last question.
func (p *person) last() authenticator.Prompt {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		return authenticator.Prompt{}
	}
	return p.asked[len(p.asked)-1]
}

func (p *person) Ask(ctx context.Context, q authenticator.Prompt) (authenticator.Consent, error) {
	p.mu.Lock()
	p.asked = append(p.asked, q)
	for p.mood == waits {
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return authenticator.Consent{}, ctx.Err()
		case <-changed:
		}
		p.mu.Lock()
	}
	answer := authenticator.Consent{Present: p.mood == approves, Choice: min(p.choice, max(0, len(q.Accounts)-1))}
	answer.LongTouch = answer.Present && q.LongTouch && !p.hurried
	pin := p.pin
	p.mu.Unlock()
	if answer.Present && q.Verify != nil {
		answer.Verified = q.Verify(ctx, []byte(pin)) == nil
	}
	return answer, nil
}

// An owner is a person at a device that can take a PIN by itself, which makes
// built-in user verification.
type owner struct{ *person }

func (owner) CanVerify() bool { return true }
