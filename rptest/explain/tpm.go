package explain

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/google/go-tpm/tpm2"
)

// reader takes a TPM's structures apart: big-endian, and byte strings behind
// their length in two bytes.
type reader struct {
	data []byte
	n    *node
	bad  bool
}

func (r *reader) take(size int) []byte {
	if size > len(r.data) {
		r.bad = true
		return make([]byte, size)
	}
	b := r.data[:size]
	r.data = r.data[size:]
	return b
}

// sized takes a byte string.
func (r *reader) sized() []byte { return r.take(int(binary.BigEndian.Uint16(r.take(2)))) }

// done gives the structure; nil where it was none.
func (r *reader) done() *node {
	if r.bad {
		return nil
	}
	if len(r.data) > 0 {
		r.n.add(bytesLeaf("trailing", r.data))
	}
	return r.n
}

// certInfoNode takes a TPMS_ATTEST apart (TPM 2.0 Part 2, §10.12.12); nil where it
// is none of a certified key. tpm2 would refuse one with another magic, and read the
// rest by a type that may be the fault.
func certInfoNode(b []byte) *node {
	r := &reader{data: b, n: &node{raw: b}}
	r.n.add(numberLeaf("magic", r.take(4), nil), numberLeaf("type", r.take(2), attestNames))
	if magic := r.n.part("magic"); binary.BigEndian.Uint32(magic.raw) == uint32(tpm2.TPMGeneratedValue) {
		magic.note = "TPM_GENERATED_VALUE"
	}
	r.n.add(nameLeaf("qualifiedSigner", r.sized()), bytesLeaf("extraData", r.sized()), clockNode(r.take(17)),
		numberLeaf("firmwareVersion", r.take(8), nil),
		nameLeaf("name", r.sized()), nameLeaf("qualifiedName", r.sized()))
	return r.done()
}

// clockNode takes a TPMS_CLOCK_INFO apart (TPM 2.0 Part 2, §10.11.1).
func clockNode(b []byte) *node {
	n := bytesLeaf("clockInfo", b)
	c, err := tpm2.Unmarshal[tpm2.TPMSClockInfo](b)
	if err != nil {
		return n
	}
	clock, safe := leaf("clock", strconv.FormatUint(c.Clock, 10)), leaf("safe", strconv.Itoa(int(b[len(b)-1])))
	clock.note = "ms"
	n.add(clock, leaf("resetCount", strconv.FormatUint(uint64(c.ResetCount), 10)),
		leaf("restartCount", strconv.FormatUint(uint64(c.RestartCount), 10)), safe)
	return n
}

// nameLeaf is a TPM's name of a key: the number of a hash, and the hash.
func nameLeaf(name string, b []byte) *node {
	n := bytesLeaf(name, b)
	if len(b) > 2 {
		n.note = algorithmIDs[binary.BigEndian.Uint16(b)]
	}
	return n
}

// noteName says of a name in certInfo whether it is that of pubArea (TPM 2.0 Part 1,
// §16).
func noteName(statement *node) {
	name, area := statement.part("certInfo").part("name"), statement.part("pubArea")
	public, ok := area.byteString()
	alg := area.part("nameAlg")
	if name == nil || alg == nil || !ok {
		return
	}
	hash, err := tpm2.TPMIAlgHash(binary.BigEndian.Uint16(alg.raw)).Hash()
	if err != nil || !hash.Available() {
		return
	}
	h := hash.New()
	h.Write(public)
	name.note = "not of this pubArea"
	if bytes.Equal(name.raw, h.Sum(bytes.Clone(alg.raw))) {
		name.note = "of this pubArea"
	}
}

// pubAreaNode takes a TPMT_PUBLIC apart (TPM 2.0 Part 2, §12.2.4); nil where it is
// none of a key of RSA or elliptic curves.
func pubAreaNode(b []byte) *node {
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](b)
	if err != nil {
		return nil
	}
	// tpm2 takes a length that is cut off for 0.
	trailing, whole := bytes.CutPrefix(b, tpm2.Marshal(public))
	parameters, unique := parametersNode(public), uniqueNode(public)
	if !whole || parameters == nil || unique == nil {
		return nil
	}
	n := &node{raw: b, note: fmt.Sprintf("a key of %d bytes", len(b))}
	n.add(idLeaf("type", public.Type), idLeaf("nameAlg", public.NameAlg), attributesNode(public.ObjectAttributes),
		bytesLeaf("authPolicy", public.AuthPolicy.Buffer), parameters, unique)
	if len(trailing) > 0 {
		n.add(bytesLeaf("trailing", trailing))
	}
	return n
}

func parametersNode(public *tpm2.TPMTPublic) *node {
	n := &node{name: "parameters"}
	if p, err := public.Parameters.RSADetail(); err == nil && public.Type == tpm2.TPMAlgRSA {
		exponent := leaf("exponent", strconv.FormatUint(uint64(p.Exponent), 10))
		if p.Exponent == 0 {
			exponent.note = "65537 is meant"
		}
		n.add(schemeNode("symmetric", tpm2.Marshal(p.Symmetric), "algorithm", "keyBits", "mode"),
			schemeNode("scheme", tpm2.Marshal(p.Scheme), "scheme", "hashAlg"),
			leaf("keyBits", strconv.Itoa(int(p.KeyBits))), exponent)
		return n
	}
	if p, err := public.Parameters.ECCDetail(); err == nil && public.Type == tpm2.TPMAlgECC {
		n.add(schemeNode("symmetric", tpm2.Marshal(p.Symmetric), "algorithm", "keyBits", "mode"),
			schemeNode("scheme", tpm2.Marshal(p.Scheme), "scheme", "hashAlg", "count"),
			numberLeaf("curveID", binary.BigEndian.AppendUint16(nil, uint16(p.CurveID)), curveIDs),
			schemeNode("kdf", tpm2.Marshal(p.KDF), "scheme", "hashAlg"))
		return n
	}
	return nil
}

func uniqueNode(public *tpm2.TPMTPublic) *node {
	n := &node{name: "unique"}
	if u, err := public.Unique.RSA(); err == nil && public.Type == tpm2.TPMAlgRSA {
		n.add(bytesLeaf("n", u.Buffer))
		return n
	}
	if u, err := public.Unique.ECC(); err == nil && public.Type == tpm2.TPMAlgECC {
		n.add(bytesLeaf("x", u.X.Buffer), bytesLeaf("y", u.Y.Buffer))
		return n
	}
	return nil
}

// schemeNode is an algorithm with what belongs to it, of two bytes each.
func schemeNode(name string, b []byte, fields ...string) *node {
	if len(b) == 2 {
		return numberLeaf(name, b, algorithmIDs)
	}
	n := bytesLeaf(name, b)
	for _, field := range fields {
		switch {
		case len(b) < 2:
			return n
		case field == "keyBits" || field == "count":
			n.add(leaf(field, strconv.Itoa(int(binary.BigEndian.Uint16(b)))))
		default:
			n.add(numberLeaf(field, b[:2], algorithmIDs))
		}
		b = b[2:]
	}
	return n
}

// attributesNode is TPMA_OBJECT, the lowest bit first (TPM 2.0 Part 2, §8.3).
func attributesNode(a tpm2.TPMAObject) *node {
	b := tpm2.Marshal(a)
	n := bytesLeaf("objectAttributes", b)
	n.note = fmt.Sprintf("0x%x", b)
	for _, bit := range []struct {
		name string
		set  bool
	}{
		{"fixedTPM", a.FixedTPM}, {"stClear", a.STClear}, {"fixedParent", a.FixedParent}, {"sensitiveDataOrigin", a.SensitiveDataOrigin},
		{"userWithAuth", a.UserWithAuth}, {"adminWithPolicy", a.AdminWithPolicy}, {"firmwareLimited", a.FirmwareLimited}, {"noDA", a.NoDA},
		{"encryptedDuplication", a.EncryptedDuplication}, {"restricted", a.Restricted}, {"decrypt", a.Decrypt},
		{"sign", a.SignEncrypt}, {"x509sign", a.X509Sign},
	} {
		value := "0"
		if bit.set {
			value = "1"
		}
		n.add(leaf(bit.name, value))
	}
	return n
}

func idLeaf(name string, id tpm2.TPMAlgID) *node {
	return numberLeaf(name, binary.BigEndian.AppendUint16(nil, uint16(id)), algorithmIDs)
}

// numberLeaf is a number, of two bytes with what it is called.
func numberLeaf(name string, b []byte, names map[uint16]string) *node {
	n := &node{name: name, raw: b, value: fmt.Sprintf("0x%x", b)}
	if len(b) == 2 {
		n.note = names[binary.BigEndian.Uint16(b)]
	}
	return n
}

// Names of numbers (TPM 2.0 Part 2, §6.3, §6.4 and §6.9).
var (
	attestNames = map[uint16]string{
		uint16(tpm2.TPMSTAttestNV): "TPM_ST_ATTEST_NV", uint16(tpm2.TPMSTAttestCommandAudit): "TPM_ST_ATTEST_COMMAND_AUDIT",
		uint16(tpm2.TPMSTAttestSessionAudit): "TPM_ST_ATTEST_SESSION_AUDIT", uint16(tpm2.TPMSTAttestCertify): "TPM_ST_ATTEST_CERTIFY",
		uint16(tpm2.TPMSTAttestQuote): "TPM_ST_ATTEST_QUOTE", uint16(tpm2.TPMSTAttestTime): "TPM_ST_ATTEST_TIME",
		uint16(tpm2.TPMSTAttestCreation): "TPM_ST_ATTEST_CREATION", uint16(tpm2.TPMSTAttestNVDigest): "TPM_ST_ATTEST_NV_DIGEST",
	}
	algorithmIDs = map[uint16]string{
		uint16(tpm2.TPMAlgRSA): "RSA", uint16(tpm2.TPMAlgTDES): "TDES", uint16(tpm2.TPMAlgSHA1): "SHA-1", uint16(tpm2.TPMAlgAES): "AES",
		uint16(tpm2.TPMAlgMGF1): "MGF1", uint16(tpm2.TPMAlgKeyedHash): "KEYEDHASH", uint16(tpm2.TPMAlgSHA256): "SHA-256",
		uint16(tpm2.TPMAlgSHA384): "SHA-384", uint16(tpm2.TPMAlgSHA512): "SHA-512", uint16(tpm2.TPMAlgNull): "NULL",
		uint16(tpm2.TPMAlgSM3256): "SM3-256", uint16(tpm2.TPMAlgSM4): "SM4", uint16(tpm2.TPMAlgRSASSA): "RSASSA", uint16(tpm2.TPMAlgRSAES): "RSAES",
		uint16(tpm2.TPMAlgRSAPSS): "RSAPSS", uint16(tpm2.TPMAlgOAEP): "OAEP", uint16(tpm2.TPMAlgECDSA): "ECDSA", uint16(tpm2.TPMAlgECDH): "ECDH",
		uint16(tpm2.TPMAlgECDAA): "ECDAA", uint16(tpm2.TPMAlgSM2): "SM2", uint16(tpm2.TPMAlgECSchnorr): "ECSCHNORR",
		uint16(tpm2.TPMAlgECMQV): "ECMQV", uint16(tpm2.TPMAlgKDF1SP80056A): "KDF1_SP800_56A", uint16(tpm2.TPMAlgKDF2): "KDF2",
		uint16(tpm2.TPMAlgKDF1SP800108): "KDF1_SP800_108", uint16(tpm2.TPMAlgECC): "ECC", uint16(tpm2.TPMAlgSymCipher): "SYMCIPHER",
		uint16(tpm2.TPMAlgCamellia): "CAMELLIA", uint16(tpm2.TPMAlgSHA3256): "SHA3-256", uint16(tpm2.TPMAlgSHA3384): "SHA3-384",
		uint16(tpm2.TPMAlgSHA3512): "SHA3-512", uint16(tpm2.TPMAlgCTR): "CTR", uint16(tpm2.TPMAlgOFB): "OFB", uint16(tpm2.TPMAlgCBC): "CBC",
		uint16(tpm2.TPMAlgCFB): "CFB", uint16(tpm2.TPMAlgECB): "ECB",
	}
	curveIDs = map[uint16]string{
		uint16(tpm2.TPMECCNistP192): "P-192", uint16(tpm2.TPMECCNistP224): "P-224", uint16(tpm2.TPMECCNistP256): "P-256",
		uint16(tpm2.TPMECCNistP384): "P-384", uint16(tpm2.TPMECCNistP521): "P-521", uint16(tpm2.TPMECCBNP256): "BN-256",
		uint16(tpm2.TPMECCBNP638): "BN-638", uint16(tpm2.TPMECCSM2P256): "SM2-256", uint16(tpm2.TPMECCCurve25519): "Curve25519",
	}
)
