package serve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
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

// What was deleted from a device with a seed does not come back after a restart. What
// comes instead is a function of the state.
func TestStateOfSeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	s := start(t, Config{})
	d := s.device(`{"seed":"one"}`)
	shown := s.must("GET", d, nil)
	ids := map[any]string{}
	for restart := range 3 {
		id := s.register(d)["id"]
		if before, ok := ids[id]; ok {
			t.Errorf("the passkey of %s came back", before)
		}
		ids[id] = fmt.Sprintf("start %d", restart)
		s.must("DELETE", d+"/credentials", nil)
		if err := s.server.Save(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		other := start(t, Config{})
		if err := other.server.Load(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		s = start(t, Config{})
		if err := s.server.Load(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		if a, b := s.register(d)["id"], other.register(d)["id"]; a != b {
			t.Errorf("one state gave %v and %v", a, b)
		} else {
			ids[a] = fmt.Sprintf("restart %d", restart)
		}
		if got := s.must("GET", d, nil); !reflect.DeepEqual(got, shown) {
			t.Errorf("the device is %v, and was %v", got, shown)
		}
	}
}

// A place where Save could not write is refused at the start.
func TestStateNowhere(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "nowhere", "x.json"), filepath.Join(dir, "file", "x.json"), dir} {
		if err := start(t, Config{}).server.Load(t.Context(), path); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
	if err := start(t, Config{}).server.Load(t.Context(), filepath.Join(dir, "x.json")); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left is %v %v", entries, err)
	}
}

// Devices that are made while they are saved are among those made.
func TestStateMeanwhile(t *testing.T) {
	s := start(t, Config{}).server
	var makers sync.WaitGroup
	stop := make(chan struct{})
	defer makers.Wait()
	defer close(stop)
	for range 2 {
		makers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s.mu.Lock()
				s.made++
				d := &device{id: "d" + strconv.Itoa(s.made)}
				s.devices, s.order = map[string]*device{d.id: d}, []string{d.id}
				s.mu.Unlock()
			}
		})
	}
	for made := 0; made < 20_000; {
		var all []*device
		all, made = s.snapshot()
		for _, d := range all {
			if n, err := strconv.Atoi(d.id[1:]); err != nil || n > made {
				t.Fatalf("%s is one of %d devices", d.id, made)
			}
		}
	}
}
