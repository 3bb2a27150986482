package rptest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore/arena"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
)

const origin = "https://login.example"

// creation is options for an account; extra is more members, each after a comma.
func creation(account, extra string) []byte {
	return fmt.Appendf(nil, `{"rp":{"id":"login.example","name":"Example"},"user":{"id":%q,"name":%q,"displayName":%q},`+
		`"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],`+
		`"authenticatorSelection":{"residentKey":"preferred"}%s}`, rptest.Bytes(account).String(), account, account, extra)
}

func request(extra string) []byte {
	return fmt.Appendf(nil, `{"rpId":"login.example","challenge":"cmVnaXN0ZXIgYWxpY2U"%s}`, extra)
}

func device(t *testing.T, c rptest.DeviceConfig) *rptest.Client {
	t.Helper()
	d, err := rptest.NewDevice(c)
	if err != nil {
		t.Fatal(err)
	}
	return &rptest.Client{Device: d, Origin: origin}
}

func create(t *testing.T, c *rptest.Client, options []byte) response {
	t.Helper()
	r, err := c.Create(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, r.JSON)
}

func get(t *testing.T, c *rptest.Client, options []byte) response {
	t.Helper()
	r, err := c.Get(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, r.JSON)
}

// response is what tests look at in a browser's answer.
type response struct {
	ID       rptest.Bytes `json:"id"`
	Response struct {
		AuthenticatorData rptest.Bytes `json:"authenticatorData"`
		AttestationObject rptest.Bytes `json:"attestationObject"`
		UserHandle        rptest.Bytes `json:"userHandle"`
		Transports        []string     `json:"transports"`
		PublicKeyAlg      int          `json:"publicKeyAlgorithm"`
	} `json:"response"`
	Attachment string `json:"authenticatorAttachment"`
	auth       *ctap.AuthData
}

func parse(t *testing.T, data []byte) response {
	t.Helper()
	var r response
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.auth, err = ctap.ParseAuthData(r.Response.AuthenticatorData); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPersonalities compares what sites see of each kind of device with what
// such devices are known to say.
func TestPersonalities(t *testing.T) {
	const always, verified = ctap.FlagUP, ctap.FlagUV
	for _, want := range []struct {
		personality rptest.Personality
		flags       ctap.Flags
		format      string
		alg         int
		counts      []uint32
		transports  []string
		attachment  string
	}{
		{rptest.Phone, always | verified | ctap.FlagBE | ctap.FlagBS, "none", -7, []uint32{0, 0, 0}, []string{"hybrid", "internal"}, "platform"},
		{rptest.Hardware, always | verified, "packed", -7, []uint32{1, 2, 3}, []string{"nfc", "usb"}, "cross-platform"},
		{rptest.U2F, always, "fido-u2f", -7, []uint32{1, 2, 3}, []string{"usb"}, "cross-platform"},
		{rptest.Windows, always | verified, "tpm", -257, []uint32{1, 2, 3}, []string{"internal"}, "platform"},
		{rptest.Platform, always | verified, "packed", -7, []uint32{0, 0, 0}, []string{"internal"}, "platform"},
	} {
		t.Run(string(want.personality), func(t *testing.T) {
			c := device(t, rptest.DeviceConfig{Seed: "personalities", Personality: want.personality})
			order := `,"attestation":"direct"`
			if want.alg == -257 {
				order += `,"pubKeyCredParams":[{"type":"public-key","alg":-257},{"type":"public-key","alg":-7}]`
			}
			r := create(t, c, creation("alice", order))
			object, err := ctap.ParseAttestationObject(r.Response.AttestationObject)
			if err != nil {
				t.Fatal(err)
			}
			if object.Fmt != want.format || r.Response.PublicKeyAlg != want.alg || r.Attachment != want.attachment ||
				!slices.Equal(r.Response.Transports, want.transports) || r.auth.Flags&^ctap.FlagAT != want.flags {
				t.Errorf("format %s, algorithm %d, attachment %s, transports %q, flags %x", object.Fmt, r.Response.PublicKeyAlg, r.Attachment, r.Response.Transports, r.auth.Flags)
			}
			counts := []uint32{r.auth.SignCount}
			for range 2 {
				got := get(t, c, request(`,"allowCredentials":[{"type":"public-key","id":"`+r.ID.String()+`"}]`))
				counts = append(counts, got.auth.SignCount)
				if got.auth.Flags != want.flags {
					t.Errorf("flags %x at sign-in", got.auth.Flags)
				}
			}
			if !slices.Equal(counts, want.counts) {
				t.Errorf("counters %d", counts)
			}
		})
	}
}

func TestLacking(t *testing.T) {
	for _, test := range []struct {
		name    string
		config  rptest.DeviceConfig
		options string
		want    string // DOMException name
	}{
		{"verification", rptest.DeviceConfig{NoVerification: true}, `,"authenticatorSelection":{"userVerification":"required"}`, "ConstraintError"},
		{"verification of a key", rptest.DeviceConfig{Personality: rptest.Hardware, NoVerification: true}, `,"authenticatorSelection":{"userVerification":"required"}`, "ConstraintError"},
		{"discoverable", rptest.DeviceConfig{NoDiscoverable: true}, `,"authenticatorSelection":{"residentKey":"required"}`, "ConstraintError"},
		{"discoverable U2F", rptest.DeviceConfig{Personality: rptest.U2F}, `,"authenticatorSelection":{"residentKey":"required"}`, "ConstraintError"},
		{"algorithm", rptest.DeviceConfig{Algorithms: []ctap.Algorithm{ctap.EdDSA}}, "", "NotSupportedError"},
		{"attachment", rptest.DeviceConfig{}, `,"authenticatorSelection":{"authenticatorAttachment":"cross-platform"}`, "NotAllowedError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := device(t, test.config).Create(t.Context(), creation("alice", test.options))
			if rptest.ErrorName(err) != test.want {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("PRF", func(t *testing.T) {
		for lacks, enabled := range map[bool]string{false: `"enabled":true`, true: `"enabled":false`} {
			r, err := device(t, rptest.DeviceConfig{NoPRF: lacks}).Create(t.Context(), creation("alice", `,"extensions":{"prf":{}}`))
			if err != nil || !strings.Contains(string(r.JSON), enabled) {
				t.Errorf("without PRF %t: %s, %v", lacks, r.JSON, err)
			}
		}
	})
}

func TestConfigErrors(t *testing.T) {
	yes := true
	no := false
	for _, c := range []rptest.DeviceConfig{
		{Personality: "toaster"},
		{BackupEligible: &no, BackedUp: &yes},
	} {
		if _, err := rptest.NewDevice(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestPerson has the person do each thing once, and then nothing special.
func TestPerson(t *testing.T) {
	for _, test := range []struct {
		name   string
		script func(*rptest.Script)
		want   string
	}{
		{"approve", func(s *rptest.Script) { s.Approve() }, ""},
		{"deny", func(s *rptest.Script) { s.Deny() }, "NotAllowedError"},
		{"time out", func(s *rptest.Script) { s.TimeOut() }, "NotAllowedError"},
		{"wrong PIN once", func(s *rptest.Script) { s.WrongPIN(1) }, ""},
		{"wrong PIN three times", func(s *rptest.Script) { s.WrongPIN(3) }, "NotAllowedError"},
		{"browser fails", func(s *rptest.Script) { s.Fail("SecurityError") }, "SecurityError"},
		{"unknown mutation", func(s *rptest.Script) { s.Mutate("no.such") }, "UnknownError"},
		{"slow", func(s *rptest.Script) { s.Delay(time.Second) }, ""},
	} {
		for _, p := range []rptest.Personality{rptest.Phone, rptest.Hardware} {
			t.Run(test.name+" on "+string(p), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := device(t, rptest.DeviceConfig{Personality: p})
					test.script(c.Device.Next())
					_, err := c.Create(t.Context(), creation("alice", ""))
					if rptest.ErrorName(err) != test.want || (err == nil) != (test.want == "") {
						t.Errorf("%v", err)
					}
					if test.name == "wrong PIN three times" {
						if err := c.Device.PowerCycle(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := c.Create(t.Context(), creation("bob", "")); err != nil {
						t.Errorf("afterwards: %v", err)
					}
				})
			})
		}
	}
}

func TestNeverAnswer(t *testing.T) {
	t.Run("the page aborts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := device(t, rptest.DeviceConfig{})
			c.Device.Next().NeverAnswer()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if _, err := c.Create(ctx, creation("alice", "")); rptest.ErrorName(err) != "AbortError" {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("the timeout is over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := device(t, rptest.DeviceConfig{})
			c.Device.Next().NeverAnswer()
			start := time.Now()
			_, err := c.Create(t.Context(), creation("alice", `,"timeout":2000`))
			if rptest.ErrorName(err) != "NotAllowedError" || time.Since(start) != 2*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
}

func TestPick(t *testing.T) {
	for _, p := range []rptest.Personality{rptest.Phone, rptest.Hardware} {
		t.Run(string(p), func(t *testing.T) {
			c := device(t, rptest.DeviceConfig{Personality: p})
			for _, name := range []string{"alice", "bob", "carol"} {
				create(t, c, creation(name, `,"authenticatorSelection":{"residentKey":"required"}`))
			}
			for _, pick := range []string{"alice", "bob", rptest.Bytes("carol").String()} {
				c.Device.Next().Pick(pick)
				if got := string(get(t, c, request("")).Response.UserHandle); !strings.Contains(pick, got) && rptest.Bytes(got).String() != pick {
					t.Errorf("picked %s, got %s", pick, got)
				}
			}
			c.Device.Next().Pick("nobody")
			if _, err := c.Get(t.Context(), request("")); rptest.ErrorName(err) != "NotAllowedError" {
				t.Errorf("picked nobody: %v", err)
			}
		})
	}
}

// TestSeed makes the same devices twice, used by eight goroutines in any order.
func TestSeed(t *testing.T) {
	formats := []rptest.DeviceConfig{
		{Personality: rptest.Phone}, {Personality: rptest.Hardware}, {Personality: rptest.U2F}, {Personality: rptest.Windows},
		{Personality: rptest.Platform}, {Attestation: attest.AndroidKey}, {Attestation: attest.Apple}, {Attestation: attest.PackedDirect},
	}
	use := func() []string {
		all := make([]string, len(formats))
		var wg sync.WaitGroup
		for i, config := range formats {
			config.Seed = "golden"
			c := device(t, config)
			wg.Go(func() {
				r, err := c.Create(t.Context(), creation("alice", `,"attestation":"direct"`))
				if err != nil {
					t.Error(err)
					return
				}
				all[i] = string(r.JSON)
			})
		}
		wg.Wait()
		return all
	}
	first, second := use(), use()
	for i := range formats {
		if first[i] != second[i] {
			t.Errorf("device %d: two answers:\n%s\n%s", i, first[i], second[i])
		}
	}
}

// TestOrder shows that what one account's passkey is does not depend on others.
func TestOrder(t *testing.T) {
	ids := func(names ...string) map[string]string {
		c := device(t, rptest.DeviceConfig{Seed: "order"})
		m := map[string]string{}
		for _, n := range names {
			m[n] = create(t, c, creation(n, "")).ID.String()
		}
		return m
	}
	one, other := ids("alice", "bob"), ids("bob", "carol", "alice")
	if one["alice"] != other["alice"] || one["bob"] != other["bob"] {
		t.Errorf("%v, %v", one, other)
	}
}

// TestMany makes ten thousand devices with a passkey each, in under 100 MB.
func TestMany(t *testing.T) {
	const devices = 10_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		locked, _ := arena.Usage()
		return m.HeapAlloc + uint64(locked)
	}
	before := heap()
	all := make([]*rptest.Client, devices)
	for i := range all {
		all[i] = device(t, rptest.DeviceConfig{})
		if _, err := all[i].Create(t.Context(), creation("alice", "")); err != nil {
			t.Fatal(err)
		}
	}
	used := heap() - before
	runtime.KeepAlive(all)
	t.Logf("%d bytes a device", used/devices)
	if used > 100_000_000 {
		t.Errorf("%d devices take %d bytes", devices, used)
	}
}

func TestCredentials(t *testing.T) {
	ctx := t.Context()
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.ES512, ctap.EdDSA, ctap.RS256} {
		t.Run(alg.String(), func(t *testing.T) {
			from := device(t, rptest.DeviceConfig{Seed: "from", Personality: rptest.Hardware, Algorithms: []ctap.Algorithm{alg}})
			options := creation("alice", fmt.Sprintf(`,"authenticatorSelection":{"residentKey":"required"},"pubKeyCredParams":[{"type":"public-key","alg":%d}]`, alg))
			made := create(t, from, options)
			all, err := from.Device.Credentials(ctx)
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			data, err := json.Marshal(all[0])
			if err != nil {
				t.Fatal(err)
			}
			var c rptest.Credential
			if err := json.Unmarshal(data, &c); err != nil {
				t.Fatal(err)
			}
			for _, id := range []rptest.Bytes{made.ID, []byte("an ID from elsewhere"), slices.Repeat([]byte("long"), 200)} {
				to := device(t, rptest.DeviceConfig{Seed: "to"})
				c.CredentialID = id
				if err := to.Device.Add(ctx, c); err != nil {
					t.Fatal(err)
				}
				for _, options := range [][]byte{request(""), request(`,"allowCredentials":[{"type":"public-key","id":"` + id.String() + `"}]`)} {
					got := get(t, to, options)
					if !slices.Equal(got.ID, id) || got.auth.Flags&ctap.FlagBE != 0 || got.auth.SignCount <= 1 {
						t.Errorf("signs in as %s, flags %x, counter %d", got.ID, got.auth.Flags, got.auth.SignCount)
					}
				}
				if _, err := to.Create(ctx, creation("alice", `,"excludeCredentials":[{"type":"public-key","id":"`+id.String()+`"}]`)); rptest.ErrorName(err) != "InvalidStateError" {
					t.Errorf("excluded: %v", err)
				}
				if err := to.Device.Remove(ctx, id); err != nil {
					t.Fatal(err)
				}
				if err := to.Device.Remove(ctx, id); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("removed twice: %v", err)
				}
			}
		})
	}
}

// A passkey that is there already stays as it was.
func TestAddTwice(t *testing.T) {
	ctx := t.Context()
	from, to := device(t, rptest.DeviceConfig{Seed: "from"}), device(t, rptest.DeviceConfig{Seed: "to"})
	create(t, from, creation("alice", ""))
	own := create(t, to, creation("alice", ""))
	all, err := from.Device.Credentials(ctx)
	if err != nil {
		t.Fatal(err)
	}
	count := uint32(7)
	other, same := all[0], all[0]
	other.CredentialID, other.SignCount = []byte("of the same user"), &count
	same.CredentialID, same.UserHandle, same.SignCount = own.ID, []byte("bob"), &count
	for _, c := range []rptest.Credential{other, same} {
		if err := to.Device.Add(ctx, c); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", c.CredentialID, err)
		}
	}
	if got := get(t, to, request("")); !slices.Equal(got.ID, own.ID) || got.auth.SignCount != 0 {
		t.Errorf("signs in as %s, counter %d", got.ID, got.auth.SignCount)
	}
}

func TestSetProperties(t *testing.T) {
	c := device(t, rptest.DeviceConfig{})
	id := create(t, c, creation("alice", "")).ID
	no, count := false, uint32(41)
	if err := c.Device.SetProperties(t.Context(), id, rptest.Properties{BackupState: &no, SignCount: &count}); err != nil {
		t.Fatal(err)
	}
	got := get(t, c, request(""))
	if got.auth.SignCount != 42 || got.auth.Flags&ctap.FlagBS != 0 || got.auth.Flags&ctap.FlagBE == 0 {
		t.Errorf("flags %x, counter %d", got.auth.Flags, got.auth.SignCount)
	}
	if err := c.Device.SetProperties(t.Context(), []byte("none"), rptest.Properties{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such credential: %v", err)
	}
}

func TestSignals(t *testing.T) {
	ctx := t.Context()
	c := device(t, rptest.DeviceConfig{})
	alice, bob := create(t, c, creation("alice", "")).ID, create(t, c, creation("bob", "")).ID
	names := func() (names []string) {
		all, err := c.Device.Credentials(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			names = append(names, c.UserName)
		}
		slices.Sort(names)
		return names
	}
	for _, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error {
			return c.Device.SignalCurrentUserDetails(ctx, "login.example", []byte("alice"), "alice2", "Alice")
		}, []string{"alice2", "bob"}},
		{func() error { return c.Device.SignalUnknownCredential(ctx, "other.example", bob) }, []string{"alice2", "bob"}},
		{func() error {
			return c.Device.SignalAllAcceptedCredentials(ctx, "login.example", []byte("alice"), [][]byte{alice})
		}, []string{"alice2", "bob"}},
		{func() error { return c.Device.SignalUnknownCredential(ctx, "login.example", bob) }, []string{"alice2"}},
		{func() error { return c.Device.SignalAllAcceptedCredentials(ctx, "login.example", []byte("alice"), nil) }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := names(); !slices.Equal(got, step.want) {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
}

func TestParseMutation(t *testing.T) {
	for _, good := range []string{
		"login.origin.port", "unsigned login.origin.port", "origin=https://evil.example", "flags=-UV,+BS", "counter=7", "crossOrigin=true", "signature=AAAA",
	} {
		if m, err := rptest.ParseMutation(good); err != nil || len(m.Edits) == 0 {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "no.such", "origin", "colour=red", "flags=UV", "flags=*UV", "flags=+XX", "counter=-1", "counter=4294967296", "crossOrigin=maybe", "signature=!", "sequence.replay.login",
	} {
		if _, err := rptest.ParseMutation(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
