package backup

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

var made = time.Unix(1_790_000_000, 0)

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func write(t testing.TB, to age.Recipient, records ...string) []byte {
	t.Helper()
	var file bytes.Buffer
	err := Write(&file, made, func(add func([]byte) error) error {
		for _, r := range records {
			if err := add([]byte(r)); err != nil {
				return err
			}
		}
		return nil
	}, to)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func read(file []byte, ids ...age.Identity) (records []string, created time.Time, err error) {
	created, err = Read(bytes.NewReader(file), func(record []byte) error {
		records = append(records, string(record))
		return nil
	}, ids...)
	return records, created, err
}

func TestRoundTrip(t *testing.T) {
	id := identity(t)
	for _, want := range [][]string{nil, {"one"}, {"one", "", "three"}} {
		got, created, err := read(write(t, id.Recipient(), want...), id)
		if err != nil || !slices.Equal(got, want) || !created.Equal(made) {
			t.Errorf("wrote %q, read %q, %v, %v", want, got, created, err)
		}
	}
}

func TestPassphrase(t *testing.T) {
	to, err := age.NewScryptRecipient("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(10)
	file := write(t, to, "one")
	for passphrase, want := range map[string]error{"correct horse": nil, "battery staple": ErrWrongSecret} {
		id, err := Passphrase([]byte(passphrase))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(file, id); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", passphrase, err, want)
		}
	}
	if _, _, err := read(write(t, identity(t).Recipient()), identity(t)); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("another identity: %v", err)
	}
}

// What opening by a passphrase costs is the maker's choice, within bounds.
func TestCostlyPassphrase(t *testing.T) {
	file := "age-encryption.org/v1\n-> scrypt rDgT9ARcfuOaeyvEroaj+w 21\n" +
		"lYPA3CJqFtkJZVLA9azYUfQkPIiUtS8tJtwu2woHOS4\n--- 8k1OXZ4PuetwCoHgcdmIVwR8HZaSqSmYQLF7Z+Rzwuk\n"
	id, err := Passphrase([]byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read([]byte(file), id); !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("a cost of 2 GiB: %v", err)
	}
}

// counting tells how much was read.
type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// An item is too long before it is in memory, whatever its kind.
func TestLongItem(t *testing.T) {
	id := identity(t)
	long := make([]byte, 8<<20)
	for name, item := range map[string]any{"passkey": long, "text": string(long), "list": []any{long, long}} {
		file := &counting{Reader: bytes.NewReader(sealed(t, id.Recipient(), header{format, version, 0}, item))}
		_, err := Read(file, func([]byte) error { t.Error("a record was read"); return nil }, id)
		if !errors.Is(err, keystore.ErrCorrupt) || file.n > 2<<20 {
			t.Errorf("%s: read %d bytes, %v", name, file.n, err)
		}
	}
	longest, over := string(long[:maxRecord]), string(long[:maxRecord+1])
	if got, _, err := read(write(t, id.Recipient(), "one", longest, longest, "two"), id); err != nil || len(got) != 4 || got[1] != longest {
		t.Errorf("the longest: %d records, %v", len(got), err)
	}
	if _, _, err := read(sealed(t, id.Recipient(), header{format, version, 0}, []byte(over+longest[:99]), trailer{1}), id); !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("longer than the longest: %v", err)
	}
}

// Wherever a file is cut or changed it is damaged, never shorter or other.
func TestDamage(t *testing.T) {
	id := identity(t)
	file := write(t, id.Recipient(), "one", "two")
	for i := range file {
		if _, _, err := read(file[:i], id); !errors.Is(err, keystore.ErrCorrupt) {
			t.Fatalf("cut to %d of %d bytes: %v", i, len(file), err)
		}
		changed := bytes.Clone(file)
		changed[i] ^= 1
		if _, _, err := read(changed, id); !errors.Is(err, keystore.ErrCorrupt) && !errors.Is(err, ErrWrongSecret) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if _, _, err := read(append(bytes.Clone(file), 0), id); !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
}

// sealed is an age file of items.
func sealed(t testing.TB, to age.Recipient, items ...any) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		b, err := ctap.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestContent(t *testing.T) {
	id := identity(t)
	head, record := header{format, version, 0}, []byte("one")
	for name, tt := range map[string]struct {
		items []any
		want  error
	}{
		"good":               {[]any{head, record, trailer{1}}, nil},
		"nothing":            {nil, keystore.ErrCorrupt},
		"no end":             {[]any{head, record}, keystore.ErrCorrupt},
		"one lost":           {[]any{head, record, trailer{2}}, keystore.ErrCorrupt},
		"more behind":        {[]any{head, record, trailer{1}, record}, keystore.ErrCorrupt},
		"something else":     {[]any{head, "text", trailer{1}}, keystore.ErrCorrupt},
		"another format":     {[]any{header{"tar", version, 0}, trailer{0}}, keystore.ErrCorrupt},
		"no header":          {[]any{record, trailer{1}}, keystore.ErrCorrupt},
		"newer":              {[]any{header{format, 2, 0}, "whatever"}, keystore.ErrNewerSchema},
		"newer, more fields": {[]any{map[uint64]any{1: format, 2: 9, 7: "x"}}, keystore.ErrNewerSchema},
		"version 0":          {[]any{header{format, 0, 0}, trailer{0}}, keystore.ErrCorrupt},
	} {
		if _, _, err := read(sealed(t, id.Recipient(), tt.items...), id); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	full := errors.New("disk full")
	if err := Create(path, func(io.Writer) error { return full }); !errors.Is(err, full) {
		t.Errorf("create = %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	one := func(w io.Writer) error { _, err := w.Write([]byte("one")); return err }
	if err := Create(path, one); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := Create(path, one); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	// A file that comes while the backup is written stays.
	late := filepath.Join(dir, "late")
	err := Create(late, func(io.Writer) error { return os.WriteFile(late, []byte("mine"), 0o600) })
	if b, readErr := os.ReadFile(late); !errors.Is(err, os.ErrExist) || string(b) != "mine" || readErr != nil {
		t.Errorf("over a late file: %v, %q, %v", err, b, readErr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

// Whatever the items of a sealed file are, what is read of them was counted.
func FuzzRead(f *testing.F) {
	id := identity(f)
	f.Add([]byte{0xA3, 1, 0x6D, 's', 'i', 'g', 'n', 'e', 't', ' ', 'b', 'a', 'c', 'k', 'u', 'p', 2, 1, 3, 0, 0x41, 7, 0xA1, 1, 1})
	f.Add([]byte{0xA0})
	f.Fuzz(func(t *testing.T, content []byte) {
		var file bytes.Buffer
		w, err := age.Encrypt(&file, id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content)
		w.Close()
		records, created, err := read(file.Bytes(), id)
		if err != nil {
			return
		}
		var items []any
		items = append(items, header{format, version, created.Unix()})
		for _, r := range records {
			items = append(items, []byte(r))
		}
		again, _, err := read(sealed(t, id.Recipient(), append(items, trailer{uint64(len(records))})...), id)
		if err != nil || !slices.Equal(again, records) {
			t.Errorf("%q became %q, %v", records, again, err)
		}
	})
}
