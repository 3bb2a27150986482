package authenticator

import (
	"context"

	"github.com/seed-77d61853/signet/ctap"
)

// selection is authenticatorSelection (§6.9): the person touches the device
// that they mean.
func (a *Authenticator) selection(ctx context.Context, s *ctap.Session, _ []byte) (any, error) {
	_, err := a.ask(ctx, s, Prompt{Operation: Select})
	return nil, err
}
