package tpm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// TestFile damages the root's file, forges it, and lets others read it: it is
// refused, and it stays as it is.
func TestFile(t *testing.T) {
	d := created(t)
	whole, err := os.ReadFile(d.path)
	must(t, "read", err)
	put := func(data []byte) {
		t.Helper()
		must(t, "write", os.WriteFile(d.path, data, 0o600))
	}
	refuses := func(what string, want error) {
		t.Helper()
		before, _ := os.ReadFile(d.path)
		_, err := d.open(Options{})
		wants(t, what, err, want)
		if after, _ := os.ReadFile(d.path); !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed", what)
		}
	}
	for i := 0; i < len(whole); i += 7 {
		put(whole[:i])
		refuses(fmt.Sprintf("cut off at %d", i), keystore.ErrCorrupt)
		changed := bytes.Clone(whole)
		changed[i] ^= 0x81
		put(changed)
		if i == len(magic) {
			continue // a newer version
		}
		refuses(fmt.Sprintf("changed at %d", i), keystore.ErrCorrupt)
	}
	newer := bytes.Clone(whole)
	newer[len(magic)]++
	put(newer)
	refuses("a newer version", keystore.ErrNewerSchema)

	// A forger knows no Installation secret.
	rec, err := parse(whole)
	must(t, "parse", err)
	rec.FreeRead = !rec.FreeRead
	forged, err := rec.encode(&keystore.Secret{})
	must(t, "encode", err)
	put(forged)
	refuses("forged", keystore.ErrCorrupt)

	put(whole)
	must(t, "chmod", os.Chmod(d.path, 0o640))
	if _, err := d.open(Options{}); err == nil {
		t.Error("a file that others can read was opened")
	}
	must(t, "chmod", os.Chmod(d.path, 0o600))
	wants(t, "create over it", d.create(Options{}), fs.ErrExist)
	link := filepath.Join(t.TempDir(), "link")
	must(t, "link", os.Symlink(d.path, link))
	r, err := Open(t.Context(), link, d.bus.open, Options{})
	must(t, "open by a link", err)
	refuses("in use", keystore.ErrInUse)
	must(t, "reset", r.Reset(t.Context()))
	r.Close()
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	works(t, d.mustOpen(), -1)

	must(t, "remove", os.Remove(d.path))
	_, err = d.open(Options{})
	wants(t, "no file", err, fs.ErrNotExist)
	nowhere := newDevice(t)
	nowhere.path = filepath.Join(t.TempDir(), "none", "root")
	wants(t, "no folder", nowhere.create(Options{}), fs.ErrNotExist)
}

func FuzzFile(f *testing.F) {
	key := &keystore.Secret{1}
	rec := &record{Stage: ready, Auth: make([]byte, 32), InChip: []int{int(ctap.ES256)},
		Gate: gateRecord{Key: make([]byte, 65), Public: make([]byte, 32)}}
	data, err := rec.encode(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte(magic))
	// What parses encodes again, and is authentic only as it was written.
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := parse(in)
		if err != nil {
			if !errors.Is(err, keystore.ErrCorrupt) && !errors.Is(err, keystore.ErrNewerSchema) {
				t.Fatal(err)
			}
			sum := sha256.Sum256(in)
			in = append(bytes.Clone(in), sum[:]...)
			if r, err = parse(in); err != nil {
				return
			}
		}
		if _, err := r.encode(nil); err != nil {
			t.Fatal(err)
		}
		if verify(in, key) == nil && !bytes.Equal(in, data) {
			t.Fatalf("%x is authentic", in)
		}
		r.parent()
		r.Gate.indices(r.FreeRead)
	})
}

func FuzzBlob(f *testing.F) {
	b := &blob{ctap.ES256, make([]byte, authSize), []byte("public"), []byte("private")}
	f.Add(b.encode())
	f.Add([]byte{})
	// What parses encodes to the same.
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := parseBlob(in)
		if err != nil {
			wants(t, "parse", err, keystore.ErrCorrupt)
			return
		}
		if !bytes.Equal(b.encode(), in) {
			t.Fatalf("%x encodes to %x", in, b.encode())
		}
		(&Root{}).give(b, newLife()).Public()
	})
}

func FuzzValidate(f *testing.F) {
	f.Add(make([]byte, 40))
	f.Add(append(make([]byte, 14), 0, 1, 7, 1, 0, 1, 7, 0, 1, 7, 1, 0, 1, 7))
	// No answer is taken for the chip's.
	f.Fuzz(func(t *testing.T, answer []byte) {
		if len(answer) < responseHeader {
			return
		}
		proof := func() tpm2.Session { return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, tpm2.Auth(randomAuth())) }
		names := []tpm2.TPM2BName{deviceIndex(firstIndex).name()}
		if err := validate(answer, []tpm2.Session{proof(), proof()}, names); err == nil {
			t.Fatalf("%x is valid", answer)
		}
	})
}
