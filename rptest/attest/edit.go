package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/seed-77d61853/signet/ctap"
)

// Edit spoils steps of a statement's making. Nil fields leave their steps alone.
// The fields stand in the order of the steps, and each function may change what
// its argument points to.
type Edit struct {
	Rogue bool // root and intermediate have the right names and other keys

	PubArea     func(*PubArea)        // tpm, before the object's name is computed
	CertInfo    func(*CertInfo)       // tpm, with name and extraData, before it is signed
	Description func(*KeyDescription) // android-key
	Nonce       func(*Nonce)          // apple

	Intermediate func(*Certificate) // the leaf's issuer, where it is not the root
	Leaf         func(*Certificate)
	Chain        func(*Chain) // x5c

	Signing   func(*Signing)       // who signs what
	Signature func(*Signature)     // the signature made
	Members   func(map[string]any) // attStmt's members, before they are encoded

	// Parts are edits of compound's statements, by their place; Compound then
	// changes the list of them.
	Parts    []Edit
	Compound func(*[]Part)

	Format func(*string) // the member fmt
}

// apply hands v to one step's function of each edit.
func apply[T any](d *draft, step func(*Edit) func(T), v T) {
	for i := range d.edits {
		if f := step(&d.edits[i]); f != nil {
			f(v)
			d.applied[i] = true
		}
	}
}

// Chain is the certificates of a statement.
type Chain struct {
	X5C          []any  // the member: byte strings, each a certificate in DER
	Intermediate []byte // DER
	Root         []byte // DER
}

// Signing is a signature that is about to be made.
type Signing struct {
	Message []byte
	Alg     ctap.Algorithm // of the key that signs
	Sign    Signer

	d   *draft
	err error
}

// ByCredential has the credential's key sign.
func (s *Signing) ByCredential() { s.Sign = s.d.in.Sign }

// ByOther has a key sign that is nobody's here, of the same kind as the one that
// should.
func (s *Signing) ByOther() {
	if s.Alg == ctap.ES256K {
		// Whatever ECDSA signature over one message is, over another one, that
		// of some other key.
		sign := s.Sign
		s.Sign = func(message []byte) ([]byte, error) { return sign(append([]byte("other"), message...)) }
		return
	}
	key, err := s.d.a.other(s.Alg)
	if err != nil {
		s.err = err
		return
	}
	s.Sign = signer(key, s.Alg)
}

// OverOtherHash has another client data hash signed.
func (s *Signing) OverOtherHash() {
	s.Message = bytes.ReplaceAll(s.Message, s.d.in.ClientDataHash, otherHash(s.d.in.ClientDataHash))
}

// Signature is a signature that was made.
type Signature struct {
	Bytes []byte

	order *big.Int // of the key's group; nil if it is not ECDSA's
	err   error
}

type ecdsaSignature struct{ R, S *big.Int }

// High makes s of an ECDSA signature greater than half of the group's order. The
// signature stays valid.
func (s *Signature) High() {
	var rs ecdsaSignature
	if !s.isECDSA() {
		return
	}
	if _, err := asn1.Unmarshal(s.Bytes, &rs); err != nil {
		s.err = fmt.Errorf("read signature: %w", err)
		return
	}
	if rs.S.Cmp(new(big.Int).Rsh(s.order, 1)) <= 0 {
		rs.S.Sub(s.order, rs.S)
	}
	s.set(rs)
}

// Zero makes r and s of an ECDSA signature 0.
func (s *Signature) Zero() {
	if s.isECDSA() {
		s.set(ecdsaSignature{new(big.Int), new(big.Int)})
	}
}

// Order makes r and s of an ECDSA signature the group's order.
func (s *Signature) Order() {
	if s.isECDSA() {
		s.set(ecdsaSignature{s.order, s.order})
	}
}

func (s *Signature) isECDSA() bool {
	if s.order == nil {
		s.err = fmt.Errorf("signature has no r and s: %w", ErrUnsupported)
	}
	return s.order != nil
}

func (s *Signature) set(rs ecdsaSignature) {
	b, err := asn1.Marshal(rs)
	if err != nil {
		s.err = fmt.Errorf("encode signature: %w", err)
		return
	}
	s.Bytes = b
}

// order gives the order of the group that the signing key lives in; nil if it is
// no ECDSA key.
func (d *draft) order(alg ctap.Algorithm) *big.Int {
	if d.leaf != nil && d.leaf.key != nil {
		if pub, ok := d.leaf.key.Public().(*ecdsa.PublicKey); ok {
			return pub.Params().N
		}
		return nil
	}
	switch alg {
	case ctap.ES256:
		return elliptic.P256().Params().N
	case ctap.ES384:
		return elliptic.P384().Params().N
	case ctap.ES512:
		return elliptic.P521().Params().N
	case ctap.ES256K:
		n, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)
		return n
	}
	return nil
}
