package attest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
)

// verifier is a second relying party, written from WebAuthn Level 3 §8 and
// nothing else of this package: it takes apart what the package puts together.
// Where the standard says MUST it rejects.
type verifier struct {
	root *x509.Certificate
	now  time.Time
}

// registration is what the verification procedures are given.
type registration struct {
	authData       []byte
	parsed         *ctap.AuthData
	clientDataHash []byte
	alg            ctap.Algorithm
	key            crypto.PublicKey
}

func (v *verifier) verify(object, clientDataHash []byte) error {
	var o struct {
		Fmt      string          `cbor:"fmt"`
		AttStmt  cbor.RawMessage `cbor:"attStmt"`
		AuthData []byte          `cbor:"authData"`
	}
	if err := canonical(object); err != nil {
		return err
	}
	if err := cbor.Unmarshal(object, &o); err != nil {
		return err
	}
	r := &registration{authData: o.AuthData, clientDataHash: clientDataHash}
	var err error
	if r.parsed, err = ctap.ParseAuthData(o.AuthData); err != nil {
		return err
	}
	if r.alg, r.key, err = ctap.UnmarshalPublicKey(r.parsed.PublicKey); err != nil {
		return err
	}
	return v.statement(o.Fmt, o.AttStmt, r)
}

// canonical checks CTAP2 canonical CBOR, but for the depth of nesting: compound
// attestation needs five levels where CTAP has four.
func canonical(object []byte) error {
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		return err
	}
	var v any
	if err := mode.Unmarshal(object, &v); err != nil {
		return err
	}
	if again, err := ctap.Marshal(v); err != nil || !bytes.Equal(again, object) {
		return errors.New("not canonical CBOR")
	}
	return nil
}

func (v *verifier) statement(format string, attStmt []byte, r *registration) error {
	members := map[string][]string{
		"none": {}, "packed": {"alg", "sig", "x5c"}, "fido-u2f": {"x5c", "sig"}, "apple": {"x5c"},
		"tpm": {"ver", "alg", "x5c", "sig", "certInfo", "pubArea"}, "android-key": {"alg", "sig", "x5c"},
	}
	if format == "compound" {
		return v.compound(attStmt, r)
	}
	known, ok := members[format]
	if !ok {
		return fmt.Errorf("format %q", format)
	}
	var all map[string]cbor.RawMessage
	if err := cbor.Unmarshal(attStmt, &all); err != nil {
		return err
	}
	for name := range all {
		if !slices.Contains(known, name) {
			return fmt.Errorf("member %q", name)
		}
	}
	for _, name := range known {
		if _, ok := all[name]; !ok && !(format == "packed" && name == "x5c") {
			return fmt.Errorf("%s is missing", name)
		}
	}
	var s struct {
		Ver               string
		Alg               ctap.Algorithm
		Sig               ctap.Bytes
		X5C               []ctap.Bytes
		CertInfo, PubArea ctap.Bytes
	}
	if err := cbor.Unmarshal(attStmt, &s); err != nil {
		return err
	}
	var leaf *x509.Certificate
	if _, ok := all["x5c"]; ok {
		var err error
		if leaf, err = v.chain(s.X5C); err != nil {
			return err
		}
	}
	toBeSigned := slices.Concat(r.authData, r.clientDataHash)
	switch format {
	case "packed":
		if leaf == nil {
			if s.Alg != r.alg {
				return errors.New("alg is not the key's")
			}
			return verifySignature(r.key, r.alg, toBeSigned, s.Sig)
		}
		if err := packedCertificate(leaf, r); err != nil {
			return err
		}
		return verifySignature(leaf.PublicKey, s.Alg, toBeSigned, s.Sig)
	case "fido-u2f":
		return u2fStatement(leaf, len(s.X5C), s.Sig, r)
	case "tpm":
		if s.Ver != "2.0" {
			return fmt.Errorf("ver %q", s.Ver)
		}
		if err := tpmStatement(s.PubArea, s.CertInfo, s.Alg, r); err != nil {
			return err
		}
		if err := aikCertificate(leaf); err != nil {
			return err
		}
		return verifySignature(leaf.PublicKey, s.Alg, s.CertInfo, s.Sig)
	case "android-key":
		if !sameKey(leaf.PublicKey, r.key) {
			return errors.New("the leaf holds another key")
		}
		if err := androidDescription(leaf, r.clientDataHash); err != nil {
			return err
		}
		return verifySignature(leaf.PublicKey, s.Alg, toBeSigned, s.Sig)
	case "apple":
		return appleCertificate(leaf, r)
	}
	return nil
}

// compound is §8.9.
func (v *verifier) compound(attStmt []byte, r *registration) error {
	var parts []map[string]cbor.RawMessage
	if err := cbor.Unmarshal(attStmt, &parts); err != nil {
		return err
	}
	if len(parts) < 2 {
		return fmt.Errorf("compound of %d", len(parts))
	}
	for i, part := range parts {
		var format string
		if err := cbor.Unmarshal(part["fmt"], &format); err != nil {
			return err
		}
		if format == "compound" || len(part) != 2 {
			return fmt.Errorf("part %d is %s of %d members", i, format, len(part))
		}
		if err := v.statement(format, part["attStmt"], r); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	return nil
}

// chain is §7.1 steps 23 and 24 for certificates.
func (v *verifier) chain(x5c []ctap.Bytes) (*x509.Certificate, error) {
	if len(x5c) == 0 {
		return nil, errors.New("x5c is empty")
	}
	opts := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: v.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	opts.Roots.AddCert(v.root)
	var leaf *x509.Certificate
	for i, der := range x5c {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			leaf = c
			continue
		}
		opts.Intermediates.AddCert(c)
	}
	// A TPM's name is a directory name, which crypto/x509 leaves to others.
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, asn1.ObjectIdentifier{2, 5, 29, 17}.Equal)
	_, err := leaf.Verify(opts)
	return leaf, err
}

func verifySignature(key crypto.PublicKey, alg ctap.Algorithm, message, sig []byte) error {
	valid := false
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		curve := map[ctap.Algorithm]elliptic.Curve{ctap.ES256: elliptic.P256(), ctap.ES384: elliptic.P384(), ctap.ES512: elliptic.P521()}[alg]
		valid = curve == key.Curve && ecdsa.VerifyASN1(key, digest(alg, message), sig)
	case ed25519.PublicKey:
		valid = alg == ctap.EdDSA && ed25519.Verify(key, message, sig)
	case *rsa.PublicKey:
		valid = alg == ctap.RS256 && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest(alg, message), sig) == nil
	case *ctap.Secp256k1Point:
		valid = alg == ctap.ES256K && verifySecp256k1(key, message, sig)
	}
	if !valid {
		return fmt.Errorf("no signature of %v by %T", alg, key)
	}
	return nil
}

func digest(alg ctap.Algorithm, message []byte) []byte {
	h := alg.Hash().New()
	h.Write(message)
	return h.Sum(nil)
}

func sameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func extension(c *x509.Certificate, id ...int) (value []byte, critical bool) {
	for _, e := range c.Extensions {
		if e.Id.Equal(id) {
			return e.Value, e.Critical
		}
	}
	return nil, false
}

// notCAVersion3 is common to §8.2.1 and §8.3.1.
func notCAVersion3(c *x509.Certificate) error {
	if c.Version != 3 || !c.BasicConstraintsValid || c.IsCA {
		return errors.New("not a version 3 certificate that is no CA")
	}
	return nil
}

// packedCertificate is §8.2.1.
func packedCertificate(c *x509.Certificate, r *registration) error {
	if err := notCAVersion3(c); err != nil {
		return err
	}
	s := c.Subject
	if len(s.Country) != 1 || len(s.Organization) != 1 || s.CommonName == "" || !slices.Equal(s.OrganizationalUnit, []string{"Authenticator Attestation"}) {
		return fmt.Errorf("subject %v", s)
	}
	value, critical := extension(c, 1, 3, 6, 1, 4, 1, 45724, 1, 1, 4)
	if value == nil {
		return nil
	}
	var aaguid []byte
	if rest, err := asn1.Unmarshal(value, &aaguid); err != nil || len(rest) > 0 || critical || !bytes.Equal(aaguid, r.parsed.AAGUID[:]) {
		return errors.New("the AAGUID's extension")
	}
	return nil
}

// u2fStatement is §8.6.
func u2fStatement(leaf *x509.Certificate, certificates int, sig []byte, r *registration) error {
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if certificates != 1 || !ok || key.Curve != elliptic.P256() || r.alg != ctap.ES256 {
		return errors.New("not one P-256 certificate for an ES256 key")
	}
	point, err := r.key.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		return err
	}
	return verifySignature(key, ctap.ES256, slices.Concat([]byte{0}, r.parsed.RPIDHash[:], r.clientDataHash, r.parsed.CredentialID, point), sig)
}

// tpmStatement is §8.3, but for the certificate.
func tpmStatement(pubArea, certInfo []byte, alg ctap.Algorithm, r *registration) error {
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](pubArea)
	if err != nil {
		return err
	}
	if !bytes.Equal(tpm2.Marshal(public), pubArea) {
		return errors.New("pubArea has more than a TPMT_PUBLIC")
	}
	var key crypto.PublicKey
	switch public.Type {
	case tpm2.TPMAlgECC:
		params, err1 := public.Parameters.ECCDetail()
		point, err2 := public.Unique.ECC()
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		curve, err := params.CurveID.Curve()
		if err != nil {
			return err
		}
		uncompressed := make([]byte, 1+2*((curve.Params().BitSize+7)/8))
		uncompressed[0] = 4
		half := len(uncompressed)/2 + 1
		new(big.Int).SetBytes(point.X.Buffer).FillBytes(uncompressed[1:half])
		new(big.Int).SetBytes(point.Y.Buffer).FillBytes(uncompressed[half:])
		if key, err = ecdsa.ParseUncompressedPublicKey(curve, uncompressed); err != nil {
			return err
		}
	case tpm2.TPMAlgRSA:
		params, err1 := public.Parameters.RSADetail()
		n, err2 := public.Unique.RSA()
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if key, err = tpm2.RSAPub(params, n); err != nil {
			return err
		}
	}
	if !sameKey(key, r.key) {
		return errors.New("pubArea holds another key")
	}
	info, err := tpm2.Unmarshal[tpm2.TPMSAttest](certInfo)
	if err != nil {
		return err
	}
	// The bytes themselves may differ: the standard's vector has a safe of 0x33.
	if len(tpm2.Marshal(info)) != len(certInfo) {
		return errors.New("certInfo has more than a TPMS_ATTEST")
	}
	if info.Magic != tpm2.TPMGeneratedValue || info.Type != tpm2.TPMSTAttestCertify {
		return errors.New("magic or type")
	}
	if !bytes.Equal(info.ExtraData.Buffer, digest(alg, slices.Concat(r.authData, r.clientDataHash))) {
		return errors.New("extraData")
	}
	certified, err1 := info.Attested.Certify()
	name, err2 := tpm2.ObjectName(public)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if !bytes.Equal(certified.Name.Buffer, name.Buffer) {
		return errors.New("name")
	}
	return nil
}

// aikCertificate is §8.3.1.
func aikCertificate(c *x509.Certificate) error {
	if err := notCAVersion3(c); err != nil {
		return err
	}
	if !bytes.Equal(c.RawSubject, []byte{0x30, 0}) {
		return errors.New("there is a subject")
	}
	if !slices.ContainsFunc(c.UnknownExtKeyUsage, asn1.ObjectIdentifier{2, 23, 133, 8, 3}.Equal) {
		return errors.New("extended key usage")
	}
	if value, critical := extension(c, 2, 5, 29, 17); value == nil || !critical || !bytes.Contains(value, []byte("id:")) {
		return errors.New("subject alternative name")
	}
	return nil
}

// androidDescription is §8.4, by the tags' encodings in both lists.
func androidDescription(c *x509.Certificate, clientDataHash []byte) error {
	value, _ := extension(c, 1, 3, 6, 1, 4, 1, 11129, 2, 1, 17)
	var d struct {
		AttestationVersion int
		SecurityLevel      asn1.Enumerated
		KeymintVersion     int
		KeymintLevel       asn1.Enumerated
		Challenge          []byte
		UniqueID           []byte
		Software, Hardware []asn1.RawValue
	}
	if rest, err := asn1.Unmarshal(value, &d); err != nil || len(rest) > 0 {
		return fmt.Errorf("key description: %v", err)
	}
	if !bytes.Equal(d.Challenge, clientDataHash) {
		return errors.New("attestationChallenge")
	}
	found := map[int][]byte{}
	for _, list := range [][]asn1.RawValue{d.Software, d.Hardware} {
		last := 0
		for _, v := range list {
			if v.Class != asn1.ClassContextSpecific || !v.IsCompound || v.Tag <= last {
				return fmt.Errorf("authorization %d", v.Tag)
			}
			last = v.Tag
		}
	}
	for _, v := range d.Hardware {
		found[v.Tag] = v.Bytes
	}
	for _, v := range slices.Concat(d.Software, d.Hardware) {
		if v.Tag == 600 {
			return errors.New("allApplications")
		}
	}
	if !bytes.Equal(found[702], []byte{2, 1, 0}) || !bytes.Equal(found[1], []byte{0x31, 3, 2, 1, 2}) {
		return errors.New("origin or purpose")
	}
	return nil
}

// appleCertificate is §8.8.
func appleCertificate(c *x509.Certificate, r *registration) error {
	value, _ := extension(c, 1, 2, 840, 113635, 100, 8, 2)
	nonce := sha256.Sum256(slices.Concat(r.authData, r.clientDataHash))
	if !bytes.Equal(value, slices.Concat([]byte{0x30, 0x24, 0xA1, 0x22, 0x04, 0x20}, nonce[:])) {
		return errors.New("nonce")
	}
	if !sameKey(c.PublicKey, r.key) {
		return errors.New("the leaf holds another key")
	}
	return nil
}
