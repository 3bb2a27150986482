package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"

	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/keystore"
)

var errReadOnly = errors.New("written in a View or within a Scan")

// tx implements keystore.Tx.
type tx struct {
	v        *Vault
	btx      *bolt.Tx
	records  *bolt.Bucket
	lists    *bolt.Bucket // nil: not needed yet
	readOnly bool
	damage   error // what a write met; the transaction is lost
}

// findBuckets finds where the records are, and where lists are needed, these.
// It runs guarded.
func (t *tx) findBuckets(lists bool) error {
	if t.records == nil {
		t.records = t.btx.Bucket(recordBucket)
	}
	if lists && t.lists == nil {
		t.lists = t.btx.Bucket(listBucket)
	}
	if t.records == nil || lists && t.lists == nil {
		return fmt.Errorf("a part is missing: %w", keystore.ErrCorrupt)
	}
	return nil
}

// write runs a step that writes.
func (t *tx) write(step func() error) error {
	if t.readOnly {
		return errReadOnly
	}
	err := guard(func() error {
		if err := t.findBuckets(true); err != nil {
			return err
		}
		return step()
	})
	if errors.Is(err, keystore.ErrCorrupt) {
		t.damage = err
	}
	return err
}

// load returns the record of an entry: fs.ErrNotExist where there is none.
func (t *tx) load(key [hashSize]byte) (*stored, error) {
	var s *stored
	err := guard(func() (err error) {
		if err := t.findBuckets(false); err != nil {
			return err
		}
		sealed := t.records.Get(key[:])
		if sealed == nil {
			return fs.ErrNotExist
		}
		s, err = t.v.keys.unseal(key, sealed)
		return err
	})
	return s, err
}

// loadID returns the record of an ID.
func (t *tx) loadID(id []byte) (*stored, error) {
	s, err := t.load(t.v.keys.recordKey(id))
	if err == nil && !bytes.Equal(s.id, id) {
		err = fmt.Errorf("it holds another record: %w", keystore.ErrCorrupt)
	}
	return s, err
}

// Get implements keystore.Tx.
func (t *tx) Get(id []byte) (keystore.Record, error) {
	s, err := t.loadID(id)
	if err != nil {
		return keystore.Record{}, fmt.Errorf("get record %x of vault %s: %w", id, t.v.path, err)
	}
	return keystore.Record{ID: s.id, Value: s.value}, nil
}

// Put implements keystore.Tx.
func (t *tx) Put(r keystore.Record, on ...keystore.Index) error {
	err := keystore.CheckID(r.ID)
	if err == nil && len(on) > math.MaxUint16 {
		err = fmt.Errorf("on %d lists", len(on))
	}
	if err == nil {
		err = t.write(func() error { return t.put(r, on) })
	}
	if err != nil {
		return fmt.Errorf("put record %x into vault %s: %w", r.ID, t.v.path, err)
	}
	return nil
}

func (t *tx) put(r keystore.Record, on []keystore.Index) error {
	old, err := t.loadID(r.ID)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = new(stored), nil
	}
	if err != nil {
		return err
	}
	key := t.v.keys.recordKey(r.ID)
	next := &stored{id: r.ID, value: r.Value}
	for _, list := range on {
		prefix := t.v.keys.listPrefix(list)
		if _, twice := next.placeOn(prefix); twice {
			continue
		}
		p, kept := old.placeOn(prefix)
		if !kept {
			sequence, err := t.lists.NextSequence()
			if err != nil {
				return err
			}
			p = placeOn(prefix, sequence)
			if err := t.lists.Put(p[:], key[:]); err != nil {
				return err
			}
		}
		next.places = append(next.places, p)
	}
	for _, p := range old.places {
		if _, kept := next.placeOn([hashSize]byte(p[:])); !kept {
			if err := t.lists.Delete(p[:]); err != nil {
				return err
			}
		}
	}
	return t.records.Put(key[:], t.v.keys.seal(key, next))
}

// Delete implements keystore.Tx.
func (t *tx) Delete(id []byte) error {
	err := t.write(func() error {
		s, err := t.loadID(id)
		if err != nil {
			return err
		}
		for _, p := range s.places {
			if err := t.lists.Delete(p[:]); err != nil {
				return err
			}
		}
		key := t.v.keys.recordKey(id)
		return t.records.Delete(key[:])
	})
	if err != nil {
		return fmt.Errorf("delete record %x of vault %s: %w", id, t.v.path, err)
	}
	return nil
}

// Wipe implements keystore.Tx.
func (t *tx) Wipe() error {
	err := t.write(func() error {
		t.records, t.lists = nil, nil
		return errors.Join(t.btx.DeleteBucket(recordBucket), t.btx.DeleteBucket(listBucket), createBuckets(t.btx))
	})
	if err != nil {
		return fmt.Errorf("wipe vault %s: %w", t.v.path, err)
	}
	return nil
}

// Scan implements keystore.Tx.
func (t *tx) Scan(list keystore.Index, after []byte, f func(keystore.Record) error) error {
	prefix := t.v.keys.listPrefix(list)
	// No entry has the highest number: the newest is the one before it.
	from := placeOn(prefix, math.MaxUint64)
	if after != nil {
		s, err := t.loadID(after)
		if err != nil {
			return fmt.Errorf("scan vault %s from record %x: %w", t.v.path, after, err)
		}
		var on bool
		if from, on = s.placeOn(prefix); !on {
			return fmt.Errorf("scan vault %s from record %x, which is not on the list: %w", t.v.path, after, fs.ErrNotExist)
		}
	}
	defer func(was bool) { t.readOnly = was }(t.readOnly)
	t.readOnly = true
	var cursor *bolt.Cursor
	for {
		s, err := t.before(&cursor, from)
		if err != nil {
			return fmt.Errorf("scan vault %s: %w", t.v.path, err)
		}
		if s == nil {
			return nil
		}
		from, _ = s.placeOn(prefix)
		if err := f(keystore.Record{ID: s.id, Value: s.value}); err != nil {
			return err
		}
	}
}

// before moves the cursor to the entry before a place and returns its record;
// nil where the list ends.
func (t *tx) before(cursor **bolt.Cursor, from place) (*stored, error) {
	var s *stored
	err := guard(func() error {
		var k, v []byte
		if *cursor == nil {
			if err := t.findBuckets(true); err != nil {
				return err
			}
			*cursor = t.lists.Cursor()
			if k, _ = (*cursor).Seek(from[:]); k == nil {
				k, v = (*cursor).Last()
			} else {
				k, v = (*cursor).Prev()
			}
		} else {
			k, v = (*cursor).Prev()
		}
		if !bytes.HasPrefix(k, from[:hashSize]) {
			return nil
		}
		if len(k) != len(place{}) || len(v) != hashSize || bytes.Compare(k, from[:]) >= 0 {
			return fmt.Errorf("entry %x of a list: %w", k, keystore.ErrCorrupt)
		}
		var err error
		if s, err = t.load([hashSize]byte(v)); err != nil {
			return fmt.Errorf("record at %x: %w: %w", v, keystore.ErrCorrupt, err)
		}
		if p, on := s.placeOn([hashSize]byte(from[:])); !on || !bytes.Equal(p[:], k) {
			return fmt.Errorf("record %x is not on the list that names it: %w", s.id, keystore.ErrCorrupt)
		}
		return nil
	})
	return s, err
}
