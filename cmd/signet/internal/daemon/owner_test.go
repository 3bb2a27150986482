package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
)

// newEngine returns a device with a passkey of alice and one of bob.
func newEngine(t *testing.T, rules policy.Policy) Engine {
	t.Helper()
	return engineOf(t, authenticator.Config{User: consent.Policy{Approve: true}}, rules)
}

func engineOf(t *testing.T, config authenticator.Config, rules policy.Policy) Engine {
	t.Helper()
	ctx := t.Context()
	device, err := authenticator.New(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close(context.Background()) })
	for _, user := range []string{"alice", "bob"} {
		_, err := client.New(client.Local(device, nil)).MakeCredential(ctx, &ctap.MakeCredentialRequest{
			ClientDataHash:   make([]byte, 32),
			RP:               &ctap.RP{ID: "example.com"},
			User:             &ctap.User{ID: []byte(user), Name: user},
			PubKeyCredParams: []ctap.PubKeyParam{{Alg: ctap.ES256, Type: ctap.TypePublicKey}},
			Options:          ctap.Options{"rk": true},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return Engine{Device: device, Policy: rules}
}

// callers gives a device by both ways: straight, and over a control socket.
func callers(t *testing.T, rules policy.Policy) map[string]Owner {
	straight := newEngine(t, rules)
	return map[string]Owner{"straight": {straight}, "over the socket": behindSocket(t, newEngine(t, rules))}
}

// behindSocket starts a daemon with an engine, and calls it.
func behindSocket(t *testing.T, e Engine) Owner {
	t.Helper()
	behind := newDaemon(t)
	behind.Owner = e
	started, done := make(chan struct{}), make(chan error)
	ready := behind.Ready
	behind.Ready = func() error { close(started); return ready() }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- behind.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	<-started
	return Owner{Client{behind.Control}}
}

// With a PIN set, whoever is connected learns and changes nothing without it,
// and spends a try of the only counter by guessing.
func TestOwnerProvesThePIN(t *testing.T) {
	for way, o := range callers(t, policy.Policy{}) {
		t.Run(way, func(t *testing.T) {
			ctx, pin := t.Context(), []byte("493817")
			list, err := o.Passkeys(ctx, nil)
			if err != nil || len(list) != 2 || list[0].UserName != "bob" || list[0].RPID != "example.com" || list[0].Created == nil || list[0].LastUsed != nil {
				t.Fatalf("without a PIN: %+v, %v", list, err)
			}
			id := list[0].ID
			if err := o.SetPIN(ctx, nil, pin); err != nil {
				t.Fatal(err)
			}
			if list, err := o.Passkeys(ctx, nil); !errors.Is(err, ctap.ErrPUATRequired) || list != nil {
				t.Errorf("without the PIN: %+v, %v", list, err)
			}
			for try, wrong := range [][]byte{[]byte("493818"), []byte("000000"), []byte("493817 ")} {
				want := ctap.ErrPINInvalid
				if try == 2 {
					want = ctap.ErrPINAuthBlocked // three misses in a row
				}
				calls := []func() error{
					func() error { list, err := o.Passkeys(ctx, wrong); return told(err, len(list)) },
					func() error { return o.Rename(ctx, wrong, id, "mallory", "") },
					func() error { return o.Delete(ctx, wrong, id) },
					func() error { return o.SetPIN(ctx, wrong, []byte("666666")) },
				}
				err := calls[try]()
				var refusal *Refusal
				if !errors.Is(err, want) || !errors.As(err, &refusal) || refusal.PIN == nil || refusal.PIN.Retries != 7-try {
					t.Errorf("try %d: %v, %+v", try, err, refusal)
				}
			}
			for i, call := range []error{
				o.Rename(ctx, pin, id, "mallory", ""), o.Delete(ctx, pin, id), o.SetPIN(ctx, pin, []byte("666666")), o.Unlock(ctx, pin, false),
			} {
				if !errors.Is(call, ctap.ErrPINAuthBlocked) {
					t.Errorf("blocked, call %d: %v", i, call)
				}
			}
			if p, err := o.PIN(ctx); err != nil || p != (PIN{Set: true, Retries: 5, Blocked: true, MinLength: 4}) {
				t.Errorf("PIN %+v, %v", p, err)
			}
			if err := o.Unlock(ctx, pin, true); err != nil {
				t.Fatal(err)
			}
			list, err = o.Passkeys(ctx, pin)
			if err != nil || len(list) != 2 || list[0].UserName != "bob" {
				t.Errorf("with the PIN: %+v, %v", list, err)
			}
		})
	}
}

func told(err error, n int) error {
	if n > 0 {
		return errors.New("passkeys were told")
	}
	return err
}

func TestOwnerCalls(t *testing.T) {
	for way, o := range callers(t, policy.Policy{}) {
		t.Run(way, func(t *testing.T) {
			ctx := t.Context()
			list, err := o.Passkeys(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Rename(ctx, nil, list[1].ID, "alicia", "Alicia"); err != nil {
				t.Error(err)
			}
			if err := o.Delete(ctx, nil, list[0].ID); err != nil {
				t.Error(err)
			}
			if err := o.Delete(ctx, nil, list[0].ID); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("deleted twice: %v", err)
			}
			left, err := o.Passkeys(ctx, nil)
			if err != nil || len(left) != 1 || left[0].UserName != "alicia" || left[0].UserDisplayName != "Alicia" || !slices.Equal(left[0].PublicKey, list[1].PublicKey) {
				t.Errorf("left %+v, %v", left, err)
			}
			if err := errors.Join(o.Check(ctx), o.Lock(ctx)); err != nil {
				t.Error(err)
			}
			if err := o.SetPIN(ctx, nil, []byte("123")); !errors.Is(err, ctap.ErrPINPolicyViolation) {
				t.Errorf("short PIN: %v", err)
			}
			if err := o.Unlock(ctx, nil, true); !errors.Is(err, ctap.ErrPINNotSet) {
				t.Errorf("unlocked without a PIN: %v", err)
			}
			if err := o.call(ctx, Call{Op: "levitate"}, nil); !errors.Is(err, ctap.ErrInvalidCommand) {
				t.Errorf("unknown call: %v", err)
			}
			if err := errors.Join(o.SetPIN(ctx, nil, []byte("1234")), o.Reset(ctx)); err != nil {
				t.Error(err)
			}
			left, err = o.Passkeys(ctx, nil)
			if err != nil || len(left) != 0 {
				t.Errorf("after a reset %+v, %v", left, err)
			}
		})
	}
}

// answerer answers a reset as it is told, and anything else with yes.
type answerer struct {
	reset  func(ctx context.Context) bool
	prompt authenticator.Prompt // the last
}

func (p *answerer) Ask(ctx context.Context, prompt authenticator.Prompt) (authenticator.Consent, error) {
	p.prompt = prompt
	return authenticator.Consent{Present: prompt.Operation != authenticator.Reset || p.reset(ctx)}, ctx.Err()
}

// A reset over the control socket erases nothing that the person at the device
// did not agree to. It needs no PIN: a forgotten one must not be in its way.
func TestResetAsks(t *testing.T) {
	ctx, agrees := t.Context(), false
	who := &answerer{reset: func(context.Context) bool { return agrees }}
	e := engineOf(t, authenticator.Config{User: who}, policy.Policy{})
	e.Asks = true
	o := behindSocket(t, e)
	if err := o.SetPIN(ctx, nil, []byte("493817")); err != nil {
		t.Fatal(err)
	}
	if err := o.Reset(ctx); !errors.Is(err, ctap.ErrOperationDenied) {
		t.Errorf("refused: %v", err)
	}
	if list, err := o.Passkeys(ctx, []byte("493817")); err != nil || len(list) != 2 {
		t.Errorf("refused, and left are %+v, %v", list, err)
	}
	if who.prompt.Operation != authenticator.Reset || who.prompt.Transport == "" {
		t.Errorf("asked %+v", who.prompt)
	}
	agrees = true
	if err := o.Reset(ctx); err != nil {
		t.Error(err)
	}
	if list, err := o.Passkeys(ctx, nil); err != nil || len(list) != 0 {
		t.Errorf("agreed, and left are %+v, %v", list, err)
	}
}

// A client that goes takes its question with it.
func TestResetWithdrawn(t *testing.T) {
	asked, withdrawn := make(chan struct{}), make(chan struct{})
	e := engineOf(t, authenticator.Config{User: &answerer{reset: func(ctx context.Context) bool {
		close(asked)
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("the question ends with %v", ctx.Err())
		}
		close(withdrawn)
		return true
	}}}, policy.Policy{})
	e.Asks = true
	o := behindSocket(t, e)
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-asked; leave() }()
	if err := o.Reset(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("left: %v", err)
	}
	<-withdrawn
	if list, err := o.Passkeys(t.Context(), nil); err != nil || len(list) != 2 {
		t.Errorf("left are %+v, %v", list, err)
	}
}

// Keys that were out count as copied, whatever became of the backup.
func TestExportIsABackup(t *testing.T) {
	ctx, pin := t.Context(), []byte("493817")
	e := engineOf(t, authenticator.Config{User: consent.Policy{Approve: true}, Copyable: true}, policy.Policy{})
	o := behindSocket(t, e)
	if err := o.SetPIN(ctx, nil, pin); err != nil {
		t.Fatal(err)
	}
	flags := func() ctap.Flags {
		r, err := client.New(client.Local(e.Device, nil)).GetAssertion(ctx, &ctap.GetAssertionRequest{RPID: "example.com", ClientDataHash: make([]byte, 32)})
		if err != nil {
			t.Fatal(err)
		}
		return ctap.Flags(r.AuthData[32])
	}
	to, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Export(ctx, []byte("000000"), to.Recipient()); !errors.Is(err, ctap.ErrPINInvalid) {
		t.Errorf("with a wrong PIN: %v", err)
	}
	if flags()&ctap.FlagBS != 0 {
		t.Error("flag BS is set before an export")
	}
	if sealed, err := o.Export(ctx, pin, to.Recipient()); err != nil || len(sealed) == 0 {
		t.Fatalf("%d bytes, %v", len(sealed), err)
	}
	if flags()&ctap.FlagBS == 0 {
		t.Error("flag BS is not set after an export")
	}
}

// A policy holds for whoever is connected.
func TestOwnerUnderPolicy(t *testing.T) {
	for way, o := range callers(t, policy.Policy{ForbidExport: true}) {
		list, err := o.Passkeys(t.Context(), nil)
		if err != nil || len(list) != 2 || list[0].PublicKey != nil || list[0].Rule != "" {
			t.Errorf("%s: %+v, %v", way, list, err)
		}
	}
}

func TestNoDaemon(t *testing.T) {
	c := Client{t.TempDir() + "/none.sock"}
	if running, err := c.Running(t.Context()); running || err != nil {
		t.Errorf("running %v, %v", running, err)
	}
	if _, err := (Owner{c}).PIN(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("called nobody: %v", err)
	}
}

// Whoever does not upgrade, hurries or says nothing gets nothing, and a stop
// does not wait for them.
func TestImpoliteClients(t *testing.T) {
	o := callers(t, policy.Policy{})["over the socket"]
	control := o.Caller.(Client).Control
	for name, says := range map[string]string{
		"plain":    "POST /v1/owner HTTP/1.1\r\nHost: signet\r\nContent-Length: 0\r\n\r\n",
		"other":    "POST /v1/owner HTTP/1.1\r\nHost: signet\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"a GET":    "GET /v1/owner HTTP/1.1\r\nHost: signet\r\n\r\n",
		"in haste": "POST /v1/owner HTTP/1.1\r\nHost: signet\r\nConnection: Upgrade\r\nUpgrade: " + ownerProtocol + "\r\nContent-Length: 0\r\n\r\n\x00\x00\x00\x00",
		"too much": "POST /v1/owner HTTP/1.1\r\nHost: signet\r\nConnection: Upgrade\r\nUpgrade: " + ownerProtocol + "\r\nContent-Length: 0\r\n\r\n",
		"silent":   "",
	} {
		conn, err := net.Dial("unix", control)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, says)
		if name == "too much" {
			io.WriteString(conn, "\xff\xff\xff\xff")
			rest, _ := io.ReadAll(conn)
			if strings.Contains(string(rest), "result") {
				t.Errorf("%s: %q", name, rest)
			}
		}
	}
}

// Many calls that hang keep neither memory nor those off that come when they are
// gone.
func TestCallsAreBounded(t *testing.T) {
	o := callers(t, policy.Policy{})["over the socket"]
	control := o.Caller.(Client).Control
	var hung []net.Conn
	for range maxCalls {
		conn, err := net.Dial("unix", control)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := requestUpgrade(conn, ownerPath, ownerProtocol); err != nil {
			t.Fatal(err)
		}
		hung = append(hung, conn)
	}
	if _, err := o.PIN(t.Context()); err == nil || !strings.Contains(err.Error(), "too many calls") {
		t.Errorf("one call too many: %v", err)
	}
	for _, conn := range hung {
		conn.Close()
	}
	for {
		if _, err := o.PIN(t.Context()); err == nil {
			break
		} else if !strings.Contains(err.Error(), "too many calls") {
			t.Fatal(err)
		}
	}
}

// hungry is a client that sends so much and no more.
type hungry struct {
	rest  []byte
	asked int // the most that a Read had room for
}

func (h *hungry) Read(p []byte) (int, error) {
	h.asked = max(h.asked, len(p))
	if len(h.rest) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

// Memory is taken for what came, not for what was announced.
func TestReadFieldGrows(t *testing.T) {
	h := &hungry{rest: append([]byte{1, 0, 0, 0}, make([]byte, 100<<10)...)} // 16 MiB announced
	if _, err := readField(h, maxRecords); err == nil {
		t.Error("read what did not come")
	}
	if h.asked > 128<<10 {
		t.Errorf("made room for %d bytes", h.asked)
	}
	want := bytes.Repeat([]byte("signet "), 20000)
	got, err := readField(bytes.NewReader(appendField(nil, want)), maxRecords)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	call := appendField(appendField(appendField(appendField(nil, []byte(`{"op":"pin"}`)), nil), nil), []byte{1})
	if _, err := readCall(bytes.NewReader(call)); err == nil {
		t.Error("took records with a call that has none")
	}
}

func TestCallTravels(t *testing.T) {
	want := Call{Op: opImport, ID: []byte{1, 2}, Name: "alice", Rearm: true, PIN: []byte("1234"), NewPIN: []byte("12345"), Records: []byte{7}}
	var b bytes.Buffer
	if err := writeCall(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := readCall(&b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v", got, err)
	}
	text, err := json.Marshal(want)
	if err != nil || bytes.Contains(text, []byte("1234")) || bytes.Contains(text, []byte("MTIzNA")) {
		t.Errorf("JSON %s, %v", text, err)
	}
}

func FuzzReadCall(f *testing.F) {
	var b bytes.Buffer
	if err := writeCall(&b, Call{Op: opUnlock, PIN: []byte("1234")}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("\x00\x00\x00\x02{}\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Add([]byte("\x00\x00\x00\x0f{\"op\":\"import\"}\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readCall(bytes.NewReader(b))
		if err == nil && (len(c.PIN) > maxPIN || len(c.NewPIN) > maxPIN) {
			t.Errorf("%d and %d bytes of PIN", len(c.PIN), len(c.NewPIN))
		}
	})
}
