package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// answers gives PINs one after the other and records what was asked.
type answers struct {
	pins []string
	seen []PINRequest
	gave [][]byte
}

func (a *answers) pin(_ context.Context, r PINRequest) ([]byte, error) {
	a.seen = append(a.seen, r)
	if len(a.pins) == 0 {
		return nil, errors.New("dialog closed")
	}
	pin := []byte(a.pins[0])
	a.pins = a.pins[1:]
	a.gave = append(a.gave, pin)
	return pin, nil
}

func TestPINAskedAgain(t *testing.T) {
	f := newFake(t)
	a := &answers{pins: []string{"0000", "1111", "1234"}}
	c := f.client()
	c.PIN = a.pin
	register(t, c, f, nil)
	var got []string
	for _, r := range a.seen {
		got = append(got, fmt.Sprintln(r.Reason == EnterPIN, r.RPID, r.Retries, errors.Is(r.Err, ctap.ErrPINInvalid)))
	}
	want := []string{"true example.com 8 false\n", "true example.com 7 true\n", "true example.com 6 true\n"}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	for _, pin := range a.gave {
		if strings.Trim(string(pin), "\x00") != "" {
			t.Errorf("PIN %q is not wiped", pin)
		}
	}
}

func TestPINBlocked(t *testing.T) {
	for _, tt := range []struct {
		name    string
		device  func(f *fake)
		pins    int
		wrapped ctap.Status
	}{
		{"by the last try", func(f *fake) { f.retries = 2 }, 2, ctap.ErrPINBlocked},
		{"before", func(f *fake) { f.retries = 0 }, 0, ctap.ErrPINBlocked},
		{"until a restart", func(f *fake) { f.status[6] = ctap.ErrPINAuthBlocked }, 0, ctap.ErrPINAuthBlocked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			tt.device(f)
			a := &answers{pins: []string{"0", "0", "0", "0"}}
			c := f.client()
			c.PIN = a.pin
			_, err := c.Create(t.Context(), marshal(t, creation))
			refused(t, err, NotAllowedError)
			if !errors.Is(err, tt.wrapped) || len(a.seen) != tt.pins {
				t.Errorf("error %v after %d PINs", err, len(a.seen))
			}
		})
	}
}

func TestPINRefused(t *testing.T) {
	f := newFake(t)
	c := f.client()
	c.PIN = (&answers{}).pin
	_, err := c.Create(t.Context(), marshal(t, creation))
	refused(t, err, NotAllowedError)

	c.PIN = (&answers{pins: []string{""}}).pin
	_, err = c.Create(t.Context(), marshal(t, creation))
	refused(t, err, NotAllowedError)
	if f.retries != 8 {
		t.Errorf("%d tries are left", f.retries)
	}
}

// A PIN is the same however the keyboard composes its letters.
func TestPINIsNormalized(t *testing.T) {
	f := newFake(t)
	f.pin = "\u00e9\u00e9\u00e9\u00e9"
	c := f.client()
	c.PIN = (&answers{pins: []string{"e\u0301e\u0301e\u0301e\u0301"}}).pin
	register(t, c, f, nil)
}

func TestFirstPIN(t *testing.T) {
	f := newFake(t)
	f.info.Options["clientPin"] = false
	f.info.MinPINLength = 6
	a := &answers{pins: []string{"1234", "123456", "123456"}}
	c := f.client()
	c.PIN = a.pin
	_, got := register(t, c, f, selection("userVerification", "required"))
	want := "getInfo\nkeyAgreement 2\nnew PIN 1234\nkeyAgreement 2\nnew PIN 123456\n" + byPIN + "makeCredential {" + rpUser + `, ` + withToken
	if got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	if a.seen[0].Reason != SetPIN || a.seen[0].MinLength != 6 || !errors.Is(a.seen[1].Err, ctap.ErrPINPolicyViolation) || a.seen[2].Reason != EnterPIN {
		t.Errorf("asked %+v", a.seen)
	}
}

func TestForcedPINChange(t *testing.T) {
	f := newFake(t)
	f.info.ForcePINChange = true
	a := &answers{pins: []string{"1234", "5678"}}
	c := f.client()
	c.PIN = a.pin
	_, got := register(t, c, f, nil)
	want := "getInfo\npinRetries\nkeyAgreement 2\nnew PIN 5678\nkeyAgreement 2\ntokenByPIN 0x3 example.com\nmakeCredential {" + rpUser + `, ` + withToken
	if got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
	if a.seen[1].Reason != ChangePIN {
		t.Errorf("asked %+v", a.seen)
	}

	// Nobody is asked for ever.
	f = newFake(t)
	f.info.ForcePINChange, f.info.MinPINLength = true, 6
	c = f.client() // always the same, too short
	_, err := c.Create(t.Context(), marshal(t, creation))
	refused(t, err, NotAllowedError)
}

func TestBuiltInVerification(t *testing.T) {
	pinToo := "pinRetries\nkeyAgreement 2\ntokenByPIN 0x3 example.com\n"
	byUV := "keyAgreement 2\ntokenByUV 0x3 example.com\n"
	for _, tt := range []struct {
		name   string
		status []ctap.Status
		tries  uint64
		pin    bool
		want   string
		fails  string
	}{
		{name: "at the second try", status: []ctap.Status{ctap.ErrUVInvalid}, want: byUV + "uvRetries\n" + byUV},
		{name: "blocked: the PIN", status: []ctap.Status{ctap.ErrUVBlocked}, pin: true, want: byUV + pinToo},
		{name: "tries used up: the PIN", status: []ctap.Status{ctap.ErrUVInvalid}, tries: 1, pin: true, want: byUV + pinToo},
		{name: "blocked, no PIN", status: []ctap.Status{ctap.ErrUVBlocked}, fails: NotAllowedError},
		{name: "refused", status: []ctap.Status{ctap.ErrOperationDenied}, pin: true, fails: NotAllowedError},
		{name: "timed out", status: []ctap.Status{ctap.ErrUserActionTimeout}, pin: true, fails: NotAllowedError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.info.Options["uv"] = true
			f.info.PreferredPlatformUvAttempts = tt.tries
			f.uvStatus = tt.status
			if !tt.pin {
				delete(f.info.Options, "clientPin")
			}
			c := f.client()
			if tt.fails != "" {
				_, err := c.Create(t.Context(), marshal(t, creation))
				refused(t, err, tt.fails)
				return
			}
			_, got := register(t, c, f, nil)
			if want := "getInfo\n" + tt.want + "makeCredential {" + rpUser + `, ` + withToken; got != want {
				t.Errorf("asked\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The options' timeout counts within the client's bounds, and its end is not the
// caller's doing.
func TestLifetime(t *testing.T) {
	for _, tt := range []struct {
		timeout  any
		min, max time.Duration
		want     time.Duration
	}{
		{nil, 0, 0, 5 * time.Minute},
		{1, 0, 0, 5 * time.Minute},
		{0, 0, 0, 5 * time.Minute},
		{420_000, 0, 0, 7 * time.Minute},
		{4_294_967_295, 0, 0, 10 * time.Minute},
		{1000, time.Millisecond, 0, time.Second},
		{nil, time.Second, time.Minute, time.Second},
		{120_000, time.Second, time.Minute, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.info.Options = nil
			f.block[1] = true
			c := f.client()
			c.MinTimeout, c.MaxTimeout = tt.min, tt.max
			more := map[string]any{}
			if tt.timeout != nil {
				more["timeout"] = tt.timeout
			}
			start := time.Now()
			_, err := c.Create(t.Context(), marshal(t, with(creation, more)))
			refused(t, err, NotAllowedError)
			if got := time.Since(start); got != tt.want {
				t.Errorf("timeout %v: ended after %v, want %v", tt.timeout, got, tt.want)
			}
		})
	}
}

func TestAbort(t *testing.T) {
	cause := errors.New("page closed")
	for _, kind := range []string{"before", "while the device waits", "while a PIN is asked for", "while accounts are shown", "while origins are fetched", "deadline"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.accounts = []ctap.User{{ID: []byte("a")}, {ID: []byte("b")}}
			ctx, cancel := context.WithCancelCause(t.Context())
			c := f.client()
			options := request
			switch kind {
			case "before":
				cancel(cause)
			case "while the device waits":
				f.block[2] = true
				time.AfterFunc(time.Second, func() { cancel(cause) })
			case "while a PIN is asked for":
				c.PIN = func(ctx context.Context, _ PINRequest) ([]byte, error) {
					cancel(cause)
					return nil, ctx.Err()
				}
			case "while accounts are shown":
				c.Choose = func(ctx context.Context, _ []ctap.User) (int, error) {
					cancel(cause)
					return 0, nil
				}
			case "while origins are fetched":
				options = with(request, map[string]any{"rpId": "example.org"})
				c.RelatedOrigins = func(ctx context.Context, _ string) ([]byte, error) {
					cancel(cause)
					return nil, ctx.Err()
				}
			case "deadline":
				f.block[2] = true
				var stop context.CancelFunc
				ctx, stop = context.WithTimeoutCause(ctx, time.Second, cause)
				defer stop()
			}
			_, err := c.Get(ctx, marshal(t, options))
			cancel(nil)
			refused(t, err, AbortError)
			if !errors.Is(err, cause) {
				t.Errorf("%s: error %v has not the cause", kind, err)
			}
		})
	}
}

func TestTokenIsRedacted(t *testing.T) {
	token := NewToken(2, []byte("0123456789abcdef0123456789abcdef"))
	if token.Protocol() != 2 {
		t.Errorf("protocol %d", token.Protocol())
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token)
	if !strings.Contains(log.String(), "token=[redacted]") {
		t.Errorf("logged as %s", log.String())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, token); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	token.Wipe()
	if strings.Trim(string(token.key), "\x00") != "" {
		t.Error("token is not wiped")
	}
}

// heedless is a device that never looks at the context.
type heedless struct{ Device }

func (h heedless) CTAP(ctx context.Context, req []byte) ([]byte, error) {
	return h.Device.CTAP(context.WithoutCancel(ctx), req)
}

// A ceremony's time is over whether those who were asked looked at it or not.
func TestLateAnswer(t *testing.T) {
	for _, kind := range []string{"a PIN", "an account", "related origins"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.accounts = []ctap.User{{ID: []byte("a")}, {ID: []byte("b")}}
			c := f.client()
			c.Device = heedless{f}
			c.MinTimeout, c.MaxTimeout = time.Second, time.Second
			options := request
			switch kind {
			case "a PIN":
				right := c.PIN
				c.PIN = func(ctx context.Context, r PINRequest) ([]byte, error) {
					time.Sleep(time.Minute)
					return right(ctx, r)
				}
			case "an account":
				c.PIN = nil // who asks for one looks at the clock, too
				c.Choose = func(context.Context, []ctap.User) (int, error) {
					time.Sleep(time.Minute)
					return 0, nil
				}
			case "related origins":
				c.PIN = nil
				options = with(request, map[string]any{"rpId": "example.org"})
				c.RelatedOrigins = func(context.Context, string) ([]byte, error) {
					time.Sleep(time.Minute)
					return []byte(`{"origins":["` + c.Origin + `"]}`), nil
				}
			}
			_, err := c.Get(t.Context(), marshal(t, options))
			refused(t, err, NotAllowedError)
		})
	}
}
