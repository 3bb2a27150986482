package tpm

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// attestationPublic is the template of a key that signs nothing but what the
// chip itself states.
func attestationPublic() tpm2.TPMTPublic {
	public, _ := signingPublic(ctap.ES256)
	public.ObjectAttributes.Restricted = true
	return public
}

// attestationAuth is the attestation key's authorization value.
func attestationAuth(installation *keystore.Secret) []byte {
	b := mac(installation, "attestation key")
	defer clear(b)
	return textAuth(b)
}

// makeAttestation makes the attestation key in the chip, and its certificate:
// by a root that is made for this installation, and whose key is gone when
// makeAttestation returns.
func makeAttestation(t transport.TPM, p *parent, rec *record, installation *keystore.Secret) error {
	auth := attestationAuth(installation)
	defer clear(auth)
	made, err := tpm2.Create{
		ParentHandle: p.itself(p.hmac(nil, sealing())),
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			UserAuth: tpm2.TPM2BAuth{Buffer: auth}}},
		InPublic: tpm2.New2B(attestationPublic()),
	}.Execute(t)
	if err != nil {
		return err
	}
	rec.AttestationPublic, rec.AttestationPrivate = made.OutPublic.Bytes(), made.OutPrivate.Buffer
	public, err := made.OutPublic.Contents()
	if err != nil {
		return err
	}
	pub, err := publicKey(public)
	if err != nil {
		return err
	}
	id, err := readIdentity(t)
	if err != nil {
		return fmt.Errorf("ask for the TPM's maker: %w", err)
	}
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	rec.Chain, err = certify(pub, id, root)
	return err
}

// identity is who made a chip.
type identity struct {
	manufacturer uint32 // the TCG's vendor ID
	model        string
	firmware     uint64
}

func readIdentity(t transport.TPM) (identity, error) {
	props, err := properties(t, tpm2.TPMPTManufacturer, 8)
	if err != nil {
		return identity{}, err
	}
	id := identity{
		manufacturer: props[tpm2.TPMPTManufacturer],
		firmware:     uint64(props[tpm2.TPMPTFirmwareVersion1])<<32 | uint64(props[tpm2.TPMPTFirmwareVersion2]),
	}
	for pt := tpm2.TPMPTVendorString1; pt <= tpm2.TPMPTVendorString4; pt++ {
		id.model += strings.Trim(string(binary.BigEndian.AppendUint32(nil, props[pt])), "\x00 ")
	}
	if id.model == "" {
		id.model = "TPM"
	}
	return id, nil
}

// properties reads n of the chip's properties, from one on.
func properties(t transport.TPM, from tpm2.TPMPT, n uint32) (map[tpm2.TPMPT]uint32, error) {
	r, err := tpm2.GetCapability{Capability: tpm2.TPMCapTPMProperties, Property: uint32(from), PropertyCount: n}.Execute(t)
	if err != nil {
		return nil, err
	}
	list, err := r.CapabilityData.Data.TPMProperties()
	if err != nil {
		return nil, err
	}
	props := make(map[tpm2.TPMPT]uint32)
	for _, p := range list.TPMProperty {
		props[p.Property] = p.Value
	}
	return props, nil
}

// Attest implements keystore.Attester.
func (r *Root) Attest(ctx context.Context, k keystore.Key, attToBeSigned []byte) (*ctap.TPMStatement, error) {
	ours, ok := k.(*key)
	if !ok || ours.root != r {
		return nil, fmt.Errorf("attest a key that is not in the TPM: %w", keystore.ErrUnsupported)
	}
	if err := ours.dead(); err != nil {
		return nil, fmt.Errorf("attest: %w", err)
	}
	s, err := do(ctx, r.chip, func(t transport.TPM) (*ctap.TPMStatement, error) {
		b, err := ours.take()
		if err != nil {
			return nil, err
		}
		defer clear(b.auth)
		return r.attest(t, b, attToBeSigned)
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("attest: %w", err)
	}
	return s, nil
}

func (r *Root) attest(t transport.TPM, b *blob, attToBeSigned []byte) (*ctap.TPMStatement, error) {
	subject, err := b.load(t, r.parent)
	if err != nil {
		return nil, fmt.Errorf("load the key: %w", err)
	}
	defer flush(t, subject.ObjectHandle)
	signer := &blob{auth: attestationAuth(r.installation), public: r.rec.AttestationPublic, private: r.rec.AttestationPrivate}
	defer clear(signer.auth)
	attestation, err := signer.load(t, r.parent)
	if err != nil {
		return nil, fmt.Errorf("load the attestation key: %w", err)
	}
	defer flush(t, attestation.ObjectHandle)

	sessions := []tpm2.Session{b.proof(), signer.proof()}
	if err := begin(t, sessions); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(attToBeSigned)
	made, err := tpm2.Certify{
		ObjectHandle:   tpm2.AuthHandle{Handle: subject.ObjectHandle, Name: subject.Name, Auth: sessions[0]},
		SignHandle:     tpm2.AuthHandle{Handle: attestation.ObjectHandle, Name: attestation.Name, Auth: sessions[1]},
		QualifyingData: tpm2.TPM2BData{Buffer: digest[:]},
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
	}.Execute(t)
	if err != nil {
		return nil, err
	}
	sig, err := signature(&made.Signature)
	if err != nil {
		return nil, err
	}
	s := &ctap.TPMStatement{Ver: "2.0", Alg: ctap.ES256, Sig: sig, CertInfo: made.CertifyInfo.Bytes(), PubArea: b.public}
	for _, c := range r.rec.Chain {
		s.X5C = append(s.X5C, c)
	}
	return s, nil
}
