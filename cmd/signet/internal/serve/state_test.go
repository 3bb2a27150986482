package serve

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
)

// What a service saved, the next one has.
func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	s := start(t, Config{})
	if err := s.server.Load(t.Context(), path); err != nil {
		t.Fatalf("there is no file: %v", err)
	}
	gone := s.device(`{}`)
	d := s.device(`{"profile":"security-key","origins":["https://login.example"],"aaguid":"00112233-4455-6677-8899-aabbccddeeff"}`)
	first := s.register(d)
	second := s.must("POST", d+"/create", page(creationOptions))
	if first["id"] == second["id"] {
		t.Fatal("two registrations gave one credential")
	}
	s.must("DELETE", gone, nil)
	phone := s.device(`{"profile":"phone"}`)
	for device, blob := range map[string]string{d: "YnkgYSBwYWdl", phone: "YnkgYW5vdGhlcg"} {
		options := strings.Replace(creationOptions, `"challenge"`, `"extensions":{"largeBlob":{"support":"required"}},"challenge"`, 1)
		writeBlob(s, device, s.must("POST", device+"/create", page(options))["id"], blob)
	}
	shown, credentials := s.must("GET", d, nil), s.list(d+"/credentials")
	for range 2 {
		if err := s.server.Save(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
		t.Errorf("besides the file and its lock the folder holds some of %v: %v", entries, err)
	}
	lock, err := file.Lock(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.server.Save(t.Context(), path); !errors.Is(err, keystore.ErrInUse) {
		t.Errorf("while another writes: %v", err)
	}
	lock.Close()

	next := start(t, Config{})
	if err := next.server.Load(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if got := next.must("GET", d, nil); !reflect.DeepEqual(got, shown) {
		t.Errorf("the device is %v, and was %v", got, shown)
	}
	if got := next.list(d + "/credentials"); !reflect.DeepEqual(got, credentials) {
		t.Errorf("its credentials are %v, and were %v", got, credentials)
	}
	for device, blob := range map[string]string{d: "YnkgYSBwYWdl", phone: "YnkgYW5vdGhlcg"} {
		if got := readBlob(next, device); got != blob {
			t.Errorf("the large blob of %s is %v", device, got)
		}
	}
	if id := next.must("POST", "/v1/devices", `{}`)["id"]; id != "d4" {
		t.Errorf("the next device is %v", id)
	}
	for _, damage := range []string{`{`, `{"version":2,"devices":[]}`, `{"version":1,"made":1,"devices":[{"id":"d1","config":{"profile":"toaster"}}]}`, `{"version":1,"secrets":[]}`} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := start(t, Config{}).server.Load(t.Context(), path); err == nil {
			t.Errorf("%s is read", damage)
		}
	}
}
