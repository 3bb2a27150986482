package software

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io/fs"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

var (
	_ keystore.Exporter = (*Root)(nil)
	_ keystore.Importer = (*Root)(nil)
)

// ExportKey implements keystore.Exporter.
func (r *Root) ExportKey(ctx context.Context, h keystore.Handle, binding []byte) (ctap.Algorithm, []byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, fmt.Errorf("export key: %w", err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return 0, nil, fmt.Errorf("export key: %w", fs.ErrClosed)
	}
	plain, err := r.unseal(kindKey, h, binding)
	if err != nil {
		return 0, nil, fmt.Errorf("export key: %w", err)
	}
	defer clear(plain)
	k, err := parseStored(plain)
	if err != nil {
		return 0, nil, fmt.Errorf("export key: %w", err)
	}
	private, err := k.private()
	if err != nil {
		return 0, nil, fmt.Errorf("export key: %w", err)
	}
	return k.alg, private, nil
}

// ImportKey implements keystore.Importer.
func (r *Root) ImportKey(ctx context.Context, alg ctap.Algorithm, private, binding []byte, p keystore.Protection) (keystore.Handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	k, err := parseKey(alg, private)
	if err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	h, open, err := r.adopt(k, binding, p)
	if err != nil {
		return nil, fmt.Errorf("import key: %w", err)
	}
	return h, open.Close()
}

// private is the key as parseKey takes it. The caller wipes it.
func (k *key) private() ([]byte, error) {
	switch s := k.signer.(type) {
	case *ecdsa.PrivateKey:
		return s.Bytes()
	case ed25519.PrivateKey:
		return append([]byte(nil), s.Seed()...), nil
	case k1Signer:
		return s.Serialize(), nil
	case *rsa.PrivateKey:
		return x509.MarshalPKCS1PrivateKey(s), nil
	}
	return nil, fmt.Errorf("a key of %v: %w", k.alg, keystore.ErrUnsupported)
}
