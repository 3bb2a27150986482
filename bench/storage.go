package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/vault"
)

const (
	records    = 10_000
	recordSize = 300 // bytes, as a credential's
	batch      = 1_000
)

var bucket = []byte("records")

// storage compares the vault with a bare database that holds as many records
// of the same size. Writes end on the disk, in both.
func storage(ctx context.Context, dir string) ([]comparison, error) {
	v, err := newVault(ctx, filepath.Join(dir, "vault"))
	if err != nil {
		return nil, fmt.Errorf("make vault: %w", err)
	}
	db, err := newDatabase(filepath.Join(dir, "bare"))
	if err != nil {
		return nil, fmt.Errorf("make database: %w", err)
	}
	value := make([]byte, recordSize)
	next := walk()
	bareNext := walk()
	return []comparison{
		{
			clock: processorTime,
			name:  fmt.Sprintf("vault: get one of %d", records),
			subject: func() error {
				return v.View(ctx, func(tx keystore.Tx) error { _, err := tx.Get(next()); return err })
			},
			reference: func() error {
				return db.View(func(tx *bolt.Tx) error {
					if tx.Bucket(bucket).Get(bareNext()) == nil {
						return fmt.Errorf("record is not there")
					}
					return nil
				})
			},
		},
		{
			clock: wallTime,
			name:  fmt.Sprintf("vault: put one of %d", records),
			subject: func() error {
				return v.Update(ctx, func(tx keystore.Tx) error { return tx.Put(keystore.Record{ID: next(), Value: value}) })
			},
			reference: func() error {
				return db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put(bareNext(), value) })
			},
		},
	}, nil
}

// id names a record, spread over the tree as random IDs are.
func id(n uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, n*0x9E3779B97F4A7C15)
	return append(b, make([]byte, 24)...)
}

// walk returns the IDs of all records, over and over.
func walk() func() []byte {
	n := uint64(0)
	return func() []byte { n++; return id(n % records) }
}

func newVault(ctx context.Context, path string) (*vault.Vault, error) {
	key := make([]byte, 32)
	rand.Read(key)
	v, err := vault.Create(path, key)
	if err != nil {
		return nil, err
	}
	for from := uint64(0); from < records; from += batch {
		if err := v.Update(ctx, func(tx keystore.Tx) error {
			for n := from; n < from+batch; n++ {
				if err := tx.Put(keystore.Record{ID: id(n), Value: make([]byte, recordSize)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func newDatabase(path string) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return nil, err
	}
	return db, db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket(bucket)
		if err != nil {
			return err
		}
		for n := range uint64(records) {
			if err := b.Put(id(n), make([]byte, recordSize)); err != nil {
				return err
			}
		}
		return nil
	})
}
