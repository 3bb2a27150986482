// Package backup is the file that passkeys are backed up in: an age file, sealed
// by a passphrase or for recipients, with a CBOR sequence (RFC 8742) inside:
//
//	{1: "signet backup", 2: version, 3: when, in Unix seconds}
//	a byte string for each passkey, as the device exports it
//	{1: how many they were}
//
// age tells damage and truncation; the last item tells a file that was complete
// from one whose making was cut short. What is sealed by a passphrase can only
// have been made by who knows it; what is sealed for a recipient can be anybody's.
package backup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"filippo.io/age"
	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// ErrWrongSecret tells that a backup does not open with the passphrase or
// identity given.
var ErrWrongSecret = errors.New("the backup does not open: wrong passphrase, or sealed for another identity")

const (
	format  = "signet backup"
	version = 1

	// maxRecord bounds one passkey in bytes.
	maxRecord = 1 << 20
	// maxItem bounds what stands for it in the file: with its length.
	maxItem = maxRecord + 16

	// maxWork bounds what opening by a passphrase may cost, as age counts it: 1 GiB
	// and some seconds. Backups are made with 18.
	maxWork = 20
)

// Passphrase opens backups that a passphrase seals. Whoever made the file chose
// what that costs; a file that asks for too much is damaged.
func Passphrase(p []byte) (age.Identity, error) {
	id, err := age.NewScryptIdentity(string(p))
	if err != nil {
		return nil, fmt.Errorf("open backup: %w", err)
	}
	id.SetMaxWorkFactor(maxWork)
	return id, nil
}

type header struct {
	Format  string `cbor:"1,keyasint"`
	Version uint64 `cbor:"2,keyasint"`
	Created int64  `cbor:"3,keyasint"`
}

type trailer struct {
	Count uint64 `cbor:"1,keyasint"`
}

// Write seals a backup for the recipients. fill calls add for each passkey; add
// does not keep the record.
func Write(w io.Writer, created time.Time, fill func(add func(record []byte) error) error, recipients ...age.Recipient) error {
	sealed, err := age.Encrypt(w, recipients...)
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if err := writeItem(sealed, header{format, version, created.Unix()}); err != nil {
		return err
	}
	var end trailer
	err = fill(func(record []byte) error {
		if len(record) > maxRecord {
			return fmt.Errorf("write backup: a passkey of %d bytes", len(record))
		}
		end.Count++
		return writeItem(sealed, record)
	})
	if err != nil {
		return err
	}
	if err := writeItem(sealed, end); err != nil {
		return err
	}
	if err := sealed.Close(); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

func writeItem(w io.Writer, v any) error {
	b, err := ctap.Marshal(v)
	defer clear(b)
	if err == nil {
		_, err = w.Write(b)
	}
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

// Read opens a backup and calls f for each passkey in it; the record is valid,
// and wiped, until f returns. What f has been told counts only once Read has
// returned nil: only then is the backup known to be whole. ErrWrongSecret,
// keystore.ErrNewerSchema, keystore.ErrCorrupt; an error of f is returned as it
// is.
func Read(r io.Reader, f func(record []byte) error, identities ...age.Identity) (created time.Time, err error) {
	plain, err := age.Decrypt(r, identities...)
	var noMatch *age.NoIdentityMatchError
	switch {
	case errors.As(err, &noMatch):
		return created, ErrWrongSecret
	case err != nil:
		return created, damaged(err)
	}
	items := &itemReader{plain: plain}
	items.Decoder = cbor.NewDecoder(items)
	item, err := readItem(items)
	if err != nil {
		return created, damaged(err)
	}
	created, err = parseHeader(item)
	if err != nil {
		return created, err
	}
	for n := uint64(0); ; n++ {
		item, err := readItem(items)
		if err != nil {
			return created, damaged(err)
		}
		if item[0]>>5 != majorBytes {
			return created, checkEnd(items, item, n)
		}
		err = readRecord(item, f)
		if err != nil {
			return created, err
		}
	}
}

// majorBytes is CBOR's major type of byte strings.
const majorBytes = 2

// An itemReader decodes one item after the other, and reads no more for any than
// the longest can need.
type itemReader struct {
	*cbor.Decoder
	plain io.Reader
	left  int // for the item that is decoded
}

var errLongItem = fmt.Errorf("an item of more than %d bytes", maxItem)

func (r *itemReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, errLongItem
	}
	n, err := r.plain.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func readItem(items *itemReader) (cbor.RawMessage, error) {
	items.left = maxItem
	var item cbor.RawMessage
	err := items.Decode(&item)
	if err == nil && len(item) > maxItem { // it was read ahead
		err = errLongItem
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return item, err
}

// parseHeader reads the first item. Its version is judged before the rest.
func parseHeader(item []byte) (time.Time, error) {
	var v struct {
		Format  any    `cbor:"1,keyasint"`
		Version uint64 `cbor:"2,keyasint"`
	}
	if err := cbor.Unmarshal(item, &v); err != nil || v.Format != format {
		return time.Time{}, damaged(errors.New("it holds something else"))
	}
	if v.Version > version {
		return time.Time{}, fmt.Errorf("backup of version %d: %w", v.Version, keystore.ErrNewerSchema)
	}
	var h header
	if err := ctap.Unmarshal(item, &h); err != nil || h.Version != version {
		return time.Time{}, damaged(errors.New("its first item is malformed"))
	}
	return time.Unix(h.Created, 0), nil
}

func readRecord(item []byte, f func([]byte) error) error {
	defer clear(item)
	var record []byte
	if err := ctap.Unmarshal(item, &record); err != nil {
		return damaged(err)
	}
	defer clear(record)
	return f(record)
}

// checkEnd wants the trailer, and nothing behind it.
func checkEnd(items *itemReader, item []byte, n uint64) error {
	var end trailer
	if err := ctap.Unmarshal(item, &end); err != nil {
		return damaged(err)
	}
	if end.Count != n {
		return damaged(fmt.Errorf("it has %d passkeys, and says %d", n, end.Count))
	}
	items.left = maxItem
	if err := items.Decode(new(cbor.RawMessage)); err != io.EOF {
		return damaged(errors.New("something follows its end"))
	}
	return nil
}

func damaged(err error) error {
	return fmt.Errorf("the backup cannot be read: %w: %w", keystore.ErrCorrupt, err)
}

// Create makes the file of a backup: whole or not at all, durable, mode 0600;
// fs.ErrExist where there is one already. write writes its content.
func Create(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("make backup: %s: %w", path, os.ErrExist)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // its mode is 0600
	if err != nil {
		return fmt.Errorf("make backup: %w", err)
	}
	err = write(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = publish(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// publish gives a file its name, unless another has it. Where there are no hard
// links, as on most USB sticks, a file that came within this moment is lost.
func publish(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if _, there := os.Lstat(to); there == nil {
		return fmt.Errorf("make backup: %s: %w", to, os.ErrExist)
	}
	return os.Rename(from, to)
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such call
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
