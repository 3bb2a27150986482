package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// A script is a TPM that answers with response codes, one after the other, and
// the last one for ever.
type script struct {
	mu    sync.Mutex
	codes []tpm2.TPMRC
	errs  map[int]error // by command
	wait  chan struct{} // nil: none
	n     int
	open  int
}

func (s *script) opener() Opener {
	return func() (transport.TPMCloser, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open++
		return s, nil
	}
}

func (s *script) Send([]byte) ([]byte, error) {
	if s.wait != nil {
		<-s.wait
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if err := s.errs[s.n]; err != nil {
		return nil, err
	}
	code := s.codes[min(s.n, len(s.codes))-1]
	answer := binary.BigEndian.AppendUint16(nil, uint16(tpm2.TPMSTNoSessions))
	answer = binary.BigEndian.AppendUint32(answer, responseHeader)
	return binary.BigEndian.AppendUint32(answer, uint32(code)), nil
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	return nil
}

func ping(t transport.TPM) error {
	_, err := tpm2.FlushContext{FlushHandle: tpm2.TPMHandle(0x80000000)}.Execute(t)
	return err
}

// TestRetry: what passes by itself is waited for, what others hold for a while.
func TestRetry(t *testing.T) {
	again := []tpm2.TPMRC{tpm2.TPMRCRetry, tpm2.TPMRCYielded, tpm2.TPMRCTesting, tpm2.TPMRCNVRate}
	for _, test := range []struct {
		name  string
		codes []tpm2.TPMRC
		want  error
		least time.Duration
		most  time.Duration
	}{
		{"at once", []tpm2.TPMRC{tpm2.TPMRCSuccess}, nil, 0, 0},
		{"later", append(again, tpm2.TPMRCSuccess), nil, 30 * time.Millisecond, 30 * time.Millisecond},
		{"never", []tpm2.TPMRC{tpm2.TPMRCNVRate}, tpm2.TPMRCNVRate, patience, patience + longestPause},
		{"others hold it for a while", []tpm2.TPMRC{tpm2.TPMRCObjectMemory, tpm2.TPMRCSessionHandles, 0}, nil, time.Millisecond, time.Second},
		{"others hold it", []tpm2.TPMRC{tpm2.TPMRCSessionMemory}, ErrExhausted, shortage, shortage + longestPause},
		{"lockout", []tpm2.TPMRC{tpm2.TPMRCLockout}, ErrLockedOut, 0, 0},
		{"not started", []tpm2.TPMRC{tpm2.TPMRCInitialize}, ErrNotStarted, 0, 0},
		{"failed", []tpm2.TPMRC{tpm2.TPMRCFailure}, ErrFailed, 0, 0},
		{"full", []tpm2.TPMRC{tpm2.TPMRCNVSpace}, ErrFull, 0, 0},
		{"switched off", []tpm2.TPMRC{tpm2.TPMRCHierarchy + 0x100}, ErrHierarchy, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChip((&script{codes: test.codes}).opener())
				defer c.close()
				start := time.Now()
				err := c.run(t.Context(), ping)
				if !errors.Is(err, test.want) {
					t.Errorf("got error %v, want %v", err, test.want)
				}
				if took := time.Since(start); took < test.least || took > test.most {
					t.Errorf("took %v, want %v to %v", took, test.least, test.most)
				}
			})
		})
	}
}

// TestDeadline: a caller has its answer at its deadline, the command is
// finished, and the next caller waits for it.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{codes: []tpm2.TPMRC{0}, wait: make(chan struct{})}
		c := newChip(s.opener())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		discarded := make(chan int, 1)
		_, err := do(ctx, c, func(t transport.TPM) (int, error) { return 7, ping(t) }, func(n int) { discarded <- n })
		wants(t, "at the deadline", err, context.DeadlineExceeded)
		next := make(chan error)
		go func() { next <- c.run(context.Background(), ping) }()
		synctest.Wait()
		select {
		case err := <-next:
			t.Fatalf("the next caller did not wait: %v", err)
		default:
		}
		wants(t, "a caller in the queue", c.run(ctx, ping), context.DeadlineExceeded)
		s.wait <- struct{}{}
		if n := <-discarded; n != 7 {
			t.Errorf("discarded %d", n)
		}
		s.wait <- struct{}{}
		must(t, "the next caller", <-next)
		c.close()
		if s.n != 2 || s.open != 0 {
			t.Errorf("%d commands, %d connections left", s.n, s.open)
		}
		wants(t, "closed", c.run(context.Background(), ping), fs.ErrClosed)
	})
}

// TestClosing cuts a pause short.
func TestClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChip((&script{codes: []tpm2.TPMRC{tpm2.TPMRCRetry}}).opener())
		done := make(chan error)
		go func() { done <- c.run(t.Context(), ping) }()
		synctest.Wait()
		start := time.Now()
		go c.close()
		wants(t, "closed in a pause", <-done, tpm2.TPMRCRetry)
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v", took)
		}
		synctest.Wait()
	})
}

// TestReconnect: a command whose answer is lost is not sent again; the next one
// goes over a new connection.
func TestReconnect(t *testing.T) {
	s := &script{codes: []tpm2.TPMRC{0}, errs: map[int]error{2: errors.New("broken pipe")}}
	c := newChip(s.opener())
	defer c.close()
	must(t, "first", c.run(t.Context(), ping))
	wants(t, "broken", c.run(t.Context(), ping), ErrInterrupted)
	must(t, "third", c.run(t.Context(), ping))
	if s.n != 3 || s.open != 1 {
		t.Errorf("%d commands, %d connections", s.n, s.open)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, test := range []struct {
		err, want error
	}{
		{&fs.PathError{Op: "open", Path: "/dev/tpmrm0", Err: syscall.EACCES}, ErrDenied},
		{&fs.PathError{Op: "open", Path: "/dev/tpmrm0", Err: syscall.ENOENT}, ErrAbsent},
		{&fs.PathError{Op: "open", Path: "/dev/tpm0", Err: syscall.EBUSY}, ErrBusy},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, ErrAbsent},
	} {
		c := newChip(func() (transport.TPMCloser, error) { return nil, test.err })
		wants(t, test.err.Error(), c.run(t.Context(), ping), test.want)
		c.close()
	}
	for _, open := range []Opener{OpenDevice("/nowhere/tpmrm0"), OpenSocket("/nowhere/socket"), OpenDevice("/dev/null/x")} {
		c := newChip(open)
		wants(t, "no device", c.run(t.Context(), ping), ErrAbsent)
		c.close()
	}
}
