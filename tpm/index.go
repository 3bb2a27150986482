package tpm

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// The root's NV indices have random handles in this range, which the TCG keeps
// free for owners.
const (
	firstIndex = tpm2.TPMHandle(0x01800000)
	lastIndex  = tpm2.TPMHandle(0x01bfffff)
)

func randomIndex() tpm2.TPMHandle {
	var b [4]byte
	rand.Read(b[:])
	return firstIndex + tpm2.TPMHandle(binary.BigEndian.Uint32(b[:]))&(lastIndex-firstIndex)
}

// index is one NV index as it has to be. Its name, and so whether a command is
// accepted, depends on its attributes, not on what is in it.
type index struct {
	public tpm2.TPMSNVPublic
}

func (x index) handle() tpm2.TPMHandle { return x.public.NVIndex }

// with returns the index with other attributes.
func (x index) with(change func(*tpm2.TPMANV)) index {
	change(&x.public.Attributes)
	return x
}

func (x index) written() index { return x.with(func(a *tpm2.TPMANV) { a.Written = true }) }
func (x index) locked() index  { return x.with(func(a *tpm2.TPMANV) { a.WriteLocked = true }) }

// name computes the index's name. A name that cannot be computed is empty, and
// no chip accepts it: the hash is a constant, so it can.
func (x index) name() tpm2.TPM2BName {
	name, err := tpm2.NVName(&x.public)
	if err != nil {
		return tpm2.TPM2BName{}
	}
	return *name
}

func (x index) named() tpm2.NamedHandle {
	return tpm2.NamedHandle{Handle: x.handle(), Name: x.name()}
}

// by authorizes the use of the index.
func (x index) by(s tpm2.Session) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: x.handle(), Name: x.name(), Auth: s}
}

// define makes the index; auth becomes its authorization value.
func (x index) define(t transport.TPM, p *parent, password, auth []byte) error {
	_, err := tpm2.NVDefineSpace{
		AuthHandle: p.owner(password, sealing()),
		Auth:       tpm2.TPM2BAuth{Buffer: auth},
		PublicInfo: tpm2.New2B(x.public),
	}.Execute(t)
	return ownerError(err)
}

// undefine removes the index, whatever its state, if it is the one that is
// meant: others' are left alone.
func (x index) undefine(t transport.TPM, p *parent, password []byte) error {
	there, err := readIndex(t, x.handle())
	if err != nil || there == nil {
		return err
	}
	if !there.like(x) {
		return nil
	}
	_, err = tpm2.NVUndefineSpace{AuthHandle: p.owner(password), NVIndex: there.named()}.Execute(t)
	return ownerError(err)
}

// like tells whether two indices are the same but for what changes in use.
func (x index) like(y index) bool {
	plain := func(x index) []byte {
		return tpm2.Marshal(x.with(func(a *tpm2.TPMANV) { a.Written, a.WriteLocked, a.ReadLocked = false, false, false }).public)
	}
	return bytes.Equal(plain(x), plain(y))
}

// is tells whether two indices are the same and in the same state.
func (x index) is(y index) bool { return bytes.Equal(x.name().Buffer, y.name().Buffer) }

// readIndex reads what an index is like; nil where there is none.
func readIndex(t transport.TPM, h tpm2.TPMHandle) (*index, error) {
	r, err := tpm2.NVReadPublic{NVIndex: h}.Execute(t)
	if is(err, tpm2.TPMRCHandle) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read index %#x: %w", uint32(h), err)
	}
	public, err := r.NVPublic.Contents()
	if err != nil {
		return nil, fmt.Errorf("read index %#x: %w", uint32(h), err)
	}
	return &index{*public}, nil
}

// check tells whether the index is there and in the state that x says:
// ErrIndexMissing, ErrIndexForeign.
func (x index) check(t transport.TPM) error {
	there, err := readIndex(t, x.handle())
	switch {
	case err != nil:
		return err
	case there == nil:
		return fmt.Errorf("index %#x: %w", uint32(x.handle()), ErrIndexMissing)
	case !there.is(x):
		return fmt.Errorf("index %#x: %w", uint32(x.handle()), ErrIndexForeign)
	}
	return nil
}

// deviceIndex holds the device secret. Whoever has the root's file can read and
// write it: writing it is what a reset does first.
func deviceIndex(h tpm2.TPMHandle) index {
	return index{tpm2.TPMSNVPublic{
		NVIndex: h, NameAlg: tpm2.TPMAlgSHA256, DataSize: 32,
		Attributes: tpm2.TPMANV{AuthRead: true, AuthWrite: true, WriteAll: true, NoDA: true},
	}}
}

// counterIndex holds the run number. It is not orderly: after a power cut an
// orderly counter skips numbers, and each of them takes a range of signature
// counters, which have 32 bits.
func counterIndex(h tpm2.TPMHandle) index {
	return index{tpm2.TPMSNVPublic{
		NVIndex: h, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8,
		Attributes: tpm2.TPMANV{AuthRead: true, AuthWrite: true, NoDA: true, NT: tpm2.TPMNTCounter},
	}}
}

// textAuth makes an authorization value of 24 bytes: 32 characters, because
// go-tpm and the standard disagree about values with zero bytes.
func textAuth(b []byte) []byte {
	auth := make([]byte, 32)
	base64.RawURLEncoding.Encode(auth, b[:24])
	return auth
}

// randomAuth makes an authorization value that nobody can guess.
func randomAuth() []byte {
	var b [24]byte
	defer clear(b[:])
	rand.Read(b[:])
	return textAuth(b[:])
}
