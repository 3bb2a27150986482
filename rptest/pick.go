package rptest

import "context"

type pickKey struct{}

// Picking has the person pick an account in the ceremonies that run under the
// context it gives, whatever their behaviour picks: one chosen in a page's
// autofill. The account is named as in Behaviour.Pick; empty changes nothing.
func Picking(ctx context.Context, account string) context.Context {
	if account == "" {
		return ctx
	}
	return context.WithValue(ctx, pickKey{}, account)
}

// picked lays what Picking says over a behaviour.
func (b *Behaviour) picked(ctx context.Context) {
	if account, ok := ctx.Value(pickKey{}).(string); ok {
		b.Pick = account
	}
}
