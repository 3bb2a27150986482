package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/ctap"
)

const (
	formatPEM  = "pem"
	formatCOSE = "cose"
	formatSSH  = "ssh"
)

func newPasskeysExport(c *config) *cobra.Command {
	var f ownerFlags
	format := formatPEM
	cmd := &cobra.Command{
		Use:   "export-public ID",
		Short: "Print a passkey's public key",
		Long: `Export-public prints the public half of a passkey's key, which is no secret. The private
half stays where it is.

Formats:
  pem   SubjectPublicKeyInfo, as OpenSSL reads it
  cose  the COSE_Key that sites get (RFC 9052), in base64
  ssh   a line for authorized_keys, of a kind that OpenSSH knows as a security key's;
        for ES256 and EdDSA only`,
		Example: `  signet passkeys export-public 3f2a9c1b
  signet passkeys export-public 3f2a9c1b --format ssh >>authorized_keys`,
		Args: exactArgs(1, "the ID of a passkey"),
		RunE: func(cmd *cobra.Command, args []string) error {
			export := map[string]func(daemon.Passkey) (string, error){formatPEM: pemKey, formatCOSE: coseKey, formatSSH: sshKey}[format]
			if export == nil {
				return usagef(cmd, "--format=%s: want pem, cose or ssh", format)
			}
			return f.asOwner(cmd, c, func(ctx context.Context, o *owner) error {
				return o.passkeys(ctx, func(_ []byte, all []daemon.Passkey) error {
					p, err := pick(cmd, all, args[0])
					if err != nil {
						return err
					}
					if p.PublicKey == nil {
						return &policy.Violation{Path: c.admin.Path, Rule: policy.ForbidExport}
					}
					key, err := export(p)
					if err != nil {
						return err
					}
					if f.JSON {
						return writeJSON(cmd.OutOrStdout(), exported{p.ID.String(), p.RPID, p.Algorithm, format, key})
					}
					_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
					return err
				})
			})
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&format, "format", formatPEM, `"pem", "cose" or "ssh"`)
	return cmd
}

type exported struct {
	ID        string `json:"id"`
	RPID      string `json:"rp_id,omitempty"`
	Algorithm string `json:"algorithm"`
	Format    string `json:"format"`
	PublicKey string `json:"public_key"`
}

func coseKey(p daemon.Passkey) (string, error) {
	return base64.StdEncoding.EncodeToString(p.PublicKey), nil
}

func pemKey(p daemon.Passkey) (string, error) {
	_, pub, err := ctap.UnmarshalPublicKey(p.PublicKey)
	if err != nil {
		return "", err
	}
	der, err := marshalPKIX(pub)
	if err != nil {
		return "", fmt.Errorf("a key of %s in PEM: %w", p.Algorithm, err)
	}
	return strings.TrimSuffix(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "\n"), nil
}

// marshalPKIX is x509.MarshalPKIXPublicKey, for secp256k1, too (RFC 5480; SEC 2
// §2.4.1).
func marshalPKIX(pub any) ([]byte, error) {
	point, ok := pub.(*ctap.Secp256k1Point)
	if !ok {
		return x509.MarshalPKIXPublicKey(pub)
	}
	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 132, 0, 10})
	if err != nil {
		return nil, err
	}
	bits := append(append([]byte{4}, point.X[:]...), point.Y[:]...)
	return asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}{
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, Parameters: asn1.RawValue{FullBytes: curve}},
		asn1.BitString{Bytes: bits, BitLength: 8 * len(bits)},
	})
}

// sshKey gives the key as OpenSSH knows those of security keys (PROTOCOL.u2f),
// with the site as its application.
func sshKey(p daemon.Passkey) (string, error) {
	_, pub, err := ctap.UnmarshalPublicKey(p.PublicKey)
	if err != nil {
		return "", err
	}
	if p.RPID == "" {
		return "", errors.New("a passkey made over U2F has no form for SSH: its site's name is not known")
	}
	var kind string
	var wire []byte
	switch key := pub.(type) {
	case ed25519.PublicKey:
		kind = ssh.KeyAlgoSKED25519
		wire = ssh.Marshal(struct {
			Kind        string
			Key         []byte
			Application string
		}{kind, key, p.RPID})
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return "", fmt.Errorf("OpenSSH knows no security key of %s", p.Algorithm)
		}
		point, err := key.Bytes()
		if err != nil {
			return "", err
		}
		kind = ssh.KeyAlgoSKECDSA256
		wire = ssh.Marshal(struct {
			Kind, Curve string
			Point       []byte
			Application string
		}{kind, "nistp256", point, p.RPID})
	default:
		return "", fmt.Errorf("OpenSSH knows no security key of %s", p.Algorithm)
	}
	return kind + " " + base64.StdEncoding.EncodeToString(wire) + " " + sshComment(p), nil
}

// sshComment names the passkey in printable ASCII: what a site sent must not add
// a line or an option to authorized_keys.
func sshComment(p daemon.Passkey) string {
	comment := p.UserName + "@" + p.RPID
	if p.UserName == "" || strings.ContainsFunc(comment, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "passkey-" + p.ID.String()[:8]
	}
	return comment
}
