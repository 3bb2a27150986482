package rptest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
)

func TestCredentials(t *testing.T) {
	ctx := t.Context()
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.ES384, ctap.ES512, ctap.ES256K, ctap.EdDSA, ctap.RS256} {
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

// What a passkey needs and a device lacks is refused by name, and nothing is stored.
func TestAddRefuses(t *testing.T) {
	ctx := t.Context()
	from := device(t, rptest.DeviceConfig{Seed: "from"})
	create(t, from, creation("alice", ""))
	all, err := from.Device.Credentials(ctx)
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, test := range []struct {
		name   string
		on     rptest.DeviceConfig
		change func(*rptest.Credential)
		want   string
	}{
		{"no ID", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.CredentialID = nil }, "credentialId has 0 bytes"},
		{"no site", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.RPID = "" }, "rpId is empty"},
		{"no user", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.UserHandle = nil }, "has to have a userHandle"},
		{"long user", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.UserHandle = make([]byte, 65) }, "userHandle has 65 bytes"},
		{"no key", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.PrivateKey = []byte("none") }, "privateKey is not PKCS #8"},
		{"resident", rptest.DeviceConfig{NoDiscoverable: true}, func(*rptest.Credential) {}, "keeps no resident credentials"},
		{"resident on U2F", rptest.DeviceConfig{Personality: rptest.U2F}, func(*rptest.Credential) {}, "keeps no resident credentials"},
		{"backed up without being eligible", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.BackupEligibility, c.BackupState = &no, &yes }, "has to have backupEligibility"},
		{"large blob", rptest.DeviceConfig{NoLargeBlob: true}, func(c *rptest.Credential) { c.LargeBlob = []byte("blob") }, "keeps no large blobs"},
		{"large blob on Windows", rptest.DeviceConfig{Personality: rptest.Windows}, func(c *rptest.Credential) { c.LargeBlob = []byte{} }, "keeps no large blobs"},
		{"large blob, not resident", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.IsResidentCredential, c.LargeBlob = false, []byte("blob") }, "only a resident credential"},
		{"no room", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.LargeBlob = noise(70_000) }, "large blob of 70"},
		{"no room in the array", rptest.DeviceConfig{Personality: rptest.Hardware}, func(c *rptest.Credential) { c.LargeBlob = noise(70_000) }, "LARGE_BLOB_STORAGE_FULL"},
		{"inflates to no end", rptest.DeviceConfig{}, func(c *rptest.Credential) { c.LargeBlob = make([]byte, 1<<24+1) }, "and may have 16777216"},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := device(t, test.on).Device
			c := all[0]
			test.change(&c)
			if err := to.Add(ctx, c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			if stored, err := to.Credentials(ctx); err != nil || len(stored) != 0 {
				t.Errorf("%d are stored, %v", len(stored), err)
			}
		})
	}
}

// Every field that goes in comes out, also after a reset of the device.
func TestCredentialFields(t *testing.T) {
	ctx := t.Context()
	from := device(t, rptest.DeviceConfig{Seed: "from"})
	create(t, from, creation("alice", ""))
	all, err := from.Device.Credentials(ctx)
	if err != nil {
		t.Fatal(err)
	}
	yes, no, zero, many := true, false, uint32(0), uint32(1<<32-2)
	for name, change := range map[string]func(*rptest.Credential){
		"as it is":        func(*rptest.Credential) {},
		"not resident":    func(c *rptest.Credential) { c.IsResidentCredential, c.UserHandle = false, nil },
		"not eligible":    func(c *rptest.Credential) { c.BackupEligibility, c.BackupState = &no, &no },
		"not backed up":   func(c *rptest.Credential) { c.BackupEligibility, c.BackupState = &yes, &no },
		"counting from 0": func(c *rptest.Credential) { c.SignCount = &zero },
		"counting on":     func(c *rptest.Credential) { c.SignCount = &many },
		"without names":   func(c *rptest.Credential) { c.UserName, c.UserDisplayName = "", "" },
		"with a blob":     func(c *rptest.Credential) { c.LargeBlob = []byte("blob") },
		"an empty blob":   func(c *rptest.Credential) { c.LargeBlob = []byte{} },
	} {
		for _, p := range []rptest.Personality{rptest.Phone, rptest.Hardware} {
			t.Run(name+" on "+string(p), func(t *testing.T) {
				to := device(t, rptest.DeviceConfig{Personality: p}).Device
				want := all[0]
				change(&want)
				for range 2 {
					if err := to.Add(ctx, want); err != nil {
						t.Fatal(err)
					}
					got, err := to.Credential(ctx, want.CredentialID)
					if err != nil || !reflect.DeepEqual(got, want) {
						t.Errorf("%+v, want %+v, %v", got, want, err)
					}
					if err := to.Reset(ctx); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

func TestSetProperties(t *testing.T) {
	ctx := t.Context()
	c := device(t, rptest.DeviceConfig{Counter: &rptest.Counter{Start: 5}})
	id := create(t, c, creation("alice", "")).ID
	both := ctap.FlagBE | ctap.FlagBS
	for _, step := range []struct {
		change string
		flags  ctap.Flags
		count  uint32
	}{
		{`{}`, both, 5},
		{`{"backupState":false}`, ctap.FlagBE, 5},
		{`{"backupState":true,"signCount":41}`, both, 42},
		{`{"backupEligibility":false}`, 0, 43},
		{`{"backupEligibility":true,"backupState":true}`, both, 44},
		{`{"signCount":null}`, both, 0},
		{`{}`, both, 0},
		{`{"signCount":0}`, both, 1},
	} {
		var p rptest.Properties
		if err := json.Unmarshal([]byte(step.change), &p); err != nil {
			t.Fatal(err)
		}
		if err := c.Device.SetProperties(ctx, id, p); err != nil {
			t.Fatal(err)
		}
		got := get(t, c, request(""))
		if got.auth.SignCount != step.count || got.auth.Flags&both != step.flags {
			t.Errorf("%s: flags %x, counter %d", step.change, got.auth.Flags, got.auth.SignCount)
		}
	}
	no, yes := false, true
	if err := c.Device.SetProperties(ctx, id, rptest.Properties{BackupEligibility: &no, BackupState: &yes}); err == nil {
		t.Error("a passkey is backed up that may not be")
	}
	if err := c.Device.SetProperties(ctx, []byte("none"), rptest.Properties{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such credential: %v", err)
	}
	for _, bad := range []string{`{"signCount":-1}`, `{"signCount":4294967296}`, `{"colour":1}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), new(rptest.Properties)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
