package serve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// browser is a headless Chromium that chromedriver drives over HTTP (WebDriver).
type browser struct {
	t       testing.TB
	session string // the session's URL
}

// startBrowser starts one; the test is left out where there is none.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("tier browsers: chromium is not installed")
	}
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("tier browsers: chromium-driver is not installed")
	}
	cmd := exec.Command(driver, "--port=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	port := ""
	for lines := bufio.NewScanner(out); port == "" && lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "started successfully on port "); ok {
			port = strings.Trim(after, ".")
		}
	}
	go io.Copy(io.Discard, out)
	b := &browser{t: t, session: "http://127.0.0.1:" + port + "/session"}
	var session struct{ SessionID string }
	b.call("POST", "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"binary": chromium, "args": []string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(),
			// Frames of other origins stay in the page's process: preload reaches no other.
			"--disable-site-isolation-trials", "--disable-features=IsolateOrigins,site-per-process",
		}},
	}}}, &session)
	b.session += "/" + session.SessionID
	t.Cleanup(func() { b.call("DELETE", "", nil, nil) })
	return b
}

// call sends a command and decodes its value.
func (b *browser) call(method, path string, body, value any) {
	b.t.Helper()
	if err := b.try(method, path, body, value); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) try(method, path string, body, value any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		data = nil
	}
	r, err := http.NewRequest(method, b.session+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct{ Value json.RawMessage }{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("webdriver %s %s: %.600s", method, path, answer.Value)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, value)
}

// preload runs a script in every page from now on, before its own.
func (b *browser) preload(script string) {
	b.t.Helper()
	b.call("POST", "/goog/cdp/execute", map[string]any{
		"cmd": "Page.addScriptToEvaluateOnNewDocument", "params": map[string]any{"source": script},
	}, nil)
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.call("POST", "/url", map[string]any{"url": url}, nil)
}

// eval runs the body of an async function in the page. What it throws is given
// as "Name: message".
func (b *browser) eval(body string) (value any) {
	b.t.Helper()
	b.call("POST", "/execute/async", map[string]any{
		"script": `const done = arguments[0];
			(async () => {` + body + `})().then(done, e => done((e instanceof DOMException ? 'DOMException ' : '') + e.name + ': ' + e.message));`,
		"args": []any{},
	}, &value)
	return value
}

// text waits for an element of the page to say something, and gives it.
func (b *browser) text(id string) string {
	b.t.Helper()
	return fmt.Sprint(b.eval(`
		const el = document.getElementById(` + fmt.Sprintf("%q", id) + `);
		for (let i = 0; i < 500 && !el.textContent; i++) await new Promise(r => setTimeout(r, 10));
		return el.textContent;`))
}

// press clicks an element and waits for the page's status.
func (b *browser) press(id string) string {
	b.t.Helper()
	b.eval(`document.getElementById('status').textContent = ''; document.getElementById('` + id + `').click();`)
	return b.text("status")
}
