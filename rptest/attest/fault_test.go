package attest

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
)

// valid lists the faults that WebAuthn does not forbid, or leaves to the relying
// party; by fault, or by fault and format.
var valid = map[string]string{
	"sig.high-s":      "WebAuthn does not ask for low s",
	"leaf.country":    "only a list of countries tells",
	"chain.root":      "§7.1 takes the root as an anchor wherever it stands",
	"chain.unordered": "§8.2 fixes the place of the leaf alone",

	"leaf.ca android-key":             "§8.4 asks nothing of basic constraints",
	"leaf.ca apple":                   "nor does §8.8",
	"leaf.ca fido-u2f":                "nor does §8.6",
	"leaf.no-constraints android-key": "as above",
	"leaf.no-constraints apple":       "as above",
	"leaf.no-constraints fido-u2f":    "as above",
}

// goWebAuthn lists where go-webauthn's verdict is another than the standard's.
var goWebAuthn = map[string]string{
	"member.unknown":                    "accepts unknown members",
	"member.ecdaa packed":               "ignores ecdaaKeyId beside x5c",
	"member.ecdaa packed-direct":        "ignores ecdaaKeyId beside x5c",
	"x5c.bytes.self":                    "takes x5c that is no array for absent",
	"leaf.no-constraints packed":        "does not ask for basic constraints",
	"leaf.no-constraints packed-direct": "does not ask for basic constraints",
}

// TestFaults: the verifier and go-webauthn reject each fault, but for those that
// the tables name, and accept the same statement without it.
func TestFaults(t *testing.T) {
	a := New(seed, time.Now)
	rp := newRelyingParty(t, a)
	v := &verifier{certificateOf(t, a.Roots), time.Now()}
	named := func(table map[string]string, f Fault, format Format) bool {
		return table[f.Name] != "" || table[f.Name+" "+string(format)] != ""
	}
	for _, f := range Faults() {
		for _, format := range f.Formats {
			for _, alg := range algorithms {
				if !format.Supports(alg) {
					continue
				}
				t.Run(strings.Join([]string{f.Name, string(format), alg.String()}, " "), func(t *testing.T) {
					in := newCredential(t, format, alg)
					if _, _, err := a.Statement(in, f.Edit); errors.Is(err, ErrUnsupported) && !isECDSA(alg) {
						return // r and s of another kind of signature
					}
					fault := object(t, a, in, f.Edit)
					want := named(valid, f, format)
					if err := v.verify(fault, in.ClientDataHash); (err == nil) != want {
						t.Errorf("the verifier says: %v", err)
					}
					if named(goWebAuthn, f, format) {
						want = !want
					}
					if err := rp.register(in, fault); (err == nil) != want {
						t.Errorf("go-webauthn says: %v", err)
					}
				})
			}
		}
	}
}

func isECDSA(alg ctap.Algorithm) bool { return alg != ctap.RS256 && alg != ctap.EdDSA }

func TestFaultNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults() {
		if seen[f.Name] || f.Text == "" || len(f.Formats) == 0 {
			t.Errorf("%q: %q", f.Name, f.Text)
		}
		seen[f.Name] = true
		if found, ok := FaultNamed(f.Name); !ok || found.Text != f.Text {
			t.Errorf("%q is not found", f.Name)
		}
	}
	if _, ok := FaultNamed("none"); ok {
		t.Error("found a fault that is none")
	}
}

// TestFaultDifferences: each fault changes what testdata/differences.txt says
// that it changes, and nothing else. Lines are: fault, format, what differs.
func TestFaultDifferences(t *testing.T) {
	const path = "testdata/differences.txt"
	a := New(seed, fixedClock)
	var text strings.Builder
	for _, f := range Faults() {
		for _, format := range f.Formats {
			in := newCredential(t, format, ctap.ES256)
			control, fault := parts(t, object(t, a, in)), parts(t, object(t, a, in, f.Edit))
			differs := differences(control, fault)
			fmt.Fprintf(&text, "%s\t%s\t%s\n", f.Name, format, strings.Join(differs, " "))
			if len(differs) == 0 && f.Name != "sig.high-s" { // half of all signatures have a high s
				t.Errorf("%s of %s changes nothing", f.Name, format)
			}
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := text.String(); got != string(want) {
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(gotLines), len(wantLines)) {
			if gotLines[i] != wantLines[i] {
				t.Errorf("differs:\n%s\nwant:\n%s", gotLines[i], wantLines[i])
			}
		}
		t.Errorf("%d lines, want %d", len(gotLines), len(wantLines))
	}
}

// differences lists the parts that one lacks (-), only the other has (+), or that
// are not the same. A certificate that is not in both is listed as one.
func differences(control, fault map[string]string) []string {
	found := map[string]bool{}
	list := func(sign string, these, those map[string]string) {
		for name := range these {
			if _, ok := those[name]; ok {
				continue
			}
			if i := strings.LastIndex(name, "x5c."); i >= 0 {
				if certificate := name[:i+len("x5c.0")]; those[certificate+".serial"] == "" {
					name = certificate
				}
			}
			found[sign+name] = true
		}
	}
	list("-", control, fault)
	list("+", fault, control)
	for name := range control {
		if other, ok := fault[name]; ok && other != control[name] {
			found[name] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return strings.Compare(strings.TrimLeft(a, "+-")+a, strings.TrimLeft(b, "+-")+b)
	})
}

// parts takes an attestation object apart, down to single fields of certificates
// and of a TPM's structures.
func parts(t *testing.T, object []byte) map[string]string {
	t.Helper()
	var o struct {
		Fmt     string          `cbor:"fmt"`
		AttStmt cbor.RawMessage `cbor:"attStmt"`
	}
	if err := cbor.Unmarshal(object, &o); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"fmt": o.Fmt}
	statementParts(all, "", o.AttStmt)
	return all
}

func statementParts(all map[string]string, prefix string, attStmt []byte) {
	var array []struct {
		Fmt     string          `cbor:"fmt"`
		AttStmt cbor.RawMessage `cbor:"attStmt"`
	}
	if cbor.Unmarshal(attStmt, &array) == nil {
		for i, part := range array {
			name := fmt.Sprintf("%s%d.", prefix, i)
			all[name+"fmt"] = part.Fmt
			statementParts(all, name, part.AttStmt)
		}
		return
	}
	var members map[string]cbor.RawMessage
	if cbor.Unmarshal(attStmt, &members) != nil {
		all[prefix+"attStmt"] = hex.EncodeToString(attStmt)
		return
	}
	for name, value := range members {
		var b ctap.Bytes
		var x5c []cbor.RawMessage
		switch {
		case name == "x5c" && cbor.Unmarshal(value, &x5c) == nil:
			all[prefix+"x5c"] = fmt.Sprintf("%d elements", len(x5c))
			for i, der := range x5c {
				certificateParts(all, fmt.Sprintf("%sx5c.%d", prefix, i), der)
			}
		case name == "certInfo" && cbor.Unmarshal(value, &b) == nil:
			certInfoParts(all, prefix+"certInfo.", b)
		default:
			all[prefix+name] = hex.EncodeToString(value)
		}
	}
}

func certificateParts(all map[string]string, name string, item []byte) {
	var der ctap.Bytes
	if cbor.Unmarshal(item, &der) != nil {
		all[name] = hex.EncodeToString(item)
		return
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		all[name] = hex.EncodeToString(der)
		return
	}
	maps.Copy(all, map[string]string{
		name + ".version": fmt.Sprint(c.Version), name + ".serial": c.SerialNumber.String(),
		name + ".issuer": c.Issuer.String(), name + ".subject": c.Subject.String(),
		name + ".notBefore": c.NotBefore.String(), name + ".notAfter": c.NotAfter.String(),
		name + ".key": hex.EncodeToString(c.RawSubjectPublicKeyInfo), name + ".signature": hex.EncodeToString(c.Signature),
	})
	for _, e := range c.Extensions {
		all[name+"."+e.Id.String()] = fmt.Sprint(e.Critical, hex.EncodeToString(e.Value))
	}
}

func certInfoParts(all map[string]string, prefix string, b []byte) {
	// go-tpm refuses a wrong magic and decodes the body by the type.
	fixed := bytes.Clone(b)
	copy(fixed, []byte{0xFF, 'T', 'C', 'G', 0x80, 0x17})
	info, err := tpm2.Unmarshal[tpm2.TPMSAttest](fixed)
	if err != nil {
		all[prefix] = hex.EncodeToString(b)
		return
	}
	all[prefix+"magic"], all[prefix+"type"] = hex.EncodeToString(b[:4]), hex.EncodeToString(b[4:6])
	all[prefix+"extraData"] = hex.EncodeToString(info.ExtraData.Buffer)
	if c, err := info.Attested.Certify(); err == nil {
		all[prefix+"name"], all[prefix+"qualifiedName"] = hex.EncodeToString(c.Name.Buffer), hex.EncodeToString(c.QualifiedName.Buffer)
	}
}
