package pcsc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/apdu"
)

// A fake device waits for the person where a request starts with E1.
type fake struct{ closed chan *ctap.Session }

func (f *fake) ServeCTAP(ctx context.Context, s *ctap.Session, req []byte) []byte {
	if len(req) > 0 && req[0] == 0xE1 {
		s.SetUserNeeded(true)
		defer s.SetUserNeeded(false)
		<-ctx.Done()
		return []byte{0x2D}
	}
	return append([]byte{0}, req...)
}

func (f *fake) ServeU2F(context.Context, *ctap.Session, []byte) []byte { return make([]byte, 70000) }
func (f *fake) Versions() []string                                     { return []string{"FIDO_2_0", "U2F_V2"} }

func (f *fake) Closed(s *ctap.Session) {
	select {
	case f.closed <- s:
	default: // nobody counts that many
	}
}

// TestATR checks the constant against ISO 7816-3: lengths and TCK.
func TestATR(t *testing.T) {
	if historical := int(atr[1] & 0x0F); len(atr) != 3+historical+1 {
		t.Errorf("%d bytes, %d of them historical", len(atr), historical)
	}
	var tck byte
	for _, b := range atr[1:] {
		tck ^= b
	}
	if tck != 0 {
		t.Errorf("TCK is off by %02x", tck)
	}
}

// A vpcd is the reader's end of a connection.
type vpcd struct {
	t    *testing.T
	conn net.Conn
}

func (v *vpcd) send(message string) {
	v.t.Helper()
	m, err := hex.DecodeString(message)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, b := range [][]byte{binary.BigEndian.AppendUint16(nil, uint16(len(m))), m} {
		if _, err := v.conn.Write(b); err != nil {
			v.t.Fatal(err)
		}
	}
}

func (v *vpcd) receive() []byte {
	v.t.Helper()
	var length [2]byte
	if _, err := io.ReadFull(v.conn, length[:]); err != nil {
		v.t.Fatal(err)
	}
	m := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(v.conn, m); err != nil {
		v.t.Fatal(err)
	}
	return m
}

func (v *vpcd) want(message, answer string) {
	v.t.Helper()
	v.send(message)
	if got := hex.EncodeToString(v.receive()); got != answer {
		v.t.Fatalf("%s: got %s, want %s", message, got, answer)
	}
}

const (
	off, on, reset, askATR = "00", "01", "02", "04"

	selectFIDO = "00a4040008a0000006472f0001"
	u2fV2      = "5532465f56329000"
)

// insert puts a fake into a slot, in a bubble.
func insert(t *testing.T, test func(v *vpcd, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		card, reader := net.Pipe()
		f := &fake{make(chan *ctap.Session, 10)}
		s := &slot{conn: card, card: apdu.NewCard(f, apdu.Options{})}
		done := make(chan error, 1)
		go func() { done <- s.serve(t.Context()) }()
		test(&vpcd{t, reader}, f)
		reader.Close()
		if err := <-done; err == nil {
			t.Error("serve ends without an error")
		}
	})
}

func TestSlot(t *testing.T) {
	insert(t, func(v *vpcd, f *fake) {
		v.want(askATR, hex.EncodeToString(atr))
		v.send(on)
		v.want(selectFIDO, u2fV2)
		v.send("") // no message
		v.send("07")
		v.want("8010000001e0", "00e09000")
		v.want("00030000000000", "6f00") // a reply that no response can hold
		v.want(askATR, hex.EncodeToString(atr))
		v.send(reset)
		v.want("8010000001e0", "6d00")
		if s := <-f.closed; s.Transport != "smart-card" {
			t.Errorf("session %+v", s)
		}
	})
}

// TestPowerLost: while a person is asked the ATR is given, and power off or a
// reset ends the request, whose reply is not sent.
func TestPowerLost(t *testing.T) {
	for _, control := range []string{off, reset} {
		insert(t, func(v *vpcd, f *fake) {
			v.want(selectFIDO, u2fV2)
			v.send("8010000001e1")
			time.Sleep(time.Minute)
			v.want(askATR, hex.EncodeToString(atr))
			v.send(control)
			<-f.closed
			v.want(askATR, hex.EncodeToString(atr))
			v.want(selectFIDO, u2fV2)
			v.want("8010800001e1", "029100")
			v.send(control)
			<-f.closed
		})
	}
}

// TestReaderGone: a reader that goes ends the request.
func TestReaderGone(t *testing.T) {
	var f *fake
	insert(t, func(v *vpcd, fk *fake) {
		f = fk
		v.want(selectFIDO, u2fV2)
		v.send("8010000001e1")
		synctest.Wait()
	})
	if len(f.closed) != 1 {
		t.Errorf("%d sessions closed", len(f.closed))
	}
}

func TestOutOfTurn(t *testing.T) {
	insert(t, func(v *vpcd, f *fake) {
		v.want(selectFIDO, u2fV2)
		v.send("8010000001e1")
		v.send("8010000001e0")
		if _, err := io.ReadAll(v.conn); err != nil {
			t.Errorf("the connection is not closed: %v", err)
		}
	})
}

// TestReconnect: the card waits for the reader, and returns to it.
func TestReconnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	told := make(chan bool, 10)
	c := &Card{Address: address, Reader: func(there bool) { told <- there }}
	go func() { done <- c.Serve(ctx, &fake{make(chan *ctap.Session, 10)}) }()
	if <-told {
		t.Error("there is a reader before there is one")
	}
	for range 2 {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		v := &vpcd{t, conn}
		v.want(askATR, hex.EncodeToString(atr))
		v.want(selectFIDO, u2fV2)
		if !<-told {
			t.Error("the reader is not told of")
		}
		l.Close()
		conn.Close()
		if <-told {
			t.Error("that the reader has gone is not told")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
}

// FuzzSlot: whatever a reader sends, the slot ends with the connection.
func FuzzSlot(f *testing.F) {
	for _, s := range []string{"000104", "000101000d" + selectFIDO + "00068010800001e1000102", "00068010000001e1000100"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		insert(t, func(v *vpcd, f *fake) {
			go io.Copy(io.Discard, v.conn)
			io.Copy(v.conn, bytes.NewReader(data))
			synctest.Wait()
		})
	})
}
