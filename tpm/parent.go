package tpm

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// parent is the storage key in the chip under which the root's keys are, and to
// which its sessions are salted: who only listens on the bus learns nothing.
// Its name and public half are those of set-up, whatever is at the handle now.
type parent struct {
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
	public *tpm2.TPMTPublic
}

// Where a storage key is looked for and, the first free one, kept: the
// standard's handle for it first.
const (
	firstParent = tpm2.TPMHandle(0x81000001)
	lastParent  = tpm2.TPMHandle(0x8100000f)
)

const nonceSize = 16

// hmac makes a session, for one command, that proves an authorization value.
func (p *parent) hmac(auth []byte, more ...tpm2.AuthOption) tpm2.Session {
	return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize,
		append([]tpm2.AuthOption{tpm2.Salted(p.handle, *p.public), tpm2.Auth(auth)}, more...)...)
}

// policy makes a session, for one command, that satisfies a policy by f.
func (p *parent) policy(f tpm2.PolicyCallback, more ...tpm2.AuthOption) tpm2.Session {
	return tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, flushing(f),
		append([]tpm2.AuthOption{tpm2.Salted(p.handle, *p.public)}, more...)...)
}

// flushing ends the session where f fails, which go-tpm leaves in the chip.
func flushing(f tpm2.PolicyCallback) tpm2.PolicyCallback {
	return func(t transport.TPM, h tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		err := f(t, h, nonce)
		if err != nil && !lost(err) {
			flush(t, h)
		}
		return err
	}
}

// satisfy runs f in a policy session that serves for nothing else.
func (p *parent) satisfy(t transport.TPM, f tpm2.PolicyCallback) error {
	s, end, err := tpm2.PolicySession(t, tpm2.TPMAlgSHA256, nonceSize, tpm2.Salted(p.handle, *p.public))
	if err != nil {
		return err
	}
	err = f(t, s.Handle(), s.NonceTPM())
	if lost(err) {
		return err
	}
	return errors.Join(err, end())
}

// flush unloads a key or ends a session. There is nothing to do about a failure.
func flush(t transport.TPM, h tpm2.TPMHandle) { tpm2.FlushContext{FlushHandle: h}.Execute(t) }

// sealing and opening keep the first parameter of a command, or of its answer,
// off the bus.
func sealing() tpm2.AuthOption { return tpm2.AESEncryption(128, tpm2.EncryptIn) }
func opening() tpm2.AuthOption { return tpm2.AESEncryption(128, tpm2.EncryptOut) }

// owner authorizes as the TPM's owner.
func (p *parent) owner(password []byte, more ...tpm2.AuthOption) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: p.hmac(password, more...)}
}

// itself authorizes the use of the parent, which has an empty password.
func (p *parent) itself(s tpm2.Session) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: p.handle, Name: p.name, Auth: s}
}

// load loads a key under the parent; the caller flushes it.
func (p *parent) load(t transport.TPM, public tpm2.TPM2BPublic, private tpm2.TPM2BPrivate) (*tpm2.LoadResponse, error) {
	r, err := tpm2.Load{ParentHandle: p.itself(tpm2.PasswordAuth(nil)), InPrivate: private, InPublic: public}.Execute(t)
	if is(err, tpm2.TPMRCIntegrity) {
		return nil, fmt.Errorf("%w (%w)", ErrOtherTPM, err)
	}
	return r, err
}

// check tells whether the key at the parent's handle is still the parent:
// ErrOtherTPM. Before any PIN is sent it must be: with another key there, the
// right PIN would count as a wrong one.
func (p *parent) check(t transport.TPM) error {
	r, err := tpm2.ReadPublic{ObjectHandle: p.handle}.Execute(t)
	switch {
	case is(err, tpm2.TPMRCHandle):
		return fmt.Errorf("no storage key at %#x: %w", uint32(p.handle), ErrOtherTPM)
	case err != nil:
		return fmt.Errorf("read the storage key: %w", err)
	case !hmac.Equal(r.Name.Buffer, p.name.Buffer):
		return fmt.Errorf("another storage key at %#x: %w", uint32(p.handle), ErrOtherTPM)
	}
	return nil
}

// findParent finds a storage key that will do, or makes one.
func findParent(t transport.TPM, password []byte) (*parent, error) {
	for h := firstParent; h <= lastParent; h++ {
		r, err := tpm2.ReadPublic{ObjectHandle: h}.Execute(t)
		if is(err, tpm2.TPMRCHandle) {
			return makeParent(t, h, tpm2.ECCSRKTemplate, password)
		}
		if err != nil {
			return nil, fmt.Errorf("read the storage key: %w", err)
		}
		public, err := r.OutPublic.Contents()
		if err != nil {
			return nil, fmt.Errorf("read the storage key: %w", err)
		}
		if fitParent(public) && emptyAuth(t, h) {
			return &parent{h, r.Name, public}, nil
		}
	}
	return nil, fmt.Errorf("keep a storage key at %#x to %#x: %w", uint32(firstParent), uint32(lastParent), ErrFull)
}

// fitParent tells whether a key can be the parent: a storage key of this chip,
// which others' wrong guesses cannot lock.
func fitParent(public *tpm2.TPMTPublic) bool {
	a := public.ObjectAttributes
	return (public.Type == tpm2.TPMAlgECC || public.Type == tpm2.TPMAlgRSA) && public.NameAlg == tpm2.TPMAlgSHA256 &&
		a.FixedTPM && a.FixedParent && a.SensitiveDataOrigin && a.UserWithAuth && a.NoDA &&
		a.Restricted && a.Decrypt && !a.SignEncrypt
}

// emptyAuth tells whether a storage key is used without a password, by creating
// something small under it.
func emptyAuth(t transport.TPM, h tpm2.TPMHandle) bool {
	r, err := tpm2.ReadPublic{ObjectHandle: h}.Execute(t)
	if err != nil {
		return false
	}
	_, err = tpm2.Create{
		ParentHandle: tpm2.AuthHandle{Handle: h, Name: r.Name, Auth: tpm2.PasswordAuth(nil)},
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: []byte("?")})}},
		InPublic: tpm2.New2B(sealedPublic()),
	}.Execute(t)
	return err == nil
}

// makeParent makes the owner hierarchy's key of a template, which is the same
// one each time, and keeps it at a handle. The owner's password stays off the
// bus: it is proven in a session that is salted to a passing key.
func makeParent(t transport.TPM, h tpm2.TPMHandle, template tpm2.TPMTPublic, password []byte) (*parent, error) {
	passing, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHNull, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("make a passing key: %w", err)
	}
	defer flush(t, passing.ObjectHandle)
	public, err := passing.OutPublic.Contents()
	if err != nil {
		return nil, fmt.Errorf("make a passing key: %w", err)
	}
	salt := &parent{passing.ObjectHandle, passing.Name, public}

	made, err := tpm2.CreatePrimary{PrimaryHandle: salt.owner(password), InPublic: tpm2.New2B(template)}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("make the storage key: %w", ownerError(err))
	}
	defer flush(t, made.ObjectHandle)
	if public, err = made.OutPublic.Contents(); err != nil {
		return nil, fmt.Errorf("make the storage key: %w", err)
	}
	_, err = tpm2.EvictControl{
		Auth:             salt.owner(password),
		ObjectHandle:     tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name},
		PersistentHandle: h,
	}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("keep the storage key at %#x: %w", uint32(h), ownerError(err))
	}
	return &parent{h, made.Name, public}, nil
}

// restore puts the parent back at its handle where someone removed it and the
// chip was not cleared: ErrOtherTPM where it was.
func (p *parent) restore(t transport.TPM, password []byte) error {
	template := tpm2.ECCSRKTemplate
	if p.public.Type == tpm2.TPMAlgRSA {
		template = tpm2.RSASRKTemplate
	}
	// Without the part that differs from chip to chip the two are the same, or
	// the parent was made of a template that is not known here.
	plain := *p.public
	plain.Unique = template.Unique
	if !bytes.Equal(tpm2.Marshal(plain), tpm2.Marshal(template)) {
		return fmt.Errorf("no storage key at %#x: %w", uint32(p.handle), ErrOtherTPM)
	}
	again, err := makeParent(t, p.handle, template, password)
	if err != nil {
		return err
	}
	if !bytes.Equal(again.name.Buffer, p.name.Buffer) {
		return fmt.Errorf("the TPM makes another storage key: %w", ErrOtherTPM)
	}
	return nil
}

// ownerError tells that an owner password was wrong.
func ownerError(err error) error {
	if is(err, tpm2.TPMRCBadAuth) || is(err, tpm2.TPMRCAuthFail) {
		return fmt.Errorf("%w (%w)", ErrOwnerPassword, err)
	}
	return err
}

// sealedPublic is the template of a small secret in the chip's care.
func sealedPublic() tpm2.TPMTPublic {
	return tpm2.TPMTPublic{
		Type:             tpm2.TPMAlgKeyedHash,
		NameAlg:          tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, UserWithAuth: true, NoDA: true},
	}
}

// seal puts 32 bytes into the chip's care, to be had again with auth.
func (p *parent) seal(t transport.TPM, secret, auth []byte) (public, private []byte, err error) {
	r, err := tpm2.Create{
		ParentHandle: p.itself(p.hmac(nil, sealing())),
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			UserAuth: tpm2.TPM2BAuth{Buffer: auth},
			Data:     tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: secret})}},
		InPublic: tpm2.New2B(sealedPublic()),
	}.Execute(t)
	if err != nil {
		return nil, nil, err
	}
	return r.OutPublic.Bytes(), r.OutPrivate.Buffer, nil
}

// unseal gives back what seal took.
func (p *parent) unseal(t transport.TPM, public, private, auth []byte) ([]byte, error) {
	key, err := p.load(t, tpm2.BytesAs2B[tpm2.TPMTPublic](public), tpm2.TPM2BPrivate{Buffer: private})
	if err != nil {
		return nil, err
	}
	defer flush(t, key.ObjectHandle)
	r, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{
		Handle: key.ObjectHandle, Name: key.Name, Auth: p.hmac(auth, opening()),
	}}.Execute(t)
	if err != nil {
		return nil, err
	}
	if len(r.OutData.Buffer) != 32 {
		return nil, errors.New("a sealed secret of another length")
	}
	return r.OutData.Buffer, nil
}
