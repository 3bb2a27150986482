package client

import (
	"context"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// get follows WebAuthn §5.1.4; the steps that only a page has are missing.
func (c *Client) get(ctx context.Context, options []byte) ([]byte, error) {
	o, err := parseRequestOptions(options)
	if err != nil {
		return nil, err
	}
	lifetime := c.lifetime(ctx, o.timeout)
	defer lifetime.End()
	y, err := c.begin(lifetime, ClientDataGet, o.challenge, o.rpID, func(caller origin) error { return o.check(caller) })
	if err != nil {
		return nil, timedOut(lifetime, err)
	}
	defer y.end()
	resp, err := y.signIn(lifetime, o)
	return resp, timedOut(lifetime, err)
}

// check refuses extension inputs that the ceremony does not take.
func (o *requestOptions) check(caller origin) error {
	if err := o.extensions.prf.checkGet(o.allow); err != nil {
		return err
	}
	if err := o.extensions.largeBlob.checkGet(o.allow); err != nil {
		return err
	}
	if o.extensions.appID != nil {
		appID, err := checkAppID(*o.extensions.appID, caller)
		if err != nil {
			return err
		}
		o.extensions.appID = &appID
	}
	return nil
}

// assertion is what a sign-in asks of the device.
type assertion struct {
	rpID  string // the RP ID, or an AppID
	allow []ctap.Descriptor
	token *Token
}

// signIn runs the sign-in on the device.
func (y *ceremony) signIn(ctx context.Context, o *requestOptions) ([]byte, error) {
	if y.verifiesAtGet(o) {
		if err := y.verify(ctx, y.getPermissions(o)); err != nil {
			return nil, err
		}
	}
	a, err := y.allowed(ctx, o)
	if err != nil {
		return nil, err
	}
	req := &ctap.GetAssertionRequest{
		RPID:           a.rpID,
		ClientDataHash: y.clientDataHash[:],
		AllowList:      a.allow,
		Options:        options(false, y.uvOption),
	}
	if req.Extensions, err = y.getExtensions(ctx, o, a); err != nil {
		return nil, err
	}
	req.PinUvAuthParam, req.PinUvAuthProtocol = a.token.param(req.ClientDataHash)
	resp, err := y.assert(ctx, req)
	if err != nil {
		return nil, err
	}
	id, auth, err := y.checkAsserted(resp, a, o)
	if err != nil {
		return nil, err
	}
	out, err := y.gotExtensions(ctx, o, resp, auth)
	if err != nil {
		return nil, err
	}
	if o.extensions.appID != nil {
		out.AppID = ref(a.rpID != y.rpID)
	}
	return y.signedIn(resp, id, out)
}

// verifiesAtGet decides whether the person is verified: as at registration, but
// devices sign without where the site does not care.
func (y *ceremony) verifiesAtGet(o *requestOptions) bool {
	switch {
	case o.userVerification == required, y.info.Options["alwaysUv"]:
		return true
	case !y.canVerify():
		return false
	case o.userVerification == preferred && y.canAsk(), y.evaluatesAtGet(o):
		return true
	}
	return y.writesArray(o) && y.protected()
}

// evaluatesAtGet reports whether the PRF is evaluated; see evaluatesAtCreate.
func (y *ceremony) evaluatesAtGet(o *requestOptions) bool {
	return o.extensions.prf.evaluates() && y.canVerify() && y.canAsk() && hasExtension(y.info, ctap.ExtHMACSecret)
}

func (y *ceremony) writesArray(o *requestOptions) bool {
	return o.extensions.largeBlob.writes() && y.largeBlobWay() == inArray
}

func (y *ceremony) getPermissions(o *requestOptions) uint64 {
	if y.writesArray(o) {
		return ctap.PermissionGA | ctap.PermissionLBW
	}
	return ctap.PermissionGA
}

// allowed finds which of the listed credentials the device has, under the RP ID
// or else under the AppID of the site's U2F days, whose credentials know no
// verification.
func (y *ceremony) allowed(ctx context.Context, o *requestOptions) (assertion, error) {
	a := assertion{rpID: y.rpID, token: y.token}
	if len(o.allow) == 0 {
		return a, nil
	}
	batches := y.batches(o.allow)
	if prf := o.extensions.prf; len(batches) == 1 && o.extensions.appID == nil && (prf == nil || !prf.hasByCredential) {
		a.allow = batches[0] // which one it is makes no difference to the request
		return a, nil
	}
	found, err := y.find(ctx, y.rpID, y.token, batches)
	if err != nil {
		return a, err
	}
	if found == nil && o.extensions.appID != nil && o.userVerification != required {
		old, err := y.find(ctx, *o.extensions.appID, nil, batches)
		if err != nil {
			return a, err
		}
		if old != nil {
			return assertion{rpID: *o.extensions.appID, allow: old}, nil
		}
	}
	switch {
	case found != nil:
		a.allow = found
	case len(batches) == 1:
		a.allow = batches[0] // the device has the last word
	default:
		return a, fmt.Errorf("allow list: %w", ctap.ErrNoCredentials)
	}
	return a, nil
}

// assert sends the request, and has the person choose where several accounts
// answer.
func (y *ceremony) assert(ctx context.Context, req *ctap.GetAssertionRequest) (*ctap.GetAssertionResponse, error) {
	first, err := y.authenticator.GetAssertion(ctx, req)
	if err != nil || first.NumberOfCredentials <= 1 || first.UserSelected || len(req.AllowList) > 0 || y.client.Choose == nil {
		return first, err
	}
	all := []*ctap.GetAssertionResponse{first}
	for uint64(len(all)) < first.NumberOfCredentials {
		next, err := y.authenticator.GetNextAssertion(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	accounts := make([]ctap.User, len(all))
	for i, resp := range all {
		if resp.User != nil {
			accounts[i] = *resp.User
		}
	}
	i, err := y.client.Choose(ctx, accounts)
	if ctxErr := over(ctx); ctxErr != nil {
		return nil, ctxErr
	}
	switch {
	case err != nil:
		return nil, &Error{NotAllowedError, "no account was chosen", err}
	case i < 0 || i >= len(all):
		return nil, fail(NotAllowedError, "no account was chosen")
	}
	return all[i], nil
}

// checkAsserted refuses an answer that is not to the question, and gives the
// credential's ID.
func (y *ceremony) checkAsserted(resp *ctap.GetAssertionResponse, a assertion, o *requestOptions) ([]byte, *ctap.AuthData, error) {
	auth, err := ctap.ParseAuthData(resp.AuthData)
	if err != nil {
		return nil, nil, fmt.Errorf("%v: %w: %v", ctap.CommandGetAssertion, errReply, err)
	}
	var id []byte
	switch {
	case resp.Credential != nil && (len(a.allow) == 0 || listed(a.allow, resp.Credential.ID)):
		id = resp.Credential.ID
	case resp.Credential == nil && len(a.allow) == 1:
		id = a.allow[0].ID
	}
	if len(id) == 0 {
		return nil, nil, missing(ctap.CommandGetAssertion, "credential that was asked for")
	}
	return id, auth, y.checkAuthData(ctap.CommandGetAssertion, auth, a.rpID, o.userVerification)
}

// getExtensions makes the authenticator's inputs at sign-in.
func (y *ceremony) getExtensions(ctx context.Context, o *requestOptions, a assertion) (ctap.Extensions, error) {
	ext := &extensionMap{}
	if o.extensions.getCredBlob && hasExtension(y.info, ctap.ExtCredBlob) {
		ext.set(ctap.ExtCredBlob, true)
	}
	y.getLargeBlob(o.extensions.largeBlob, ext)
	if y.evaluatesAtGet(o) && a.rpID == y.rpID {
		if v := o.extensions.prf.values(a.allow); v != nil {
			input, err := y.evaluate(ctx, v)
			if err != nil {
				return nil, err
			}
			ext.set(ctap.ExtHMACSecret, input)
		}
	}
	return ext.m, ext.err
}

// gotExtensions makes the client's outputs at sign-in.
func (y *ceremony) gotExtensions(ctx context.Context, o *requestOptions, resp *ctap.GetAssertionResponse, auth *ctap.AuthData) (*extensionOutputs, error) {
	got, err := authDataExtensions(auth)
	if err != nil {
		return nil, err
	}
	out := &extensionOutputs{}
	if o.extensions.getCredBlob {
		if blob := bytesOutput(got, ctap.ExtCredBlob); blob != nil {
			out.GetCredBlob = ref(encodeBase64URL(blob))
		}
	}
	if o.extensions.prf != nil {
		out.PRF = &prfOutputs{}
		if out.PRF.Results, err = y.evaluation.results(auth, bytesOutput(got, ctap.ExtHMACSecret)); err != nil {
			return nil, err
		}
	}
	out.LargeBlob, err = y.gotLargeBlob(ctx, o.extensions.largeBlob, resp)
	return out, err
}
