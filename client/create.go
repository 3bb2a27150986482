package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// create follows WebAuthn §5.1.3; the steps that only a page has are missing.
func (c *Client) create(ctx context.Context, options []byte) ([]byte, error) {
	o, err := parseCreationOptions(options)
	if err != nil {
		return nil, err
	}
	lifetime := c.lifetime(ctx, o.timeout)
	defer lifetime.End()
	y, err := c.begin(lifetime, ClientDataCreate, o.challenge, o.rpID, func(caller origin) error { return o.check(caller) })
	if err != nil {
		return nil, timedOut(lifetime, err)
	}
	defer y.end()
	resp, err := y.register(lifetime, o)
	return resp, timedOut(lifetime, err)
}

// check refuses options that no authenticator can satisfy, and completes the
// list of algorithms.
func (o *creationOptions) check(caller origin) error {
	known := slices.DeleteFunc(slices.Clone(o.params), func(p ctap.PubKeyParam) bool {
		return p.Type != ctap.TypePublicKey
	})
	switch {
	case len(o.params) == 0:
		known = []ctap.PubKeyParam{
			{Alg: ctap.ES256, Type: ctap.TypePublicKey},
			{Alg: ctap.RS256, Type: ctap.TypePublicKey},
		}
	case len(known) == 0:
		return fail(NotSupportedError, "pubKeyCredParams has no entry of type public-key")
	}
	o.params = known
	if err := o.extensions.prf.checkCreate(); err != nil {
		return err
	}
	if err := o.extensions.largeBlob.checkCreate(); err != nil {
		return err
	}
	if o.extensions.appIDExclude != nil {
		appID, err := checkAppID(*o.extensions.appIDExclude, caller)
		if err != nil {
			return err
		}
		o.extensions.appIDExclude = &appID
	}
	return nil
}

// register runs the registration on the device.
func (y *ceremony) register(ctx context.Context, o *creationOptions) ([]byte, error) {
	if o.attachment != nil && *o.attachment != y.attachment() &&
		(*o.attachment == attachmentPlatform || *o.attachment == attachmentCrossPlatform) {
		return nil, fail(NotAllowedError, "the authenticator is not of the attachment asked for")
	}
	wanted := o.residentKey == preferred || y.client.AlwaysDiscoverable
	rk := o.residentKey == required || wanted && y.info.Options["rk"]
	if rk && !y.info.Options["rk"] {
		return nil, fail(ConstraintError, "the authenticator cannot keep discoverable credentials")
	}
	if y.verifiesAtCreate(o, rk) {
		if err := y.verify(ctx, ctap.PermissionMC|ctap.PermissionGA); err != nil {
			return nil, err
		}
	}
	exclude, err := y.excluded(ctx, o)
	if err != nil {
		return nil, err
	}
	req, err := y.makeCredentialRequest(ctx, o, rk, exclude)
	if err != nil {
		return nil, err
	}
	resp, err := y.makeCredential(ctx, req)
	if err != nil {
		return nil, err
	}
	auth, err := y.checkCreated(resp, o)
	if err != nil {
		return nil, err
	}
	out, err := y.createdExtensions(o, rk, resp, auth)
	if err != nil {
		return nil, err
	}
	return y.registered(resp, auth, o.attestation, out)
}

// verifiesAtCreate decides whether the person is verified: where the site
// requires it, where it prefers it and it can be done, and where the device
// makes no credential without.
func (y *ceremony) verifiesAtCreate(o *creationOptions, rk bool) bool {
	switch {
	case o.userVerification == required, y.info.Options["alwaysUv"]:
		return true
	case !y.canVerify():
		return false
	case o.userVerification == preferred && y.canAsk(), y.evaluatesAtCreate(o):
		return true
	}
	return rk || !y.info.Options["makeCredUvNotRqd"]
}

// evaluatesAtCreate reports whether the PRF is evaluated at once. Only the
// device's PRF for verified persons is used (WebAuthn §10.1.4).
func (y *ceremony) evaluatesAtCreate(o *creationOptions) bool {
	return o.extensions.prf.evaluates() && y.canVerify() && y.canAsk() && hasExtension(y.info, ctap.ExtHMACSecretMC)
}

// excluded looks for the account's credentials and returns the exclude list to
// send. Where a credential of the site's U2F days is found, that ends it.
func (y *ceremony) excluded(ctx context.Context, o *creationOptions) ([]ctap.Descriptor, error) {
	batches := y.batches(o.exclude)
	found, err := y.find(ctx, y.rpID, y.token, batches)
	if err != nil || found != nil {
		return found, err
	}
	if o.extensions.appIDExclude != nil {
		old, err := y.find(ctx, *o.extensions.appIDExclude, nil, batches)
		if err != nil {
			return nil, err
		}
		if old != nil {
			return nil, y.excludedByAppID(ctx, *o.extensions.appIDExclude, old)
		}
	}
	if len(batches) == 1 {
		return batches[0], nil // the device has the last word
	}
	return nil, nil
}

// excludedByAppID waits for a touch before it tells the site what was found.
func (y *ceremony) excludedByAppID(ctx context.Context, appID string, old []ctap.Descriptor) error {
	_, err := y.authenticator.GetAssertion(ctx, &ctap.GetAssertionRequest{
		RPID:           appID,
		ClientDataHash: make([]byte, 32),
		AllowList:      old,
	})
	if err != nil {
		return err
	}
	return fmt.Errorf("excluded by AppID: %w", ctap.ErrCredentialExcluded)
}

func (y *ceremony) makeCredentialRequest(ctx context.Context, o *creationOptions, rk bool, exclude []ctap.Descriptor) (*ctap.MakeCredentialRequest, error) {
	req := &ctap.MakeCredentialRequest{
		ClientDataHash:   y.clientDataHash[:],
		RP:               &ctap.RP{ID: y.rpID, Name: o.rpName},
		User:             &o.user,
		PubKeyCredParams: o.params,
		ExcludeList:      exclude,
		Options:          options(rk, y.uvOption),
	}
	var err error
	if req.Extensions, err = y.createExtensions(ctx, o, rk); err != nil {
		return nil, err
	}
	if o.attestation == attestationEnterprise && y.info.Options["ep"] {
		req.EnterpriseAttest = ref[uint64](1)
		if slices.Contains(y.client.Enterprise, y.rpID) {
			req.EnterpriseAttest = ref[uint64](2)
		}
	}
	if len(y.info.AttestationFormats) > 0 { // a device that knows the member
		req.AttestationFormats = o.attestationFormats
		if o.attestation == attestationNone {
			req.AttestationFormats = []string{ctap.FormatNone}
		}
	}
	return req, nil
}

// The options that requests have, which nobody changes. A map takes as long to make
// as half of the other options to read.
var (
	onlyRK  = ctap.Options{"rk": true}
	onlyUV  = ctap.Options{"uv": true}
	rkAndUV = ctap.Options{"rk": true, "uv": true}
)

// options gives those that are true; nil where none is.
func options(rk, uv bool) ctap.Options {
	switch {
	case rk && uv:
		return rkAndUV
	case rk:
		return onlyRK
	case uv:
		return onlyUV
	}
	return nil
}

// makeCredential sends the request with the token, if any. A device that wants
// verification after all gets it once.
func (y *ceremony) makeCredential(ctx context.Context, req *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, error) {
	req.PinUvAuthParam, req.PinUvAuthProtocol = y.token.param(req.ClientDataHash)
	resp, err := y.authenticator.MakeCredential(ctx, req)
	if !errors.Is(err, ctap.ErrPUATRequired) || y.token != nil || !y.canVerify() {
		return resp, err
	}
	if err := y.verify(ctx, ctap.PermissionMC); err != nil {
		return nil, err
	}
	req.PinUvAuthParam, req.PinUvAuthProtocol = y.token.param(req.ClientDataHash)
	return y.authenticator.MakeCredential(ctx, req)
}

// checkCreated refuses an answer that is not to the question.
func (y *ceremony) checkCreated(resp *ctap.MakeCredentialResponse, o *creationOptions) (*ctap.AuthData, error) {
	auth, err := ctap.ParseAuthData(resp.AuthData)
	if err != nil {
		return nil, fmt.Errorf("%v: %w: %v", ctap.CommandMakeCredential, errReply, err)
	}
	if auth.Flags&ctap.FlagAT == 0 || len(auth.CredentialID) == 0 {
		return nil, missing(ctap.CommandMakeCredential, "attested credential data")
	}
	return auth, y.checkAuthData(ctap.CommandMakeCredential, auth, y.rpID, o.userVerification)
}

// checkAuthData holds authenticator data against what was asked.
func (y *ceremony) checkAuthData(cmd ctap.Command, auth *ctap.AuthData, rpID, userVerification string) error {
	if auth.RPIDHash != sha256.Sum256([]byte(rpID)) {
		return fmt.Errorf("%v: %w: of another RP ID", cmd, errReply)
	}
	if userVerification == required && auth.Flags&ctap.FlagUV == 0 {
		return fmt.Errorf("%v: %w: without user verification", cmd, errReply)
	}
	return nil
}

// createExtensions makes the authenticator's inputs at registration.
func (y *ceremony) createExtensions(ctx context.Context, o *creationOptions, rk bool) (ctap.Extensions, error) {
	in, ext := &o.extensions, &extensionMap{}
	switch {
	case in.credProtect == 0:
	case hasExtension(y.info, ctap.ExtCredProtect):
		ext.set(ctap.ExtCredProtect, in.credProtect)
	case in.enforceCredProtect && in.credProtect != ctap.CredProtectOptional:
		return nil, fail(NotAllowedError, "the authenticator cannot protect the credential as asked")
	}
	if in.credBlob != nil && y.takesCredBlob(in) {
		ext.set(ctap.ExtCredBlob, ctap.Bytes(in.credBlob))
	}
	if in.minPINLength && hasExtension(y.info, ctap.ExtMinPINLength) {
		ext.set(ctap.ExtMinPINLength, true)
	}
	if in.pinComplexityPolicy && hasExtension(y.info, ctap.ExtPINComplexityPolicy) {
		ext.set(ctap.ExtPINComplexityPolicy, true)
	}
	if err := y.createLargeBlob(in.largeBlob, ext, rk); err != nil {
		return nil, err
	}
	if in.prf != nil && hasExtension(y.info, ctap.ExtHMACSecret) {
		ext.set(ctap.ExtHMACSecret, true)
		if in.prf.eval != nil && y.evaluatesAtCreate(o) {
			input, err := y.evaluate(ctx, in.prf.eval)
			if err != nil {
				return nil, err
			}
			ext.set(ctap.ExtHMACSecretMC, input)
		}
	}
	return ext.m, ext.err
}

func (y *ceremony) takesCredBlob(in *extensionInputs) bool {
	return hasExtension(y.info, ctap.ExtCredBlob) && uint64(len(in.credBlob)) <= y.info.MaxCredBlobLength
}

// createdExtensions makes the client's outputs at registration.
func (y *ceremony) createdExtensions(o *creationOptions, rk bool, resp *ctap.MakeCredentialResponse, auth *ctap.AuthData) (*extensionOutputs, error) {
	got, err := authDataExtensions(auth)
	if err != nil {
		return nil, err
	}
	in, out := &o.extensions, &extensionOutputs{}
	if in.appIDExclude != nil {
		out.AppIDExclude = ref(true)
	}
	if in.credBlob != nil {
		out.CredBlob = ref(boolOutput(got, ctap.ExtCredBlob))
	}
	if in.credProps {
		out.CredProps = &credPropsOutput{RK: rk}
	}
	out.LargeBlob = createdLargeBlob(in.largeBlob, resp)
	if in.enforceCredProtect && in.credProtect > credProtectLevel(got) && in.credProtect != ctap.CredProtectOptional {
		return nil, fail(NotAllowedError, "the authenticator did not protect the credential as asked")
	}
	if in.prf != nil {
		out.PRF = &prfOutputs{Enabled: ref(boolOutput(got, ctap.ExtHMACSecret))}
		if out.PRF.Results, err = y.evaluation.results(auth, bytesOutput(got, ctap.ExtHMACSecretMC)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// credProtectLevel gives the level in force; 0 where the device does not tell.
func credProtectLevel(m ctap.Extensions) uint64 {
	var level uint64
	if m[ctap.ExtCredProtect] == nil || cbor.Unmarshal(m[ctap.ExtCredProtect], &level) != nil {
		return 0
	}
	return level
}
