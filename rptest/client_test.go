package rptest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// clientData is what a browser says of a page.
func clientData(t *testing.T, data []byte) (c struct {
	Type, Origin, TopOrigin string
	CrossOrigin             bool
}) {
	t.Helper()
	var r struct {
		Response struct {
			ClientDataJSON rptest.Bytes `json:"clientDataJSON"`
		} `json:"response"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(r.Response.ClientDataJSON, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// A page of another origin than the RP ID's may use it where the RP's document names
// that origin; a frame says whose page it is in.
func TestPlaces(t *testing.T) {
	document := func(text string, err error) func(context.Context, string) ([]byte, error) {
		return func(_ context.Context, rpID string) ([]byte, error) {
			if rpID != "login.example" {
				return nil, errors.New("asked for " + rpID)
			}
			return []byte(text), err
		}
	}
	for _, test := range []struct {
		name   string
		client rptest.Client
		fails  string // DOMException name
		says   string
	}{
		{"the RP's own", rptest.Client{Origin: "https://login.example"}, "", "https://login.example false "},
		{"a subdomain's", rptest.Client{Origin: "https://a.login.example:8443"}, "", "https://a.login.example:8443 false "},
		{"a frame in another page", rptest.Client{Origin: "https://login.example", CrossOrigin: true, TopOrigin: "https://shop.example"}, "", "https://login.example true https://shop.example"},
		{"another site's", rptest.Client{Origin: "https://shop.example"}, "SecurityError", ""},
		{"without TLS", rptest.Client{Origin: "http://login.example"}, "SecurityError", ""},
		{"a related one", rptest.Client{Origin: "https://shop.test", RelatedOrigins: document(`{"origins":["https://shop.test"]}`, nil)}, "", "https://shop.test false "},
		{"one that is not related", rptest.Client{Origin: "https://shop.test", RelatedOrigins: document(`{"origins":["https://other.test"]}`, nil)}, "SecurityError", ""},
		{"a document that is not there", rptest.Client{Origin: "https://shop.test", RelatedOrigins: document("", errors.New("404"))}, "SecurityError", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.client
			c.Device = device(t, rptest.DeviceConfig{}).Device
			made, err := c.Create(t.Context(), creation("alice", ""))
			if rptest.ErrorName(err) != test.fails || (err == nil) != (test.fails == "") {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			got, err := c.Get(t.Context(), request(""))
			if err != nil {
				t.Fatal(err)
			}
			for kind, response := range map[string][]byte{"webauthn.create": made.JSON, "webauthn.get": got.JSON} {
				if d := clientData(t, response); d.Type != kind || fmt.Sprint(d.Origin, " ", d.CrossOrigin, " ", d.TopOrigin) != test.says {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

// A slow person takes time, which may be more than the page has; what is always so
// stays, but for what is queued.
func TestSlowAndAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := device(t, rptest.DeviceConfig{})
		c.Device.Always().Delay(3 * time.Second)
		c.Device.Next().Deny()
		for _, want := range []struct {
			fails   string
			timeout int
			took    time.Duration
		}{
			{"NotAllowedError", 10_000, 0},
			{"", 10_000, 3 * time.Second},
			{"NotAllowedError", 2000, 2 * time.Second},
		} {
			start := time.Now()
			_, err := c.Create(t.Context(), creation("alice", fmt.Sprintf(`,"timeout":%d`, want.timeout)))
			if rptest.ErrorName(err) != want.fails || time.Since(start) != want.took {
				t.Errorf("%v after %v, want %q after %v", err, time.Since(start), want.fails, want.took)
			}
		}
	})
}

// Mutations go together: each is there whatever their order, and what is signed is
// signed last.
func TestMutationsCompose(t *testing.T) {
	ids := []string{"login.origin.port", "counter=77", "login.signature.high-s", "userHandle=bm9ib2R5"}
	spoil := func(ids []string) []byte {
		c := device(t, rptest.DeviceConfig{Seed: "compose"})
		create(t, c, creation("alice", ""))
		c.Device.Next().Mutate(ids[:2]...)
		var more []rptest.Mutation
		for _, id := range ids[2:] {
			m, err := rptest.ParseMutation(id)
			if err != nil {
				t.Fatal(err)
			}
			more = append(more, m)
		}
		r, err := c.Get(t.Context(), request(""), more...)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.Mutations, ids) {
			t.Errorf("made %q of %q", r.Mutations, ids)
		}
		changed := map[string]bool{}
		for _, change := range explain.Diff(r.Honest, r.JSON) {
			changed[change.Path] = true
		}
		want := []string{"authenticatorData.signCount", "clientDataJSON.origin", "signature", "userHandle"}
		if got := slices.Sorted(maps.Keys(changed)); !slices.Equal(got, want) {
			t.Errorf("%q differ, want %q", got, want)
		}
		return r.JSON
	}
	forwards := spoil(ids)
	slices.Reverse(ids)
	if backwards := spoil(ids); string(forwards) != string(backwards) {
		t.Errorf("in two orders:\n%s\n%s", forwards, backwards)
	}
}

// One device, used by many at once, says what it says when they come one by one.
func TestConcurrentUse(t *testing.T) {
	const people = 16
	config := rptest.DeviceConfig{Seed: "shared", Personality: rptest.Windows, Counter: &rptest.Counter{Start: 1, Step: 1}}
	use := func(c *rptest.Client, i int) (said string) {
		account := fmt.Sprintf("person %d", i)
		made, err := c.Create(t.Context(), creation(account, `,"attestation":"direct"`))
		if err != nil {
			t.Error(err)
			return ""
		}
		id := struct{ ID string }{}
		if err := json.Unmarshal(made.JSON, &id); err != nil {
			t.Error(err)
		}
		said = string(made.JSON)
		for range 3 {
			got, err := c.Get(t.Context(), request(`,"allowCredentials":[{"type":"public-key","id":"`+id.ID+`"}]`))
			if err != nil {
				t.Error(err)
				return ""
			}
			said += string(got.JSON)
		}
		return said
	}
	alone, shared := device(t, config), device(t, config)
	var wg sync.WaitGroup
	var said [people]string
	for i := range people {
		wg.Go(func() { said[i] = use(shared, i) })
	}
	wg.Wait()
	for i := range people {
		if want := use(alone, i); said[i] != want {
			t.Errorf("person %d:\n%s\nand alone\n%s", i, said[i], want)
		}
	}
}
