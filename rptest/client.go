package rptest

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// Client is a browser with one page and one device. It does what browsers do with
// a site's options, and can spoil what they would answer. Device and Origin are
// required. Safe for concurrent use.
type Client struct {
	Device *Device
	// Origin is the page's; CrossOrigin tells that it is a frame of another
	// origin's page, TopOrigin which.
	Origin      string
	TopOrigin   string
	CrossOrigin bool
	// RelatedOrigins fetches https://rpID/.well-known/webauthn; nil: never.
	RelatedOrigins func(ctx context.Context, rpID string) ([]byte, error)
}

// Registration is what a browser posts after navigator.credentials.create.
type Registration struct {
	// Options are those of the site, without "publicKey" around them.
	Options []byte
	// JSON is the RegistrationResponseJSON, with the mutations asked for.
	JSON []byte
	// Honest is the one without.
	Honest []byte
	// Mutations names them.
	Mutations []string
}

// Assertion is what a browser posts after navigator.credentials.get: an
// AuthenticationResponseJSON. The members are as in Registration.
type Assertion Registration

// A site's own timeout holds, so that a test of a person who never answers can be
// short. Sites without one get what browsers give.
const (
	minTimeout     = 10 * time.Millisecond
	defaultTimeout = 5 * time.Minute
)

// ErrorName gives the DOMException name of an error that Create, Get or a method
// of User returned, and "" where it is none.
func ErrorName(err error) string {
	var e *client.Error
	if errors.As(err, &e) {
		return e.Name
	}
	return ""
}

// asWanted is the message of an error that Script.Fail asked for.
const asWanted = "as the test wants it"

// Impossible tells whether a ceremony failed for a reason that is neither the
// person's, nor the browser's, nor the site's: what the test asked for cannot be done,
// as a mutation that is misspelt, or no fault of this response. Nothing else gives an
// UnknownError, but Script.Fail.
func Impossible(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Name == client.UnknownError && e.Message != asWanted
}

// Create is navigator.credentials.create (WebAuthn §5.1.3): options is
// PublicKeyCredentialCreationOptionsJSON, bare or in an object as member
// publicKey. What the person does, Device.Next says. Mutations are put into the
// response, those that Next queued first. An error is a *client.Error.
func (c *Client) Create(ctx context.Context, options []byte, mutations ...Mutation) (*Registration, error) {
	r, err := c.run(ctx, options, mutations, (*client.Client).Create)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Get is navigator.credentials.get (WebAuthn §5.1.4); as Create.
func (c *Client) Get(ctx context.Context, options []byte, mutations ...Mutation) (*Assertion, error) {
	r, err := c.run(ctx, options, mutations, (*client.Client).Get)
	if err != nil {
		return nil, err
	}
	return (*Assertion)(r), nil
}

// visit is a call of navigator.credentials: the person's behaviour, the browser and
// its way to the device.
type visit struct {
	behaviour Behaviour
	browser   client.Client
	session   session
}

func (c *Client) run(ctx context.Context, options []byte, mutations []Mutation, call func(*client.Client, context.Context, []byte) ([]byte, error)) (*Registration, error) {
	v := &visit{behaviour: c.Device.take(), session: c.Device.session()}
	b := &v.behaviour
	b.picked(ctx)
	queued, err := b.check()
	if err != nil {
		return nil, &client.Error{Name: client.UnknownError, Message: err.Error()}
	}
	if b.Error != "" {
		return nil, &client.Error{Name: b.Error, Message: asWanted}
	}
	v.browser = client.Client{
		Device: &v.session, Origin: c.Origin, TopOrigin: c.TopOrigin, CrossOrigin: c.CrossOrigin,
		Choose: b.pickAccount, RelatedOrigins: c.RelatedOrigins, MinTimeout: minTimeout, DefaultTimeout: defaultTimeout,
		AlwaysDiscoverable: c.Device.config.Personality == Phone,
	}
	if !c.Device.config.NoVerification {
		v.browser.PIN = b.typePIN
	}
	ctx = context.WithValue(ctx, behaviourKey{}, b)
	honest, err := call(&v.browser, ctx, options)
	if err != nil {
		return nil, b.told(err)
	}
	r := &Registration{Options: bare(options), JSON: honest, Honest: honest}
	return r, c.Device.spoil(ctx, r, append(queued, mutations...))
}

// spoil puts mutations into a response of the device.
func (d *Device) spoil(ctx context.Context, r *Registration, mutations []Mutation) error {
	if len(mutations) == 0 {
		return nil
	}
	source, err := d.source(ctx, r)
	if err != nil {
		return err
	}
	faults := make([][]ceremony.Edit, len(mutations))
	for i, m := range mutations {
		r.Mutations = append(r.Mutations, m.ID)
		faults[i] = m.Edits
	}
	spoilt, idle, err := ceremony.Spoil(r.Honest, source, faults...)
	if err != nil {
		return &client.Error{Name: client.UnknownError, Message: fmt.Sprintf("mutations %q", r.Mutations), Err: err}
	}
	r.JSON = spoilt
	var none []string
	for _, i := range idle {
		if len(mutations[i].Edits) > 0 { // others are of devices
			none = append(none, strconv.Quote(mutations[i].ID))
		}
	}
	switch len(none) {
	case 0:
		return nil
	case 1:
		return &client.Error{Name: client.UnknownError, Message: "mutation " + none[0] + " is no fault: this response has that already"}
	}
	return &client.Error{Name: client.UnknownError, Message: "mutations " + strings.Join(none, ", ") + " are no fault: this response has that already"}
}

// source is what signs a response of the device again.
func (d *Device) source(ctx context.Context, r *Registration) (ceremony.Source, error) {
	var response struct {
		RawID Bytes `json:"rawId"`
	}
	if err := json.Unmarshal(r.Honest, &response); err != nil {
		return ceremony.Source{}, fmt.Errorf("read response: %w", err)
	}
	return ceremony.Source{
		Options:   r.Options,
		Sign:      d.signer(ctx, response.RawID),
		Other:     d.other(ctx, response.RawID),
		Format:    d.config.Attestation,
		Authority: d.Authority(),
	}, nil
}

// other makes keys that are nobody's, each a function of the seed and the
// credential.
func (d *Device) other(ctx context.Context, credentialID []byte) func(ctap.Algorithm) (crypto.PublicKey, attest.Signer, error) {
	return func(alg ctap.Algorithm) (crypto.PublicKey, attest.Signer, error) {
		binding := append([]byte("another than "), credentialID...)
		_, k, err := d.root.Bare.Create(ctx, alg, binding, keystore.Ungated)
		if err != nil {
			return nil, nil, fmt.Errorf("make another key: %w", err)
		}
		return k.Public(), func(message []byte) ([]byte, error) { return signMessage(ctx, k, alg, message) }, nil
	}
}

// bare takes options out of an object that has them as member publicKey.
func bare(options []byte) []byte {
	if !bytes.Contains(options, []byte(`"publicKey"`)) {
		return options
	}
	var wrapped struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if json.Unmarshal(options, &wrapped) == nil && len(wrapped.PublicKey) > 0 && !bytes.Equal(wrapped.PublicKey, []byte("null")) {
		return wrapped.PublicKey
	}
	return options
}
