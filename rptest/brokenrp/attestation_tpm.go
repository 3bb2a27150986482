package brokenrp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
)

// Constants of TPM 2.0, part 2.
const (
	tpmGeneratedValue  = 0xFF544347
	tpmAttestCertify   = 0x8017
	tpmAlgRSA          = 0x0001
	tpmAlgNull         = 0x0010
	tpmAlgECC          = 0x0023
	tpmAlgSHA1         = 0x0004
	tpmAlgSHA256       = 0x000B
	tpmAlgSHA384       = 0x000C
	tpmAlgSHA512       = 0x000D
	tpmDefaultExponent = 65537
)

var tpmHashes = map[uint16]crypto.Hash{
	tpmAlgSHA1: crypto.SHA1, tpmAlgSHA256: crypto.SHA256, tpmAlgSHA384: crypto.SHA384, tpmAlgSHA512: crypto.SHA512,
}

var tpmCurves = map[uint16]elliptic.Curve{3: elliptic.P256(), 4: elliptic.P384(), 5: elliptic.P521()}

// tpm is the verification procedure of WebAuthn §8.3.
func (c *ceremony) tpm(s *statement) (*verdict, error) {
	ver, _ := s.stmt.member("ver")
	if err := c.first(rule{"tpm.ver", ver.major == majorText && string(ver.str) == "2.0"}); err != nil {
		return nil, err
	}
	pubMember, _ := s.stmt.member("pubArea")
	infoMember, _ := s.stmt.member("certInfo")
	pubArea, hasPub := pubMember.bytes()
	certInfo, hasInfo := infoMember.bytes()
	if !hasPub || !hasInfo {
		return nil, errors.New("tpm: no pubArea or no certInfo")
	}
	prefixed := len(pubArea) > 2 && int(binary.BigEndian.Uint16(pubArea)) == len(pubArea)-2
	if err := c.first(rule{"tpm.pubArea.form", !prefixed}); err != nil {
		return nil, err
	}
	if prefixed {
		pubArea = pubArea[2:]
	}
	pub, nameAlg, err := parsePubArea(pubArea)
	if err != nil {
		return nil, err
	}
	_, onCurve := pub.(*ecdsa.PublicKey)
	err = c.first(
		rule{"tpm.pubArea", sameKey(s.key.key, pub)},
		rule{"accept.tpm.ecc", !onCurve},
	)
	if err != nil {
		return nil, err
	}
	chain, err := c.certified(s, "tpm", certInfo)
	if err != nil || len(chain) == 0 {
		return &verdict{}, err
	}
	alg, _, _, _ := s.sig()
	if fit := algorithmsOf(chain[0].PublicKey); !slices.Contains(fit, alg) {
		alg = fit[0]
	}
	if err := c.tpmAttest(s, alg, certInfo, pubArea, nameAlg); err != nil {
		return nil, err
	}
	return &verdict{chain: chain}, c.tpmCertificate(chain[0], s.auth.aaguid)
}

// tpmAttest checks a TPMS_ATTEST.
func (c *ceremony) tpmAttest(s *statement, alg ctap.Algorithm, certInfo, pubArea []byte, nameAlg uint16) error {
	t := tpmReader{rest: certInfo}
	magic := uint32(t.u16())<<16 | uint32(t.u16())
	kind := t.u16()
	t.sized() // qualifiedSigner
	extraData := t.sized()
	t.take(17) // clockInfo
	t.take(8)  // firmwareVersion
	name := t.sized()
	t.sized() // qualifiedName
	if err := c.first(rule{"tpm.magic", magic == tpmGeneratedValue}, rule{"tpm.type", kind == tpmAttestCertify}); err != nil {
		return err
	}
	if t.bad || len(t.rest) > 0 {
		return errors.New("tpm: certInfo is malformed")
	}
	hash, ok := tpmHashes[nameAlg]
	if !ok {
		return errors.New("tpm: pubArea has an unknown nameAlg")
	}
	h := hash.New()
	h.Write(pubArea)
	want := h.Sum(binary.BigEndian.AppendUint16(nil, nameAlg))
	return c.first(
		rule{"tpm.extraData", bytes.Equal(extraData, attDigest(alg, s.attested()))},
		rule{"tpm.name", bytes.Equal(name, want)},
	)
}

// attDigest hashes with the hash of alg, which may be SHA-1.
func attDigest(alg ctap.Algorithm, message []byte) []byte {
	if alg != rs1 {
		return digest(alg, message)
	}
	h := crypto.SHA1.New()
	h.Write(message)
	return h.Sum(nil)
}

// parsePubArea parses a TPMT_PUBLIC.
func parsePubArea(b []byte) (pub crypto.PublicKey, nameAlg uint16, err error) {
	t := tpmReader{rest: b}
	kind := t.u16()
	nameAlg = t.u16()
	t.take(4) // objectAttributes
	t.sized() // authPolicy
	if symmetric := t.u16(); symmetric != tpmAlgNull {
		t.take(4)
	}
	if scheme := t.u16(); scheme != tpmAlgNull {
		t.take(2)
	}
	switch kind {
	case tpmAlgRSA:
		t.u16() // keyBits
		e := int64(t.u16())<<16 | int64(t.u16())
		if e == 0 {
			e = tpmDefaultExponent
		}
		pub = &rsaKey{new(big.Int).SetBytes(t.sized()), big.NewInt(e)}
	case tpmAlgECC:
		curve := tpmCurves[t.u16()]
		if kdf := t.u16(); kdf != tpmAlgNull {
			t.take(2)
		}
		x, y := t.sized(), t.sized()
		if t.bad || curve == nil {
			break
		}
		size := (curve.Params().BitSize + 7) / 8
		if pub, err = parsePoint(curve, slices.Concat([]byte{4}, fill(x, size), fill(y, size))); err != nil {
			return nil, 0, err
		}
	}
	if t.bad || len(t.rest) > 0 || pub == nil {
		return nil, 0, errors.New("tpm: pubArea is malformed")
	}
	return pub, nameAlg, nil
}

// tpmReader reads a TPM's structures, big-endian.
type tpmReader struct {
	rest []byte
	bad  bool
}

func (t *tpmReader) take(n int) []byte {
	if t.bad || n > len(t.rest) {
		t.bad = true
		return nil
	}
	b := t.rest[:n]
	t.rest = t.rest[n:]
	return b
}

func (t *tpmReader) u16() uint16 {
	b := t.take(2)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

func (t *tpmReader) sized() []byte { return t.take(int(t.u16())) }

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidAIK            = asn1.ObjectIdentifier{2, 23, 133, 8, 3}
)

// tpmCertificate is WebAuthn §8.3.1.
func (c *ceremony) tpmCertificate(cert *x509.Certificate, aaguid []byte) error {
	san := false
	for _, e := range cert.Extensions {
		san = san || e.Id.Equal(oidSubjectAltName)
		if e.Id.Equal(oidAAGUID) {
			var inner []byte
			if _, err := asn1.Unmarshal(e.Value, &inner); err != nil || !bytes.Equal(inner, aaguid) {
				return errors.New("tpm: the certificate's AAGUID is another")
			}
		}
	}
	eku := slices.ContainsFunc(cert.UnknownExtKeyUsage, func(id asn1.ObjectIdentifier) bool { return id.Equal(oidAIK) })
	if cert.Version != 3 {
		return errors.New("tpm: the certificate has not version 3")
	}
	return c.first(
		rule{"tpm.cert.subject", len(cert.Subject.Names) == 0},
		rule{"tpm.cert.eku", eku},
		rule{"tpm.cert.san", san},
		rule{"tpm.cert.basicConstraints", cert.BasicConstraintsValid},
		rule{"tpm.cert.ca", !cert.IsCA},
	)
}
