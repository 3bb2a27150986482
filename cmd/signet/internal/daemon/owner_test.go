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

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/consent"
	"github.com/seed-77d61853/signet/ctap"
)

// newEngine returns a device with a passkey of alice and one of bob.
func newEngine(t *testing.T, rules policy.Policy) Engine {
	t.Helper()
	ctx := t.Context()
	device, err := authenticator.New(ctx, authenticator.Config{User: consent.Policy{Approve: true}})
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
	behind := newDaemon(t)
	behind.Owner = newEngine(t, rules)
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
	return map[string]Owner{"straight": {straight}, "over the socket": {Client{behind.Control}}}
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
			for try, wrong := range [][]byte{nil, []byte("000000"), []byte("493817 ")} {
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

func TestCallTravels(t *testing.T) {
	want := Call{Op: opSetPIN, ID: []byte{1, 2}, Name: "alice", Rearm: true, PIN: []byte("1234"), NewPIN: []byte("12345"), Records: []byte{7}}
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
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readCall(bytes.NewReader(b))
		if err == nil && (len(c.PIN) > maxPIN || len(c.NewPIN) > maxPIN) {
			t.Errorf("%d and %d bytes of PIN", len(c.PIN), len(c.NewPIN))
		}
	})
}
