package daemon

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/tpm"
)

// An Engine answers the owner's calls with a device in this process.
type Engine struct {
	Device *authenticator.Authenticator
	Policy policy.Policy
	// Asks has a reset confirmed by the person whom the device asks. Where it is
	// off, the caller has asked.
	Asks bool
}

// Call answers one call.
func (e Engine) Call(ctx context.Context, c Call) ([]byte, error) {
	result, err := e.call(ctx, c)
	if err != nil {
		return nil, e.refuse(ctx, err)
	}
	return json.Marshal(result)
}

func (e Engine) call(ctx context.Context, c Call) (result any, err error) {
	switch c.Op {
	case opPasskeys:
		return e.passkeys(ctx, c.PIN)
	case opRename:
		return nil, e.Device.AsOwner(ctx, c.PIN, func(o *authenticator.Owner) error {
			return o.Rename(ctx, c.ID, c.Name, c.DisplayName)
		})
	case opDelete:
		return nil, e.Device.AsOwner(ctx, c.PIN, func(o *authenticator.Owner) error { return o.Delete(ctx, c.ID) })
	case opPIN:
		return e.pin(ctx)
	case opSetPIN:
		return nil, e.Device.AsOwner(ctx, c.PIN, func(o *authenticator.Owner) error { return o.SetPIN(ctx, c.NewPIN) })
	case opLock:
		e.Device.Lock(ctx)
		return nil, nil
	case opUnlock:
		return nil, e.Device.Unlock(ctx, c.PIN, c.Rearm)
	case opReset:
		if e.Asks {
			return nil, e.Device.Reset(ctx, &ctap.Session{Door: "the control socket"})
		}
		return nil, e.Device.Erase(ctx)
	case opCheck:
		return nil, e.Device.Check(ctx)
	case opAttestationRoots:
		return e.Device.AttestationRoots(ctx)
	case opExport:
		return e.copyOut(ctx, c)
	case opImport:
		return e.copyIn(ctx, c)
	}
	return nil, fmt.Errorf("%w: the device does not know the call %q", ctap.ErrInvalidCommand, c.Op)
}

func (e Engine) passkeys(ctx context.Context, pin []byte) ([]Passkey, error) {
	list := []Passkey{}
	err := e.Device.AsOwner(ctx, pin, func(o *authenticator.Owner) error {
		return o.Passkeys(ctx, func(p authenticator.Passkey) error {
			list = append(list, e.passkey(p))
			return nil
		})
	})
	return list, err
}

func (e Engine) passkey(p authenticator.Passkey) Passkey {
	told := Passkey{
		ID: p.ID, RPID: p.RPID, RPName: p.RPName, RPIDHash: p.RPIDHash[:],
		UserID: p.Account.ID, UserName: p.Account.Name, UserDisplayName: p.Account.DisplayName,
		Algorithm: p.Algorithm.String(), COSEAlgorithm: int64(p.Algorithm), InChip: p.InChip, PublicKey: p.PublicKey,
		Discoverable: p.Discoverable, CredProtect: p.CredProtect, Copyable: p.Copyable,
		Created: known(p.Created), LastUsed: known(p.LastUsed),
		Rule: e.Policy.Restricts(p.Restriction),
	}
	if e.Policy.ForbidExport {
		told.PublicKey = nil
	}
	return told
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (e Engine) pin(ctx context.Context) (PIN, error) {
	state, blocked, err := e.Device.PINState(ctx)
	if err != nil {
		return PIN{}, err
	}
	return PIN{Set: state.Set, Open: state.Open, Retries: state.Retries, Blocked: blocked, MinLength: e.Device.MinPINLength(), MustChange: e.Device.PINMustChange()}, nil
}

// refuse makes a Refusal of the device's error.
func (e Engine) refuse(ctx context.Context, err error) *Refusal {
	r := &Refusal{Message: err.Error(), NotFound: errors.Is(err, fs.ErrNotExist), TPMOwner: errors.Is(err, tpm.ErrOwnerPassword)}
	if status := ctap.StatusOf(err); status != ctap.ErrOther {
		r.Status = status
	}
	switch r.Status {
	case ctap.ErrPINInvalid, ctap.ErrPINAuthBlocked, ctap.ErrPINBlocked, ctap.ErrPINPolicyViolation, ctap.ErrPINNotSet:
		if pin, err := e.pin(ctx); err == nil {
			r.PIN = &pin
		}
	}
	return r
}

// hexBytes is in JSON as people write it.
type hexBytes []byte

// MarshalText writes hexadecimal digits.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// UnmarshalText reads hexadecimal digits.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// String gives hexadecimal digits.
func (b hexBytes) String() string { return hex.EncodeToString(b) }
