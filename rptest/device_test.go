package rptest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore/arena"
	"github.com/seed-77d61853/signet/rptest"
)

const origin = "https://login.example"

// creation is options for an account; extra is more members, each after a comma.
func creation(account, extra string) []byte {
	return fmt.Appendf(nil, `{"rp":{"id":"login.example","name":"Example"},"user":{"id":%q,"name":%q,"displayName":%q},`+
		`"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],`+
		`"authenticatorSelection":{"residentKey":"preferred"}%s}`, rptest.Bytes(account).String(), account, account, extra)
}

// What a site gets that discourages discoverable passkeys: of a phone one all the same.
func TestDiscouraged(t *testing.T) {
	discouraging := bytes.Replace(creation("alice", `,"extensions":{"credProps":true}`), []byte(`"preferred"`), []byte(`"discouraged"`), 1)
	for _, test := range []struct {
		config rptest.DeviceConfig
		want   bool
	}{
		{rptest.DeviceConfig{Personality: rptest.Phone}, true},
		{rptest.DeviceConfig{Personality: rptest.Phone, NoDiscoverable: true}, false},
		{rptest.DeviceConfig{Personality: rptest.Platform}, false},
		{rptest.DeviceConfig{Personality: rptest.Hardware}, false},
	} {
		c := device(t, test.config)
		made, err := c.Create(t.Context(), discouraging)
		if err != nil {
			t.Fatal(err)
		}
		if says := bytes.Contains(made.JSON, []byte(`"credProps":{"rk":true}`)); says != test.want {
			t.Errorf("%s: %s", test.config.Personality, made.JSON)
		}
		if _, err := c.Get(t.Context(), request("")); (err == nil) != test.want {
			t.Errorf("%s: signs in without a list: %v", test.config.Personality, err)
		}
	}
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
		{Algorithms: []ctap.Algorithm{0}},
		{Algorithms: []ctap.Algorithm{ctap.ES256, ctap.ECDHES256}},
	} {
		if _, err := rptest.NewDevice(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
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
