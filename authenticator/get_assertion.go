package authenticator

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// assertions is what getAssertion leaves for getNextAssertion (§6.3).
type assertions struct {
	request assertionRequest
	rest    [][]byte // credential IDs, in the order of delivery
}

// assertionRequest is what each assertion of one getAssertion shares.
type assertionRequest struct {
	clientDataHash []byte
	extensions     getExtensions
	listed         bool // there was an allow list
	present        bool
	verified       bool
}

// getAssertion is authenticatorGetAssertion; steps as in §6.2.2.
func (a *Authenticator) getAssertion(ctx context.Context, s *ctap.Session, req *ctap.GetAssertionRequest) (*ctap.GetAssertionResponse, error) {
	rpIDHash := sha256.Sum256([]byte(req.RPID))
	if err := a.checkSite(req.RPID, rpIDHash); err != nil {
		return nil, err
	}

	// Steps 1 and 2: a platform that looks for the touched device, and the
	// protocol.
	if err := a.probe(ctx, s, req.PinUvAuthParam, req.RPID); err != nil {
		return nil, err
	}
	verification := verification{param: req.PinUvAuthParam, protocol: req.PinUvAuthProtocol, permission: ctap.PermissionGA, rpID: req.RPID, clientDataHash: req.ClientDataHash}
	if err := verification.checkProtocol(); err != nil {
		return nil, err
	}
	// Steps 3 and 4: options.
	if _, given := req.Options["rk"]; given {
		return nil, ctap.ErrUnsupportedOption
	}
	if err := a.wantsUV(&verification, req.Options); err != nil {
		return nil, err
	}
	up, given := req.Options["up"]
	up = up || !given
	if len(req.AllowList) > a.profile.MaxCredentialCountInList {
		return nil, ctap.ErrLimitExceeded
	}
	extensions, err := a.parseGetExtensions(req.Extensions, up)
	if err != nil {
		return nil, err
	}
	defer extensions.wipe()
	// Step 5: always verify, but for a silent look.
	if up {
		if err := a.requireUV(&verification, a.profile.ClientPIN, true); err != nil {
			return nil, err
		}
	}
	// A display shows the accounts in the prompt that verifies the person, so
	// the candidates are looked up before step 6, as if it had succeeded.
	candidates, err := a.candidates(ctx, rpIDHash[:], req.AllowList)
	if err != nil {
		return nil, err
	}
	removals := a.removals
	prompt := Prompt{Operation: SignIn, RPID: req.RPID, RPIDHash: rpIDHash, Accounts: a.accounts(candidates, req.AllowList)}
	// Step 6: verification.
	user, err := a.verify(ctx, s, &verification, prompt)
	defer user.done()
	if err != nil {
		return nil, err
	}
	// Step 7: what may be used.
	if all := len(candidates); !user.verified {
		candidates = slices.DeleteFunc(candidates, func(c *credential) bool {
			return c.CredProtect == ctap.CredProtectRequired ||
				c.CredProtect == ctap.CredProtectOptionalWithList && len(req.AllowList) == 0
		})
		if len(candidates) < all {
			prompt.Accounts = a.accounts(candidates, req.AllowList)
		}
	}
	if len(candidates) == 0 {
		return nil, ctap.ErrNoCredentials
	}
	// Steps 8 and 9: presence, and on a display the choice of an account, which
	// presence given elsewhere does not make.
	chooses := a.profile.Display && len(req.AllowList) == 0 && len(candidates) > 1 && (up || user.asked)
	if up {
		if !user.present || chooses && !user.asked {
			consent, err := a.askPresence(ctx, s, prompt)
			if err != nil {
				return nil, err
			}
			user.choice = consent.Choice
		}
		if err := a.spend(user); err != nil {
			return nil, err
		}
	}

	// Steps 10 to 13: one assertion, and a promise of more where the device
	// cannot let the person choose.
	request := assertionRequest{clientDataHash: req.ClientDataHash, extensions: extensions, listed: len(req.AllowList) > 0, present: up, verified: user.verified}
	chosen, selected := candidates[0], false
	if chooses {
		chosen, selected = candidates[user.choice], true
	}
	if removals != a.removals {
		if chosen, err = a.find(ctx, chosen.ID); err != nil {
			return nil, fmt.Errorf("%w: deleted meanwhile: %w", ctap.ErrNoCredentials, err)
		}
	}
	reply, err := a.assert(ctx, chosen, &request)
	if err != nil {
		return nil, err
	}
	reply.UserSelected = selected
	if len(req.AllowList) == 0 && len(candidates) > 1 && !selected {
		reply.NumberOfCredentials = uint64(len(candidates))
		a.pending.begin(pendingAssertions, s, a.now(), user.token)
		request.extensions = request.extensions.clone()
		a.pending.assertions = assertions{request: request}
		for _, c := range candidates[1:] {
			a.pending.assertions.rest = append(a.pending.assertions.rest, c.ID)
		}
	}
	return reply, nil
}

// getNextAssertion is authenticatorGetNextAssertion (§6.3).
func (a *Authenticator) getNextAssertion(ctx context.Context, s *ctap.Session) (*ctap.GetAssertionResponse, error) {
	if !a.pending.of(pendingAssertions, s) {
		return nil, ctap.ErrNotAllowed
	}
	p := &a.pending.assertions
	c, err := a.find(ctx, p.rest[0])
	if err != nil {
		a.pending.drop()
		return nil, fmt.Errorf("%w: next credential: %w", ctap.ErrNotAllowed, err)
	}
	reply, err := a.assert(ctx, c, &p.request)
	if err != nil {
		return nil, err
	}
	a.pending.continued(a.now())
	if p.rest = p.rest[1:]; len(p.rest) == 0 {
		a.pending.drop()
	}
	return reply, nil
}

// candidates reads what a request can be about: the listed credentials of the
// site, or without a list all discoverable ones, newest first.
func (a *Authenticator) candidates(ctx context.Context, rpIDHash []byte, allowList []ctap.Descriptor) (found []*credential, err error) {
	if len(allowList) > 0 {
		found, err = a.vault.listed(ctx, rpIDHash, allowList)
	} else {
		found, err = a.vault.discoverable(ctx, rpIDHash)
	}
	if err != nil {
		return nil, fmt.Errorf("look up credentials: %w", err)
	}
	return slices.DeleteFunc(found, func(c *credential) bool { return !a.keyAllowed(c) }), nil
}

// accounts gives the prompt what the person may know: the accounts that they
// can choose from, or the one that will be used.
func (a *Authenticator) accounts(candidates []*credential, allowList []ctap.Descriptor) []Account {
	if len(candidates) == 0 {
		return nil
	}
	if len(allowList) > 0 || !a.profile.Display {
		candidates = candidates[:1]
	}
	accounts := make([]Account, len(candidates))
	for i, c := range candidates {
		accounts[i] = c.account()
	}
	return accounts
}

// assert makes one assertion (§6.2.2 steps 10 to 13; WebAuthn §6.3.3).
func (a *Authenticator) assert(ctx context.Context, c *credential, r *assertionRequest) (*ctap.GetAssertionResponse, error) {
	outputs, err := a.getExtensions(ctx, &r.extensions, c, r)
	if err != nil {
		return nil, err
	}
	key, err := a.openKey(ctx, c)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	authData := ctap.AuthData{RPIDHash: [32]byte(c.RPIDHash), Flags: a.flags(r.present, r.verified), Extensions: outputs.signed}
	if outputs.signed != nil {
		authData.Flags |= ctap.FlagED
	}
	if authData.SignCount, err = a.next(ctx, c); err != nil {
		return nil, err
	}
	reply := &ctap.GetAssertionResponse{Credential: c.descriptor(), UnsignedExtensionOutputs: outputs.unsigned}
	reply.AuthData = authData.Append(make([]byte, 0, 64+len(outputs.signed)))
	if r.extensions.largeBlobKey {
		reply.LargeBlobKey = c.LargeBlobKey
	}
	if c.Discoverable {
		reply.User = &ctap.User{ID: c.UserID}
		if r.verified {
			reply.User.Name, reply.User.DisplayName = c.UserName, c.DisplayName
		}
	}
	if reply.Signature, err = sign(ctx, key, c.Alg, reply.AuthData, r.clientDataHash); err != nil {
		return nil, err
	}
	a.used(c)
	return reply, nil
}

// sign signs the parts, joined, with a credential's or an attestation key.
func sign(ctx context.Context, key keystore.Key, alg ctap.Algorithm, parts ...[]byte) ([]byte, error) {
	hash := alg.Hash()
	message := joined(parts)
	switch hash {
	case 0:
	case crypto.SHA256:
		digest := sha256.Sum256(message)
		message = digest[:]
	default:
		h := hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	signature, err := key.Sign(ctx, message, hash)
	if errors.Is(err, keystore.ErrGateShut) {
		return nil, fmt.Errorf("%w: %w", ctap.ErrOperationDenied, err)
	}
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

// sum is SHA-256 of the parts, joined.
func sum(parts ...[]byte) [32]byte { return sha256.Sum256(joined(parts)) }

func joined(parts [][]byte) []byte {
	if len(parts) == 1 {
		return parts[0]
	}
	return slices.Concat(parts...)
}
