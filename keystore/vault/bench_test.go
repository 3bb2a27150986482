package vault

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/seed-77d61853/signet/keystore"
)

// The benchmarks set a vault of 100,000 records beside a bare bbolt bucket of
// the same: compare Get with BareGet, Put with BarePut.
const benchRecords = 100_000

func BenchmarkGet(b *testing.B) {
	v := mustOpen(b, filled(b, benchRecords))
	for i := 0; b.Loop(); i++ {
		err := v.View(b.Context(), func(tx keystore.Tx) error {
			_, err := tx.Get(idOf(i * 7919 % benchRecords))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareGet(b *testing.B) {
	db := bare(b)
	var out []byte
	for i := 0; b.Loop(); i++ {
		err := db.View(func(tx *bolt.Tx) error {
			out = append(out[:0], tx.Bucket(recordBucket).Get(idOf(i*7919%benchRecords))...)
			return nil
		})
		if err != nil || len(out) == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	v := mustOpen(b, filled(b, benchRecords))
	for i := benchRecords; b.Loop(); i++ {
		err := v.Update(b.Context(), func(tx keystore.Tx) error { return tx.Put(recordOf(i), rp) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBarePut(b *testing.B) {
	db := bare(b)
	for i := benchRecords; b.Loop(); i++ {
		r := recordOf(i)
		err := db.Update(func(tx *bolt.Tx) error { return tx.Bucket(recordBucket).Put(r.ID, r.Value) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan reads one record of a list, from its middle.
func BenchmarkScan(b *testing.B) {
	v := mustOpen(b, filled(b, benchRecords))
	for i := 0; b.Loop(); i++ {
		err := v.View(b.Context(), func(tx keystore.Tx) error {
			err := tx.Scan(rp, idOf(i*7919%benchRecords), func(keystore.Record) error { return os.ErrDeadlineExceeded })
			if err == os.ErrDeadlineExceeded {
				return nil
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1, benchRecords} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := filled(b, n)
			for b.Loop() {
				v, err := Open(path, testKey)
				if err != nil {
					b.Fatal(err)
				}
				v.Close()
			}
		})
	}
}

func bare(b *testing.B) *bolt.DB {
	b.Helper()
	db, err := bolt.Open(filepath.Join(b.TempDir(), "bare"), 0o600, options(nil))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	for at := 0; at < benchRecords; {
		err := db.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists(recordBucket)
			for ; err == nil && at < benchRecords; at++ {
				r := recordOf(at)
				err = bucket.Put(r.ID, r.Value)
				if at%10000 == 9999 {
					at++
					break
				}
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return db
}
