package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-77d61853/signet/ctap"
)

// RelyingParty is a site that the device keeps discoverable credentials for.
type RelyingParty struct {
	ID, Name string
	IDHash   [32]byte // SHA-256 of the RP ID, which the device may have cut short
}

// StoredCredential is a discoverable credential as the device lists it.
type StoredCredential struct {
	ID                ctap.Descriptor
	User              ctap.User
	PublicKey         []byte // a COSE_Key, encoded
	CredProtect       int    // 1 to 3; 0 where the device does not tell
	LargeBlobKey      []byte // 32 bytes, or nil
	ThirdPartyPayment bool
}

// CredentialCount returns how many discoverable credentials the device keeps
// and how many more it has room for, at least (§6.8.2). The token needs
// ctap.PermissionCM, or is the persistent one.
func (a *Authenticator) CredentialCount(ctx context.Context, t *Token) (existing, remaining int, err error) {
	resp, err := a.manage(ctx, t, ctap.CredsGetMetadata, nil)
	if err != nil {
		return 0, 0, err
	}
	if resp.ExistingResidentCredentialsCount == nil || resp.MaxPossibleRemainingResidentCredentialsCount == nil {
		return 0, 0, missing(ctap.CommandCredentialManagement, "credential counts")
	}
	return int(*resp.ExistingResidentCredentialsCount), int(*resp.MaxPossibleRemainingResidentCredentialsCount), nil
}

// RelyingParties lists the sites of discoverable credentials, none being no
// error (§6.8.3). The token is as in CredentialCount.
func (a *Authenticator) RelyingParties(ctx context.Context, t *Token) ([]RelyingParty, error) {
	resp, err := a.manage(ctx, t, ctap.CredsEnumRPsBegin, nil)
	if errors.Is(err, ctap.ErrNoCredentials) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []RelyingParty
	for total := resp.TotalRPs; ; {
		if total == 0 {
			return list, nil
		}
		if resp.RP == nil || len(resp.RPIDHash) != 32 {
			return nil, missing(ctap.CommandCredentialManagement, "rp or rpIDHash")
		}
		list = append(list, RelyingParty{resp.RP.ID, resp.RP.Name, [32]byte(resp.RPIDHash)})
		if uint64(len(list)) >= total {
			return list, nil
		}
		if resp, err = a.manageNext(ctx, ctap.CredsEnumRPsNext); err != nil {
			return nil, err
		}
	}
}

// Credentials lists the discoverable credentials of one site, none being no
// error (§6.8.4). The token is as in CredentialCount.
func (a *Authenticator) Credentials(ctx context.Context, t *Token, rpIDHash [32]byte) ([]StoredCredential, error) {
	resp, err := a.manage(ctx, t, ctap.CredsEnumBegin, &ctap.CredentialManagementParams{RPIDHash: rpIDHash[:]})
	if errors.Is(err, ctap.ErrNoCredentials) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []StoredCredential
	for total := resp.TotalCredentials; ; {
		if total == 0 {
			return list, nil
		}
		if resp.CredentialID == nil || resp.User == nil {
			return nil, missing(ctap.CommandCredentialManagement, "credentialID or user")
		}
		list = append(list, StoredCredential{
			ID:                *resp.CredentialID,
			User:              *resp.User,
			PublicKey:         resp.PublicKey,
			CredProtect:       int(resp.CredProtect),
			LargeBlobKey:      resp.LargeBlobKey,
			ThirdPartyPayment: resp.ThirdPartyPayment != nil && *resp.ThirdPartyPayment,
		})
		if uint64(len(list)) >= total {
			return list, nil
		}
		if resp, err = a.manageNext(ctx, ctap.CredsEnumNext); err != nil {
			return nil, err
		}
	}
}

// DeleteCredential deletes a discoverable credential (§6.8.5). The token needs
// ctap.PermissionCM.
func (a *Authenticator) DeleteCredential(ctx context.Context, t *Token, credentialID []byte) error {
	_, err := a.manage(ctx, t, ctap.CredsDelete, &ctap.CredentialManagementParams{
		CredentialID: &ctap.Descriptor{ID: credentialID, Type: ctap.TypePublicKey},
	})
	return err
}

// UpdateUser replaces the names that the device keeps with a discoverable
// credential; user.ID must be the credential's own (§6.8.6). The token needs
// ctap.PermissionCM.
func (a *Authenticator) UpdateUser(ctx context.Context, t *Token, credentialID []byte, user ctap.User) error {
	_, err := a.manage(ctx, t, ctap.CredsUpdateUser, &ctap.CredentialManagementParams{
		CredentialID: &ctap.Descriptor{ID: credentialID, Type: ctap.TypePublicKey},
		User:         &user,
	})
	return err
}

func (a *Authenticator) manage(ctx context.Context, t *Token, sub uint64, params *ctap.CredentialManagementParams) (*ctap.CredentialManagementResponse, error) {
	req := &ctap.CredentialManagementRequest{SubCommand: &sub}
	if params != nil {
		raw, err := ctap.Marshal(params)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", ctap.CommandCredentialManagement, err)
		}
		req.SubCommandParams = raw
	}
	req.PinUvAuthParam, req.PinUvAuthProtocol = t.param([]byte{byte(sub)}, req.SubCommandParams)
	if sub == ctap.CredsDelete || sub == ctap.CredsUpdateUser {
		return nil, a.call(ctx, ctap.CommandCredentialManagement, req, nil)
	}
	var resp ctap.CredentialManagementResponse
	return &resp, a.call(ctx, ctap.CommandCredentialManagement, req, &resp)
}

func (a *Authenticator) manageNext(ctx context.Context, sub uint64) (*ctap.CredentialManagementResponse, error) {
	var resp ctap.CredentialManagementResponse
	req := &ctap.CredentialManagementRequest{SubCommand: &sub}
	return &resp, a.call(ctx, ctap.CommandCredentialManagement, req, &resp)
}
