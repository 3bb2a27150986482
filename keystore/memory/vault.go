package memory

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/seed-77d61853/signet/keystore"
)

// Vault keeps records in memory. It implements keystore.Vault.
type Vault struct {
	turn chan struct{} // held by the one Update, by putting into it

	mu      sync.RWMutex // held throughout each transaction
	closed  bool
	records map[string]*record
	lists   map[listKey]*list.List // of *record, newest first
}

type record struct {
	value keystore.Record
	on    map[listKey]*list.Element
}

type listKey struct{ kind, value string }

// NewVault makes an empty vault.
func NewVault() *Vault { return &Vault{turn: make(chan struct{}, 1)} }

// View implements keystore.Vault.
func (v *Vault) View(ctx context.Context, f func(keystore.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("view vault: %w", err)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return fmt.Errorf("view vault: %w", fs.ErrClosed)
	}
	return f(&tx{v: v, readOnly: true})
}

// Update implements keystore.Vault.
func (v *Vault) Update(ctx context.Context, f func(keystore.Tx) error) error {
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("update vault: %w", ctx.Err())
	}
	defer func() { <-v.turn }()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("update vault: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return fmt.Errorf("update vault: %w", fs.ErrClosed)
	}
	t := &tx{v: v}
	done := false
	defer func() {
		if !done {
			t.rollBack()
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	done = true
	return nil
}

// Close implements keystore.Vault.
func (v *Vault) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed, v.records, v.lists = true, nil, nil
	return nil
}

var errReadOnly = errors.New("vault: written in a View or within a Scan")

// tx is one transaction; what it did it can undo.
type tx struct {
	v        *Vault
	readOnly bool
	undo     []func()
}

func (t *tx) rollBack() {
	for _, f := range slices.Backward(t.undo) {
		f()
	}
}

// Get implements keystore.Tx.
func (t *tx) Get(id []byte) (keystore.Record, error) {
	rec, ok := t.v.records[string(id)]
	if !ok {
		return keystore.Record{}, fmt.Errorf("get record: %w", fs.ErrNotExist)
	}
	return rec.copy(), nil
}

func (r *record) copy() keystore.Record {
	return keystore.Record{ID: bytes.Clone(r.value.ID), Value: bytes.Clone(r.value.Value)}
}

// Put implements keystore.Tx.
func (t *tx) Put(r keystore.Record, on ...keystore.Index) error {
	if t.readOnly {
		return fmt.Errorf("put record: %w", errReadOnly)
	}
	if err := keystore.CheckID(r.ID); err != nil {
		return fmt.Errorf("put record: %w", err)
	}
	v := t.v
	id := string(r.ID)
	rec, replaced := v.records[id]
	if !replaced {
		if v.records == nil {
			v.records = make(map[string]*record)
			v.lists = make(map[listKey]*list.List)
		}
		rec = &record{on: make(map[listKey]*list.Element)}
		v.records[id] = rec
		t.undo = append(t.undo, func() { delete(v.records, id) })
	}
	old := rec.value
	rec.value = (&record{value: r}).copy()
	t.undo = append(t.undo, func() { rec.value = old })

	wanted := make(map[listKey]bool, len(on))
	for _, index := range on {
		wanted[listKey{index.Kind, string(index.Value)}] = true
	}
	for key := range rec.on {
		if !wanted[key] {
			t.takeOff(rec, key)
		}
	}
	for key := range wanted {
		if rec.on[key] == nil {
			t.putOn(rec, key)
		}
	}
	return nil
}

// Delete implements keystore.Tx.
func (t *tx) Delete(id []byte) error {
	if t.readOnly {
		return fmt.Errorf("delete record: %w", errReadOnly)
	}
	v := t.v
	rec, ok := v.records[string(id)]
	if !ok {
		return fmt.Errorf("delete record: %w", fs.ErrNotExist)
	}
	for key := range rec.on {
		t.takeOff(rec, key)
	}
	delete(v.records, string(rec.value.ID))
	t.undo = append(t.undo, func() { v.records[string(rec.value.ID)] = rec })
	return nil
}

// Wipe implements keystore.Tx.
func (t *tx) Wipe() error {
	if t.readOnly {
		return fmt.Errorf("wipe vault: %w", errReadOnly)
	}
	v := t.v
	records, lists := v.records, v.lists
	v.records, v.lists = nil, nil
	t.undo = append(t.undo, func() { v.records, v.lists = records, lists })
	return nil
}

// Scan implements keystore.Tx.
func (t *tx) Scan(index keystore.Index, after []byte, f func(keystore.Record) error) error {
	key := listKey{index.Kind, string(index.Value)}
	var at *list.Element
	if after == nil {
		if l := t.v.lists[key]; l != nil {
			at = l.Front()
		}
	} else {
		rec := t.v.records[string(after)]
		if rec == nil || rec.on[key] == nil {
			return fmt.Errorf("scan vault: %w", fs.ErrNotExist)
		}
		at = rec.on[key].Next()
	}
	defer func(was bool) { t.readOnly = was }(t.readOnly)
	t.readOnly = true
	for ; at != nil; at = at.Next() {
		if err := f(at.Value.(*record).copy()); err != nil {
			return err
		}
	}
	return nil
}

// putOn makes a record the newest on a list.
func (t *tx) putOn(rec *record, key listKey) {
	l := t.v.lists[key]
	if l == nil {
		l = list.New()
		t.v.lists[key] = l
	}
	rec.on[key] = l.PushFront(rec)
	t.undo = append(t.undo, func() {
		l.Remove(rec.on[key])
		delete(rec.on, key)
		t.v.dropEmpty(key)
	})
}

// takeOff takes a record off a list. It is undone in reverse order, so the
// neighbour is there again by then.
func (t *tx) takeOff(rec *record, key listKey) {
	l, at := t.v.lists[key], rec.on[key]
	var newer *record
	if prev := at.Prev(); prev != nil {
		newer = prev.Value.(*record)
	}
	l.Remove(at)
	delete(rec.on, key)
	t.v.dropEmpty(key)
	t.undo = append(t.undo, func() {
		t.v.lists[key] = l
		if newer == nil {
			rec.on[key] = l.PushFront(rec)
		} else {
			rec.on[key] = l.InsertAfter(rec, newer.on[key])
		}
	})
}

func (v *Vault) dropEmpty(key listKey) {
	if l := v.lists[key]; l != nil && l.Len() == 0 {
		delete(v.lists, key)
	}
}
