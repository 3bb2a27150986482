package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A page cannot fill the memory by what it says of itself.
func TestEventsAreBounded(t *testing.T) {
	server, err := New(Config{Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	d, err := server.add(deviceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", maxBody/4)
	for range 2 {
		d.log.add(Event{Ceremony: long, Origin: long, TopOrigin: long, Mediation: long, CredentialID: long, Error: exception("TypeError", long),
			Options: json.RawMessage(`"` + long + `"`), Credential: json.RawMessage(`"` + long + `"`)})
	}
	kept, _ := d.log.after(0, maxEvents)
	if len(kept) != 2 {
		t.Errorf("%d events are kept", len(kept))
	}
	for _, e := range kept {
		if data, err := e.encode(); err != nil || len(data) > 8*maxText {
			t.Errorf("an event has %d bytes: %v", len(data), err)
		}
	}
}

// A page's script gets no faults: with one, it could say that it is another page.
func TestPageMutations(t *testing.T) {
	s := start(t, Config{})
	s.device(`{}`)
	inPage := s.with(loginOrigin, s.shim(t, "d1", loginOrigin).Tokens[loginOrigin])
	inPage.must("POST", "/v1/page/create", page(creationOptions))
	for _, op := range []string{"create", "get"} {
		inPage.refused(403, "Forbidden", "cannot choose mutations", "POST", "/v1/page/"+op,
			strings.Replace(page(requestOptions), `{`, `{"mutations":["login.origin.port"],`, 1))
	}
}

// pipes is a listener whose connections are within the process.
type pipes struct{ accepted chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.accepted
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// Who is slow to send a body is hung up on, whether the token is right or not; who
// has sent it may wait for its answer.
func TestSlowBody(t *testing.T) {
	const request = "POST /v1/devices/d1/autofill HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 16\r\n\r\n"
	for _, test := range []struct{ name, token, body string }{
		{"a stranger", "no", "{"}, {"a client", testToken, "{"}, {"a client that waits", testToken, `{"waitMs":60000}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			server, err := New(Config{Token: testToken})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := server.add(deviceConfig{}); err != nil {
				t.Fatal(err)
			}
			l := pipes{make(chan net.Conn, 1)}
			h := server.HTTP()
			go h.Serve(l)
			here, there := net.Pipe()
			l.accepted <- there
			go fmt.Fprintf(here, request+"%s", test.token, test.body)
			began := time.Now()
			answered := make(chan string, 1)
			go func() {
				text, _ := io.ReadAll(here)
				answered <- string(text)
			}()
			waits := len(test.body) == 16
			limit := bodyTime + time.Second
			if waits {
				limit = time.Minute + 3*time.Minute // its connection is idle afterwards
			}
			select {
			case text := <-answered:
				if waits != strings.Contains(text, "no page waits") {
					t.Errorf("%s: after %v: %s", test.name, time.Since(began), text)
				}
			case <-time.After(limit):
				t.Errorf("%s: the connection is open after %v", test.name, limit)
			}
			here.Close()
			close(l.accepted)
			server.Close()
			h.Close()
			synctest.Wait()
		})
	}
}

// What Save never wrote is not read: an ID that the next device would have, too.
func TestStateIsChecked(t *testing.T) {
	for _, text := range []string{
		`{"version":1,"made":0,"devices":[{"id":"d1","config":{},"credentials":[]}]}`,
		`{"version":1,"made":9,"devices":[{"id":"d1","config":{},"credentials":[]},{"id":"d1","config":{},"credentials":[]}]}`,
		`{"version":1,"made":9,"devices":[{"id":"../x","config":{},"credentials":[]}]}`,
		`{"version":1,"made":9,"devices":[{"id":"d01","config":{},"credentials":[]}]}`,
		`{"version":1,"made":9,"devices":[{"id":"d-1","config":{},"credentials":[]}]}`,
		`{"version":1,"made":9,"devices":[{"id":"1","config":{},"credentials":[]}]}`,
		`{"version":1,"made":0,"devices":[]} {}`, `{"version":1,"made":0,"devices":[]}]`,
	} {
		path := filepath.Join(t.TempDir(), "devices.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		server, err := New(Config{Token: testToken})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Load(t.Context(), path); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

// Origins that no browser sends, or that every page can have, are not let in.
func TestOriginsAreOrigins(t *testing.T) {
	for _, o := range []string{"null", "*", "", "https://tool.example/", "tool.example", "HTTPS://tool.example"} {
		if _, err := New(Config{Token: testToken, Origins: []string{o}}); err == nil {
			t.Errorf("%q is let in", o)
		}
	}
}
