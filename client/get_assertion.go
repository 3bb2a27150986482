package client

import (
	"context"

	"github.com/seed-77d61853/signet/ctap"
)

// GetAssertion asks for a signature (§6.2).
func (a *Authenticator) GetAssertion(ctx context.Context, req *ctap.GetAssertionRequest) (*ctap.GetAssertionResponse, error) {
	if a.inProcess != nil {
		resp, err := a.inProcess.GetAssertion(ctx, req)
		return resp, during(ctap.CommandGetAssertion, err)
	}
	return a.assertion(ctx, ctap.CommandGetAssertion, req)
}

// GetNextAssertion asks for the next signature where GetAssertion's answer
// counts several credentials (§6.3).
func (a *Authenticator) GetNextAssertion(ctx context.Context) (*ctap.GetAssertionResponse, error) {
	if a.inProcess != nil {
		resp, err := a.inProcess.GetNextAssertion(ctx)
		return resp, during(ctap.CommandGetNextAssertion, err)
	}
	return a.assertion(ctx, ctap.CommandGetNextAssertion, nil)
}

func (a *Authenticator) assertion(ctx context.Context, cmd ctap.Command, req any) (*ctap.GetAssertionResponse, error) {
	var resp ctap.GetAssertionResponse
	if err := a.call(ctx, cmd, req, &resp); err != nil {
		return nil, err
	}
	if resp.AuthData == nil {
		return nil, missing(cmd, "authData")
	}
	if resp.Signature == nil {
		return nil, missing(cmd, "signature")
	}
	return &resp, nil
}
