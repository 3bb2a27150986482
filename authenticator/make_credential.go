package authenticator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// makeCredential is authenticatorMakeCredential; steps as in §6.1.2.
func (a *Authenticator) makeCredential(ctx context.Context, s *ctap.Session, req *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, error) {
	rpIDHash := sum([]byte(req.RP.ID))
	if err := a.checkSite(req.RP.ID, rpIDHash); err != nil {
		return nil, err
	}
	prompt := Prompt{
		Operation: Register, RPID: req.RP.ID, RPName: req.RP.Name, RPIDHash: rpIDHash,
		Accounts: []Account{{ID: req.User.ID, Name: req.User.Name, DisplayName: req.User.DisplayName}},
	}

	// Steps 1 and 2: a platform that looks for the touched device, and the
	// protocol.
	if err := a.probe(ctx, s, req.PinUvAuthParam, req.RP.ID); err != nil {
		return nil, err
	}
	verification := verification{param: req.PinUvAuthParam, protocol: req.PinUvAuthProtocol, permission: ctap.PermissionMC, rpID: req.RP.ID, clientDataHash: req.ClientDataHash}
	if err := verification.checkProtocol(); err != nil {
		return nil, err
	}
	// Step 3: every element has been checked, the first known one counts.
	alg, err := a.chooseAlgorithm(req.PubKeyCredParams)
	if err != nil {
		return nil, err
	}
	// Steps 4 and 5: options.
	if up, given := req.Options["up"]; given && !up {
		return nil, ctap.ErrInvalidOption
	}
	rk := req.Options["rk"]
	if err := a.wantsUV(&verification, req.Options); err != nil {
		return nil, err
	}
	if len(req.ExcludeList) > a.profile.MaxCredentialCountInList {
		return nil, ctap.ErrLimitExceeded
	}
	extensions, err := a.parseMakeExtensions(req.Extensions, rk)
	defer extensions.wipe()
	if err != nil {
		return nil, err
	}
	// Steps 6 to 8: is verification required?
	uvNotRequired := a.profile.MakeCredUvNotRqd && !a.state.AlwaysUv && !rk
	if err := a.requireUV(&verification, a.profile.ClientPIN, uvNotRequired); err != nil {
		return nil, err
	}
	// Step 9: enterprise attestation.
	enterprise, err := a.grantEnterprise(req.EnterpriseAttest, req.RP.ID)
	if err != nil {
		return nil, err
	}
	// Steps 10 and 11: verification.
	user, err := a.verify(ctx, s, &verification, prompt)
	defer user.done()
	if err != nil {
		return nil, err
	}
	// Step 12: the exclude list.
	if err := a.exclude(ctx, s, rpIDHash[:], req.ExcludeList, user, prompt); err != nil {
		return nil, err
	}
	// Steps 13 and 14: presence.
	if !user.present {
		if _, err := a.askPresence(ctx, s, prompt); err != nil {
			return nil, err
		}
	}
	if err := a.spend(user); err != nil {
		return nil, err
	}

	// Steps 15 to 18: the credential.
	id, err := a.newID(ctx, rpIDHash[:], req.User.ID)
	if err != nil {
		return nil, err
	}
	c := &credential{
		ID: id, RPID: req.RP.ID, RPIDHash: rpIDHash[:], RPName: req.RP.Name,
		UserID: req.User.ID, UserName: req.User.Name, DisplayName: req.User.DisplayName,
		Alg: alg, Discoverable: rk,
	}
	outputs, err := a.makeExtensions(ctx, extensions, c, user.verified)
	if err != nil {
		return nil, err
	}
	key, err := a.createKey(ctx, c)
	if err != nil {
		return nil, err
	}
	defer key.Close()

	// Step 19: attestation. The credential is durable before anybody hears
	// of it.
	authData := &ctap.AuthData{
		RPIDHash: rpIDHash, Flags: a.flags(true, user.verified) | ctap.FlagAT,
		AAGUID: a.profile.AAGUID, CredentialID: c.ID, PublicKey: c.PublicKey, Extensions: outputs.signed,
	}
	if outputs.signed != nil {
		authData.Flags |= ctap.FlagED
	}
	if authData.SignCount, err = a.next(ctx, c); err != nil {
		return nil, err
	}
	reply, err := a.attest(ctx, c, key, authData, req.ClientDataHash, attestationWish{formats: req.AttestationFormats, enterprise: enterprise})
	if err != nil {
		return nil, err
	}
	if err := a.add(ctx, c); err != nil {
		return nil, err
	}
	reply.LargeBlobKey, reply.UnsignedExtensionOutputs = c.LargeBlobKey, outputs.unsigned
	return reply, nil
}

// probe answers an empty pinUvAuthParam: a platform that only wants to know
// which device the person touches (§6.1.2 step 1, §6.2.2 step 1).
func (a *Authenticator) probe(ctx context.Context, s *ctap.Session, param []byte, rpID string) error {
	if param == nil || len(param) > 0 {
		return nil
	}
	if _, err := a.askPresence(ctx, s, Prompt{Operation: Select, RPID: rpID}); err != nil {
		return err
	}
	if a.pinSet {
		return ctap.ErrPINInvalid
	}
	return ctap.ErrPINNotSet
}

// chooseAlgorithm picks the first that the root can make (§6.1.2 step 3).
func (a *Authenticator) chooseAlgorithm(params []ctap.PubKeyParam) (ctap.Algorithm, error) {
	for _, p := range params {
		if p.Type != ctap.TypePublicKey {
			continue
		}
		if slices.ContainsFunc(a.algorithms(), func(known keystore.Algorithm) bool { return known.ID == p.Alg }) {
			return p.Alg, nil
		}
	}
	return 0, ctap.ErrUnsupportedAlgorithm
}

// exclude refuses to make a second credential where the device has one of the
// list (§6.1.2 step 12). The person is asked first: without a touch nobody
// learns what the device holds. What needs verification stays hidden without.
func (a *Authenticator) exclude(ctx context.Context, s *ctap.Session, rpIDHash []byte, list []ctap.Descriptor, user verified, prompt Prompt) error {
	found, err := a.vault.listed(ctx, rpIDHash, list)
	if err != nil {
		return fmt.Errorf("look up exclude list: %w", err)
	}
	visible := func(c *credential) bool { return user.verified || c.CredProtect != ctap.CredProtectRequired }
	if !slices.ContainsFunc(found, visible) {
		return nil
	}
	if !user.present {
		if _, err := a.ask(ctx, s, prompt); errors.Is(err, ctap.ErrKeepaliveCancel) {
			return err
		}
	}
	if err := a.spend(user); err != nil {
		return err
	}
	return ctap.ErrCredentialExcluded
}

// createKey makes the credential's key pair and encodes its public half.
func (a *Authenticator) createKey(ctx context.Context, c *credential) (keystore.Key, error) {
	handle, key, err := a.root.Create(context.WithoutCancel(ctx), c.Alg, c.binding(), c.protection())
	if err != nil {
		return nil, fmt.Errorf("create %v key: %w", c.Alg, err)
	}
	c.Handle = handle
	c.CounterStart = a.counterStart(c.ID)
	c.PublicKey, err = ctap.MarshalPublicKey(c.Alg, key.Public())
	if err != nil {
		key.Close()
		return nil, err
	}
	return key, nil
}

// flags gives the flags that every answer has (WebAuthn §6.1).
func (a *Authenticator) flags(present, verified bool) ctap.Flags {
	var f ctap.Flags
	if present {
		f |= ctap.FlagUP
	}
	if verified {
		f |= ctap.FlagUV
	}
	if a.state.Copyable {
		f |= ctap.FlagBE
		if a.state.BackedUp {
			f |= ctap.FlagBS
		}
	}
	return f
}
