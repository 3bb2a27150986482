package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"maps"
	"slices"
)

// Tags of an authorization list, and values of them (Android Keystore, key and ID
// attestation, schema 300).
const (
	TagPurpose         = 1
	TagAlgorithm       = 2
	TagKeySize         = 3
	TagDigest          = 5
	TagPadding         = 6
	TagECCurve         = 10
	TagRSAExponent     = 200
	TagNoAuthRequired  = 503
	TagAllApplications = 600
	TagOrigin          = 702
	TagRootOfTrust     = 704
	TagOSVersion       = 705
	TagOSPatchLevel    = 706
	TagApplicationID   = 709

	PurposeSign   = 2
	PurposeVerify = 3

	OriginGenerated = 0
	OriginImported  = 2
)

const (
	keymintVersion     = 300
	trustedEnvironment = 1

	keymintRSA = 1
	keymintEC  = 3

	digestNone   = 0
	digestSHA256 = 4
	digestSHA384 = 5
	digestSHA512 = 6

	paddingPKCS1v15 = 5
)

// AuthorizationList says what a key may do, by tag. A value is an int (INTEGER),
// []int (SET OF INTEGER), []byte (OCTET STRING), nil (NULL), or an
// asn1.RawValue.
type AuthorizationList map[int]any

// KeyDescription is the extension of an android-key certificate (WebAuthn §8.4.1).
type KeyDescription struct {
	AttestationVersion       int
	AttestationSecurityLevel int // 1 is the trusted environment
	KeymintVersion           int
	KeymintSecurityLevel     int
	AttestationChallenge     []byte // the client data's hash
	UniqueID                 []byte
	SoftwareEnforced         AuthorizationList
	HardwareEnforced         AuthorizationList // teeEnforced in older schemas
}

func (k *KeyDescription) marshal() ([]byte, error) {
	software, err := k.SoftwareEnforced.marshal()
	if err != nil {
		return nil, err
	}
	hardware, err := k.HardwareEnforced.marshal()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		AttestationVersion       int
		AttestationSecurityLevel asn1.Enumerated
		KeymintVersion           int
		KeymintSecurityLevel     asn1.Enumerated
		AttestationChallenge     []byte
		UniqueID                 []byte
		Software, Hardware       asn1.RawValue
	}{
		k.AttestationVersion, asn1.Enumerated(k.AttestationSecurityLevel),
		k.KeymintVersion, asn1.Enumerated(k.KeymintSecurityLevel),
		k.AttestationChallenge, k.UniqueID, software, hardware,
	})
}

// marshal encodes the list with its tags in ascending order, each explicit.
func (l AuthorizationList) marshal() (asn1.RawValue, error) {
	list := asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true}
	for _, tag := range slices.Sorted(maps.Keys(l)) {
		value, err := authorization(l[tag])
		if err != nil {
			return list, fmt.Errorf("authorization %d: %w", tag, err)
		}
		b, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: value})
		if err != nil {
			return list, fmt.Errorf("authorization %d: %w", tag, err)
		}
		list.Bytes = append(list.Bytes, b...)
	}
	return list, nil
}

func authorization(value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return asn1.NullBytes, nil
	case []int:
		return asn1.MarshalWithParams(v, "set")
	}
	return asn1.Marshal(value)
}

// rootOfTrust is a device whose bootloader is locked and whose system is verified.
func (a *Authority) rootOfTrust() (asn1.RawValue, error) {
	b, err := asn1.Marshal(struct {
		VerifiedBootKey   []byte
		DeviceLocked      bool
		VerifiedBootState asn1.Enumerated // 0 is verified
		VerifiedBootHash  []byte
	}{a.derive("verified boot key"), true, 0, a.derive("verified boot hash")})
	return asn1.RawValue{FullBytes: b}, err
}

// applicationID names who asked for the key.
func applicationID() ([]byte, error) {
	signature := sha256.Sum256([]byte("Signet"))
	type packageInfo struct {
		Name    []byte
		Version int
	}
	return asn1.Marshal(struct {
		Packages   []packageInfo `asn1:"set"`
		Signatures [][]byte      `asn1:"set"`
	}{[]packageInfo{{[]byte("signet.test"), 1}}, [][]byte{signature[:]}})
}

// describe makes the description of a key that was generated in a trusted
// environment, for signing only.
func (d *draft) describe() (*KeyDescription, error) {
	application, err := applicationID()
	if err != nil {
		return nil, err
	}
	trust, err := d.a.rootOfTrust()
	if err != nil {
		return nil, err
	}
	k := &KeyDescription{
		AttestationVersion: keymintVersion, AttestationSecurityLevel: trustedEnvironment,
		KeymintVersion: keymintVersion, KeymintSecurityLevel: trustedEnvironment,
		AttestationChallenge: bytes.Clone(d.in.ClientDataHash),
		UniqueID:             []byte{},
		SoftwareEnforced:     AuthorizationList{TagApplicationID: application},
		HardwareEnforced: AuthorizationList{
			TagPurpose: []int{PurposeSign}, TagNoAuthRequired: nil, TagOrigin: OriginGenerated,
			TagRootOfTrust: trust, TagOSVersion: 140000, TagOSPatchLevel: 202401,
		},
	}
	l := k.HardwareEnforced
	switch pub := d.in.PublicKey.(type) {
	case *ecdsa.PublicKey:
		bits := pub.Params().BitSize
		l[TagAlgorithm], l[TagKeySize] = keymintEC, bits
		l[TagECCurve] = map[int]int{256: 1, 384: 2, 521: 3}[bits]
		l[TagDigest] = []int{map[int]int{256: digestSHA256, 384: digestSHA384, 521: digestSHA512}[bits]}
	case ed25519.PublicKey:
		l[TagAlgorithm], l[TagKeySize], l[TagECCurve], l[TagDigest] = keymintEC, 256, 4, []int{digestNone}
	case *rsa.PublicKey:
		l[TagAlgorithm], l[TagKeySize], l[TagRSAExponent] = keymintRSA, pub.N.BitLen(), pub.E
		l[TagDigest], l[TagPadding] = []int{digestSHA256}, []int{paddingPKCS1v15}
	}
	return k, nil
}

// androidKey is WebAuthn §8.4: the credential's key signs, and its certificate
// tells how it is kept.
func (d *draft) androidKey() (map[string]any, error) {
	k, err := d.describe()
	if err != nil {
		return nil, err
	}
	apply(d, func(e *Edit) func(*KeyDescription) { return e.Description }, k)
	value, err := k.marshal()
	if err != nil {
		return nil, fmt.Errorf("encode key description: %w", err)
	}
	leaf, err := d.credentialLeaf()
	if err != nil {
		return nil, err
	}
	leaf.Subject = Name{{oidCommonName, "Android Keystore Key"}}
	leaf.SetExtension(oidKeyDescription, false, value)
	x5c, err := d.x5c(true)
	if err != nil {
		return nil, err
	}
	sig, err := d.sign(d.attToBeSigned(), d.in.Alg)
	return map[string]any{"alg": d.in.Alg, "sig": sig, "x5c": x5c}, err
}
