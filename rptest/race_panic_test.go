package rptest

import (
	"context"
	"sync"
	"testing"
)

// brittle is a site that panics when one sign-in is posted again.
type brittle struct {
	RP
	mu     sync.Mutex
	posted map[string]bool
}

func (b *brittle) Do(ctx context.Context, s *Session, step Step, r Request) (*Answer, error) {
	b.mu.Lock()
	again := step == LogInFinish && b.posted[string(r.Credential)]
	b.posted[string(r.Credential)] = true
	b.mu.Unlock()
	if again {
		panic("boom")
	}
	return b.RP.Do(ctx, s, step, r)
}

// A panic in a race reaches whoever plays the case, and can be recovered there.
func TestPanicInRace(t *testing.T) {
	r := settings(t)[0].run(t, "")
	r.Audit.RP = &brittle{RP: r.RP, posted: map[string]bool{}}
	r.Only = []string{"sequence.replay.parallel"}
	defer func() {
		if p := recover(); p != "boom" {
			t.Errorf("recovered %v", p)
		}
	}()
	report, err := r.Audit.Run(t.Context())
	t.Errorf("the audit went on: %v, %v", report, err)
}
