// Package vault keeps records in one bbolt file that tells nothing at rest:
// values are sealed with AES-256-GCM, record IDs and lists are keyed hashes.
// What can be seen is how many records there are, how long each is, in which
// order they were made, and which are on a list together.
//
// An old copy of the file is not told from the present one: that is for a
// counter in the root to tell.
package vault

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/seed-77d61853/signet/keystore"
)

// ErrWrongKey tells that a vault was made with another key: it belongs to
// another root.
var ErrWrongKey = errors.New("vault: made with another key")

// schema is the version of the layout. A program refuses what a newer one made.
// From the second on a vault has a label: see Label.
const schema = 2

// The buckets of the file and the entries of its header.
var (
	headerBucket = []byte("signet vault")
	recordBucket = []byte("records") // hash of ID -> sealed record
	listBucket   = []byte("lists")   // hash of list ‖ sequence -> hash of ID

	schemaEntry = []byte("schema") // big-endian, 4 bytes
	checkEntry  = []byte("check")  // depends on key and schema only
)

// Vault implements keystore.Vault.
type Vault struct {
	path string
	keys *keys
	file *os.File // under db; to be closed where db cannot be
	db   *bolt.DB
	made bool // by Create

	turn chan struct{} // held by the one Update, by putting into it

	mu     sync.RWMutex // held for reading throughout each transaction
	closed bool
	broken error // bbolt stopped half way through a write; turn is held to set it
}

// Create makes an empty vault: fs.ErrExist where the file is there already. The
// file appears whole or not at all. The key is 32 bytes.
func Create(path string, key []byte) (*Vault, error) {
	v, err := create(path, key)
	if err != nil {
		return nil, fmt.Errorf("create vault %s: %w", path, err)
	}
	return v, nil
}

func create(path string, key []byte) (*Vault, error) {
	keys, err := newKeys(key)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fs.ErrExist
	}
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	db, err := bolt.Open(unfinished, 0o600, options(nil))
	if err != nil {
		return nil, err
	}
	defer os.Remove(unfinished)
	err = db.Update(func(tx *bolt.Tx) error {
		header, err := tx.CreateBucket(headerBucket)
		if err != nil {
			return err
		}
		return errors.Join(
			header.Put(schemaEntry, binary.BigEndian.AppendUint32(nil, schema)),
			header.Put(checkEntry, keys.checks[schema-1][:]),
			createBuckets(tx))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(unfinished, path); err != nil {
		return nil, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	v, err := open(path, keys)
	if err == nil {
		v.made = true
	}
	return v, err
}

// New implements keystore.DurableVault.
func (v *Vault) New() bool { return v.made }

func createBuckets(tx *bolt.Tx) error {
	_, err := tx.CreateBucket(recordBucket)
	_, err2 := tx.CreateBucket(listBucket)
	return errors.Join(err, err2)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Open opens a vault with the key that it was made with: fs.ErrNotExist where
// there is no file, ErrWrongKey where the key is another one,
// keystore.ErrNewerSchema where a newer program made it, keystore.ErrInUse, at
// once, where another process has it open, keystore.ErrCorrupt where it is
// damaged.
func Open(path string, key []byte) (*Vault, error) {
	keys, err := newKeys(key)
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", path, err)
	}
	v, err := open(path, keys)
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", path, err)
	}
	return v, nil
}

func open(path string, keys *keys) (*Vault, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("mode is %04o, which lets others read or write it: set it to 0600", mode)
	}
	// bbolt would take an empty file for a new one.
	if info.Size() == 0 {
		return nil, fmt.Errorf("the file is empty: %w", keystore.ErrCorrupt)
	}
	v := &Vault{path: path, keys: keys, turn: make(chan struct{}, 1)}
	err = guard(func() (err error) {
		v.db, err = bolt.Open(path, 0o600, options(&v.file))
		return err
	})
	if err == nil {
		err = guard(func() error { return v.db.View(v.checkHeader) })
		if err == nil {
			return v, nil
		}
		return nil, errors.Join(err, v.db.Close())
	}
	v.abandon()
	var system *fs.PathError
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, keystore.ErrInUse
	case errors.As(err, &system), errors.Is(err, keystore.ErrCorrupt):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", keystore.ErrCorrupt, err)
}

// options opens a file at once or not at all, and for a vault that is there
// already, never makes one; file receives what was opened.
func options(file **os.File) *bolt.Options {
	o := *bolt.DefaultOptions
	o.Timeout = 1
	o.FreelistType = bolt.FreelistMapType
	o.NoStatistics = true
	if file != nil {
		o.OpenFile = func(path string, flag int, mode os.FileMode) (f *os.File, err error) {
			*file, err = os.OpenFile(path, flag&^os.O_CREATE, mode)
			return *file, err
		}
	}
	return &o
}

func (v *Vault) checkHeader(tx *bolt.Tx) error {
	info, err := v.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("cut off at %d of %d bytes: %w", info.Size(), tx.Size(), keystore.ErrCorrupt)
	}
	header := tx.Bucket(headerBucket)
	if header == nil {
		return fmt.Errorf("not a vault: %w", keystore.ErrCorrupt)
	}
	version := header.Get(schemaEntry)
	if len(version) != 4 {
		return fmt.Errorf("no schema version: %w", keystore.ErrCorrupt)
	}
	n := binary.BigEndian.Uint32(version)
	if n > schema {
		return fmt.Errorf("schema %d, this program knows %d: %w", n, schema, keystore.ErrNewerSchema)
	} else if n < 1 {
		return fmt.Errorf("schema %d: %w", n, keystore.ErrCorrupt)
	}
	// Nobody without the key makes an older schema of it, by which a vault may
	// lack what it must have now.
	check, want := header.Get(checkEntry), &v.keys.checks[n-1]
	if len(check) != len(want) {
		return fmt.Errorf("no key check: %w", keystore.ErrCorrupt)
	}
	if subtle.ConstantTimeCompare(check, want[:]) != 1 {
		return ErrWrongKey
	}
	if tx.Bucket(recordBucket) == nil || tx.Bucket(listBucket) == nil {
		return fmt.Errorf("a part is missing: %w", keystore.ErrCorrupt)
	}
	return nil
}

// View implements keystore.Vault.
func (v *Vault) View(ctx context.Context, f func(keystore.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return v.wrap("view", err)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	btx, err := v.begin(false)
	if err != nil {
		return v.wrap("view", err)
	}
	defer guard(btx.Rollback)
	return f(&tx{v: v, btx: btx, readOnly: true})
}

// Update implements keystore.Vault.
func (v *Vault) Update(ctx context.Context, f func(keystore.Tx) error) error {
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return v.wrap("update", ctx.Err())
	}
	defer func() { <-v.turn }()
	if err := ctx.Err(); err != nil {
		return v.wrap("update", err)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	btx, err := v.begin(true)
	if err != nil {
		return v.wrap("update", err)
	}
	finished := false
	defer func() {
		if !finished {
			v.breakOn(guard(btx.Rollback))
		}
	}()
	t := &tx{v: v, btx: btx}
	if err := f(t); err != nil {
		return err
	}
	// A transaction that met damage must not be committed, whatever f made of
	// the error.
	if t.damage != nil {
		return v.wrap("update", t.damage)
	}
	finished = true
	if err := guard(btx.Commit); err != nil {
		v.breakOn(err)
		return v.wrap("update", err)
	}
	return nil
}

// breakOn ends the use of a vault whose transaction could neither be committed
// nor rolled back.
func (v *Vault) breakOn(err error) {
	if errors.Is(err, keystore.ErrCorrupt) {
		v.broken = err
	}
}

func (v *Vault) begin(writable bool) (*bolt.Tx, error) {
	if v.closed {
		return nil, fs.ErrClosed
	}
	if writable && v.broken != nil {
		return nil, v.broken
	}
	var btx *bolt.Tx
	err := guard(func() (err error) {
		btx, err = v.db.Begin(writable)
		return err
	})
	return btx, err
}

// Close implements keystore.Vault.
func (v *Vault) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	v.closed = true
	v.keys.wipe()
	if v.broken != nil {
		// bbolt would wait for its stopped writer for ever.
		return v.wrap("close", v.abandon())
	}
	return v.wrap("close", guard(v.db.Close))
}

// abandon lets go of the file without bbolt, which had to stop in the middle.
func (v *Vault) abandon() error {
	if v.file == nil {
		return nil
	}
	return errors.Join(unlock(v.file), v.file.Close())
}

func (v *Vault) wrap(step string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s vault %s: %w", step, v.path, err)
}

// guard runs a step of bbolt, which panics on a damaged page, or reads behind
// the end of a file that was cut off: both become ErrCorrupt.
func guard(step func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", keystore.ErrCorrupt, p)
			if _, fault := p.(runtime.Error); fault {
				err = fmt.Errorf("%w: a page is damaged or missing", keystore.ErrCorrupt)
			}
		}
	}()
	return step()
}
