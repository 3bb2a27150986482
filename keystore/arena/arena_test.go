package arena

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

type secret [32]byte

func TestBox(t *testing.T) {
	b := New[secret]()
	v := b.Value()
	if *v != (secret{}) {
		t.Error("a new value is not zero")
	}
	for i := range v {
		v[i] = 0xff
	}
	b.Free()
	b.Free()
	if b.Value() != nil {
		t.Error("a freed box has a value")
	}
	if *v != (secret{}) {
		t.Error("Free left bytes")
	}
	again := New[secret]()
	defer again.Free()
	if again.Value() != v {
		t.Error("the place was not used again")
	}
}

// TestSlots takes values of many sizes at once: none touches another.
func TestSlots(t *testing.T) {
	type box interface{ Free() }
	var boxes []box
	var all [][]byte
	for range 300 {
		a, b, c := New[[1]byte](), New[[33]byte](), New[[1000]byte]()
		boxes = append(boxes, a, b, c)
		all = append(all, a.Value()[:], b.Value()[:], c.Value()[:])
		d := New[struct {
			x uint64
			y bool
		}]()
		if uintptr(unsafe.Pointer(d.Value()))%unsafe.Alignof(uint64(0)) != 0 {
			t.Error("a value is not aligned")
		}
		boxes = append(boxes, d)
	}
	for i, v := range all {
		for j := range v {
			v[j] = byte(i)
		}
	}
	for i, v := range all {
		if !bytes.Equal(v, bytes.Repeat([]byte{byte(i)}, len(v))) {
			t.Fatalf("value %d was written over", i)
		}
	}
	for _, b := range boxes {
		b.Free()
	}
	before, _ := Usage()
	big := New[[3 * chunk]byte]()
	big.Value()[3*chunk-1] = 1
	big.Free()
	if after, _ := Usage(); after < before+3*chunk {
		t.Errorf("the arena has %d bytes, then %d", before, after)
	}
}

// TestForgotten drops boxes without Free: their places are wiped and used again.
func TestForgotten(t *testing.T) {
	drop := func() (p *[777]byte) {
		p = New[[777]byte]().Value()
		p[5] = 1
		return p
	}
	p := drop()
	for range 100 {
		runtime.GC()
		b := New[[777]byte]()
		if b.Value() == p {
			if p[5] != 0 {
				t.Error("the value was not wiped")
			}
			b.Free()
			return
		}
		b.Free()
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a forgotten box keeps its place")
}

// TestRefused takes memory where none may be locked, and where none is given.
func TestRefused(t *testing.T) {
	refused := errors.New("refused")
	for _, b := range [][]byte{make([]byte, chunk), nil} {
		a := arena{pages: func(int) ([]byte, error) { return b, refused }}
		p := (*secret)(a.take(32))
		p[0] = 1
		if q := (*secret)(a.take(32)); q == p || q[0] != 0 {
			t.Error("two values in one place")
		}
		if a.refused != refused || a.size != chunk {
			t.Errorf("refused: %v, %d bytes", a.refused, a.size)
		}
	}
}

func TestConcurrency(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 1000 {
				b := New[secret]()
				v := b.Value()
				v[0] += byte(i + 1)
				if v[0] != byte(i+1) {
					t.Error("a value is shared")
				}
				b.Free()
			}
		})
	}
	wg.Wait()
}

// TestLocked looks up in the kernel how the pages are held.
func TestLocked(t *testing.T) {
	b := New[secret]()
	defer b.Free()
	_, refused := Usage()
	if runtime.GOOS != "linux" {
		t.Logf("refused: %v", refused)
		return
	}
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	address := uintptr(unsafe.Pointer(b.Value()))
	inside := false
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= address && address < to
		}
		flags, ok := strings.CutPrefix(line, "VmFlags:")
		if !inside || !ok {
			continue
		}
		// dd: not dumped; lo: locked.
		if !strings.Contains(flags, " dd") || strings.Contains(flags, " lo") != (refused == nil) {
			t.Errorf("the pages are%s and refused is %v", strings.TrimSpace(flags), refused)
		}
		return
	}
	t.Errorf("no pages at %#x", address)
}

func BenchmarkBox(b *testing.B) {
	for b.Loop() {
		New[secret]().Free()
	}
}
