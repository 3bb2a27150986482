package authenticator

import (
	"context"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// verification is what a makeCredential or getAssertion request says about
// verifying the person.
type verification struct {
	param          []byte // pinUvAuthParam; nil: absent
	protocol       *uint64
	permission     uint64
	rpID           string
	clientDataHash []byte

	uv        bool // built-in verification is wanted
	pinProto  pinuv.Protocol
	clientPIN bool
}

// verified is what came of it: facts, never wishes.
type verified struct {
	verified bool   // the person was verified
	present  bool   // and was present beyond doubt
	asked    bool   // by a prompt of this command, which showed the accounts
	choice   int    // the account chosen in it
	token    uint64 // serial of the token that proved it; 0: none did
	before   uint64 // serial of the token, whosever, when the command began
	done     func() // to call when the command ends
}

// checkProtocol is step 2 of both commands.
func (v *verification) checkProtocol() (err error) {
	if v.param != nil {
		v.pinProto, err = protocolOf(v.protocol)
	}
	return err
}

// wantsUV reads option uv (§6.1.2 step 5, §6.2.2 step 4). A pinUvAuthParam
// beats it.
func (a *Authenticator) wantsUV(v *verification, options map[string]bool) error {
	v.uv = options["uv"] && v.param == nil
	if v.uv && !a.uvConfigured() {
		return ctap.ErrInvalidOption
	}
	return nil
}

// requireUV decides whether the request may go on with what it brings (§6.1.2
// steps 6 to 8, §6.2.2 step 5). optional tells that the command itself does not
// ask for verification, whatever is set up.
func (a *Authenticator) requireUV(v *verification, clientPIN, optional bool) error {
	v.clientPIN = clientPIN
	if a.state.AlwaysUv {
		switch {
		case !a.protected():
			return a.denySplit(clientPIN)
		case v.param != nil || v.uv:
		case a.uvConfigured():
			v.uv = true
		default:
			return a.denySplit(clientPIN)
		}
		return nil
	}
	if !optional && a.protected() && !v.uv && v.param == nil {
		return a.denySplit(a.profile.ClientPIN && a.pinSet)
	}
	return nil
}

// denySplit tells the platform whether a PIN would help.
func (a *Authenticator) denySplit(pinHelps bool) error {
	if pinHelps && !a.profile.NoMcGaPermissions {
		return ctap.ErrPUATRequired
	}
	return ctap.ErrOperationDenied
}

// verify checks the pinUvAuthParam or verifies the person by the device's own
// means (§6.1.2 step 11, §6.2.2 step 6). The result's done is never nil.
func (a *Authenticator) verify(ctx context.Context, s *ctap.Session, v *verification, p Prompt) (verified, error) {
	result := verified{before: a.token.serial, done: func() {}}
	switch {
	case !a.protected():
		return result, nil
	case v.param != nil:
		if err := a.token.verify(v.pinProto, v.param, v.clientDataHash); err != nil {
			return result, err
		}
		if err := a.token.require(v.permission); err != nil {
			return result, err
		}
		if !a.token.userVerified {
			return result, ctap.ErrPINAuthInvalid
		}
		if err := a.token.bind(v.rpID); err != nil {
			return result, err
		}
		result.verified, result.present, result.token = true, a.token.userPresent, a.token.serial
	case v.uv:
		consent, done, err := a.askVerified(ctx, s, p)
		result.done = done
		if err != nil {
			return result, a.uvError(err)
		}
		result.verified, result.present, result.asked, result.choice = true, true, true, consent.Choice
	}
	return result, nil
}

// spend takes from the token what the touch just given pays for. While the person
// was being asked, another session can have used the same token up, or replaced
// it: then it proves nothing any more, and a token that is not this request's
// is left alone.
func (a *Authenticator) spend(v verified) error {
	if v.token != 0 && (!a.token.inUse || a.token.serial != v.token || !a.token.userVerified) {
		return ctap.ErrPINAuthInvalid
	}
	if a.token.serial == v.before {
		a.token.spend()
	}
	return nil
}

// uvError gives a failed built-in verification its status within makeCredential
// and getAssertion (§6.1.2 step 11.2).
func (a *Authenticator) uvError(err error) error {
	switch {
	case !errors.Is(err, ctap.ErrUVInvalid) && !errors.Is(err, ctap.ErrUVBlocked):
		return err // a refusal, a timeout, a cancel or a fault stays what it is
	case a.profile.ClientPIN && !a.profile.NoMcGaPermissions:
		return ctap.ErrPUATRequired
	case errors.Is(err, ctap.ErrUVBlocked):
		return ctap.ErrPINBlocked
	}
	return ctap.ErrOperationDenied
}

// givesTokens reports whether a client can ever get a pinUvAuthToken.
func (a *Authenticator) givesTokens() bool {
	return a.profile.ClientPIN || a.canVerify() && !a.profile.NoTokens
}
