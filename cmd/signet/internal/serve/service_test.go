package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

const testToken = "a token of the tests"

// service is a Server behind a port, as `signet serve` starts it.
type service struct {
	t        testing.TB
	server   *Server
	url      string
	client   *http.Client
	contract *contract
	// origin is what the header Origin says; token replaces the service's.
	origin, token string
	// invalid tells that requests are wrong, so that the contract refuses them.
	invalid bool
}

func start(t testing.TB, c Config) *service {
	t.Helper()
	c.Token = testToken
	if c.Host == nil {
		c.Host = rptest.IsLoopback
	}
	server, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(nil)
	h.Config = server.HTTP()
	h.Start()
	t.Cleanup(h.Close)
	t.Cleanup(server.Close)
	contract, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	return &service{t: t, server: server, url: h.URL, client: h.Client(), contract: contract}
}

// with gives a copy whose requests come from a page of origin, with a token.
func (s *service) with(origin, token string) *service {
	c := *s
	c.origin, c.token = origin, token
	return &c
}

// wrong gives a copy whose requests are not what openapi.yaml says.
func (s *service) wrong() *service {
	c := *s
	c.invalid = true
	return &c
}

func (s *service) request(method, path string, body []byte) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	token := testToken
	if s.token != "" {
		token = s.token
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.origin != "" {
		r.Header.Set("Origin", s.origin)
	}
	return r
}

// do sends a request, and holds it and its answer against openapi.yaml. body is
// JSON, or becomes it.
func (s *service) do(method, path string, body any) (int, []byte) {
	s.t.Helper()
	var data []byte
	switch b := body.(type) {
	case nil:
	case string:
		data = []byte(b)
	default:
		var err error
		if data, err = json.Marshal(b); err != nil {
			s.t.Fatal(err)
		}
	}
	r := s.request(method, path, data)
	if err := s.contract.request(r, data); (err != nil) != s.invalid {
		s.t.Errorf("%s %s %s: by openapi.yaml: %v", method, path, data, err)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.contract.path(r.URL.Path); err == nil {
		if err := s.contract.response(r, resp.StatusCode, resp.Header.Get("Content-Type"), answer); err != nil {
			s.t.Errorf("%s %s answers %d %s: by openapi.yaml: %v", method, path, resp.StatusCode, answer, err)
		}
	}
	return resp.StatusCode, answer
}

// must is do for what must succeed; it decodes the answer.
func (s *service) must(method, path string, body any) map[string]any {
	s.t.Helper()
	status, answer := s.do(method, path, body)
	if status >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	var out map[string]any
	if err := json.Unmarshal(answer, &out); err != nil {
		s.t.Fatalf("%s %s: %s: %v", method, path, answer, err)
	}
	return out
}

// list is must for what answers with an array.
func (s *service) list(path string) []map[string]any {
	s.t.Helper()
	status, answer := s.do("GET", path, nil)
	var out []map[string]any
	if err := json.Unmarshal(answer, &out); err != nil || status != 200 || out == nil {
		s.t.Fatalf("GET %s: %d %s: %v", path, status, answer, err)
	}
	return out
}

// refused is do for what must fail, with a status and a name, for a reason that
// has these words in it.
func (s *service) refused(status int, name, words, method, path string, body any) {
	s.t.Helper()
	got, answer := s.do(method, path, body)
	var e Error
	if err := json.Unmarshal(answer, &e); err != nil || got != status || e.Name != name || !strings.Contains(e.Message, words) {
		s.t.Errorf("%s %s: %d %s, want %d %s %q", method, path, got, answer, status, name, words)
	}
}

// device makes a device and gives its path.
func (s *service) device(config string) string {
	s.t.Helper()
	return "/v1/devices/" + s.must("POST", "/v1/devices", config)["id"].(string)
}

const loginOrigin = "https://login.example"

const creationOptions = `{"rp":{"id":"login.example","name":"Example"},"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},` +
	`"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],` +
	`"authenticatorSelection":{"residentKey":"preferred"}}`

const requestOptions = `{"rpId":"login.example","challenge":"c2lnbiBpbiBhbGljZQ"}`

// page is a ceremony's request of a page of login.example, with more members.
func page(options string, more ...string) string {
	return fmt.Sprintf(`{"origin":%q,"options":%s%s}`, loginOrigin, options, strings.Join(append([]string{""}, more...), ","))
}

func (s *service) register(device string) map[string]any {
	s.t.Helper()
	return s.must("POST", device+"/create", page(creationOptions))
}
