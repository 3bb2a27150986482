package serve

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func TestDevices(t *testing.T) {
	s := start(t, Config{})
	if got := s.list("/v1/devices"); len(got) != 0 {
		t.Fatalf("a new service has %v", got)
	}
	for _, p := range rptest.Personalities() {
		d := s.device(fmt.Sprintf(`{"profile":%q,"seed":"s"}`, p))
		if got := s.must("GET", d, nil)["config"].(map[string]any); got["profile"] != string(p) || got["seed"] != "s" {
			t.Errorf("%s is %v", p, got)
		}
	}
	d := s.device(`{"aaguid":"00112233-4455-6677-8899-aabbccddeeff","algorithms":[-8],"transports":["usb"],"backupEligible":true,"backedUp":false,` +
		`"counter":{"start":5,"step":2},"attestation":"packed","noPrf":true,"clock":"2026-01-02T03:04:05Z","origins":["https://login.example"],` +
		`"relatedOrigins":{"example.com":["https://login.example"]}}`)
	got := s.must("GET", d, nil)["config"].(map[string]any)
	for name, want := range map[string]any{
		"aaguid": "00112233-4455-6677-8899-aabbccddeeff", "algorithms": []any{-8.0}, "transports": []any{"usb"}, "backedUp": false,
		"counter": map[string]any{"start": 5.0, "step": 2.0}, "attestation": "packed", "noPrf": true, "clock": "2026-01-02T03:04:05Z",
		"origins": []any{"https://login.example"},
	} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	all := s.list("/v1/devices")
	if len(all) != len(rptest.Personalities())+1 || all[0]["id"] != "d1" {
		t.Errorf("there are %v", all)
	}
	s.must("DELETE", d, nil)
	s.refused(404, "NotFound", "no device", "GET", d, nil)
	s.must("DELETE", "/v1/devices", nil)
	if got := s.list("/v1/devices"); len(got) != 0 {
		t.Errorf("all deleted, there are %v", got)
	}
	if again := s.must("POST", "/v1/devices", nil)["id"]; again != "d7" {
		t.Errorf("the next device is %v: an ID came twice", again)
	}
}

func TestDeviceErrors(t *testing.T) {
	s := start(t, Config{}).wrong()
	s.refused(400, "BadRequest", `unknown field "seeds"`, "POST", "/v1/devices", `{"seeds":"x"}`)
	s.refused(400, "BadRequest", `profile "toaster"`, "POST", "/v1/devices", `{"profile":"toaster"}`)
	s.refused(400, "BadRequest", "aaguid", "POST", "/v1/devices", `{"aaguid":"0011"}`)
	s.refused(400, "BadRequest", "body", "POST", "/v1/devices", `{"profile":`)
	s.refused(400, "BadRequest", "follows", "POST", "/v1/devices", `{"profile":"phone"} {}`)
	s.refused(400, "BadRequest", "follows", "POST", "/v1/devices", `{"profile":"phone"}}`)
	s.invalid = false
	s.refused(400, "BadRequest", "origin", "POST", "/v1/devices", `{"origins":["https://login.example/"]}`)
	s.refused(400, "BadRequest", "backupEligible", "POST", "/v1/devices", `{"profile":"security-key","backedUp":true}`)
	s.wrong().refused(404, "NotFound", "openapi", "GET", "/v1/device", nil)
	for _, algorithms := range []string{"[0]", "[-7,-65535]"} {
		s.wrong().refused(400, "BadRequest", "ES256 (-7), EdDSA (-8)", "POST", "/v1/devices", `{"algorithms":`+algorithms+`}`)
	}
	for _, alg := range []string{"-7", "-8", "-35", "-36", "-47", "-257"} {
		d := s.device(`{"algorithms":[` + alg + `]}`)
		s.must("GET", d+"/metadata.json", nil)
		s.must("POST", d+"/create", page(strings.Replace(creationOptions, `"alg":-7`, `"alg":`+alg, 1)))
	}
}

// The same seed gives the same bytes, over HTTP as in Go.
func TestSeed(t *testing.T) {
	s := start(t, Config{})
	first, second := s.device(`{"seed":"one"}`), s.device(`{"seed":"one"}`)
	if a, b := s.register(first), s.register(second); !reflect.DeepEqual(a, b) {
		t.Errorf("one seed gave %v and %v", a, b)
	}
	d, err := rptest.NewDevice(rptest.DeviceConfig{Seed: "one"})
	if err != nil {
		t.Fatal(err)
	}
	c := &rptest.Client{Device: d, Origin: loginOrigin}
	if _, err := c.Create(t.Context(), []byte(creationOptions)); err != nil {
		t.Fatal(err)
	}
	want, err := c.Get(t.Context(), []byte(requestOptions))
	if err != nil {
		t.Fatal(err)
	}
	if _, got := s.do("POST", first+"/get", page(requestOptions)); string(got) != string(want.JSON) {
		t.Errorf("over HTTP %s\nin Go %s", got, want.JSON)
	}
}

// Many clients at once, each with devices of its own and all with one.
func TestConcurrentClients(t *testing.T) {
	s := start(t, Config{})
	shared := s.device(`{}`)
	s.register(shared)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 4 {
				own := s.device(`{}`)
				s.register(own)
				s.must("POST", own+"/get", page(requestOptions))
				s.must("POST", shared+"/get", page(requestOptions))
				s.must("DELETE", own, nil)
			}
		})
	}
	clients.Wait()
	if got := s.list("/v1/devices"); len(got) != 1 {
		t.Errorf("%d devices are left", len(got))
	}
}

func TestBehaviour(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	s.register(d)
	s.must("POST", d+"/behaviour", `{"answer":"deny"}`)
	s.refused(409, "NotAllowedError", "refused", "POST", d+"/get", page(requestOptions))
	s.must("POST", d+"/get", page(requestOptions))

	s.must("POST", d+"/behaviour", `{"error":"AbortError","always":true}`)
	for range 2 {
		s.refused(409, "AbortError", "", "POST", d+"/get", page(requestOptions))
	}
	s.must("POST", d+"/behaviour", `{"always":true}`)

	s.must("POST", d+"/behaviour", `{"mutate":["origin=https://evil.example"]}`)
	if got := clientData(t, s.must("POST", d+"/get", page(requestOptions))); got["origin"] != "https://evil.example" {
		t.Errorf("the client data is %v", got)
	}
	s.must("POST", d+"/behaviour", `{"answer":"never","delayMs":1}`)
	s.refused(409, "NotAllowedError", "timed out", "POST", d+"/get", page(`{"rpId":"login.example","challenge":"c2lnbiBpbiBhbGljZQ","timeout":20}`))

	s.refused(400, "BadRequest", "nowhere", "POST", d+"/behaviour", `{"mutate":["nowhere"]}`)
	s.wrong().refused(400, "BadRequest", "answer", "POST", d+"/behaviour", `{"answer":"perhaps"}`)
	s.wrong().refused(400, "BadRequest", "unknown field", "POST", d+"/behaviour", `{"anser":"deny"}`)
}

// A browser fails with what create and get throw, and with nothing that is misspelt.
func TestThrown(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	for _, name := range []string{"AbortError", "NotAllowedError", "TimeoutError", "TypeError"} {
		s.must("POST", d+"/behaviour", fmt.Sprintf(`{"error":%q}`, name))
		s.refused(409, name, "", "POST", d+"/create", page(creationOptions))
	}
	for _, name := range []string{"FooError", "notAllowedError", "NotAllowed", "HierarchyRequestError", "Error"} {
		s.wrong().refused(400, "BadRequest", `is none that create and get throw: AbortError, ConstraintError`, "POST", d+"/behaviour", fmt.Sprintf(`{"error":%q}`, name))
	}
	s.must("POST", d+"/behaviour", `{"error":""}`)
	s.must("POST", d+"/create", page(creationOptions))
}

// Three wrong PINs in a row block a security key until it is plugged in again.
func TestPowerCycle(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{"profile":"security-key"}`)
	const options = `{"rp":{"id":"login.example","name":"Example"},"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},` +
		`"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7}],"authenticatorSelection":{"userVerification":"required"}}`
	s.must("POST", d+"/behaviour", `{"wrongPins":3}`)
	s.refused(409, "NotAllowedError", "", "POST", d+"/create", page(options))
	s.refused(409, "NotAllowedError", "", "POST", d+"/create", page(options))
	s.must("POST", d+"/power-cycle", nil)
	s.must("POST", d+"/create", page(options))
	s.must("POST", d+"/reset", nil)
	if got := s.list(d + "/credentials"); len(got) != 0 {
		t.Errorf("after a reset there are %v", got)
	}
}

// clientData decodes a response's client data.
func clientData(t *testing.T, credential map[string]any) (out map[string]any) {
	t.Helper()
	var b rptest.Bytes
	if err := b.UnmarshalText([]byte(credential["response"].(map[string]any)["clientDataJSON"].(string))); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A person thinks for a day at most: longer times do not fit, and would be none.
func TestDelayIsBounded(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	for delay, want := range map[string]int{
		"0": 200, "86400000": 200, "86400001": 400, "-1": 400, "18446744073710": 400, "9223372036854775807": 400, "-9223372036854775808": 400,
	} {
		resp, err := s.client.Do(s.request("POST", d+"/behaviour", []byte(`{"delayMs":`+delay+`}`)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("delayMs %s: %d, want %d", delay, resp.StatusCode, want)
		}
	}
}

// A device can be used while it is reset.
func TestResetMeanwhile(t *testing.T) {
	s := start(t, Config{})
	for _, profile := range []string{"security-key", "phone"} {
		d := s.device(fmt.Sprintf(`{"profile":%q}`, profile))
		var users sync.WaitGroup
		for _, op := range []string{"create", "get", "credentials"} {
			users.Go(func() {
				for range 50 {
					var status int
					var answer []byte
					switch op {
					case "create":
						status, answer = s.do("POST", d+"/create", page(creationOptions))
					case "get":
						status, answer = s.do("POST", d+"/get", page(requestOptions))
					case "credentials":
						status, answer = s.do("GET", d+"/credentials", nil)
					}
					asUnplugged := status == 409 && strings.Contains(string(answer), "NotAllowedError") && !strings.Contains(string(answer), "PIN_NOT_SET")
					if status != 200 && !asUnplugged {
						t.Errorf("%s: %s: %d %s", profile, op, status, answer)
					}
				}
			})
		}
		for range 50 {
			s.must("POST", d+"/reset", nil)
		}
		users.Wait()
	}
}
