package rptest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// Each option of a device shows in what sites see of it.
func TestConfig(t *testing.T) {
	yes, no := true, false
	aaguid := ctap.AAGUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	listed := func(id rptest.Bytes) []byte {
		return request(`,"allowCredentials":[{"type":"public-key","id":"` + id.String() + `"}]`)
	}
	for _, test := range []struct {
		name   string
		config rptest.DeviceConfig
		holds  func(made, got, next response) bool
	}{
		{"AAGUID", rptest.DeviceConfig{AAGUID: &aaguid}, func(made, _, _ response) bool { return made.auth.AAGUID == aaguid }},
		{"AAGUID of zeros", rptest.DeviceConfig{AAGUID: new(ctap.AAGUID)}, func(made, _, _ response) bool { return made.auth.AAGUID == ctap.AAGUID{} }},
		{"algorithm", rptest.DeviceConfig{Algorithms: []ctap.Algorithm{ctap.EdDSA, ctap.RS256}}, func(made, _, _ response) bool {
			return made.Response.PublicKeyAlg == -257 // the one that is also offered
		}},
		{"transports", rptest.DeviceConfig{Personality: rptest.Hardware, Transports: []string{"ble", "smart-card"}}, func(made, _, _ response) bool {
			return slices.Equal(made.Response.Transports, []string{"ble", "smart-card"})
		}},
		{"bound", rptest.DeviceConfig{BackupEligible: &no, BackedUp: &no}, func(made, got, _ response) bool {
			return (made.auth.Flags|got.auth.Flags)&(ctap.FlagBE|ctap.FlagBS) == 0
		}},
		{"eligible, and not backed up", rptest.DeviceConfig{BackedUp: &no}, func(made, got, _ response) bool {
			return made.auth.Flags&got.auth.Flags&ctap.FlagBE != 0 && (made.auth.Flags|got.auth.Flags)&ctap.FlagBS == 0
		}},
		{"backed up", rptest.DeviceConfig{Personality: rptest.Hardware, BackupEligible: &yes, BackedUp: &yes}, func(made, got, _ response) bool {
			return made.auth.Flags&got.auth.Flags&ctap.FlagBE != 0 && made.auth.Flags&got.auth.Flags&ctap.FlagBS != 0
		}},
		{"a counter from ten in fives", rptest.DeviceConfig{Counter: &rptest.Counter{Start: 10, Step: 5}}, func(made, got, next response) bool {
			return made.auth.SignCount == 10 && got.auth.SignCount == 15 && next.auth.SignCount == 20
		}},
		{"a counter that stands", rptest.DeviceConfig{Counter: &rptest.Counter{Start: 7}}, func(made, got, next response) bool {
			return made.auth.SignCount == 7 && got.auth.SignCount == 7 && next.auth.SignCount == 7
		}},
		{"no counter", rptest.DeviceConfig{Personality: rptest.Hardware, Counter: &rptest.Counter{}}, func(made, got, next response) bool {
			return made.auth.SignCount == 0 && got.auth.SignCount == 0 && next.auth.SignCount == 0
		}},
		{"no verification", rptest.DeviceConfig{NoVerification: true}, func(made, got, _ response) bool {
			return (made.auth.Flags|got.auth.Flags)&ctap.FlagUV == 0
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := device(t, test.config)
			for _, when := range []string{"new", "reset"} {
				made := create(t, c, creation("alice", ""))
				got, next := get(t, c, listed(made.ID)), get(t, c, listed(made.ID))
				if !test.holds(made, got, next) {
					t.Errorf("%s: registration: %+v, %+v\nsign-ins: %+v, %+v, %+v", when, made, made.auth, got, got.auth, next.auth)
				}
				if err := c.Device.Reset(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A site that makes every check, and was given the maker's roots, takes a device of
// each format, whatever the year on both their clocks.
func TestAttestationAtAnyClock(t *testing.T) {
	for _, format := range attest.Formats() {
		if format == attest.None || format == attest.PackedSelf { // which no root vouches for
			continue
		}
		t.Run(string(format), func(t *testing.T) {
			for _, year := range []int{2001, 2026, 2098} {
				now := func() time.Time { return time.Date(year, time.March, 1, 12, 0, 0, 0, time.UTC) }
				config := rptest.DeviceConfig{Attestation: format, Now: now}
				if format == attest.FIDOU2F {
					config.Personality = rptest.U2F
				}
				roots, err := device(t, config).Device.Authority().Roots()
				if err != nil {
					t.Fatal(err)
				}
				block, _ := pem.Decode(roots)
				root, err := x509.ParseCertificate(block.Bytes)
				if err != nil {
					t.Fatal(err)
				}
				site, err := brokenrp.New(brokenrp.Config{
					RPID: "login.example", Origins: []string{origin}, Attestation: "direct", Roots: []*x509.Certificate{root}, Now: now,
				})
				if err != nil {
					t.Fatal(err)
				}
				u := rptest.NewUser(t, rptest.Handler(site, rptest.FIDO()), origin, config)
				r := u.MustRegister()
				if object := parse(t, r.JSON).Response.AttestationObject; !bytes.Contains(object, []byte("fmt"+string(byte(0x60|len(format.Identifier())))+format.Identifier())) {
					t.Errorf("in %d: %x is not of the format", year, object)
				}
				u.MustLogin()
			}
		})
	}
}

var update = flag.Lookup("update") // of this package's inner tests

// Devices with a seed say what testdata has, byte for byte, a registration and a
// sign-in of each format and profile: used at once, and in any order.
func TestGoldenDevices(t *testing.T) {
	configs := map[string]rptest.DeviceConfig{}
	for _, p := range rptest.Personalities() {
		configs["profile "+string(p)] = rptest.DeviceConfig{Personality: p}
	}
	for _, f := range attest.Formats() {
		c := rptest.DeviceConfig{Attestation: f}
		if f == attest.FIDOU2F {
			c.Personality = rptest.U2F
		}
		configs["format "+string(f)] = c
	}
	names := make([]string, 0, len(configs))
	for name := range configs {
		names = append(names, name)
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })

	got := map[string][]string{}
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, name := range names {
		config := configs[name]
		config.Seed = "golden"
		c := device(t, config)
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var said []string
			for _, account := range []string{"bob", "alice"} {
				made, err := c.Create(t.Context(), creation(account, `,"attestation":"direct"`))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				var id struct {
					ID string `json:"id"`
				}
				if err := json.Unmarshal(made.JSON, &id); err != nil {
					t.Error(err)
				}
				signed, err := c.Get(t.Context(), request(`,"allowCredentials":[{"type":"public-key","id":"`+id.ID+`"}]`))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				said = append(said, string(made.JSON), string(signed.JSON))
			}
			mu.Lock()
			defer mu.Unlock()
			got[name] = said
		})
	}
	all.Wait()
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		text.WriteString(name + "\n" + strings.Join(got[name], "\n") + "\n")
	}
	path := filepath.Join("testdata", "devices.golden")
	if update.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		lines, wanted := strings.Split(text.String(), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(lines), len(wanted)) {
			if lines[i] != wanted[i] {
				t.Errorf("line %d of %s:\n%s\nwas\n%s", i+1, path, lines[i], wanted[i])
			}
		}
	}
}
