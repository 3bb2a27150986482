package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestCeremonies(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{"seed":"x"}`)
	made := s.register(d)
	if got := clientData(t, made); got["type"] != "webauthn.create" || got["origin"] != loginOrigin || got["crossOrigin"] != false {
		t.Errorf("the client data is %v", got)
	}
	// Wrapped options, a frame, a site that listed its credential.
	wrapped := fmt.Sprintf(`{"publicKey":{"rpId":"login.example","challenge":"c2lnbg","allowCredentials":[{"type":"public-key","id":%q}]}}`, made["id"])
	got := s.must("POST", d+"/get", page(wrapped, `"crossOrigin":true`, `"topOrigin":"https://shop.example"`, `"mediation":"required"`))
	if got["id"] != made["id"] {
		t.Errorf("%v signed in, %v was registered", got["id"], made["id"])
	}
	if got := clientData(t, got); got["crossOrigin"] != true || got["topOrigin"] != "https://shop.example" {
		t.Errorf("in a frame the client data is %v", got)
	}
	// Faults: of the catalogue, with a value, and both.
	spoilt := s.must("POST", d+"/get", page(requestOptions, `"mutations":["type=payment.get","flags=-UP"]`))
	if got := clientData(t, spoilt)["type"]; got != "payment.get" {
		t.Errorf("the type is %v", got)
	}

	s.refused(409, "InvalidStateError", "", "POST", d+"/create", page(strings.Replace(creationOptions, `"challenge"`, fmt.Sprintf(`"excludeCredentials":[{"type":"public-key","id":%q}],"challenge"`, made["id"]), 1)))
	s.refused(409, "SecurityError", "suffix", "POST", d+"/get", page(`{"rpId":"evil.example","challenge":"c2lnbg"}`))
	s.refused(409, "TypeError", "challenge", "POST", d+"/get", page(`{"rpId":"login.example"}`))
	s.refused(409, "NotSupportedError", "silent", "POST", d+"/get", page(requestOptions, `"mediation":"silent"`))
	s.refused(400, "BadRequest", "no.such.case", "POST", d+"/get", page(requestOptions, `"mutations":["no.such.case"]`))
	s.refused(400, "BadRequest", "origin is missing", "POST", d+"/get", `{"options":{}}`)
	s = s.wrong()
	s.refused(409, "TypeError", "mediation", "POST", d+"/get", page(requestOptions, `"mediation":"immediate"`))
	s.refused(400, "BadRequest", "options is missing", "POST", d+"/get", `{"origin":"https://login.example"}`)
	s.refused(400, "BadRequest", "option", "POST", d+"/get", `{"origin":"https://login.example","option":{}}`)
	s.refused(409, "TypeError", "", "POST", d+"/get", page(`[]`))
}

// A device that is bound to origins serves pages of no other.
func TestBoundDevice(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{"origins":["https://login.example"]}`)
	s.must("POST", d+"/create", `{"options":`+creationOptions+`}`)
	s.must("POST", d+"/get", page(requestOptions))
	for _, origin := range []string{"https://evil.example", "https://login.example:8443", "http://login.example", "https://LOGIN.example", "https://login.example.evil.example", "null"} {
		body := fmt.Sprintf(`{"origin":%q,"options":%s}`, origin, requestOptions)
		s.refused(403, "Forbidden", "is for pages of", "POST", d+"/get", body)
		s.refused(403, "Forbidden", "is for pages of", "POST", d+"/create", body)
		s.refused(403, "Forbidden", "is for pages of", "POST", d+"/signal/unknownCredential", fmt.Sprintf(`{"origin":%q,"rpId":"login.example","credentialId":"AA"}`, origin))
	}
	s.refused(403, "Forbidden", "is for pages of", "GET", "/v1/shim.js?device=d1&origin=https://evil.example", nil)
}

func TestRelatedOrigins(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{"relatedOrigins":{"example.com":["https://example.net"]}}`)
	body := `{"origin":%q,"options":{"rpId":"example.com","challenge":"c2lnbg"}}`
	s.refused(409, "NotAllowedError", "no credential", "POST", d+"/get", fmt.Sprintf(body, "https://example.net"))
	s.refused(409, "SecurityError", "related", "POST", d+"/get", fmt.Sprintf(body, "https://example.org"))
	other := s.device(`{}`)
	s.refused(409, "SecurityError", "suffix", "POST", other+"/get", fmt.Sprintf(body, "https://example.net"))
}

// A conditional get waits until somebody picks in autofill.
func TestAutofill(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	s.register(d)
	bob := strings.NewReplacer("YWxpY2U", "Ym9i", "alice", "bob").Replace(creationOptions)
	s.must("POST", d+"/create", page(bob))

	s.refused(409, "InvalidStateError", "conditional", "POST", d+"/autofill", `{"waitMs":0}`)
	for _, ms := range []string{"-1", "18446744073710", "-9223372036854775808"} {
		s.wrong().refused(400, "BadRequest", "waitMs", "POST", d+"/autofill", `{"waitMs":`+ms+`}`)
	}

	type result struct {
		status int
		body   []byte
	}
	begin := func(id string) chan result {
		c := make(chan result, 1)
		go func() {
			status, body := s.do("POST", d+"/get", page(requestOptions, `"mediation":"conditional"`, fmt.Sprintf(`"id":%q`, id)))
			c <- result{status, body}
		}()
		return c
	}
	pending := begin("first")
	// autofill waits for the page, so the two need no order.
	if got := s.must("POST", d+"/autofill", `{"pick":"alice"}`)["ceremony"]; got != "first" {
		t.Errorf("autofill was in %v", got)
	}
	r := <-pending
	var credential struct {
		Response struct{ UserHandle string }
	}
	if err := json.Unmarshal(r.body, &credential); err != nil || r.status != 200 || credential.Response.UserHandle != "YWxpY2U" {
		t.Errorf("picked alice: %d %s", r.status, r.body)
	}

	// An AbortSignal, and the device going.
	pending = begin("second")
	awaitEvent(t, s, d, "begin", "second")
	if got := s.must("POST", d+"/abort", `{"id":"other"}`)["aborted"]; got != false {
		t.Error("another's ID aborted something")
	}
	s.must("POST", d+"/abort", `{"id":"second"}`)
	if r := <-pending; r.status != 409 || !strings.Contains(string(r.body), "AbortError") {
		t.Errorf("aborted: %d %s", r.status, r.body)
	}
	pending = begin("third")
	awaitEvent(t, s, d, "begin", "third")
	s.refused(409, "InvalidStateError", "", "POST", d+"/autofill", `{"waitMs":0,"origin":"https://other.example"}`)
	s.must("DELETE", d, nil)
	if r := <-pending; r.status != 409 || !strings.Contains(string(r.body), "AbortError") {
		t.Errorf("the device is gone: %d %s", r.status, r.body)
	}
	s.wrong().refused(400, "BadRequest", "id is missing", "POST", s.device(`{}`)+"/abort", `{}`)
}

// A service that stops keeps nobody waiting.
func TestClose(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	done := make(chan int)
	go func() {
		status, _ := s.do("POST", d+"/get", page(requestOptions, `"mediation":"conditional"`))
		done <- status
	}()
	awaitEvent(t, s, d, "begin", "")
	s.server.Close()
	if status := <-done; status != 409 {
		t.Errorf("the ceremony ended with %d", status)
	}
}

// awaitEvent waits for an event of a ceremony; of any, where it is empty.
func awaitEvent(t *testing.T, s *service, device, kind, ceremony string) {
	t.Helper()
	for range 500 {
		for _, e := range s.list(device + "/events") {
			if e["type"] == kind && (ceremony == "" || e["ceremony"] == ceremony) {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no event %s of ceremony %q comes", kind, ceremony)
}

// count counts the device's events of a kind.
func (s *service) count(device, kind string) int {
	n := 0
	for _, e := range s.list(device + "/events") {
		if e["type"] == kind {
			n++
		}
	}
	return n
}

// awaitCount waits until there are n events of a kind.
func awaitCount(t *testing.T, s *service, device, kind string, n int) {
	t.Helper()
	for range 3000 {
		if s.count(device, kind) >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %d events %s come", n, kind)
}

func TestSignals(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	id := s.register(d)["id"].(string)
	signal := func(kind, more string) {
		t.Helper()
		s.must("POST", d+"/signal/"+kind, `{"origin":"https://login.example","rpId":"login.example",`+more+`}`)
	}
	signal("currentUserDetails", `"userId":"YWxpY2U","name":"al","displayName":"Al"`)
	if got := s.list(d + "/credentials")[0]; got["userName"] != "al" || got["userDisplayName"] != "Al" {
		t.Errorf("renamed it is %v", got)
	}
	signal("allAcceptedCredentials", fmt.Sprintf(`"userId":"YWxpY2U","allAcceptedCredentialIds":[%q]`, id))
	signal("allAcceptedCredentials", `"userId":"Ym9i","allAcceptedCredentialIds":[]`)
	signal("unknownCredential", `"credentialId":"AAAA"`)
	if got := s.list(d + "/credentials"); len(got) != 1 {
		t.Fatalf("of one accepted credential %d are left", len(got))
	}
	signal("unknownCredential", fmt.Sprintf(`"credentialId":%q`, id))
	if got := s.list(d + "/credentials"); len(got) != 0 {
		t.Errorf("an unknown credential is left")
	}
	s.register(d)
	signal("allAcceptedCredentials", `"userId":"YWxpY2U","allAcceptedCredentialIds":[]`)
	if got := s.list(d + "/credentials"); len(got) != 0 {
		t.Errorf("a credential that is not accepted is left")
	}

	s.refused(409, "SecurityError", "suffix", "POST", d+"/signal/unknownCredential", `{"origin":"https://evil.example","rpId":"login.example","credentialId":"AA"}`)
	s.refused(409, "TypeError", "base64url", "POST", d+"/signal/unknownCredential", `{"origin":"https://login.example","rpId":"login.example","credentialId":"A="}`)
	s.refused(409, "TypeError", "base64url", "POST", d+"/signal/currentUserDetails", `{"origin":"https://login.example","rpId":"login.example"}`)
	s.refused(409, "TypeError", "base64url", "POST", d+"/signal/allAcceptedCredentials", `{"origin":"https://login.example","rpId":"login.example","userId":"AA","allAcceptedCredentialIds":["*"]}`)
	s.refused(404, "NotFound", "somethingElse", "POST", d+"/signal/somethingElse", `{"origin":"https://login.example","rpId":"login.example"}`)
}

// The log tells of all that happened, in order; a stream tells it as it happens,
// and goes on where the client left it.
func TestEvents(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	s.register(d)
	s.must("POST", d+"/behaviour", `{"answer":"deny"}`)
	s.refused(409, "NotAllowedError", "", "POST", d+"/get", page(requestOptions))
	kept := s.list(d + "/events")
	var told []string
	for _, e := range kept {
		told = append(told, fmt.Sprintf("%v %v %v", e["seq"], e["type"], e["kind"]))
	}
	if want := "1 begin create, 2 end create, 3 begin get, 4 end get"; strings.Join(told, ", ") != want {
		t.Errorf("the log tells %q", told)
	}
	if kept[1]["credential"] == nil || kept[0]["options"] == nil || kept[3]["error"].(map[string]any)["name"] != "NotAllowedError" || kept[2]["ceremony"] != kept[3]["ceremony"] {
		t.Errorf("the log is %v", kept)
	}
	if got := s.list(d + "/events?after=3"); len(got) != 1 {
		t.Errorf("after the third event there are %v", got)
	}
	s.refused(400, "BadRequest", "no number", "GET", d+"/events?after=x", nil)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := s.stream(ctx, d, "2")
	for seq := 3; seq <= 4; seq++ {
		if e := <-events; e.Seq != uint64(seq) {
			t.Fatalf("the stream has %+v, want %d", e, seq)
		}
	}
	s.must("POST", d+"/get", page(requestOptions, `"mutations":["origin=https://evil.example"]`))
	if e := <-events; e.Seq != 5 || e.Type != "begin" || e.Origin != loginOrigin {
		t.Errorf("the stream has %+v", e)
	}
	if e := <-events; e.Type != "end" || len(e.Mutations) != 1 || len(e.Credential) == 0 {
		t.Errorf("the stream has %+v", e)
	}
	s.must("DELETE", d, nil)
	if e, open := <-events; open {
		t.Errorf("the device is gone, and the stream has %+v", e)
	}
}

// stream reads server-sent events until the stream ends.
func (s *service) stream(ctx context.Context, device, last string) <-chan Event {
	s.t.Helper()
	r := s.request("GET", device+"/events", nil).WithContext(ctx)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", last)
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/event-stream" {
		s.t.Fatalf("the stream is %d %s", resp.StatusCode, ct)
	}
	c := make(chan Event)
	go func() {
		defer close(c)
		defer resp.Body.Close()
		for {
			var id, kind, data, blank string
			for _, to := range []*string{&id, &kind, &data, &blank} {
				var err error
				if *to, err = readLine(resp.Body); err != nil {
					return
				}
			}
			var e Event
			if err := json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &e); err != nil || id != fmt.Sprintf("id: %d", e.Seq) || kind != "event: "+e.Type || blank != "" {
				s.t.Errorf("the stream has %q %q %q %q: %v", id, kind, data, blank, err)
				return
			}
			c <- e
		}
	}()
	return c
}

func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := r.Read(b); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
}

// A log forgets its oldest events, and what is too long for it.
func TestLogBounds(t *testing.T) {
	var l log
	for range maxEvents + 10 {
		l.add(Event{Type: "begin", Options: make([]byte, maxLogged+1)})
	}
	kept, open := l.after(0, maxEvents)
	if len(kept) != maxEvents || kept[0].Seq != 11 || kept[maxEvents-1].Seq != maxEvents+10 || !open || kept[0].Options != nil {
		t.Errorf("kept are %d events from %d to %d", len(kept), kept[0].Seq, kept[len(kept)-1].Seq)
	}
	if newer, _ := l.after(maxEvents+9, maxEvents); len(newer) != 1 {
		t.Errorf("%d events are newer than the last but one", len(newer))
	}
	e := Event{Type: "end", Credential: []byte("{not JSON")}
	if text, err := e.encode(); err != nil || !strings.Contains(string(text), `"credential":"{not JSON"`) {
		t.Errorf("%s %v", text, err)
	}
}

// What is wrong with a request is not answered as a browser would: a test that wants a
// refusal would pass.
func TestMistakesAreNoRefusals(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	s.register(d)
	for _, origin := range []string{"login.example", "https://login.example/", "https://Login.example", "https//login.example", "login.example:443"} {
		for op, options := range map[string]string{"create": creationOptions, "get": requestOptions} {
			s.refused(400, "BadRequest", fmt.Sprintf("origin %q is not like https://login.example", origin), "POST", d+"/"+op, fmt.Sprintf(`{"origin":%q,"options":%s}`, origin, options))
		}
		s.refused(400, "BadRequest", "topOrigin: origin", "POST", d+"/get", page(requestOptions, `"crossOrigin":true`, fmt.Sprintf(`"topOrigin":%q`, origin)))
		s.refused(400, "BadRequest", "is not like", "POST", d+"/autofill", fmt.Sprintf(`{"waitMs":0,"origin":%q}`, origin))
		s.refused(400, "BadRequest", "is not like", "POST", d+"/signal/unknownCredential", fmt.Sprintf(`{"origin":%q,"rpId":"login.example","credentialId":"AA"}`, origin))
	}
	// A page may be in a sandbox.
	s.refused(409, "NotAllowedError", "opaque", "POST", d+"/get", `{"origin":"null","options":`+requestOptions+`}`)

	bob := strings.NewReplacer("YWxpY2U", "Ym9i", "alice", "bob").Replace(creationOptions)
	for _, test := range []struct{ op, options, mutation, says string }{
		{"create", bob, "login.signature.other-key", "sign-in"},
		{"create", bob, "unsigned login.signature.other-key", "sign-in"},
		{"get", requestOptions, "register.attestation.format.unknown", "registration"},
		{"create", bob, "register.attestation.packed.leaf-v1", "not supported"}, // there is no attestation
	} {
		mutations := fmt.Sprintf(`"mutations":[%q]`, test.mutation)
		s.refused(400, "BadRequest", test.says, "POST", d+"/"+test.op, page(test.options, mutations))
		s.must("POST", d+"/behaviour", fmt.Sprintf(`{"mutate":[%q]}`, test.mutation))
		s.refused(400, "BadRequest", test.says, "POST", d+"/"+test.op, page(test.options))
	}
	s.must("POST", d+"/behaviour", `{"error":"UnknownError"}`)
	s.refused(409, "UnknownError", "", "POST", d+"/get", page(requestOptions))
}

// A ceremony that begins after its device has gone is over at once.
func TestCeremonyAfterTheEnd(t *testing.T) {
	w := waiting{}
	w.end(errGone)
	ctx, _ := w.begin(t.Context(), &ceremony{}, false)
	if context.Cause(ctx) != errGone {
		t.Errorf("it goes on: %v", context.Cause(ctx))
	}
}
