package serve

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The abort of a page may overtake its ceremony: then this ends as soon as it begins,
// and nothing is offered, or made.
func TestEarlyAbort(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	for _, call := range []string{
		fmt.Sprintf(`/create {"id":"early","origin":"https://login.example","options":%s}`, creationOptions),
		`/get {"id":"early","origin":"https://login.example","mediation":"conditional","options":{"rpId":"login.example","challenge":"AAAAAAAAAAAAAAAAAAAAAA"}}`,
	} {
		var path string
		if _, err := fmt.Sscan(call, &path); err != nil {
			t.Fatal(err)
		}
		if got := s.must("POST", d+"/abort", `{"id":"early"}`)["aborted"]; got != false {
			t.Errorf("%s: aborted %v, and nothing had begun", path, got)
		}
		s.refused(409, "AbortError", "the page aborted it", "POST", d+path, call[len(path)+1:])
	}
	if n := len(s.list(d + "/credentials")); n != 0 {
		t.Errorf("%d passkeys", n)
	}
	s.refused(409, "InvalidStateError", "", "POST", d+"/autofill", `{"waitMs":0}`)
	// It held for that one ceremony.
	s.must("POST", d+"/create", fmt.Sprintf(`{"id":"early","origin":"https://login.example","options":%s}`, creationOptions))
}

// An early abort is for a page of its origin, for a time, and not for many.
func TestEarlyAborts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := func(w *waiting, id, origin string) error {
			ctx, p := w.begin(t.Context(), &ceremony{ID: id, Origin: origin}, true)
			defer w.done(p)
			if p.offered != (ctx.Err() == nil) {
				t.Errorf("%s: offered %t, %v", id, p.offered, ctx.Err())
			}
			return context.Cause(ctx)
		}
		var w waiting
		w.abort("a", "https://login.example")
		if err := begin(&w, "a", "https://other.example"); err != nil {
			t.Errorf("aborted by a page of another origin: %v", err)
		}
		if err := begin(&w, "a", "https://login.example"); !errors.Is(err, errAborted) {
			t.Errorf("aborted early: %v", err)
		}
		w.abort("b", "")
		time.Sleep(earlyTime)
		if err := begin(&w, "b", "https://login.example"); err != nil {
			t.Errorf("aborted long ago: %v", err)
		}
		for i := range 10 * maxEarly {
			w.abort(fmt.Sprint(i), "")
		}
		if len(w.early) != maxEarly {
			t.Errorf("%d aborts are kept", len(w.early))
		}
	})
}
