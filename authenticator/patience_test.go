package authenticator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A patience ends as a context with a timeout does, whether anybody waits or not.
func TestPatience(t *testing.T) {
	for _, waits := range []bool{false, true} {
		begin := func(ctx context.Context) *patience {
			p := &patience{Context: ctx, until: time.Now().Add(time.Minute)}
			if waits {
				p.Done()
			}
			return p
		}
		over := func(p *patience, want error) {
			t.Helper()
			if err := p.Err(); !errors.Is(err, want) {
				t.Errorf("waits %t: ended with %v, want %v", waits, err, want)
			}
			select {
			case <-p.Done():
			case <-time.After(time.Hour):
				t.Errorf("waits %t: is not done", waits)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			p := begin(t.Context())
			time.Sleep(59 * time.Second)
			if err := p.Err(); err != nil {
				t.Errorf("waits %t: too early: %v", waits, err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			over(p, context.DeadlineExceeded)
			p.end()

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			p = begin(ctx)
			if d, _ := p.Deadline(); time.Until(d) != time.Second {
				t.Errorf("ends in %v", time.Until(d))
			}
			cancel()
			over(p, context.Canceled)
			p.end()

			p = begin(t.Context())
			p.end()
			if p.Err() == nil {
				t.Errorf("waits %t: has no error after its end", waits)
			}
			<-p.Done()
		})
	}
}
