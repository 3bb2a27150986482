package authenticator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore"
)

// enumeration is what a Begin of credentialManagement leaves for its GetNext.
type enumeration struct {
	next  uint64         // the subcommand that continues it
	list  keystore.Index // what is enumerated
	after []byte         // ID of the record that was delivered last
	rest  uint64         // how many are left
}

// credentialManagement is authenticatorCredentialManagement (§6.8).
func (a *Authenticator) credentialManagement(ctx context.Context, s *ctap.Session, params []byte) (any, error) {
	var req ctap.CredentialManagementRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	sub := *req.SubCommand
	if a.pending.session == s && (a.pending.kind != pendingEnumeration || a.pending.enumeration.next != sub) {
		a.pending.drop()
	}
	switch sub {
	case ctap.CredsEnumRPsNext:
		return a.credsNext(ctx, s, sub, a.nextRP)
	case ctap.CredsEnumNext:
		return a.credsNext(ctx, s, sub, a.nextCredential)
	case ctap.CredsGetMetadata, ctap.CredsEnumRPsBegin, ctap.CredsEnumBegin, ctap.CredsDelete, ctap.CredsUpdateUser:
	default:
		return nil, ctap.ErrInvalidSubcommand
	}
	in, authorised, err := a.credsAuthorize(&req)
	if err != nil {
		return nil, err
	}
	switch sub {
	case ctap.CredsGetMetadata:
		return a.credsMetadata(authorised)
	case ctap.CredsEnumRPsBegin:
		return a.credsEnumRPs(ctx, s, authorised)
	case ctap.CredsEnumBegin:
		return a.credsEnum(ctx, s, in.RPIDHash, authorised)
	case ctap.CredsDelete:
		return nil, a.credsDelete(ctx, in.CredentialID.ID, authorised)
	}
	return nil, a.credsUpdateUser(ctx, in, authorised)
}

// credsAuthority is what the pinUvAuthParam proved.
type credsAuthority struct {
	token uint64 // serial; 0: the persistent token, which only reads
	rpID  string // the site that the token is bound to; empty: all
}

// may reports whether the token reaches a credential of this site:
// ErrPINAuthInvalid otherwise.
func (c credsAuthority) may(rpIDHash []byte) error {
	if c.rpID == "" {
		return nil
	}
	bound := sum([]byte(c.rpID))
	if !constantTimeEqual(bound[:], rpIDHash) {
		return ctap.ErrPINAuthInvalid
	}
	return nil
}

// credsAuthorize takes the steps that the authenticated subcommands share
// (§6.8.2 to §6.8.6).
func (a *Authenticator) credsAuthorize(req *ctap.CredentialManagementRequest) (in ctap.CredentialManagementParams, authorised credsAuthority, err error) {
	if req.PinUvAuthParam == nil {
		return in, authorised, ctap.ErrPUATRequired
	}
	p, err := protocolOf(req.PinUvAuthProtocol)
	if err != nil {
		return in, authorised, err
	}
	sub := *req.SubCommand
	if req.SubCommandParams != nil {
		if err := in.Unmarshal(req.SubCommandParams); err != nil {
			return in, authorised, err
		}
	}
	switch {
	case sub == ctap.CredsEnumBegin && in.RPIDHash == nil,
		sub == ctap.CredsDelete && in.CredentialID == nil,
		sub == ctap.CredsUpdateUser && (in.CredentialID == nil || in.User == nil):
		return in, authorised, ctap.ErrMissingParameter
	}
	reads := sub == ctap.CredsGetMetadata || sub == ctap.CredsEnumRPsBegin || sub == ctap.CredsEnumBegin
	if reads && pinuv.Verify(p, a.state.PersistentToken[:], req.PinUvAuthParam, []byte{byte(sub)}, req.SubCommandParams) {
		return in, authorised, nil
	}
	if err := a.token.verify(p, req.PinUvAuthParam, []byte{byte(sub)}, req.SubCommandParams); err != nil {
		return in, authorised, err
	}
	if err := a.token.require(ctap.PermissionCM); err != nil {
		return in, authorised, err
	}
	return in, credsAuthority{token: a.token.serial, rpID: a.token.rpID}, nil
}

// §6.8.2
func (a *Authenticator) credsMetadata(authorised credsAuthority) (any, error) {
	if authorised.rpID != "" {
		return nil, ctap.ErrPINAuthInvalid
	}
	existing := a.state.Discoverable
	remaining := uint64(a.profile.MaxDiscoverable) - min(existing, uint64(a.profile.MaxDiscoverable))
	return &ctap.CredentialManagementResponse{
		ExistingResidentCredentialsCount:             &existing,
		MaxPossibleRemainingResidentCredentialsCount: &remaining,
	}, nil
}

// §6.8.3
func (a *Authenticator) credsEnumRPs(ctx context.Context, s *ctap.Session, authorised credsAuthority) (any, error) {
	if authorised.rpID != "" {
		return nil, ctap.ErrPINAuthInvalid
	}
	a.pending.begin(pendingEnumeration, s, a.now(), authorised.token)
	a.pending.enumeration = enumeration{next: ctap.CredsEnumRPsNext, list: keystore.Index{Kind: listRPs}, rest: a.state.RPs}
	reply, err := a.credsNext(ctx, s, ctap.CredsEnumRPsNext, a.nextRP)
	if err != nil {
		return nil, beginError(err)
	}
	reply.TotalRPs = a.state.RPs
	return reply, nil
}

// §6.8.4
func (a *Authenticator) credsEnum(ctx context.Context, s *ctap.Session, rpIDHash []byte, authorised credsAuthority) (any, error) {
	if err := authorised.may(rpIDHash); err != nil {
		return nil, err
	}
	var rp site
	err := a.vault.View(ctx, func(tx keystore.Tx) error { return get(tx, siteID(rpIDHash), &rp) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ctap.ErrNoCredentials
	}
	if err != nil {
		return nil, fmt.Errorf("look up site: %w", err)
	}
	a.pending.begin(pendingEnumeration, s, a.now(), authorised.token)
	a.pending.enumeration = enumeration{next: ctap.CredsEnumNext, list: rpList(rpIDHash), rest: rp.Count}
	reply, err := a.credsNext(ctx, s, ctap.CredsEnumNext, a.nextCredential)
	if err != nil {
		return nil, beginError(err)
	}
	reply.TotalCredentials = rp.Count
	return reply, nil
}

// beginError gives an enumeration that has nothing its status.
func beginError(err error) error {
	if errors.Is(err, ctap.ErrNotAllowed) {
		return ctap.ErrNoCredentials
	}
	return err
}

// credsNext delivers the next record of the enumeration under way.
func (a *Authenticator) credsNext(ctx context.Context, s *ctap.Session, sub uint64, item func(keystore.Record) (*ctap.CredentialManagementResponse, error)) (*ctap.CredentialManagementResponse, error) {
	e := &a.pending.enumeration
	if !a.pending.of(pendingEnumeration, s) || e.next != sub {
		return nil, ctap.ErrNotAllowed
	}
	if e.rest == 0 {
		a.pending.drop()
		return nil, ctap.ErrNotAllowed
	}
	var record *keystore.Record
	err := a.vault.View(ctx, func(tx keystore.Tx) error {
		return tx.Scan(e.list, e.after, func(r keystore.Record) error {
			record = &r
			return errStop
		})
	})
	switch {
	case record == nil && (err == nil || errors.Is(err, fs.ErrNotExist)):
		// Deleted over another channel meanwhile.
		a.pending.drop()
		return nil, ctap.ErrNotAllowed
	case err != nil && !errors.Is(err, errStop):
		return nil, fmt.Errorf("enumerate: %w", err)
	}
	reply, err := item(*record)
	if err != nil {
		return nil, err
	}
	e.after = record.ID
	e.rest--
	a.pending.continued(a.now())
	if e.rest == 0 {
		a.pending.drop()
	}
	return reply, nil
}

func (a *Authenticator) nextRP(r keystore.Record) (*ctap.CredentialManagementResponse, error) {
	var rp site
	if err := decode(r, &rp); err != nil {
		return nil, err
	}
	return &ctap.CredentialManagementResponse{RP: &ctap.RP{ID: rp.RPID, Name: rp.Name}, RPIDHash: rp.Hash}, nil
}

func (a *Authenticator) nextCredential(r keystore.Record) (*ctap.CredentialManagementResponse, error) {
	c := &credential{ID: r.ID}
	if err := decode(r, c); err != nil {
		return nil, err
	}
	reply := &ctap.CredentialManagementResponse{
		User:         &ctap.User{ID: c.UserID, Name: c.UserName, DisplayName: c.DisplayName},
		CredentialID: c.descriptor(), PublicKey: c.PublicKey,
		CredProtect: c.CredProtect, LargeBlobKey: c.LargeBlobKey,
	}
	if a.profile.has(ctap.ExtThirdPartyPayment) {
		reply.ThirdPartyPayment = &c.ThirdPartyPayment
	}
	return reply, nil
}

// managed finds the credential that delete or update is about.
func (a *Authenticator) managed(ctx context.Context, id []byte, authorised credsAuthority) (*credential, error) {
	c, err := a.find(ctx, id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look up credential: %w", err)
	}
	if known := err == nil && c.Discoverable; known {
		return c, authorised.may(c.RPIDHash)
	}
	// A token of one site does not tell what is unknown from what is another
	// site's.
	if authorised.rpID != "" {
		return nil, ctap.ErrPINAuthInvalid
	}
	return nil, ctap.ErrNoCredentials
}

// §6.8.5
func (a *Authenticator) credsDelete(ctx context.Context, id []byte, authorised credsAuthority) error {
	c, err := a.managed(ctx, id, authorised)
	if err != nil {
		return err
	}
	return a.changeWith(ctx, func(tx keystore.Tx, s *state) error {
		s.CredStoreState = a.random.bytes16("credential store state")
		return a.remove(tx, s, c)
	})
}

// §6.8.6: what the new user lacks is removed.
func (a *Authenticator) credsUpdateUser(ctx context.Context, in ctap.CredentialManagementParams, authorised credsAuthority) error {
	c, err := a.managed(ctx, in.CredentialID.ID, authorised)
	if err != nil {
		return err
	}
	if !constantTimeEqual(c.UserID, in.User.ID) {
		return ctap.ErrInvalidParameter
	}
	c.UserName, c.DisplayName = in.User.Name, in.User.DisplayName
	return a.changeWith(ctx, func(tx keystore.Tx, s *state) error {
		s.CredStoreState = a.random.bytes16("credential store state")
		return put(tx, c.ID, c, c.lists()...)
	})
}
