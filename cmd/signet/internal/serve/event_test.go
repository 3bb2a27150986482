package serve

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Who says to have seen events that there never were gets those that come.
func TestEventsAfterNone(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	s.register(d)
	for _, seen := range []string{"18446744073709551615", "18446744073709551614", "3", "2"} {
		if got := s.list(d + "/events?after=" + seen); len(got) != 0 {
			t.Errorf("after %s there are %v", seen, got)
		}
	}
	events := s.stream(t.Context(), d, "18446744073709551615")
	for range 2 * maxAhead {
		s.must("POST", d+"/reset", nil)
	}
	for seq := range 2 * maxAhead {
		if e := <-events; e.Seq != uint64(3+seq) || e.Type != "reset" {
			t.Fatalf("event %d is %+v", 3+seq, e)
		}
	}
}

// watched is a connection that tells when its service closes it.
type watched struct {
	net.Conn
	closed chan struct{}
}

func (c watched) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return c.Conn.Close()
}

// A stream that nobody reads ends by itself, and with its device and the service at
// once; it holds few events meanwhile. One that is read goes on, and ends in order.
func TestUnreadStreams(t *testing.T) {
	for _, test := range []struct {
		name  string
		reads bool
		end   func(*Server, *device) // after a minute, or a second where nobody reads
		limit time.Duration
	}{
		{"nobody reads", false, func(*Server, *device) {}, unreadTime + time.Second},
		{"the device goes", false, func(_ *Server, d *device) { d.gone() }, 2*lastTime + time.Second},
		{"the service goes", false, func(s *Server, _ *device) { s.Close() }, 2*lastTime + time.Second},
		{"somebody reads", true, func(_ *Server, d *device) { d.gone() }, lastTime},
	} {
		synctest.Test(t, func(t *testing.T) {
			server, err := New(Config{Token: testToken})
			if err != nil {
				t.Fatal(err)
			}
			d, err := server.add(deviceConfig{})
			if err != nil {
				t.Fatal(err)
			}
			text := json.RawMessage(`"` + strings.Repeat("x", maxLogged-2) + `"`)
			for range maxEvents {
				d.log.add(Event{Type: "begin", Options: text})
			}
			l := pipes{make(chan net.Conn, 1)}
			h := server.HTTP()
			go h.Serve(l)
			here, there := net.Pipe()
			connection := watched{there, make(chan struct{})}
			l.accepted <- connection
			fmt.Fprintf(here, "GET /v1/devices/d1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n", testToken)
			read := make(chan error, 1)
			wait := time.Second
			if test.reads {
				wait = time.Minute
				go func() {
					resp, err := http.ReadResponse(bufio.NewReader(here), nil)
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
					}
					read <- err
				}()
			}
			time.Sleep(wait)
			test.end(server, d)
			select {
			case <-connection.closed:
			case <-time.After(test.limit):
				t.Errorf("%s: the connection is open %v later", test.name, test.limit)
			}
			if test.reads {
				if err := <-read; err != nil {
					t.Errorf("%s: the stream ends with %v", test.name, err)
				}
			}
			here.Close()
			close(l.accepted)
			server.Close()
			h.Close()
			synctest.Wait()
		})
	}
}
