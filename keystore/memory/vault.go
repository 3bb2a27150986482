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
	on    []place // few, so no map
}

// place is where a record is on a list.
type place struct {
	list listKey
	at   *list.Element
}

// at gives the record's place on a list; nil where it is not on it.
func (r *record) at(key listKey) *list.Element {
	for _, p := range r.on {
		if p.list == key {
			return p.at
		}
	}
	return nil
}

func (r *record) leave(key listKey) {
	r.on = slices.DeleteFunc(r.on, func(p place) bool { return p.list == key })
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

var errNoRecord = fmt.Errorf("get record: %w", fs.ErrNotExist)

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
		return keystore.Record{}, errNoRecord
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
		rec = new(record)
		v.records[id] = rec
		t.undo = append(t.undo, func() { delete(v.records, id) })
	} else {
		old := rec.value
		t.undo = append(t.undo, func() { rec.value = old })
	}
	rec.value = (&record{value: r}).copy()

	wanted := make(map[listKey]bool, len(on))
	for _, index := range on {
		wanted[listKey{index.Kind, string(index.Value)}] = true
	}
	for _, p := range slices.Clone(rec.on) {
		if !wanted[p.list] {
			t.takeOff(rec, p.list)
		}
	}
	for key := range wanted {
		if rec.at(key) == nil {
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
	for _, p := range slices.Clone(rec.on) {
		t.takeOff(rec, p.list)
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
		if rec == nil || rec.at(key) == nil {
			return fmt.Errorf("scan vault: %w", fs.ErrNotExist)
		}
		at = rec.at(key).Next()
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
	rec.on = append(rec.on, place{key, l.PushFront(rec)})
	t.undo = append(t.undo, func() {
		l.Remove(rec.at(key))
		rec.leave(key)
		t.v.dropEmpty(key)
	})
}

// takeOff takes a record off a list. It is undone in reverse order, so the
// neighbour is there again by then.
func (t *tx) takeOff(rec *record, key listKey) {
	l, at := t.v.lists[key], rec.at(key)
	var newer *record
	if prev := at.Prev(); prev != nil {
		newer = prev.Value.(*record)
	}
	l.Remove(at)
	rec.leave(key)
	t.v.dropEmpty(key)
	t.undo = append(t.undo, func() {
		t.v.lists[key] = l
		if newer == nil {
			rec.on = append(rec.on, place{key, l.PushFront(rec)})
		} else {
			rec.on = append(rec.on, place{key, l.InsertAfter(rec, newer.at(key))})
		}
	})
}

func (v *Vault) dropEmpty(key listKey) {
	if l := v.lists[key]; l != nil && l.Len() == 0 {
		delete(v.lists, key)
	}
}
