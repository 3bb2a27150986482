// Package arena keeps the secrets that roots hold for long in memory pages that
// the system neither swaps out nor dumps, where it allows that. Copies that the
// standard library makes while it works, an expanded AES key say, are elsewhere
// and left to the garbage collector: the arena makes a secret rarer in memory,
// not absent from it.
package arena

import (
	"runtime"
	"sync"
	"unsafe"
)

// A Box holds a value in the arena until Free, or until the garbage collector
// finds that nobody holds the Box. Not safe for concurrent use.
type Box[T any] struct {
	value   *T
	cleanup runtime.Cleanup
}

// New makes a box with a zero value of a type that holds no pointers: the
// garbage collector does not look into the arena.
func New[T any]() *Box[T] {
	b := &Box[T]{value: (*T)(process.take(slot[T]()))}
	b.cleanup = runtime.AddCleanup(b, give[T], b.value)
	return b
}

// Value returns where the value is, which must not be used when the Box is gone;
// nil after Free.
func (b *Box[T]) Value() *T { return b.value }

// Free overwrites the value with zeros and gives its place back. Repeatable.
func (b *Box[T]) Free() {
	if b.value != nil {
		b.cleanup.Stop()
		give(b.value)
		b.value = nil
	}
}

func give[T any](value *T) {
	*value = *new(T)
	process.give(unsafe.Pointer(value), slot[T]())
}

// Usage returns how much memory the arena has, in bytes, and why not all of it
// is locked; nil where it is.
func Usage() (size int, refused error) {
	process.mu.Lock()
	defer process.mu.Unlock()
	return process.size, process.refused
}

// process is the one arena: systems bound the locked memory of a process, so
// that its roots have to share it.
var process = arena{pages: pages}

const (
	unit  = 32 // slots are multiples of it
	chunk = 16 << 10
)

// slot returns the size of the slots that a type takes.
func slot[T any]() int { return (int(unsafe.Sizeof(*new(T))) + unit - 1) / unit * unit }

type arena struct {
	pages func(size int) ([]byte, error)

	mu      sync.Mutex
	size    int
	rest    []byte                   // of the newest chunk, never used yet
	given   map[int][]unsafe.Pointer // slots given back, by size, all zeros
	refused error
}

func (a *arena) take(size int) unsafe.Pointer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if all := a.given[size]; len(all) > 0 {
		a.given[size] = all[:len(all)-1]
		return all[len(all)-1]
	}
	if len(a.rest) < size {
		b, err := a.pages(max(chunk, size))
		if err != nil && a.refused == nil {
			a.refused = err
		}
		if b == nil {
			b = make([]byte, max(chunk, size))
		}
		a.rest = b
		a.size += len(b)
	}
	p := unsafe.Pointer(&a.rest[0])
	a.rest = a.rest[size:]
	return p
}

func (a *arena) give(p unsafe.Pointer, size int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.given == nil {
		a.given = make(map[int][]unsafe.Pointer)
	}
	a.given[size] = append(a.given[size], p)
}
