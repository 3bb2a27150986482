package keystore

import (
	"context"
	"fmt"
)

// MaxIDLength bounds a record's ID in bytes.
const MaxIDLength = 1023

// A Record is one thing to remember. The vault keeps Value without looking
// into it.
type Record struct {
	// ID names the record, 1 to 1023 bytes; a vault holds one record an ID.
	ID []byte
	// Value is the record's content.
	Value []byte
}

// CheckID tells whether a vault takes a record's ID, by its length.
func CheckID(id []byte) error {
	if len(id) == 0 || len(id) > MaxIDLength {
		return fmt.Errorf("keystore: record ID of %d bytes", len(id))
	}
	return nil
}

// An Index is a list that records can be found on: all records put with the
// same kind and value.
type Index struct {
	// Kind is what the list is about, a constant of the caller: "rp".
	Kind string
	// Value picks one list of the kind: an rpIdHash. May be empty.
	Value []byte
}

// A Tx is one transaction on a vault, to be used only within the callback that
// received it and by one goroutine. The slices that it returns belong to the
// caller.
type Tx interface {
	// Get returns the record of an ID: fs.ErrNotExist where there is none,
	// ErrCorrupt, naming the record, where it does not authenticate.
	Get(id []byte) (Record, error)
	// Put adds a record or replaces the one with its ID, and puts it on the
	// given lists and on no others. A record replaced on a list that it was
	// on already keeps its place there; on a new list it is the newest.
	Put(r Record, on ...Index) error
	// Delete removes a record and takes it off its lists: fs.ErrNotExist where
	// there is none.
	Delete(id []byte) error
	// Scan calls f for each record on a list, newest first, starting behind
	// the record whose ID is after (nil: from the newest). An after that is
	// not on the list is fs.ErrNotExist. An error of f ends the scan and is
	// returned as it is. Within f the methods that write return an error.
	Scan(list Index, after []byte, f func(Record) error) error
	// Wipe removes every record.
	Wipe() error
}

// A Vault remembers records, durably and confidentially. It opens in constant
// time and looks up in O(log n), up to a million records. Safe for concurrent
// use. Never prompt or call a root within a transaction: others wait for it.
// Transactions do not nest. A context is honoured until f is called; a panic of
// f undoes its update. A closed vault answers fs.ErrClosed.
type Vault interface {
	// View runs f on a consistent snapshot; the methods of Tx that write
	// return an error.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f alone among updates. If f returns nil, all that it wrote
	// is on disk before Update returns; otherwise nothing of it is, and f's
	// error is returned as it is.
	Update(ctx context.Context, f func(Tx) error) error
	// Close ends the vault's use; open transactions finish first.
	Close() error
}
