package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
)

// inChip are the algorithms that keys are made for in a chip that has them, in
// order of preference.
var inChip = []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.RS256}

const rsaBits = 2048

func eccParms(curve tpm2.TPMECCCurve, hash tpm2.TPMAlgID) *tpm2.TPMSECCParms {
	return &tpm2.TPMSECCParms{CurveID: curve, Scheme: tpm2.TPMTECCScheme{
		Scheme:  tpm2.TPMAlgECDSA,
		Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: hash}),
	}}
}

// parameters returns what a key of an algorithm is like; false for one that no
// key in a chip can have.
func parameters(alg ctap.Algorithm) (tpm2.TPMTPublicParms, bool) {
	switch alg {
	case ctap.ES256:
		return tpm2.TPMTPublicParms{Type: tpm2.TPMAlgECC,
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, eccParms(tpm2.TPMECCNistP256, tpm2.TPMAlgSHA256))}, true
	case ctap.ES384:
		return tpm2.TPMTPublicParms{Type: tpm2.TPMAlgECC,
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, eccParms(tpm2.TPMECCNistP384, tpm2.TPMAlgSHA384))}, true
	case ctap.RS256:
		return tpm2.TPMTPublicParms{Type: tpm2.TPMAlgRSA,
			Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{
				KeyBits: rsaBits,
				Scheme: tpm2.TPMTRSAScheme{Scheme: tpm2.TPMAlgRSASSA,
					Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgRSASSA, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256})},
			})}, true
	}
	return tpm2.TPMTPublicParms{}, false
}

// supported asks the chip which of our algorithms it has.
func supported(t transport.TPM) ([]ctap.Algorithm, error) {
	var algs []ctap.Algorithm
	for _, alg := range inChip {
		parms, _ := parameters(alg)
		_, err := tpm2.TestParms{Parameters: parms}.Execute(t)
		switch {
		case err == nil:
			algs = append(algs, alg)
		case !refused(err):
			return nil, fmt.Errorf("ask the TPM for %v: %w", alg, err)
		}
	}
	if !slices.Contains(algs, ctap.ES256) {
		return nil, fmt.Errorf("%w: no ECDSA on P-256", ErrUnfit)
	}
	return algs, nil
}

// refused tells whether a chip answered that it does not have something.
func refused(err error) bool {
	return slices.ContainsFunc([]tpm2.TPMRC{
		tpm2.TPMRCCurve, tpm2.TPMRCValue, tpm2.TPMRCHash, tpm2.TPMRCScheme, tpm2.TPMRCKeySize,
		tpm2.TPMRCType, tpm2.TPMRCAsymmetric, tpm2.TPMRCAttributes, tpm2.TPMRCNVSize,
	}, func(c tpm2.TPMRC) bool { return is(err, c) })
}

// signingPublic is the template of a key that signs what it is given.
func signingPublic(alg ctap.Algorithm) (tpm2.TPMTPublic, bool) {
	parms, ok := parameters(alg)
	return tpm2.TPMTPublic{
		Type: parms.Type, NameAlg: tpm2.TPMAlgSHA256, Parameters: parms.Parameters,
		ObjectAttributes: tpm2.TPMAObject{
			FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, SignEncrypt: true,
		},
	}, ok
}

// publicKey returns the public half of a key in the chip. Chips may leave out
// leading zeros of coordinates.
func publicKey(public *tpm2.TPMTPublic) (crypto.PublicKey, error) {
	if public.Type == tpm2.TPMAlgRSA {
		return tpm2.Pub(*public)
	}
	detail, err := public.Parameters.ECCDetail()
	if err != nil {
		return nil, err
	}
	point, err := public.Unique.ECC()
	if err != nil {
		return nil, err
	}
	var curve elliptic.Curve
	switch detail.CurveID {
	case tpm2.TPMECCNistP256:
		curve = elliptic.P256()
	case tpm2.TPMECCNistP384:
		curve = elliptic.P384()
	default:
		return nil, fmt.Errorf("a key on curve %#x", uint16(detail.CurveID))
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(point.X.Buffer) > size || len(point.Y.Buffer) > size {
		return nil, errors.New("a key with coordinates too long")
	}
	b := make([]byte, 1+2*size)
	b[0] = 4
	copy(b[1+size-len(point.X.Buffer):], point.X.Buffer)
	copy(b[1+2*size-len(point.Y.Buffer):], point.Y.Buffer)
	return ecdsa.ParseUncompressedPublicKey(curve, b)
}

// signature encodes a signature of the chip as keystore.Key says.
func signature(s *tpm2.TPMTSignature) ([]byte, error) {
	if s.SigAlg == tpm2.TPMAlgRSASSA {
		rsa, err := s.Signature.RSASSA()
		if err != nil {
			return nil, err
		}
		return rsa.Sig.Buffer, nil
	}
	ec, err := s.Signature.ECDSA()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(ec.SignatureR.Buffer), new(big.Int).SetBytes(ec.SignatureS.Buffer),
	})
}
