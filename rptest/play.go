package rptest

import "context"

// play is what a case that is more than one spoilt response works with.
type play struct{}

func (r *run) playSequence(ctx context.Context, result *Result) {
	result.Outcome, result.Detail = NotRun, "no sequence is played yet"
}
