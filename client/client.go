package client

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/internal/patience"
)

// Client is a browser for one page and one authenticator. Only Device and Origin
// are required. One ceremony runs on a device at a time; apart from that a
// Client is safe for concurrent use if its functions are.
type Client struct {
	// Device is the authenticator.
	Device Device

	// Origin is the page's: scheme, host and port, or any URL of it.
	Origin string
	// CrossOrigin tells that the page is a frame within another origin's, and
	// TopOrigin, which implies it, that of the top-level page.
	CrossOrigin bool
	TopOrigin   string

	// PIN asks the person for a PIN and returns it in UTF-8; it is wiped after
	// use. An error ends the ceremony with NotAllowedError. Where PIN is nil,
	// verification that is only preferred is left out.
	PIN func(ctx context.Context, r PINRequest) ([]byte, error)
	// Choose asks the person which of several accounts to sign in with and
	// returns its index; nil takes the first, which is the newest.
	Choose func(ctx context.Context, accounts []ctap.User) (int, error)
	// RelatedOrigins fetches https://rpID/.well-known/webauthn, without
	// credentials and referrer, and returns the body of a 200 answer whose
	// type is application/json (WebAuthn §5.11). Nil: the client does not
	// support related origins.
	RelatedOrigins func(ctx context.Context, rpID string) ([]byte, error)

	// AlwaysDiscoverable makes discoverable credentials also for sites that
	// discourage them, as browsers do for providers that keep no others.
	AlwaysDiscoverable bool

	// Enterprise lists RP IDs for which attestation "enterprise" asks for
	// platform-managed enterprise attestation; for others it asks for the
	// kind that the device's vendor has set up (§7.1).
	Enterprise []string

	// MinTimeout and MaxTimeout bound how long a ceremony takes, whatever the
	// options say. Zero: 5 and 10 minutes, as the standard recommends (WebAuthn
	// §5.1.3, step 4).
	MinTimeout, MaxTimeout time.Duration
	// DefaultTimeout is for options that say nothing; zero: MinTimeout.
	DefaultTimeout time.Duration
}

// Create registers a passkey: navigator.credentials.create (WebAuthn §5.1.3).
// options is PublicKeyCredentialCreationOptionsJSON, or an object that has it as
// member publicKey; the result is RegistrationResponseJSON. Every error is an
// *Error. Ending ctx aborts.
func (c *Client) Create(ctx context.Context, options []byte) ([]byte, error) {
	resp, err := c.create(ctx, options)
	if err != nil {
		return nil, failure(ctx, err)
	}
	return resp, nil
}

// Get signs in: navigator.credentials.get (WebAuthn §5.1.4). options is
// PublicKeyCredentialRequestOptionsJSON, or an object that has it as member
// publicKey; the result is AuthenticationResponseJSON. Every error is an *Error.
// Ending ctx aborts.
func (c *Client) Get(ctx context.Context, options []byte) ([]byte, error) {
	resp, err := c.get(ctx, options)
	if err != nil {
		return nil, failure(ctx, err)
	}
	return resp, nil
}

// ceremony is one Create or Get on its way.
type ceremony struct {
	client         *Client
	authenticator  Authenticator
	info           *ctap.GetInfoResponse
	caller         origin
	rpID           string
	clientData     []byte
	clientDataHash [32]byte

	// What the person's verification left: a token; or, on devices older than
	// tokens for built-in verification, that the option uv is to be sent.
	token    *Token
	uvOption bool

	evaluation *hmacSecret // of the PRF, under way; nil where there is none
}

// begin checks the origin, the RP ID and with check what else the options hold,
// serializes the client data and asks the device what it is.
func (c *Client) begin(ctx context.Context, kind string, challenge []byte, rpID *string, check func(caller origin) error) (*ceremony, error) {
	caller, failed := c.callerOrigin()
	if failed != nil {
		return nil, failed
	}
	top, failed := c.topOrigin()
	if failed != nil {
		return nil, failed
	}
	id, err := c.claim(ctx, caller, rpID)
	if err != nil {
		return nil, err
	}
	if err := check(caller); err != nil {
		return nil, err
	}
	data := ClientData{
		Type:        kind,
		Challenge:   encodeBase64URL(challenge),
		Origin:      caller.String(),
		CrossOrigin: c.CrossOrigin || top != "",
		TopOrigin:   top,
	}
	y := &ceremony{client: c, authenticator: *New(c.Device), caller: caller, rpID: id, clientData: data.JSON()}
	y.clientDataHash = sha256.Sum256(y.clientData)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	y.info, err = y.authenticator.GetInfo(ctx)
	return y, err
}

// end forgets the secrets.
func (y *ceremony) end() {
	y.token.Wipe()
	y.evaluation.wipe()
}

// lifetime bounds ctx by the options' timeout, in milliseconds, within the
// client's range.
func (c *Client) lifetime(ctx context.Context, timeout *uint32) *patience.Context {
	shortest, longest := c.MinTimeout, c.MaxTimeout
	if shortest == 0 {
		shortest = 5 * time.Minute
	}
	if longest == 0 {
		longest = 10 * time.Minute
	}
	d := cmp.Or(c.DefaultTimeout, shortest)
	if timeout != nil {
		d = min(max(time.Duration(*timeout)*time.Millisecond, shortest), longest)
	}
	return patience.For(ctx, d)
}

// over is ctx's error after somebody was asked who need not have looked at ctx: it
// looks at the clock, which a patience without waiters does not.
func over(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	default:
		return nil
	}
}

// timedOut tells why where the ceremony's own time is up: a device that is
// cancelled then answers as if a person had refused.
func timedOut(ctx *patience.Context, err error) error {
	if err != nil && ctx.Over() {
		return errors.Join(errLifetime, err)
	}
	return err
}

// attachment is the device's: "platform" or "cross-platform" (WebAuthn §5.4.5).
func (y *ceremony) attachment() string {
	if y.info.Options["plat"] {
		return attachmentPlatform
	}
	return attachmentCrossPlatform
}
