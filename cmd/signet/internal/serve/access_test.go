package serve

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// send sends a request that a test has changed, and gives status and body.
func (s *service) send(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

// Nothing but the health check is answered without the token.
func TestToken(t *testing.T) {
	s := start(t, Config{})
	for _, header := range []string{
		"", "Bearer", "Bearer ", testToken, "Basic " + testToken, "bearer " + testToken, "Bearer " + testToken + "x",
		"Bearer " + testToken[:len(testToken)-1], "Bearer x" + testToken, "Bearer " + strings.ToUpper(testToken), "Bearer  " + testToken + " ",
	} {
		for _, route := range routes {
			if route.path == healthPath {
				continue
			}
			r := s.request(route.method, strings.NewReplacer("{", "", "}", "").Replace(route.path), nil)
			r.Header.Set("Authorization", header)
			if header == "" {
				r.Header.Del("Authorization")
			}
			if resp, body := s.send(r); resp.StatusCode != http.StatusUnauthorized || strings.Contains(body, testToken) {
				t.Errorf("%q: %s %s answers %d %.200s", header, route.method, route.path, resp.StatusCode, body)
			}
		}
	}
	r := s.request("GET", healthPath, nil)
	r.Header.Del("Authorization")
	if resp, body := s.send(r); resp.StatusCode != 200 || body != `{"status":"ok"}` {
		t.Errorf("the health check answers %d %s", resp.StatusCode, body)
	}
	if _, err := New(Config{Token: "short"}); err == nil {
		t.Error("a service takes a short token")
	}
}

// A name that somebody else can point here is not the service's.
func TestHost(t *testing.T) {
	for _, test := range []struct {
		host           string
		loopback, open bool
	}{
		{"localhost", true, true},
		{"localhost:8080", true, true},
		{"LOCALHOST", true, true},
		{"a.localhost", true, true},
		{"127.0.0.1:1", true, true},
		{"127.1.2.3", true, true},
		{"[::1]:8080", true, true},
		{"::1", true, true},
		{"192.0.2.1", false, true},
		{"[2001:db8::1]:80", false, true},
		{"signet:8080", false, true},
		{"evil.example", false, false},
		{"localhost.evil.example", false, false},
		{"127.0.0.1.evil.example:80", false, false},
		{"evil-localhost", false, false},
		{"", false, false},
	} {
		for _, config := range []struct {
			host func(string) bool
			want bool
		}{{rptest.IsLoopback, test.loopback}, {AnyAddress([]string{"Signet"}), test.open}} {
			server, err := New(Config{Token: testToken, Host: config.host})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequest("GET", "/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = test.host
			w := &recorder{header: http.Header{}}
			if server.ServeHTTP(w, r); (w.status == 200) != config.want {
				t.Errorf("host %q: %d %s", test.host, w.status, &w.body)
			}
		}
	}
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(status int)      { r.status = status }

// Pages may use the service only if the user named their origin, and learn of
// its answers only then.
func TestOrigin(t *testing.T) {
	s := start(t, Config{Origins: []string{"https://dashboard.example"}})
	for _, test := range []struct {
		origin  string
		allowed bool
	}{
		{"https://dashboard.example", true},
		{"https://evil.example", false},
		{"http://dashboard.example", false},
		{"https://dashboard.example.evil.example", false},
		{"null", false},
		{s.url, false},
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			r := s.request(method, "/v1/devices", nil)
			r.Header.Set("Origin", test.origin)
			if method == "OPTIONS" {
				r.Header.Del("Authorization")
				r.Header.Set("Access-Control-Request-Private-Network", "true")
			}
			resp, _ := s.send(r)
			given := resp.Header.Get("Access-Control-Allow-Origin")
			if test.allowed != (resp.StatusCode < 300) || test.allowed != (given == test.origin) || !test.allowed && given != "" || resp.Header.Get("Vary") != "Origin" {
				t.Errorf("%s from %s: %d %v", method, test.origin, resp.StatusCode, resp.Header)
			}
			if private := resp.Header.Get("Access-Control-Allow-Private-Network"); method == "OPTIONS" && test.allowed != (private == "true") {
				t.Errorf("%s from %s: private network %q", method, test.origin, private)
			}
		}
	}
	// A preflight's answer, without the token, tells nothing but that.
	r := s.request("GET", "/v1/devices", nil)
	r.Header.Set("Origin", "https://dashboard.example")
	r.Header.Del("Authorization")
	if resp, _ := s.send(r); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an allowed page without the token: %d", resp.StatusCode)
	}
}

// Bodies are bounded, and JSON.
func TestBody(t *testing.T) {
	s := start(t, Config{})
	long := `{"seed":"` + strings.Repeat("x", maxBody) + `"}`
	s.refused(413, "TooLarge", "longer than", "POST", "/v1/devices", long)
	r := s.request("POST", "/v1/devices", []byte(`seed=x`))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp, body := s.send(r); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d %s", resp.StatusCode, body)
	}
	r = s.request("POST", "/v1/devices", []byte(`{"seed":"x"}`))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if resp, body := s.send(r); resp.StatusCode != http.StatusCreated {
		t.Errorf("JSON with a charset: %d %s", resp.StatusCode, body)
	}
}

// A page's token is good for one device, in pages of one origin, for ceremonies.
func TestPageToken(t *testing.T) {
	s := start(t, Config{})
	d, other := s.device(`{}`), s.device(`{}`)
	shim := s.shim(t, "d1", loginOrigin)
	token := shim.Tokens[loginOrigin]
	second := s.shim(t, "d2", "https://second.example")
	if shim.Device != "d1" || shim.URL != s.url || token == "" || len(shim.Tokens) != 1 {
		t.Fatalf("the shim has %+v", shim)
	}
	inPage := s.with(loginOrigin, token)
	made := inPage.must("POST", "/v1/page/create", page(creationOptions))
	inPage.must("POST", "/v1/page/get", page(requestOptions))
	inPage.must("POST", "/v1/page/signal/currentUserDetails", `{"rpId":"login.example","origin":"https://login.example","userId":"YWxpY2U","name":"al","displayName":"Al"}`)
	inPage.must("POST", "/v1/page/abort", `{"id":"none"}`)
	if got := s.list(d + "/credentials"); len(got) != 1 || got[0]["credentialId"] != made["id"] || got[0]["userName"] != "al" {
		t.Errorf("the device has %v", got)
	}
	if got := s.list(other + "/credentials"); len(got) != 0 {
		t.Errorf("another device has %v", got)
	}
	// Another page, another device, another secret, none.
	mac := token[strings.Index(token, ".")+1:]
	for _, test := range []struct{ origin, token string }{
		{"https://second.example", token},
		{loginOrigin, "d2." + mac},
		{loginOrigin, second.Tokens["https://second.example"]},
		{loginOrigin, testToken},
		{loginOrigin, "d1."},
		{loginOrigin, mac},
		{"", token},
	} {
		body := strings.Replace(page(requestOptions), loginOrigin, test.origin, 1)
		s.with(test.origin, test.token).refused(401, "Unauthorized", "not the token", "POST", "/v1/page/get", body)
	}
	// A page that is not named is not let in at all; one that lies is refused.
	s.with("https://evil.example", token).refused(403, "Forbidden", "may not use", "POST", "/v1/page/get", page(requestOptions))
	inPage.refused(403, "Forbidden", "says that it is", "POST", "/v1/page/get", `{"origin":"https://second.example","options":{}}`)
	// It opens nothing else.
	for _, origin := range []string{"", loginOrigin} {
		r := s.with(origin, token).request("GET", d, nil)
		if resp, _ := s.send(r); resp.StatusCode != 401 && resp.StatusCode != 403 {
			t.Errorf("a page's token, from %q, reads the device: %d", origin, resp.StatusCode)
		}
	}
	// A preflight needs no token, and is for those pages alone.
	for origin, want := range map[string]int{loginOrigin: 204, "https://evil.example": 403} {
		r := s.request("OPTIONS", "/v1/page/get", nil)
		r.Header.Del("Authorization")
		r.Header.Set("Origin", origin)
		if resp, _ := s.send(r); resp.StatusCode != want {
			t.Errorf("a preflight of %s: %d", origin, resp.StatusCode)
		}
	}
	s.must("DELETE", d, nil)
	inPage.refused(404, "NotFound", "no device", "POST", "/v1/page/get", page(requestOptions))
}
