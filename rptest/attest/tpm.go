package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-77d61853/signet/ctap"
)

// What WebAuthn §8.3.1 asks of an attestation key's certificate; the numbers are
// the TCG's.
var (
	oidTPMManufacturer = asn1.ObjectIdentifier{2, 23, 133, 2, 1}
	oidTPMModel        = asn1.ObjectIdentifier{2, 23, 133, 2, 2}
	oidTPMVersion      = asn1.ObjectIdentifier{2, 23, 133, 2, 3}
	oidAIKCertificate  = asn1.ObjectIdentifier{2, 23, 133, 8, 3}
)

// testVendor is the vendor ID that the FIDO Alliance uses for TPMs in tests. No
// chip has it.
const testVendor = "id:FFFFF1D0"

// Constants of TPM 2.0 Library, Part 2: Structures.
const (
	algRSA    = 0x0001
	algSHA256 = 0x000B
	algNull   = 0x0010
	algECC    = 0x0023

	generatedValue = 0xFF544347
	attestCertify  = 0x8017
	attestCreation = 0x801A // its body has the layout of attestCertify's

	// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign
	signingAttributes = 0x00040072
)

// PubArea is a TPMT_PUBLIC, the public half of a key in a TPM (TPM 2.0 Part 2,
// §12.2.4). One of the two kinds of key is set. Only ECC keys have a Curve.
type PubArea struct {
	Type       uint16 // TPM_ALG_ECC or TPM_ALG_RSA
	NameAlg    uint16
	Attributes uint32
	AuthPolicy []byte

	Curve uint16 // TPM_ECC_CURVE
	X, Y  []byte // of the curve's width

	KeyBits  uint16
	Exponent uint32 // 0 is 65537
	N        []byte

	d   *draft
	err error
}

func (p *PubArea) setKey(pub crypto.PublicKey) {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			p.err = err
			return
		}
		size := len(point) / 2
		p.Type, p.X, p.Y = algECC, point[1:1+size], point[1+size:]
		p.Curve = map[string]uint16{"P-256": 3, "P-384": 4, "P-521": 5}[pub.Params().Name]
	case *rsa.PublicKey:
		p.Type, p.N, p.KeyBits = algRSA, pub.N.Bytes(), uint16(pub.N.BitLen())
		if pub.E != 65537 {
			p.Exponent = uint32(pub.E)
		}
	default:
		p.err = fmt.Errorf("key of %T in a TPM: %w", pub, ErrUnsupported)
	}
}

// OtherKey puts a key in that is nobody's here, of the same kind.
func (p *PubArea) OtherKey() {
	key, err := p.d.a.other(p.d.in.Alg)
	if err != nil {
		p.err = err
		return
	}
	p.setKey(key.Public())
}

func (p *PubArea) marshal() []byte {
	b := binary.BigEndian.AppendUint16(nil, p.Type)
	b = binary.BigEndian.AppendUint16(b, p.NameAlg)
	b = binary.BigEndian.AppendUint32(b, p.Attributes)
	b = append2B(b, p.AuthPolicy)
	b = binary.BigEndian.AppendUint16(b, algNull) // symmetric
	b = binary.BigEndian.AppendUint16(b, algNull) // scheme
	if p.Type == algRSA {
		b = binary.BigEndian.AppendUint16(b, p.KeyBits)
		b = binary.BigEndian.AppendUint32(b, p.Exponent)
		return append2B(b, p.N)
	}
	b = binary.BigEndian.AppendUint16(b, p.Curve)
	b = binary.BigEndian.AppendUint16(b, algNull) // kdf
	return append2B(append2B(b, p.X), p.Y)
}

// CertInfo is a TPMS_ATTEST on a certified key (TPM 2.0 Part 2, §10.12.12).
type CertInfo struct {
	Magic           uint32
	Type            uint16
	QualifiedSigner []byte // the name of the attestation key
	ExtraData       []byte
	Clock           uint64
	ResetCount      uint32
	RestartCount    uint32
	Safe            bool
	Firmware        uint64
	Name            []byte // of the key that is certified
	QualifiedName   []byte
}

func (c *CertInfo) marshal() []byte {
	b := binary.BigEndian.AppendUint32(nil, c.Magic)
	b = binary.BigEndian.AppendUint16(b, c.Type)
	b = append2B(b, c.QualifiedSigner)
	b = append2B(b, c.ExtraData)
	b = binary.BigEndian.AppendUint64(b, c.Clock)
	b = binary.BigEndian.AppendUint32(b, c.ResetCount)
	b = binary.BigEndian.AppendUint32(b, c.RestartCount)
	safe := byte(0)
	if c.Safe {
		safe = 1
	}
	b = append(b, safe)
	b = binary.BigEndian.AppendUint64(b, c.Firmware)
	return append2B(append2B(b, c.Name), c.QualifiedName)
}

// append2B appends bytes behind their length, as a TPM's sized buffers are.
func append2B(b, content []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(content))), content...)
}

// objectName is a TPM's name of a key (TPM 2.0 Part 1, §16).
func objectName(pubArea []byte) []byte {
	digest := sha256.Sum256(pubArea)
	return append(binary.BigEndian.AppendUint16(nil, algSHA256), digest[:]...)
}

// qualifiedName is a name together with its parent's.
func qualifiedName(parent, name []byte) []byte { return objectName(slices.Concat(parent, name)) }

// tpm is WebAuthn §8.3.
func (d *draft) tpm() (map[string]any, error) {
	pubArea := &PubArea{NameAlg: algSHA256, Attributes: signingAttributes, d: d}
	pubArea.setKey(d.in.PublicKey)
	apply(d, func(e *Edit) func(*PubArea) { return e.PubArea }, pubArea)
	if pubArea.err != nil {
		return nil, pubArea.err
	}
	public := pubArea.marshal()

	leaf, err := d.aik()
	if err != nil {
		return nil, err
	}
	parent := objectName(d.a.derive("TPM storage key"))
	signerArea := &PubArea{NameAlg: algSHA256, Attributes: signingAttributes | 0x00010000} // restricted
	signerArea.setKey(leaf.PublicKey)
	hash := sha256.Sum256(d.attToBeSigned())
	certInfo := &CertInfo{
		Magic: generatedValue, Type: attestCertify, QualifiedSigner: qualifiedName(parent, objectName(signerArea.marshal())),
		ExtraData: hash[:], Clock: 1, ResetCount: 1, Safe: true, Firmware: 1 << 32,
		Name: objectName(public), QualifiedName: qualifiedName(parent, objectName(public)),
	}
	apply(d, func(e *Edit) func(*CertInfo) { return e.CertInfo }, certInfo)
	certified := certInfo.marshal()

	x5c, err := d.x5c(true)
	if err != nil {
		return nil, err
	}
	sig, err := d.sign(certified, ctap.ES256)
	return map[string]any{
		"ver": "2.0", "alg": ctap.ES256, "x5c": x5c, "sig": sig,
		"certInfo": ctap.Bytes(certified), "pubArea": ctap.Bytes(public),
	}, err
}

// aik begins the attestation key's certificate (WebAuthn §8.3.1): no subject, so
// the chip's name is critical.
func (d *draft) aik() (*Certificate, error) {
	leaf, err := d.newLeaf()
	if err != nil {
		return nil, err
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{oidAIKCertificate})
	if err != nil {
		return nil, err
	}
	leaf.SetExtension(oidExtKeyUsage, false, usage)
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyte_asn1.Tag(4).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				// In DER a set's members are sorted; these are, as the model is
				// the longest.
				b.AddASN1(cryptobyte_asn1.SET, func(b *cryptobyte.Builder) {
					Attribute{oidTPMManufacturer, testVendor}.add(b)
					Attribute{oidTPMVersion, "id:00010000"}.add(b)
					Attribute{oidTPMModel, "Signet test TPM"}.add(b)
				})
			})
		})
	})
	san, err := b.Bytes()
	leaf.SetExtension(oidSubjectAltName, true, san)
	return leaf, err
}
