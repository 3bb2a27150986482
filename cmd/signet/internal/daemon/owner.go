package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/tpm"
)

// What a device's owner can call. Those that read or change passkeys or the PIN
// prove the PIN, where one is set, for that call: who is connected is not enough.
const (
	opPasskeys = "passkeys"
	opRename   = "rename"
	opDelete   = "delete"
	opPIN      = "pin" // its state, which is no secret
	opSetPIN   = "set-pin"
	opLock     = "lock"
	opUnlock   = "unlock"
	opReset    = "reset" // as on any security key it needs no PIN: it is the way out without, and asks
	opCheck    = "check" // reads everything, tells only of damage

	opAttestationRoots = "attestation-roots" // certificates, which are no secret
)

// A Call is one request of the owner's.
type Call struct {
	Op          string `json:"op"`
	ID          []byte `json:"id,omitempty"` // of a passkey
	Name        string `json:"name,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
	Rearm       bool   `json:"rearm,omitempty"`
	Recipient   string `json:"recipient,omitempty"`
	// PIN and NewPIN are UTF-8, Records are private keys. They never go into
	// JSON, whose encoder keeps copies.
	PIN     []byte `json:"-"`
	NewPIN  []byte `json:"-"`
	Records []byte `json:"-"`
}

// A Caller carries a Call to a device and returns its answer in JSON: a Client
// to the daemon that has it open, an Engine to one in this process. Errors that
// the device gives are a *Refusal.
type Caller interface {
	Call(ctx context.Context, c Call) (answer []byte, err error)
}

// A Refusal is the device's No.
type Refusal struct {
	Message string `json:"message"`
	// Status is the standard's code, where it has one.
	Status ctap.Status `json:"status,omitempty"`
	// NotFound tells that there is no such passkey.
	NotFound bool `json:"not_found,omitempty"`
	// TPMOwner tells that the TPM's owner password is needed, and was wrong or
	// missing when the device was opened.
	TPMOwner bool `json:"tpm_owner,omitempty"`
	// PIN is its state afterwards, where the PIN was the reason.
	PIN *PIN `json:"pin,omitempty"`
}

func (r *Refusal) Error() string { return r.Message }

// Unwrap gives the Status, fs.ErrNotExist or tpm.ErrOwnerPassword.
func (r *Refusal) Unwrap() error {
	switch {
	case r.NotFound:
		return fs.ErrNotExist
	case r.TPMOwner:
		return tpm.ErrOwnerPassword
	case r.Status != ctap.StatusOK:
		return r.Status
	}
	return nil
}

// A Passkey is what the owner is told of one.
type Passkey struct {
	ID              hexBytes   `json:"id"`
	RPID            string     `json:"rp_id,omitempty"`
	RPName          string     `json:"rp_name,omitempty"`
	RPIDHash        hexBytes   `json:"rp_id_hash"`
	UserID          []byte     `json:"user_id,omitempty"`
	UserName        string     `json:"user_name,omitempty"`
	UserDisplayName string     `json:"user_display_name,omitempty"`
	Algorithm       string     `json:"algorithm"`
	COSEAlgorithm   int64      `json:"cose_algorithm"`
	InChip          bool       `json:"in_chip"`
	PublicKey       []byte     `json:"public_key,omitempty"` // a COSE_Key; absent where the policy forbids export
	Discoverable    bool       `json:"discoverable"`
	CredProtect     uint64     `json:"cred_protect"`
	Copyable        bool       `json:"copyable"`
	Created         *time.Time `json:"created,omitempty"`
	LastUsed        *time.Time `json:"last_used,omitempty"`
	// Rule names the rules of the administrator's policy that keep the passkey
	// from being used, with a comma between them.
	Rule string `json:"unavailable_by,omitempty"`
}

// Owner looks after a device through a Caller.
type Owner struct{ Caller Caller }

// Passkeys lists them, newest first.
func (o Owner) Passkeys(ctx context.Context, pin []byte) (list []Passkey, err error) {
	return list, o.call(ctx, Call{Op: opPasskeys, PIN: pin}, &list)
}

// Rename changes the names of a passkey's account.
func (o Owner) Rename(ctx context.Context, pin, id []byte, name, displayName string) error {
	return o.call(ctx, Call{Op: opRename, PIN: pin, ID: id, Name: name, DisplayName: displayName}, nil)
}

// Delete removes a passkey for ever.
func (o Owner) Delete(ctx context.Context, pin, id []byte) error {
	return o.call(ctx, Call{Op: opDelete, PIN: pin, ID: id}, nil)
}

// PIN tells the state of the PIN.
func (o Owner) PIN(ctx context.Context) (p PIN, err error) {
	return p, o.call(ctx, Call{Op: opPIN}, &p)
}

// SetPIN sets the first PIN, where old is empty, or another.
func (o Owner) SetPIN(ctx context.Context, old, pin []byte) error {
	return o.call(ctx, Call{Op: opSetPIN, PIN: old, NewPIN: pin}, nil)
}

// Lock ends what the PIN has opened.
func (o Owner) Lock(ctx context.Context) error { return o.call(ctx, Call{Op: opLock}, nil) }

// Unlock proves the PIN; with rearm also after three misses in a row.
func (o Owner) Unlock(ctx context.Context, pin []byte, rearm bool) error {
	return o.call(ctx, Call{Op: opUnlock, PIN: pin, Rearm: rearm}, nil)
}

// Reset erases every passkey and the PIN. A running daemon asks the person first.
func (o Owner) Reset(ctx context.Context) error { return o.call(ctx, Call{Op: opReset}, nil) }

// Check reads everything that the device remembers and tells of damage.
func (o Owner) Check(ctx context.Context) error { return o.call(ctx, Call{Op: opCheck}, nil) }

// AttestationRoots gives the certificates (DER) that the installation's
// attestation leads to: of packed chains, and of a chip's statements.
func (o Owner) AttestationRoots(ctx context.Context) (der [][]byte, err error) {
	return der, o.call(ctx, Call{Op: opAttestationRoots}, &der)
}

func (o Owner) call(ctx context.Context, c Call, result any) error {
	answer, err := o.Caller.Call(ctx, c)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("read the device's answer: %w", err)
	}
	return nil
}
