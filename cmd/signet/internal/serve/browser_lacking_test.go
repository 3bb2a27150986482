package serve

import (
	"fmt"
	"testing"
)

// What a browser lacks the shim brings along: in one without public key credentials a
// page finds the interfaces, and the statics of WebAuthn Level 3, and its own script
// runs as it is.
func TestBrowserLacking(t *testing.T) {
	b := startBrowser(t)
	s := start(t, Config{})
	origin := relyingParty(t, "connect-src 'self' "+s.url)
	d := s.device(fmt.Sprintf(`{"origins":[%q]}`, origin))
	b.preload(`
		window.native = window.PublicKeyCredential;
		for (const name of ['PublicKeyCredential', 'AuthenticatorResponse', 'AuthenticatorAttestationResponse', 'AuthenticatorAssertionResponse']) delete window[name];`)
	b.preload(s.script("device=d1"))
	b.open(origin)
	for _, step := range []struct{ button, status string }{
		{"register", "registered"}, {"signout", "signed out"}, {"signin-any", "signed in"},
	} {
		if got := b.press(step.button); got != step.status {
			t.Fatalf("%s: %q", step.button, got)
		}
	}
	// Options from JSON are what the browser itself makes of them.
	const shown = `
		const show = v => v instanceof ArrayBuffer ? 'bytes ' + new Uint8Array(v).join()
			: Array.isArray(v) ? v.map(show) : v && typeof v === 'object' ? Object.fromEntries(Object.keys(v).sort().map(k => [k, show(v[k])])) : v;`
	for name, options := range map[string]string{
		"parseCreationOptionsFromJSON": `{rp: {id: 'localhost', name: 'x'}, user: {id: 'AQID', name: 'a', displayName: 'A'}, challenge: 'AAEC_-8',
			pubKeyCredParams: [{type: 'public-key', alg: -7}], timeout: 1000, excludeCredentials: [{type: 'public-key', id: 'BAUG', transports: ['usb']}],
			authenticatorSelection: {residentKey: 'required', requireResidentKey: true, userVerification: 'required'}, attestation: 'direct',
			extensions: {credProps: true, prf: {eval: {first: 'AQ', second: 'Ag'}}}}`,
		"parseRequestOptionsFromJSON": `{challenge: '_-8A', rpId: 'localhost', allowCredentials: [{type: 'public-key', id: 'BAUG'}], userVerification: 'discouraged',
			extensions: {prf: {evalByCredential: {BAUG: {first: 'AQ'}}}, largeBlob: {write: 'AAEC'}}}`,
	} {
		got := b.eval(shown + fmt.Sprintf(`
			if (native.%[1]s === PublicKeyCredential.%[1]s) return 'the function is the browser\'s own';
			const ours = JSON.stringify(show(PublicKeyCredential.%[1]s(%[2]s))), theirs = native.%[1]s(%[2]s);
			const missing = [];
			const compare = (path, a, b) => {
				if (b && typeof b === 'object' && !Array.isArray(b)) for (const k in a) compare(path + '.' + k, a[k], b[k]);
				else if (JSON.stringify(a) !== JSON.stringify(b)) missing.push([path, a, b]);
			};
			compare('', JSON.parse(ours), show(theirs));
			return missing;`, name, options))
		if fmt.Sprint(got) != "[]" {
			t.Errorf("%s: %v", name, got)
		}
		if got := b.eval(`return PublicKeyCredential.` + name + `({challenge: 'AA==', user: {id: 'AA'}});`); got != "DOMException EncodingError: challenge is not base64url" {
			t.Errorf("%s of padded base64: %v", name, got)
		}
	}
	// An answer's objects are of the classes that were brought.
	if got := fmt.Sprint(b.eval(creating + `
		const c = await navigator.credentials.get({publicKey: request});
		return [c instanceof PublicKeyCredential, c instanceof Credential, c.response instanceof AuthenticatorAssertionResponse,
			c.response instanceof AuthenticatorResponse, String(c), PublicKeyCredential === native];`)); got != "[true true true true [object PublicKeyCredential] false]" {
		t.Error(got)
	}
	// A site may name the passkeys that it knows: others go.
	before := len(s.list(d + "/credentials"))
	handle := s.list(d + "/credentials")[0]["userHandle"]
	b.eval(fmt.Sprintf(`await PublicKeyCredential.signalAllAcceptedCredentials({rpId: 'localhost', userId: %q, allAcceptedCredentialIds: []});`, handle))
	if after := len(s.list(d + "/credentials")); before != 1 || after != 0 {
		t.Errorf("%d passkeys, and %d after the site knows none", before, after)
	}
}

// A page gets the exception that a browser would throw: a DOMException with its name
// and its code.
func TestBrowserExceptions(t *testing.T) {
	b := startBrowser(t)
	s := start(t, Config{})
	origin := relyingParty(t, "connect-src 'self' "+s.url)
	d := s.device(fmt.Sprintf(`{"origins":[%q]}`, origin))
	b.preload(s.script("device=d1"))
	b.open(origin)
	for name, code := range map[string]int{
		"NotAllowedError": 0, "InvalidStateError": 11, "ConstraintError": 0, "NotSupportedError": 9, "SecurityError": 18,
		"AbortError": 20, "TimeoutError": 23, "UnknownError": 0,
	} {
		for _, call := range []string{"create({publicKey: creation})", "get({publicKey: request})"} {
			s.must("POST", d+"/behaviour", fmt.Sprintf(`{"error":%q}`, name))
			got := fmt.Sprint(b.eval(creating + `
				const e = await navigator.credentials.` + call + `.catch(e => e);
				return [e instanceof DOMException, e instanceof Error, e.name, e.code, Object.prototype.toString.call(e)];`))
			if want := fmt.Sprintf("[true true %s %d [object DOMException]]", name, code); got != want {
				t.Errorf("%s: %s, want %s", call, got, want)
			}
		}
	}
	// A passkey may be made while a form is sent, if the site asks for it so.
	if got := fmt.Sprint(b.eval(creating + `return (await navigator.credentials.create({publicKey: creation, mediation: 'conditional'})).type;`)); got != "public-key" {
		t.Errorf("conditional registration: %s", got)
	}
}
