package patience

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A patience ends as a context with a timeout does, whether anybody waits or not,
// and knows whether it was by its own time.
func TestContext(t *testing.T) {
	for _, waits := range []bool{false, true} {
		begin := func(ctx context.Context) *Context {
			c := For(ctx, time.Minute)
			if waits {
				c.Done()
			}
			return c
		}
		over := func(c *Context, want error, own bool) {
			t.Helper()
			if c.Over() != own {
				t.Errorf("waits %t: over by its own time: %t", waits, !own)
			}
			if err := c.Err(); !errors.Is(err, want) {
				t.Errorf("waits %t: ended with %v, want %v", waits, err, want)
			}
			select {
			case <-c.Done():
			case <-time.After(time.Hour):
				t.Errorf("waits %t: is not done", waits)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			c := begin(t.Context())
			time.Sleep(59 * time.Second)
			if err := c.Err(); err != nil || c.Over() {
				t.Errorf("waits %t: too early: %v, over %t", waits, err, c.Over())
			}
			time.Sleep(time.Second)
			synctest.Wait()
			over(c, context.DeadlineExceeded, true)
			c.End()

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			c = begin(ctx)
			if d, _ := c.Deadline(); time.Until(d) != time.Second {
				t.Errorf("ends in %v", time.Until(d))
			}
			cancel()
			over(c, context.Canceled, false)
			c.End()

			c = begin(t.Context())
			c.End()
			over(c, context.Canceled, false)
		})
	}
}
