package client

import (
	"context"

	"github.com/seed-77d61853/signet/ctap"
)

// MakeCredential makes a credential (§6.1).
func (a *Authenticator) MakeCredential(ctx context.Context, req *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, error) {
	if a.inProcess != nil {
		resp, err := a.inProcess.MakeCredential(ctx, req)
		return resp, during(ctap.CommandMakeCredential, err)
	}
	var resp ctap.MakeCredentialResponse
	if err := a.call(ctx, ctap.CommandMakeCredential, req, &resp); err != nil {
		return nil, err
	}
	if resp.Fmt == "" {
		return nil, missing(ctap.CommandMakeCredential, "fmt")
	}
	if resp.AuthData == nil {
		return nil, missing(ctap.CommandMakeCredential, "authData")
	}
	if resp.AttStmt == nil {
		if resp.Fmt != ctap.FormatNone {
			return nil, missing(ctap.CommandMakeCredential, "attStmt")
		}
		resp.AttStmt = ctap.EmptyMap()
	}
	return &resp, nil
}
