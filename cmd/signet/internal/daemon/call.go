package daemon

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Owner's calls leave HTTP behind by an upgrade of the connection, because they
// carry PINs, and net/http keeps what it reads and writes in buffers that nobody
// wipes. Then, in one connection:
//
//	client   call in JSON, PIN, new PIN, records   each behind its length in
//	daemon   answer in JSON                        bytes, 32 bits big endian
const (
	ownerPath     = "/v1/owner"
	ownerProtocol = "signet-owner/1"
)

// Bounds in bytes of what is read of the other side.
const (
	maxCall   = 64 << 10
	maxPIN    = 1 << 10
	maxAnswer = 1 << 30

	// fieldChunk is what is read of a field at first.
	fieldChunk = 16 << 10
)

// callTime is how long a client has to send a call, and the daemon's answer to be
// taken.
const callTime = 10 * time.Second

// answer is what the daemon sends.
type answer struct {
	Result  json.RawMessage `json:"result,omitempty"`
	Refusal *Refusal        `json:"refusal,omitempty"`
}

func appendField(b, field []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(field))), field...)
}

// readField reads one field. It reads no byte beyond it.
func readField(r io.Reader, limit uint32) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > limit {
		return nil, fmt.Errorf("field of %d bytes is longer than %d", n, limit)
	}
	// Memory is for bytes that came, not for those that were announced.
	field := make([]byte, 0, min(n, fieldChunk))
	for len(field) < int(n) {
		if len(field) == cap(field) {
			larger := make([]byte, len(field), min(2*len(field), int(n)))
			copy(larger, field)
			clear(field)
			field = larger
		}
		m, err := io.ReadFull(r, field[len(field):cap(field)])
		field = field[:len(field)+m]
		if err != nil {
			clear(field)
			return nil, err
		}
	}
	return field, nil
}

// readCall reads a call. Its caller wipes it.
func readCall(r io.Reader) (c Call, err error) {
	text, err := readField(r, maxCall)
	if err != nil {
		return Call{}, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return Call{}, fmt.Errorf("read call: %w", err)
	}
	records := uint32(0)
	if c.Op == opImport {
		records = maxRecords
	}
	for _, secret := range []struct {
		field *[]byte
		limit uint32
	}{{&c.PIN, maxPIN}, {&c.NewPIN, maxPIN}, {&c.Records, records}} {
		if *secret.field, err = readField(r, secret.limit); err != nil {
			c.wipe()
			return Call{}, err
		}
	}
	return c, nil
}

func (c *Call) wipe() {
	clear(c.PIN)
	clear(c.NewPIN)
	clear(c.Records)
}

// writeCall sends a call and wipes what it was sent from, but for the caller's
// own secrets.
func writeCall(w io.Writer, c Call) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	b := make([]byte, 0, 16+len(text)+len(c.PIN)+len(c.NewPIN)+len(c.Records)) // never moved, so that clear gets all of it
	for _, field := range [][]byte{text, c.PIN, c.NewPIN, c.Records} {
		b = appendField(b, field)
	}
	defer clear(b)
	_, err = w.Write(b)
	return err
}

// handleOwner answers one call.
func (d *Daemon) handleOwner(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	if d.Owner == nil {
		http.Error(w, "nobody answers calls", http.StatusNotFound)
		return
	}
	conn, err := upgrade(w, r, ownerProtocol)
	if err != nil {
		d.Log.Debug("the owner's call was not taken", "error", err)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	if err := d.answerOwner(ctx, conn); err != nil {
		d.Log.Debug("the owner's call was not answered", "error", err)
	}
}

func (d *Daemon) answerOwner(ctx context.Context, conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(callTime)); err != nil {
		return err
	}
	call, err := readCall(conn)
	if err != nil {
		return err
	}
	defer call.wipe()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A client that goes takes with it what it asked for, a question too.
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	go func() {
		defer cancel()
		conn.Read(make([]byte, 1)) // ends with the connection at the latest
	}()
	var a answer
	if a.Result, err = d.Owner.Call(ctx, call); err != nil && !errors.As(err, &a.Refusal) {
		a.Refusal = &Refusal{Message: err.Error()}
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(callTime)); err != nil {
		return err
	}
	_, err = conn.Write(appendField(nil, text))
	return err
}

// A Client calls the device of a running daemon.
type Client struct {
	// Control is the path of its control socket.
	Control string
}

// Running tells whether a daemon listens on the control socket.
func (c Client) Running(ctx context.Context) (bool, error) {
	conn, err := c.dial(ctx)
	if errors.Is(err, ErrNotRunning) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, conn.Close()
}

// Call carries a call to the daemon: ErrNotRunning where there is none.
func (c Client) Call(ctx context.Context, call Call) ([]byte, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	text, err := exchange(conn, call)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("call the running signet: %w", err)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("read the running signet's answer: %w", err)
	}
	if a.Refusal != nil {
		return nil, a.Refusal
	}
	return a.Result, nil
}

func (c Client) dial(ctx context.Context) (net.Conn, error) { return dial(ctx, c.Control, trusted) }

func exchange(conn net.Conn, call Call) ([]byte, error) {
	r, err := requestUpgrade(conn, ownerPath, ownerProtocol)
	if err != nil {
		return nil, err
	}
	if err := writeCall(conn, call); err != nil {
		return nil, err
	}
	return readField(r, maxAnswer)
}
