package authenticator

import (
	"context"

	"github.com/seed-77d61853/signet/ctap"
)

// The commands of a ceremony for callers in this process: what ServeCTAP does,
// without the encoding. Errors are the ctap.Status that a client would see. A
// caller changes neither what it has given nor what it gets, since the device
// may go on using both. Extension inputs are canonical CBOR.

// GetInfo is authenticatorGetInfo (§6.4). Its reply is the caller's own.
func (a *Authenticator) GetInfo(ctx context.Context, s *ctap.Session) (*ctap.GetInfoResponse, error) {
	reply, err := take(a, ctx, s, pendingNothing, func() (*ctap.GetInfoResponse, error) { return a.getInfo(ctx, s) })
	return reply, a.asStatus(ctap.CommandGetInfo, err)
}

// MakeCredential is authenticatorMakeCredential (§6.1).
func (a *Authenticator) MakeCredential(ctx context.Context, s *ctap.Session, req *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, error) {
	reply, err := take(a, ctx, s, pendingNothing, func() (*ctap.MakeCredentialResponse, error) {
		if err := req.Check(); err != nil {
			return nil, err
		}
		return a.makeCredential(ctx, s, req)
	})
	return reply, a.asStatus(ctap.CommandMakeCredential, err)
}

// GetAssertion is authenticatorGetAssertion (§6.2).
func (a *Authenticator) GetAssertion(ctx context.Context, s *ctap.Session, req *ctap.GetAssertionRequest) (*ctap.GetAssertionResponse, error) {
	reply, err := take(a, ctx, s, pendingNothing, func() (*ctap.GetAssertionResponse, error) {
		if err := req.Check(); err != nil {
			return nil, err
		}
		return a.getAssertion(ctx, s, req)
	})
	return reply, a.asStatus(ctap.CommandGetAssertion, err)
}

// GetNextAssertion is authenticatorGetNextAssertion (§6.3).
func (a *Authenticator) GetNextAssertion(ctx context.Context, s *ctap.Session) (*ctap.GetAssertionResponse, error) {
	reply, err := take(a, ctx, s, pendingAssertions, func() (*ctap.GetAssertionResponse, error) { return a.getNextAssertion(ctx, s) })
	return reply, a.asStatus(ctap.CommandGetNextAssertion, err)
}

func (a *Authenticator) asStatus(cmd ctap.Command, err error) error {
	if err == nil {
		return nil
	}
	return a.refuse(cmd.String(), err)
}
