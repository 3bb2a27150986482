package client

import "context"

// Claim decides whether the client's page may use an RP ID (WebAuthn §5.1.3,
// steps 6 to 8): nil, or an *Error as Create's. It is what other calls of a page
// that name an RP ID have to ask, such as PublicKeyCredential's signal methods.
func (c *Client) Claim(ctx context.Context, rpID string) error {
	caller, failed := c.callerOrigin()
	if failed != nil {
		return failed
	}
	if _, err := c.claim(ctx, caller, &rpID); err != nil {
		return failure(ctx, err)
	}
	return nil
}
