package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore"
)

// The gate in the chip is two NV indices:
//
//	tries    counts wrong PINs and refuses all at eight; its authorization
//	         value is of the PIN. It is written once, by whoever holds the
//	         gate secret, and its PIN is changed by the same.
//	secret   holds the gate secret, for whoever proves the PIN to tries.
//
// An index that was written has another name than one that was not, and the
// policy of secret asks for tries by the name of the written one. So whoever
// removes tries and defines it anew, with a PIN of his own, has an index that
// opens nothing: to write it takes the gate secret.
type policies struct {
	key     tpm2.TPMTPublic // of the gate secret, for tries
	keyName tpm2.TPM2BName
	or      tpm2.TPMLDigest // the branches of tries

	tries, secret index // as they are defined, not written yet
}

// authKey derives from a gate secret the key that writes tries and changes its
// authorization value.
func authKey(secret *keystore.Secret) (*ecdsa.PrivateKey, error) {
	for i := range byte(8) { // one in 2^32 secrets takes more than one round
		mac := hmac.New(sha256.New, secret[:])
		mac.Write(append([]byte("signet TPM gate key\x00"), i))
		scalar := mac.Sum(nil)
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		clear(scalar)
		if err == nil {
			return k, nil
		}
	}
	return nil, errors.New("no key comes of the gate secret")
}

// newPolicies computes how a gate's indices have to be.
func newPolicies(g *gateRecord, freeRead bool) (*policies, error) {
	if len(g.Key) != 65 {
		return nil, fmt.Errorf("gate's key of %d bytes: %w", len(g.Key), keystore.ErrCorrupt)
	}
	p := &policies{key: tpm2.TPMTPublic{
		Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{SignEncrypt: true, UserWithAuth: true},
		Parameters:       tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, eccParms(tpm2.TPMECCNistP256, tpm2.TPMAlgSHA256)),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
			X: tpm2.TPM2BECCParameter{Buffer: g.Key[1:33]}, Y: tpm2.TPM2BECCParameter{Buffer: g.Key[33:]}}),
	}}
	name, err := tpm2.ObjectName(&p.key)
	if err != nil {
		return nil, err
	}
	p.keyName = *name

	signed := tpm2.PolicySigned{AuthObject: tpm2.NamedHandle{Name: p.keyName}}
	branches := [][]tpm2.PolicyCommand{
		{signed, tpm2.PolicyCommandCode{Code: tpm2.TPMCCNVWrite}, tpm2.PolicyNVWritten{WrittenSet: false}},
		{signed, tpm2.PolicyCommandCode{Code: tpm2.TPMCCNVChangeAuth}},
	}
	if freeRead {
		branches = append(branches, []tpm2.PolicyCommand{tpm2.PolicyCommandCode{Code: tpm2.TPMCCNVRead}})
	}
	for _, b := range branches {
		digest, err := policyDigest(b...)
		if err != nil {
			return nil, err
		}
		p.or.Digests = append(p.or.Digests, digest)
	}
	either, err := policyDigest(tpm2.PolicyOr{PHashList: p.or})
	if err != nil {
		return nil, err
	}
	p.tries = triesIndex(g.Tries, either, freeRead)
	proven, err := policyDigest(tpm2.PolicySecret{AuthHandle: p.tries.written().named()})
	if err != nil {
		return nil, err
	}
	p.secret = secretIndex(g.Secret, proven)
	return p, nil
}

// triesIndex must never be authorized by its own value within a policy: a
// policy session would not be held to the limit.
func triesIndex(h tpm2.TPMHandle, policy tpm2.TPM2BDigest, freeRead bool) index {
	return index{tpm2.TPMSNVPublic{
		NVIndex: h, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8, AuthPolicy: policy,
		Attributes: tpm2.TPMANV{OwnerRead: true, PolicyWrite: true, PolicyRead: freeRead, NoDA: true, NT: tpm2.TPMNTPinFail},
	}}
}

func secretIndex(h tpm2.TPMHandle, policy tpm2.TPM2BDigest) index {
	return index{tpm2.TPMSNVPublic{
		NVIndex: h, NameAlg: tpm2.TPMAlgSHA256, DataSize: 32, AuthPolicy: policy,
		Attributes: tpm2.TPMANV{PolicyWrite: true, PolicyRead: true, WriteDefine: true, WriteAll: true, NoDA: true},
	}}
}

func policyDigest(commands ...tpm2.PolicyCommand) (tpm2.TPM2BDigest, error) {
	calc, err := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	if err != nil {
		return tpm2.TPM2BDigest{}, err
	}
	for _, c := range commands {
		if err := c.Update(calc); err != nil {
			return tpm2.TPM2BDigest{}, err
		}
	}
	return tpm2.TPM2BDigest{Buffer: calc.Hash().Digest}, nil
}

// proving satisfies the policy of secret with an authorization value of tries.
// Of all commands only this one's TPM_RC_BAD_AUTH tells of a wrong PIN.
func (p *policies) proving(parent *parent, auth []byte) tpm2.PolicyCallback {
	return func(t transport.TPM, h tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicySecret{
			AuthHandle:    p.tries.written().by(parent.hmac(auth)),
			PolicySession: h,
			NonceTPM:      nonce,
		}.Execute(t)
		switch {
		case is(err, tpm2.TPMRCBadAuth):
			return fmt.Errorf("%w (%w)", keystore.ErrWrongPIN, err)
		case is(err, tpm2.TPMRCAuthUnavailable):
			return fmt.Errorf("%w (%w)", keystore.ErrPINBlocked, err)
		}
		return err
	}
}

// signing satisfies the branch of tries for one command with the key that the
// gate secret gives, which is loaded as h.
func (p *policies) signing(key *ecdsa.PrivateKey, keyHandle tpm2.TPMHandle, code tpm2.TPMCC) tpm2.PolicyCallback {
	return func(t transport.TPM, h tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		digest := sha256.Sum256(append(bytes.Clone(nonce.Buffer), 0, 0, 0, 0)) // never expires
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return err
		}
		_, err = tpm2.PolicySigned{
			AuthObject:    tpm2.NamedHandle{Handle: keyHandle, Name: p.keyName},
			PolicySession: h,
			NonceTPM:      nonce,
			Auth: tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgECDSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{
				Hash:       tpm2.TPMAlgSHA256,
				SignatureR: tpm2.TPM2BECCParameter{Buffer: r.FillBytes(make([]byte, 32))},
				SignatureS: tpm2.TPM2BECCParameter{Buffer: s.FillBytes(make([]byte, 32))},
			})},
		}.Execute(t)
		if err != nil {
			return err
		}
		if err := p.command(t, h, code); err != nil {
			return err
		}
		if code == tpm2.TPMCCNVWrite {
			if _, err := (tpm2.PolicyNVWritten{PolicySession: h, WrittenSet: false}).Execute(t); err != nil {
				return err
			}
		}
		return p.either(t, h)
	}
}

// reading satisfies the branch of tries for whoever wants to know the count.
func (p *policies) reading(t transport.TPM, h tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
	if err := p.command(t, h, tpm2.TPMCCNVRead); err != nil {
		return err
	}
	return p.either(t, h)
}

func (p *policies) command(t transport.TPM, h tpm2.TPMISHPolicy, code tpm2.TPMCC) error {
	_, err := tpm2.PolicyCommandCode{PolicySession: h, Code: code}.Execute(t)
	return err
}

func (p *policies) either(t transport.TPM, h tpm2.TPMISHPolicy) error {
	_, err := tpm2.PolicyOr{PolicySession: h, PHashList: p.or}.Execute(t)
	return err
}

// loadKey loads the public half of the gate's key; the caller flushes it.
func (p *policies) loadKey(t transport.TPM) (tpm2.TPMHandle, error) {
	r, err := tpm2.LoadExternal{InPublic: tpm2.New2B(p.key), Hierarchy: tpm2.TPMRHNull}.Execute(t)
	if err != nil {
		return 0, err
	}
	return r.ObjectHandle, nil
}

// count is what a counting index holds: so many wrong tries, of so many.
type count struct{ wrong, limit uint32 }

func (c count) bytes() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, c.wrong), c.limit)
}

func parseCount(b []byte) (count, error) {
	if len(b) != 8 {
		return count{}, fmt.Errorf("a count of %d bytes", len(b))
	}
	return count{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, nil
}

// left is the number of tries that are left.
func (c count) left() int { return int(max(c.limit, c.wrong) - c.wrong) }
