package brokenrp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
)

// blob is what this site reads of a metadata BLOB's payload (FIDO Metadata
// Service §3.1.6).
type blob struct {
	No      int64
	Entries []struct {
		AAGUID        string
		StatusReports []struct{ Status string }
	}
}

// loadMetadata takes a metadata BLOB: a JWS in compact form, by ES256.
func (s *Site) loadMetadata(call *call) (any, error) {
	c := &ceremony{site: s, kind: "register"}
	parts := strings.Split(strings.TrimSpace(string(call.body)), ".")
	if len(parts) != 3 {
		return nil, errors.New("metadata: not a JWS")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, errors.New("metadata: not base64url")
		}
	}
	signed := s.signedMetadata(decoded[0], parts[0]+"."+parts[1], decoded[2])
	if err := c.first(rule{"metadata.signature", signed}); err != nil {
		return nil, err
	}
	var b blob
	if err := json.Unmarshal(decoded[1], &b); err != nil {
		return nil, errors.New("metadata: the payload is not JSON")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.first(rule{"metadata.number", b.No > s.number}); err != nil {
		return nil, err
	}
	s.number = b.No
	for _, e := range b.Entries {
		aaguid, ok := parseAAGUID(e.AAGUID)
		if !ok || len(e.StatusReports) == 0 {
			continue
		}
		s.metadata[aaguid] = e.StatusReports[0].Status
		for _, r := range e.StatusReports {
			if r.Status == "REVOKED" || slices.Contains(compromises, r.Status) {
				s.metadata[aaguid] = r.Status
			}
		}
	}
	return nil, nil
}

// signedMetadata verifies a JWS whose header has the signer's chain.
func (s *Site) signedMetadata(header []byte, input string, sig []byte) bool {
	var h struct {
		Alg string
		X5C [][]byte
	}
	if json.Unmarshal(header, &h) != nil || h.Alg != "ES256" || len(h.X5C) == 0 || len(sig) != 64 {
		return false
	}
	var chain []*x509.Certificate
	for _, der := range h.X5C {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return false
		}
		chain = append(chain, cert)
	}
	now := s.now()
	for i, cert := range chain {
		if now.After(cert.NotAfter) || now.Before(cert.NotBefore) || i > 0 && !(cert.IsCA && signs(cert, chain[i-1])) {
			return false
		}
	}
	key, ok := chain[0].PublicKey.(*ecdsa.PublicKey)
	sum := sha256.Sum256([]byte(input))
	if !ok || !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return false
	}
	last := chain[len(chain)-1]
	return slices.ContainsFunc(s.config.MetadataRoots, func(root *x509.Certificate) bool {
		return root.Equal(last) || bytes.Equal(root.RawSubject, last.RawIssuer) && signs(root, last)
	})
}

func parseAAGUID(s string) (aaguid ctap.AAGUID, ok bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(aaguid) {
		return aaguid, false
	}
	return ctap.AAGUID(b), true
}
