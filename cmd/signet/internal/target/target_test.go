package target

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func fido(hosts ...string) *rptest.Mapping {
	m := rptest.FIDO()
	m.Hosts = hosts
	return m
}

// This machine may be attacked, another only where the user answers for it. Names
// say which it is before anything is resolved, and whatever they resolve to, no
// other machine is dialled.
func TestTarget(t *testing.T) {
	for _, test := range []struct {
		url   string
		hosts []string
		owned bool
		ok    bool
	}{
		{"http://localhost:8080", nil, false, true},
		{"http://[::1]:8080", nil, false, true},
		{"https://login.localhost", []string{"127.0.0.1:9000"}, false, true},
		{"https://login.example", nil, false, false},
		{"https://login.example", nil, true, true},
		{"http://localhost", []string{"sso.example"}, false, false},
		{"http://localhost", []string{"sso.example"}, true, true},
		{"http://localhost.example", nil, false, false},
		{"http://127.0.0.1.evil.example", nil, false, false},
		{"http://localhost@login.example", nil, false, false},
		{"http://192.0.2.1:80", nil, false, false},
	} {
		_, err := (&Target{URL: test.url, Mapping: fido(test.hosts...), Owned: test.owned}).Site()
		var elsewhere *ElsewhereError
		if (err == nil) != test.ok || err != nil && !errors.As(err, &elsewhere) {
			t.Errorf("%s %q, owned %v: %v", test.url, test.hosts, test.owned, err)
		}
	}
	for address, ok := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"192.0.2.1:80": false, "[2001:db8::1]:80": false, "0.0.0.0:80": false, "localhost:80": false, "x": false,
	} {
		if err := onlyLoopback(t.Context(), "tcp", address, nil); (err == nil) != ok {
			t.Errorf("dial %s: %v", address, err)
		}
	}
	transport, err := (&Target{URL: "http://localhost", Mapping: fido()}).transport()
	if err != nil {
		t.Fatal(err)
	}
	var elsewhere *ElsewhereError
	if _, err := transport.DialContext(t.Context(), "tcp", "192.0.2.1:80"); !errors.As(err, &elsewhere) {
		t.Errorf("another machine is dialled: %v", err)
	}
	if transport.Proxy != nil {
		t.Error("a proxy would dial for it")
	}
}

// Whose address is nowhere, and authorities that are none, are errors; URL wins
// over the mapping's base.
func TestAddress(t *testing.T) {
	if _, err := (&Target{Mapping: fido()}).Site(); !errors.Is(err, ErrNoAddress) {
		t.Errorf("without an address: %v", err)
	}
	if _, err := (&Target{URL: "localhost:80", Mapping: fido()}).Site(); err == nil {
		t.Error("an address without a scheme is taken")
	}
	if _, err := (&Target{URL: "http://localhost", Mapping: fido(), CA: []byte{}}).Site(); err == nil {
		t.Error("authorities that are none are taken")
	}
	m := fido()
	m.Base = "https://login.example"
	site, err := (&Target{URL: "http://localhost:1", Mapping: m}).Site()
	if err != nil {
		t.Fatal(err)
	}
	if got := site.Mapping().Base; got != "http://localhost:1" {
		t.Errorf("requests go to %s", got)
	}
	if site.Timeout != DefaultTimeout {
		t.Errorf("the timeout is %v", site.Timeout)
	}
}

// An authority of one's own is trusted where it is named.
func TestAuthorities(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for _, test := range []struct {
		ca []byte
		ok bool
	}{{nil, false}, {ca, true}} {
		transport, err := (&Target{URL: server.URL, Mapping: fido(), CA: test.ca}).transport()
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if (err == nil) != test.ok {
			t.Errorf("with %d bytes of authorities: %v", len(test.ca), err)
		}
		if err == nil {
			resp.Body.Close()
		}
		transport.CloseIdleConnections()
	}
}
