package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// The shim in a real browser, on the page of a relying party that knows nothing
// of it.

// allowing changes a handler's Content Security Policy.
func allowing(h http.Handler, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&policed{w, policy}, r)
	})
}

type policed struct {
	http.ResponseWriter
	policy string
}

func (p *policed) WriteHeader(status int) {
	p.Header().Set("Content-Security-Policy", p.policy)
	p.ResponseWriter.WriteHeader(status)
}

func (p *policed) Write(b []byte) (int, error) {
	p.Header().Set("Content-Security-Policy", p.policy)
	return p.ResponseWriter.Write(b)
}

// listen starts a server whose handler needs to know its port.
func listen(t *testing.T, handler func(port string) http.Handler) (port string) {
	t.Helper()
	h := httptest.NewUnstartedServer(nil)
	_, port, _ = strings.Cut(h.Listener.Addr().String(), ":")
	h.Config.Handler = handler(port)
	h.Start()
	t.Cleanup(h.Close)
	return port
}

// relyingParty starts a strict one on localhost; its page's policy, if not empty,
// is another than its own.
func relyingParty(t *testing.T, policy string, top ...string) (origin string) {
	t.Helper()
	return "http://localhost:" + listen(t, func(port string) http.Handler {
		rp, err := brokenrp.New(brokenrp.Config{RPID: "localhost", Origins: []string{"http://localhost:" + port}, TopOrigins: top})
		if err != nil {
			t.Fatal(err)
		}
		if policy == "" {
			return rp
		}
		return allowing(rp, policy)
	})
}

// script fetches the shim.
func (s *service) script(query string) string {
	s.t.Helper()
	status, script := s.do("GET", "/v1/shim.js?"+query, nil)
	if status != http.StatusOK {
		s.t.Fatalf("shim: %d %s", status, script)
	}
	return string(script)
}

func TestBrowser(t *testing.T) {
	b := startBrowser(t)
	s := start(t, Config{})
	origin := relyingParty(t, "connect-src 'self' "+s.url)
	d := s.device(fmt.Sprintf(`{"origins":[%q]}`, origin))
	b.preload(s.script("device=d1"))
	b.open(origin)

	t.Run("ceremonies", func(t *testing.T) {
		b.t, s.t = t, t
		for _, step := range []struct{ button, status, user string }{
			{"register", "registered", "alice"},
			{"signout", "signed out", "nobody"},
			{"signin", "signed in", "alice"},
			{"signout", "signed out", "nobody"},
			{"signin-any", "signed in", "alice"},
			{"signout", "signed out", "nobody"},
		} {
			if got, user := b.press(step.button), b.text("user"); got != step.status || user != step.user {
				t.Fatalf("%s: %q, and %q is signed in", step.button, got, user)
			}
		}
		// A person who refuses, a fault, and a browser with reasons of its own.
		s.must("POST", d+"/behaviour", `{"answer":"deny"}`)
		if got := b.press("signin"); !strings.HasPrefix(got, "NotAllowedError: ") {
			t.Errorf("denied, the page says %q", got)
		}
		s.must("POST", d+"/behaviour", `{"mutate":["login.origin.port"]}`)
		if got, user := b.press("signin"), b.text("user"); !strings.Contains(got, "origin") || user != "nobody" {
			t.Errorf("with another port in the client data the page says %q, and %q is signed in", got, user)
		}
		b.press("signin")
		if got := b.press("register"); !strings.HasPrefix(got, "InvalidStateError: ") {
			t.Errorf("registered again, the page says %q", got)
		}
	})
	t.Run("objects", func(t *testing.T) {
		b.t = t
		for _, test := range []struct{ name, js, want string }{
			{"registration", creating + `
				const c = await navigator.credentials.create({publicKey: {...creation, extensions: {credProps: true, prf: {eval: {first: bytes(32)}}}}});
				const r = c.response;
				return [c instanceof PublicKeyCredential, c instanceof Credential, r instanceof AuthenticatorAttestationResponse,
					r instanceof AuthenticatorResponse, String(c), c.type, typeof c.id, c.rawId instanceof ArrayBuffer, c.authenticatorAttachment,
					r.clientDataJSON instanceof ArrayBuffer, r.attestationObject instanceof ArrayBuffer, r.getTransports().join(), r.getPublicKeyAlgorithm(),
					r.getPublicKey() instanceof ArrayBuffer, r.getAuthenticatorData().byteLength > 100,
					c.getClientExtensionResults().credProps.rk, c.getClientExtensionResults().prf.enabled, JSON.parse(JSON.stringify(c)).id === c.id,
					Object.keys(c.toJSON()).includes('response')];`,
				`[true true true true [object PublicKeyCredential] public-key string true platform true true hybrid,internal -7 true true true true true true]`},
			{"assertion", creating + `
				const c = await navigator.credentials.get({publicKey: {...request, extensions: {prf: {eval: {first: bytes(32), second: bytes(4)}}}}, mediation: 'required'});
				const r = c.response, prf = c.getClientExtensionResults().prf.results;
				return [c instanceof PublicKeyCredential, r instanceof AuthenticatorAssertionResponse, r.signature instanceof ArrayBuffer,
					r.authenticatorData.byteLength > 36, r.userHandle instanceof ArrayBuffer, prf.first instanceof ArrayBuffer, prf.second.byteLength,
					r.getTransports, JSON.parse(new TextDecoder().decode(r.clientDataJSON)).crossOrigin];`,
				`[true true true true true true 32 <nil> false]`},
			{"options from JSON", creating + `
				const o = PublicKeyCredential.parseRequestOptionsFromJSON({challenge: 'AAAA', rpId: 'localhost', allowCredentials: [{type: 'public-key', id: 'AQID'}]});
				return [o.challenge instanceof ArrayBuffer, new Uint8Array(o.allowCredentials[0].id).join(), o.rpId];`,
				`[true 1,2,3 localhost]`},
			{"capabilities", `
				const c = await PublicKeyCredential.getClientCapabilities();
				return [await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable(), await PublicKeyCredential.isConditionalMediationAvailable(),
					c.conditionalGet, c.signalUnknownCredential, c['extension:prf']];`,
				`[true true true true true]`},
			{"a string for bytes", creating + `return navigator.credentials.get({publicKey: {...request, challenge: 'AAAA'}});`, "TypeError: challenge is not"},
			{"no user", creating + `return navigator.credentials.create({publicKey: {...creation, user: undefined}});`, "TypeError: user is missing"},
			{"no algorithms", creating + `return navigator.credentials.create({publicKey: {...creation, pubKeyCredParams: undefined}});`, "TypeError: "},
			{"another's RP ID", creating + `return navigator.credentials.get({publicKey: {...request, rpId: 'login.example'}});`, "DOMException SecurityError: "},
			{"silent", creating + `return navigator.credentials.get({publicKey: request, mediation: 'silent'});`, "DOMException NotSupportedError: "},
			{"mediation that is none", creating + `return navigator.credentials.get({publicKey: request, mediation: 'loud'});`, "TypeError: mediation"},
			{"other kinds of credential", `return await navigator.credentials.get({password: true, mediation: 'silent'});`, "<nil>"},
			{"a signal already aborted", creating + `return navigator.credentials.get({publicKey: request, signal: AbortSignal.abort()});`, "DOMException AbortError: "},
			{"a signal", creating + `
				const a = new AbortController();
				const pending = navigator.credentials.get({publicKey: request, mediation: 'conditional', signal: a.signal});
				const second = await navigator.credentials.get({publicKey: request}).catch(e => e.name);
				a.abort('enough');
				const third = await navigator.credentials.get({publicKey: request});
				return [await pending.catch(e => e), second, third.type];`,
				"[enough NotAllowedError public-key]"},
			{"a timeout", creating + `return navigator.credentials.get({publicKey: {...request, rpId: 'localhost', timeout: 1, allowCredentials: [{type: 'public-key', id: bytes(16)}]}});`,
				"DOMException NotAllowedError: "},
			{"a signal of the site", `
				await PublicKeyCredential.signalCurrentUserDetails({rpId: 'localhost', userId: 'AQIDBA', name: 'al', displayName: 'Al'});
				return PublicKeyCredential.signalUnknownCredential({rpId: 'login.example', credentialId: 'AAAA'});`, "DOMException SecurityError: "},
			{"base64url that is none", `return PublicKeyCredential.signalUnknownCredential({rpId: 'localhost', credentialId: '*'});`, "TypeError: "},
		} {
			t.Run(test.name, func(t *testing.T) {
				if got := fmt.Sprint(b.eval(test.js)); got != test.want && (strings.HasPrefix(test.want, "[") || !strings.HasPrefix(got, test.want)) {
					t.Errorf("%s\nwant %s", got, test.want)
				}
			})
		}
		b.t, s.t = t, t
		for _, c := range s.list(d + "/credentials") {
			if c["userHandle"] == "AQIDBA" && c["userName"] != "al" {
				t.Errorf("after the site's signal the device has %v", c)
			}
		}
	})
	t.Run("autofill", func(t *testing.T) {
		b.t, s.t = t, t
		before := s.count(d, "begin") // of pages that may not have hung up yet
		b.eval(creating + `
			window.offered = navigator.credentials.get({publicKey: request, mediation: 'conditional'}).then(c => c.id, e => e.name);`)
		awaitCount(t, s, d, "begin", before+1)
		s.must("POST", d+"/autofill", `{"pick":"alice"}`)
		alice := ""
		for _, c := range s.list(d + "/credentials") {
			if c["userName"] == "alice" {
				alice = c["credentialId"].(string)
			}
		}
		if got := b.eval(`return await window.offered;`); got != alice {
			t.Errorf("the page has %v, and alice's passkey is %v", got, alice)
		}
		// A page that is left takes its offer along.
		b.eval(creating + `navigator.credentials.get({publicKey: request, mediation: 'conditional'}).catch(() => {});`)
		awaitCount(t, s, d, "begin", before+2)
		b.open(origin)
		s.refused(409, "InvalidStateError", "", "POST", d+"/autofill", `{"waitMs":100}`)
	})
}

// What is wrong with the test's set-up has a name that no refusal has.
func TestBrowserSetUp(t *testing.T) {
	b := startBrowser(t)
	s := start(t, Config{})
	origin := relyingParty(t, "connect-src 'self' "+s.url)
	d := s.device(fmt.Sprintf(`{"origins":[%q]}`, origin))
	b.preload(fmt.Sprintf(`window.fetch = (fetch => (url, ...more) => fetch(window.down ? url.replace(%q, 'http://localhost:1') : url, ...more))(window.fetch.bind(window));`, s.url))
	b.preload(s.script("device=d1"))
	b.open(origin)
	says := func(what, button, want string) {
		t.Helper()
		if got := b.press(button); !strings.HasPrefix(got, "SignetError: "+want) {
			t.Errorf("%s: the page says %q", what, got)
		}
	}
	s.must("POST", d+"/behaviour", `{"mutate":["login.signature.other-key"]}`)
	says("a sign-in's fault", "register", "BadRequest: mutations")
	b.eval(`window.__signet = () => ({status: 403, body: {name: 'Forbidden', message: 'not for this page'}});`)
	says("another's device", "register", "Forbidden: not for this page")
	for _, fails := range []string{`() => { throw new TypeError('no'); }`, `async () => { throw new DOMException('no', 'NotAllowedError'); }`} {
		b.eval(`window.__signet = ` + fails + `;`)
		says("a function that fails", "register", "window.__signet failed: no")
	}
	b.eval(`window.__signet = () => {};`)
	says("a function that says nothing", "register", "")
	b.eval(`delete window.__signet;`)
	s.must("DELETE", d, nil)
	says("no device", "register", "NotFound: ")
	b.eval(`window.down = true;`)
	says("no service", "register", "this page cannot reach")
}

const creating = `
	const bytes = n => Uint8Array.from({length: n}, (_, i) => i + 1);
	const creation = {rp: {id: 'localhost', name: 'x'}, user: {id: bytes(4), name: 'carol', displayName: 'Carol'}, challenge: bytes(16).buffer,
		pubKeyCredParams: [{type: 'public-key', alg: -7}], authenticatorSelection: {residentKey: 'required'}};
	const request = {rpId: 'localhost', challenge: bytes(16)};
`

// A page's policy may forbid what the shim does by itself; a function of the test
// tool does it then.
func TestBrowserBinding(t *testing.T) {
	b := startBrowser(t)
	s := start(t, Config{})
	origin := relyingParty(t, "") // a policy that lets it fetch from itself alone
	d := s.device(`{}`)
	b.preload(s.script("device=d1"))
	b.open(origin)
	if got := b.press("register"); !strings.HasPrefix(got, "SignetError: the shim was not made for pages of") {
		t.Errorf("without a function the page says %q", got)
	}
	b.preload(s.script("device=d1&origin=" + origin))
	b.preload(`
		window.calls = [];
		window.__signet = call => new Promise(resolve => calls.push({call, resolve}));`)
	b.open(origin)
	b.eval(`document.getElementById('register').click();`)
	s.serveBinding(b, d)
	if got := b.text("status"); got != "registered" {
		t.Errorf("the page says %q", got)
	}
	s.must("POST", d+"/behaviour", `{"error":"ConstraintError"}`)
	b.eval(`document.getElementById('status').textContent = ''; document.getElementById('signin').click();`)
	s.serveBinding(b, d)
	if got := b.text("status"); !strings.HasPrefix(got, "ConstraintError: ") {
		t.Errorf("the page says %q", got)
	}
}

// serveBinding answers one call of window.__signet, as a test tool does.
func (s *service) serveBinding(b *browser, device string) {
	s.t.Helper()
	text := fmt.Sprint(b.eval(`
		for (let i = 0; i < 500 && !calls.length; i++) await new Promise(r => setTimeout(r, 10));
		return JSON.stringify(calls[0].call);`))
	var call struct {
		Device, Op string
		Body       json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &call); err != nil {
		s.t.Fatalf("the shim calls %s: %v", text, err)
	}
	status, answer := s.do("POST", "/v1/devices/"+call.Device+"/"+call.Op, string(call.Body))
	b.eval(fmt.Sprintf(`calls.shift().resolve({status: %d, body: %s});`, status, answer))
}

// A page within another origin's says so, and only where it is allowed to.
func TestBrowserFrames(t *testing.T) {
	b := startBrowser(t)
	s := start(t, Config{})
	var inner string
	top := "http://top.localhost:" + listen(t, func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `<!doctype html><iframe src=%q allow=%q></iframe>`, inner, r.URL.Query().Get("allow"))
		})
	})
	inner = relyingParty(t, "connect-src 'self' "+s.url, top)
	d := s.device(`{}`)
	s.must("POST", d+"/create", strings.ReplaceAll(fmt.Sprintf(`{"origin":%q,"options":%s}`, inner, creationOptions), "login.example", "localhost"))
	b.preload(s.script("device=d1&origin=" + inner))
	sign := creating + `
		const c = await navigator.credentials.get({publicKey: request});
		const data = JSON.parse(new TextDecoder().decode(c.response.clientDataJSON));
		return [data.origin, data.crossOrigin, data.topOrigin];`
	for allow, want := range map[string]string{
		"publickey-credentials-get": fmt.Sprint([]any{inner, true, top}),
		"":                          "DOMException NotAllowedError: the permissions policy forbids publickey-credentials-get here",
	} {
		b.open(top + "/?allow=" + allow)
		var frame any
		b.call("POST", "/element", map[string]any{"using": "css selector", "value": "iframe"}, &frame)
		b.call("POST", "/frame", map[string]any{"id": frame}, nil)
		if got := fmt.Sprint(b.eval(sign)); got != want {
			t.Errorf("allow=%s: %s, want %s", allow, got, want)
		}
	}
}
