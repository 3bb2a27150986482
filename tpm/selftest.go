package tpm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
)

// selfTest tries out how the chip counts, on an index that it removes again.
// Chips with code from before August 2019 forget the count whenever the index
// is read by its policy: on those freeRead is false, and the count is read as
// the owner only. A chip that does not refuse the right value after too many
// wrong ones, or with which it can be guessed outside, is ErrUnfit.
func (s setup) selfTest(h tpm2.TPMHandle) (freeRead bool, err error) {
	counted, err := s.countingTest(h, true)
	if err != nil || counted {
		return counted, err
	}
	if counted, err = s.countingTest(h, false); err == nil && !counted {
		err = ErrUnfit
	}
	return false, err
}

// countingTest spends two tries of two, reading the count by policy in between
// or not, and tells whether the right value is refused then.
func (s setup) countingTest(h tpm2.TPMHandle, reads bool) (bool, error) {
	code := tpm2.PolicyCommandCode{Code: tpm2.TPMCCNVRead}
	policy, err := policyDigest(code)
	if err != nil {
		return false, err
	}
	x := scratchIndex(h, policy)
	right := randomAuth()
	if err := x.define(s, s.parent, s.password, right); err != nil {
		if refused(err) {
			return false, fmt.Errorf("%w (%w)", ErrUnfit, err)
		}
		return false, fmt.Errorf("define an index: %w", err)
	}
	counted, err := s.countTwo(x, right, reads)
	return counted, errors.Join(err, x.undefine(s, s.parent, s.password))
}

func (s setup) countTwo(x index, right []byte, reads bool) (bool, error) {
	_, err := tpm2.NVWrite{
		AuthHandle: s.parent.owner(s.password), NVIndex: x.named(), Data: tpm2.TPM2BMaxNVBuffer{Buffer: count{0, 2}.bytes()},
	}.Execute(s)
	if err != nil {
		return false, fmt.Errorf("write an index: %w", ownerError(err))
	}
	if bound, err := s.binds(x.written(), right); err != nil || bound {
		if bound {
			err = fmt.Errorf("%w: it binds sessions to an index that counts", ErrUnfit)
		}
		return false, err
	}
	pol := &policies{tries: x}
	try := func(auth []byte) error { return s.parent.satisfy(s, pol.proving(s.parent, auth)) }
	read := func() (count, error) {
		r, err := tpm2.NVRead{
			AuthHandle: x.written().by(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, flushing(
				func(t transport.TPM, h tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
					return pol.command(t, h, tpm2.TPMCCNVRead)
				}))),
			NVIndex: x.written().named(), Size: 8,
		}.Execute(s)
		if err != nil {
			return count{}, err
		}
		return parseCount(r.Data.Buffer)
	}
	for n := range uint32(2) {
		if err := try(randomAuth()); !errors.Is(err, keystore.ErrWrongPIN) {
			return false, err
		}
		for range 2 {
			if !reads {
				break
			}
			if c, err := read(); err != nil || c.wrong != n+1 {
				return false, nil
			}
		}
	}
	err = try(right)
	if err != nil && !errors.Is(err, keystore.ErrPINBlocked) {
		return false, err
	}
	return err != nil, nil
}

// binds tells whether the chip lets a session be bound to an index that counts.
// The session's key would depend on the index's value, and from the chip's first
// answer in it one could guess that value without asking the chip again.
func (s setup) binds(x index, auth []byte) (bool, error) {
	_, end, err := tpm2.HMACSession(s, tpm2.TPMAlgSHA256, nonceSize, tpm2.Bound(x.handle(), x.name(), auth))
	var rc tpm2.TPMRC
	switch {
	case err == nil:
		return true, end()
	case errors.As(err, &rc) && !slices.ContainsFunc(exhausted, func(c tpm2.TPMRC) bool { return is(err, c) }):
		return false, nil
	}
	return false, fmt.Errorf("bind a session: %w", err)
}

// scratchIndex counts to two, written by the owner.
func scratchIndex(h tpm2.TPMHandle, policy tpm2.TPM2BDigest) index {
	return index{tpm2.TPMSNVPublic{
		NVIndex: h, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8, AuthPolicy: policy,
		Attributes: tpm2.TPMANV{OwnerWrite: true, PolicyRead: true, NoDA: true, NT: tpm2.TPMNTPinFail},
	}}
}
