//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
)

// cmdPasskey is "passkey VAR ACCOUNT": it sets VAR to the ID of an account's
// passkey in the JSON list that was printed last.
func cmdPasskey(ts *testscript.TestScript, _ bool, args []string) {
	var list []daemon.Passkey
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	for _, p := range list {
		if p.UserName == args[1] {
			ts.Setenv(args[0], p.ID.String())
			return
		}
	}
	ts.Fatalf("%s has no passkey", args[1])
}

func passkeyOf(t *testing.T, alg ctap.Algorithm, pub any) daemon.Passkey {
	t.Helper()
	cose, err := ctap.MarshalPublicKey(alg, pub)
	if err != nil {
		t.Fatal(err)
	}
	return daemon.Passkey{ID: []byte{1, 2, 3, 4, 5}, RPID: "example.com", UserName: "alice", Algorithm: alg.String(), PublicKey: cose}
}

// Each form is read by a library that is not ours, as the same key.
func TestPublicKeyForms(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		alg ctap.Algorithm
		pub interface{ Equal(any) bool }
		ssh string
	}{
		{ctap.ES256, equaler{p256.Public()}, ssh.KeyAlgoSKECDSA256},
		{ctap.EdDSA, equaler{edwards}, ssh.KeyAlgoSKED25519},
		{ctap.ES384, equaler{p384.Public()}, ""},
		{ctap.RS256, equaler{big.Public()}, ""},
	} {
		p := passkeyOf(t, test.alg, test.pub.(equaler).key)
		text, err := pemKey(p)
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode([]byte(text + "\n"))
		if block == nil || len(rest) > 0 {
			t.Fatalf("%v: no PEM: %q", test.alg, text)
		}
		pub, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || !test.pub.Equal(pub) {
			t.Errorf("%v: PEM holds %v, %v", test.alg, pub, err)
		}
		line, err := sshKey(p)
		if test.ssh == "" {
			if err == nil {
				t.Errorf("%v: has a form for SSH: %s", test.alg, line)
			}
			continue
		}
		key, comment, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil || key.Type() != test.ssh || comment != "alice@example.com" || len(options)+len(rest) > 0 {
			t.Errorf("%v: %q: %v, %q, %v", test.alg, line, key, comment, err)
		}
		if got := key.(ssh.CryptoPublicKey).CryptoPublicKey(); !test.pub.Equal(got) {
			t.Errorf("%v: SSH holds %v", test.alg, got)
		}
	}
}

type equaler struct{ key any }

func (e equaler) Equal(other any) bool {
	switch key := e.key.(type) {
	case *ecdsa.PublicKey:
		return key.Equal(other)
	case ed25519.PublicKey:
		return key.Equal(other)
	case *rsa.PublicKey:
		return key.Equal(other)
	}
	return false
}

// secp256k1 is not known to the standard library, whose parser stands in for
// OpenSSL's: the structure is that of any other curve.
func TestPublicKeyOfSecp256k1(t *testing.T) {
	private, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	want := private.PubKey().SerializeUncompressed()
	point := ctap.Secp256k1Point{X: [32]byte(want[1:33]), Y: [32]byte(want[33:])}
	text, err := pemKey(passkeyOf(t, ctap.ES256K, &point))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(text + "\n"))
	var info struct {
		Algorithm struct{ Key, Curve asn1.ObjectIdentifier }
		PublicKey asn1.BitString
	}
	if rest, err := asn1.Unmarshal(block.Bytes, &info); err != nil || len(rest) > 0 || info.Algorithm.Curve.String() != "1.3.132.0.10" || string(info.PublicKey.Bytes) != string(want) {
		t.Errorf("%+v, %v", info, err)
	}
}

// What a site sent adds nothing to authorized_keys.
func TestSSHComment(t *testing.T) {
	for _, p := range []daemon.Passkey{
		{UserName: "alice\nssh-rsa AAAA mallory", RPID: "example.com"},
		{UserName: "alice", RPID: "example.com\nssh-rsa AAAA mallory"},
		{UserName: "alice bob", RPID: "example.com"},
		{UserName: "é", RPID: "example.com"},
		{UserName: "", RPID: "example.com"},
	} {
		p.ID = []byte{0xab, 0xcd, 0xef, 0x01}
		if got := sshComment(p); got != "passkey-abcdef01" {
			t.Errorf("%q at %q: %q", p.UserName, p.RPID, got)
		}
	}
}

func TestShortestID(t *testing.T) {
	id := func(s string) daemon.Passkey {
		return daemon.Passkey{ID: []byte(strings.Repeat("\x11", 5) + s + strings.Repeat("\x00", 26))}
	}
	if n := shortest(nil); n != 8 {
		t.Errorf("of none: %d", n)
	}
	if n := shortest([]daemon.Passkey{id("\x31"), id("\x12"), id("\x13")}); n != 12 {
		t.Errorf("of three: %d", n)
	}
}
