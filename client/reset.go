package client

import (
	"context"

	"github.com/seed-77d61853/signet/ctap"
)

// Reset erases every credential and the PIN, once the person agrees (§6.6).
func (a *Authenticator) Reset(ctx context.Context) error {
	return a.call(ctx, ctap.CommandReset, nil, nil)
}

// Selection asks the person whether this is the device to use (§6.9).
func (a *Authenticator) Selection(ctx context.Context) error {
	return a.call(ctx, ctap.CommandSelection, nil, nil)
}
