package attest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestVerifies: the verifier that was written from the standard accepts every
// format of every algorithm, whatever the clock, and nothing of another root.
func TestVerifies(t *testing.T) {
	a, stranger := New(seed, fixedClock), New([]byte("another seed"), fixedClock)
	root := certificateOf(t, a.Roots)
	forEach(t, func(t *testing.T, format Format, alg ctap.Algorithm) {
		in := newCredential(t, format, alg)
		for _, year := range []int{2000, 2026, 2099} {
			v := &verifier{root, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}
			if err := v.verify(object(t, a, in), in.ClientDataHash); err != nil {
				t.Errorf("in %d: rejected: %v", year, err)
			}
		}
		v := &verifier{root, fixedClock()}
		if (format.certified() || format == Compound) && v.verify(object(t, stranger, in), in.ClientDataHash) == nil {
			t.Error("accepted from another root")
		}
	})
}

// TestGolden: the bytes of every statement are those in testdata, whoever asks
// first and whatever the clock says.
func TestGolden(t *testing.T) {
	type row struct {
		name string
		in   Input
	}
	var rows []row
	forEach(t, func(t *testing.T, format Format, alg ctap.Algorithm) {
		rows = append(rows, row{string(format) + "-" + alg.String(), newCredential(t, format, alg)})
	})
	a := New(seed, time.Now)
	if *update {
		for _, r := range rows {
			text := []byte(hex.EncodeToString(object(t, a, r.in)) + "\n")
			if err := os.WriteFile(filepath.Join("testdata", "golden", r.name+".hex"), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, i := range rand.Perm(len(rows)) {
				r := rows[i]
				want, err := os.ReadFile(filepath.Join("testdata", "golden", r.name+".hex"))
				if err != nil {
					t.Error(err)
					return
				}
				if got := hex.EncodeToString(object(t, a, r.in)); got != strings.TrimSpace(string(want)) {
					t.Errorf("%s: %s", r.name, got)
				}
			}
		})
	}
	all.Wait()
}

func TestUnsupported(t *testing.T) {
	a := New(seed, fixedClock)
	nothing := Edit{Nonce: func(*Nonce) {}}
	for _, test := range []struct {
		name  string
		in    Input
		edits []Edit
	}{
		{"U2F of RS256", newCredential(t, FIDOU2F, ctap.RS256), nil},
		{"TPM of EdDSA", newCredential(t, TPM, ctap.EdDSA), nil},
		{"android-key of ES256K", newCredential(t, AndroidKey, ctap.ES256K), nil},
		{"an unknown format", newCredential(t, "android-safetynet", ctap.ES256), nil},
		{"an edit of another format", newCredential(t, Packed, ctap.ES256), []Edit{nothing}},
		{"an edit of nothing", newCredential(t, Packed, ctap.ES256), []Edit{{}}},
		{"a rogue root without certificates", newCredential(t, PackedSelf, ctap.ES256), []Edit{{Rogue: true}}},
		{"r and s of RSA", newCredential(t, PackedSelf, ctap.RS256), []Edit{signature((*Signature).Zero)}},
		{"compound of compound", with(newCredential(t, Compound, ctap.ES256), Compound), nil},
		{"compound of U2F and more", with(newCredential(t, Compound, ctap.EdDSA), Packed, TPM), nil},
	} {
		if _, _, err := a.Statement(test.in, test.edits...); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func with(in Input, parts ...Format) Input {
	in.Parts = parts
	return in
}

func TestInputIncomplete(t *testing.T) {
	a := New(seed, fixedClock)
	short := newCredential(t, None, ctap.ES256)
	short.ClientDataHash = short.ClientDataHash[:31]
	unsigned := newCredential(t, PackedSelf, ctap.ES256)
	unsigned.Sign = nil
	broken := newCredential(t, AndroidKey, ctap.ES256)
	failure := errors.New("the key is gone")
	broken.Sign = func([]byte) ([]byte, error) { return nil, failure }
	if _, _, err := a.Statement(short); err == nil {
		t.Error("a hash of 31 bytes")
	}
	if _, _, err := a.Statement(unsigned); err == nil {
		t.Error("no signer")
	}
	if _, _, err := a.Statement(broken); !errors.Is(err, failure) {
		t.Errorf("the signer's error became %v", err)
	}
}

// TestAuthDataIsOpaque: authenticator data is spoilt by others, and signed all
// the same.
func TestAuthDataIsOpaque(t *testing.T) {
	a := New(seed, fixedClock)
	for _, format := range Formats() {
		for _, data := range [][]byte{nil, {1}, make([]byte, 36)} {
			in := newCredential(t, format, ctap.ES256)
			in.AuthData = data
			if _, _, err := a.Statement(in); err != nil {
				t.Errorf("%s with %d bytes: %v", format, len(data), err)
			}
		}
	}
}

// TestInputKept: neither input nor authority is changed by a statement or an edit.
func TestInputKept(t *testing.T) {
	a := New(seed, fixedClock)
	for _, f := range Faults() {
		for _, format := range f.Formats {
			in := newCredential(t, format, ctap.ES256)
			before := object(t, a, in)
			object(t, a, in, f.Edit)
			if !bytes.Equal(object(t, a, in), before) {
				t.Fatalf("%s of %s: the next honest statement is another", f.Name, format)
			}
		}
	}
}

// TestEditsOfBytes: what an edit does to the bytes that it gets stays in its
// statement.
func TestEditsOfBytes(t *testing.T) {
	a := New(seed, fixedClock)
	in := newCredential(t, Packed, ctap.ES256)
	before := object(t, a, in)
	object(t, a, in, Edit{Chain: func(c *Chain) {
		for _, der := range [][]byte{c.X5C[0].(ctap.Bytes), c.X5C[1].(ctap.Bytes), c.Intermediate, c.Root} {
			clear(der)
		}
	}, Leaf: func(c *Certificate) {
		c.Issuer[0].Value, c.Subject[0].Value = "XX", "XX"
		clear(c.Extensions[0].Value)
	}, Intermediate: func(c *Certificate) {
		c.Issuer[0].Value, c.Subject[0].Value = "XX", "XX"
		clear(c.Extensions[0].Value)
	}})
	if !bytes.Equal(object(t, a, in), before) || !bytes.Equal(object(t, New(seed, fixedClock), in), before) {
		t.Error("the next honest statement is another")
	}
}

// TestManyModels: an authority of more models than it remembers certificates of
// gives each its own.
func TestManyModels(t *testing.T) {
	a := New(seed, fixedClock)
	root := certificateOf(t, a.Roots)
	v := &verifier{root, fixedClock()}
	for range 2 {
		for i := range byte(maxLeaves + 2) {
			in := newCredential(t, Packed, ctap.ES256)
			in.AAGUID[0] = i
			in.AuthData[37] = i // where the AAGUID begins
			if err := v.verify(object(t, a, in), in.ClientDataHash); err != nil {
				t.Fatalf("model %d: %v", i, err)
			}
		}
	}
}

func BenchmarkStatement(b *testing.B) {
	a := New(seed, fixedClock)
	for _, format := range Formats() {
		in := newCredential(b, format, ctap.ES256)
		b.Run(string(format), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := a.Statement(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New(seed, fixedClock)
	}
}
