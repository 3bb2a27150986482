package rptest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/rptest/explain"
)

// Site is an RP that a Mapping says how to speak to over HTTP.
type Site struct {
	mapping   *Mapping
	transport http.RoundTripper
	// Timeout bounds each request; zero: ten seconds.
	Timeout time.Duration

	users
}

// Handler is the site that a handler in this process is: no port is opened. A
// panic of it counts as a crash.
func Handler(h http.Handler, m *Mapping) *Site {
	if m.Base == "" {
		m = m.at("https://localhost")
	}
	return &Site{mapping: m, transport: inProcess{h}}
}

// URL is the site at an address, which wins over the mapping's base. transport
// may be nil.
func URL(base string, m *Mapping, transport http.RoundTripper) (*Site, error) {
	if m == nil {
		return nil, errors.New("there is no mapping: FIDO gives one, and ReadMapping reads one")
	}
	if base == "" {
		base = m.Base
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("address %q is not like http://localhost:8080", base)
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	suffix := "-" + strconv.FormatUint(uint64(rand.Uint32()), 36)
	return &Site{mapping: m.at(base), transport: transport, users: users{suffix: suffix}}, nil
}

// Name implements RP.
func (s *Site) Name() string {
	if _, ok := s.transport.(inProcess); ok {
		if s.mapping.Name == "" {
			return "the handler"
		}
		return "the handler (" + s.mapping.Name + ")"
	}
	base := s.mapping.Base
	if u, err := url.Parse(base); err == nil {
		base = u.Redacted()
	}
	if s.mapping.Name == "" {
		return base
	}
	return s.mapping.Name + " at " + base
}

// Mapping is how the site is spoken to.
func (s *Site) Mapping() *Mapping { return s.mapping }

// Offers implements RP.
func (s *Site) Offers(step Step) bool {
	_, ok := s.mapping.Steps[step]
	return ok
}

// Hears tells whether the mapping passes one of the Wishes on to the site, as
// "mediation" or "userVerification".
func (s *Site) Hears(step Step, wish string) bool { return s.mapping.holds(step, "wish."+wish) }

// Do implements RP.
func (s *Site) Do(ctx context.Context, session *Session, step Step, r Request) (*Answer, error) {
	m, ok := s.mapping.Steps[step]
	if !ok {
		return nil, fmt.Errorf("%s has no step %s", s.Name(), step)
	}
	answer := &Answer{step: step}
	taken := &taken{site: s, session: session, with: r, answer: answer}
	for i := range m.Requests {
		resp, body, err := taken.send(ctx, &m.Requests[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
		answer.retryAfter = resp.Header.Get("Retry-After")
		last := i == len(m.Requests)-1
		answer.Status, answer.Crashed = resp.StatusCode, resp.StatusCode >= 500 && !m.Refused.met(resp, body)
		if refused := resp.StatusCode >= 400 && !slices.Contains(m.Requests[i].Allow, resp.StatusCode); refused && !last {
			answer.Message = message(&m, resp, body)
			return answer, nil
		}
		if err := save(session, m.Requests[i].Save, resp, body); err != nil {
			if last { // what agrees has it
				if answer.Message = message(&m, resp, body); answer.Message == "" {
					answer.Message = fmt.Sprintf("%s %s: %v", resp.Request.Method, resp.Request.URL.Redacted(), err)
				}
				return answer, nil
			}
			return nil, fmt.Errorf("%s: %s %s answered %d: %w", step, resp.Request.Method, resp.Request.URL.Redacted(), resp.StatusCode, err)
		}
		if last {
			if err := m.read(answer, resp, body); err != nil {
				if m.OK.Has == "" && membersOf(body) != nil {
					err = fmt.Errorf("%w; if that is a refusal, give %s an `ok`", err, step)
				}
				return answer, fmt.Errorf("%s: %w", step, err)
			}
		}
	}
	return answer, nil
}

// read judges the last answer of a step and finds in it what the step is for.
func (m *StepMapping) read(answer *Answer, resp *http.Response, body []byte) error {
	answer.OK, answer.unread = m.OK.met(resp, body), m.OK.Has == ""
	answer.Message = message(m, resp, body)
	if !answer.OK {
		if answer.Message == "" { // neither agreement nor a refusal that says why
			answer.Message = fmt.Sprintf("%s %s did not answer as the mapping says of agreement: %s",
				resp.Request.Method, resp.Request.URL.Redacted(), excerpt(body))
		}
		return nil
	}
	for _, find := range []struct {
		e  Extraction
		to func(any) error
	}{
		{m.Options, func(v any) (err error) {
			if answer.Options, err = json.Marshal(v); err == nil && len(answer.Options) > maxOptions {
				answer.Options, err = nil, fmt.Errorf("options are longer than %d KiB", maxOptions>>10)
			}
			return err
		}},
		{m.User, func(v any) error { answer.User = textOf(v); return nil }},
		{m.Token, func(v any) error { answer.Token = textOf(v); return nil }},
		{m.Credentials, func(v any) error {
			list, ok := v.([]any)
			if !ok {
				return errors.New("credentials is no array")
			}
			for _, id := range list {
				answer.Credentials = append(answer.Credentials, textOf(id))
			}
			return nil
		}},
	} {
		if find.e == "" {
			continue
		}
		v, err := find.e.from(resp, body)
		if err == nil {
			err = find.to(v)
		}
		if err != nil {
			return fmt.Errorf("%s %s answered %d, which the mapping does not fit: %w", resp.Request.Method, resp.Request.URL.Redacted(), resp.StatusCode, err)
		}
	}
	return nil
}

func (a *Acceptance) met(resp *http.Response, body []byte) bool {
	if len(a.Status) > 0 && !slices.Contains(a.Status, resp.StatusCode) {
		return false
	}
	if len(a.Status) == 0 && (resp.StatusCode < 200 || resp.StatusCode > 299) {
		return false
	}
	if a.Has == "" {
		return true
	}
	v, err := a.Has.from(resp, body)
	if a.Equals != "" {
		return err == nil && v != nil && textOf(v) == a.Equals
	}
	return err == nil && v != nil && v != false && v != ""
}

// message gives the site's words: where the mapping says, or else the start of a
// refusal's body.
func message(m *StepMapping, resp *http.Response, body []byte) string {
	if m.Message != "" {
		if v, err := m.Message.from(resp, body); err == nil {
			return excerpt([]byte(textOf(v)))
		}
	}
	if location := resp.Header.Get("Location"); location != "" && resp.StatusCode/100 == 3 {
		return "redirect to " + excerpt([]byte(location))
	}
	if resp.StatusCode < 400 {
		return ""
	}
	return excerpt(body)
}

// excerpt is the start of what a site says, on one line that does nothing to a
// terminal: errors, reports and tests' logs have it.
func excerpt(said []byte) string {
	start := explain.Cut(string(said[:min(len(said), 4*maxExcerpt+utf8.UTFMax)]), 4*maxExcerpt)
	text := cut(explain.Visible(strings.Join(strings.Fields(start), " ")), maxExcerpt)
	if len(said) > len(start) && !strings.HasSuffix(text, "…") {
		text += "…"
	}
	return text
}

// cut tells by its end that something was longer than n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return explain.Cut(s, n) + "…"
}

func save(session *Session, what map[string]Extraction, resp *http.Response, body []byte) error {
	for name, e := range what {
		v, err := e.from(resp, body)
		if err != nil {
			return fmt.Errorf("save %s: %w", name, err)
		}
		session.Vars[name] = textOf(v)
	}
	return nil
}

const (
	maxAnswer   = 2 << 20  // bytes of a body that are read
	maxExchange = 64 << 10 // and kept
	maxExcerpt  = 200      // and told
	// maxOptions is how long options can be. Reports keep them, two for each case.
	maxOptions = 256 << 10
)

// taken is a step on its way.
type taken struct {
	site    *Site
	session *Session
	with    Request
	answer  *Answer
}

// send makes one request and notes it.
func (t *taken) send(ctx context.Context, m *RequestMapping) (*http.Response, []byte, error) {
	timeout := t.site.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, body, err := t.request(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	browser := &http.Client{
		Transport: t.site.transport, Jar: t.session.Jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	exchange := Exchange{Method: req.Method, URL: req.URL.Redacted(), RequestBody: cut(string(body), maxExchange)}
	resp, err := browser.Do(req)
	if err != nil {
		t.answer.Exchanges = append(t.answer.Exchanges, exchange)
		return nil, nil, noAnswer(req, timeout, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	exchange.Status, exchange.ResponseBody = resp.StatusCode, cut(string(got), maxExchange)
	t.answer.Exchanges = append(t.answer.Exchanges, exchange)
	if err != nil {
		return nil, nil, noAnswer(req, timeout, fmt.Errorf("read answer: %w", err))
	}
	return resp, got, nil
}

// noAnswer names the request that was not answered, and says why.
func noAnswer(req *http.Request, timeout time.Duration, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the request is named here, in one manner
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s: %w", timeout, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("it hung up: %w", err)
	}
	return fmt.Errorf("%s %s: %w", req.Method, req.URL.Redacted(), err)
}

func (t *taken) request(ctx context.Context, m *RequestMapping) (*http.Request, []byte, error) {
	v := newVars(t.session, t.with) // with what the requests before have saved
	method, path := m.target()
	target, err := t.site.resolve(path, v)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	var body []byte
	contentType := ""
	switch {
	case m.JSON != nil:
		contentType = "application/json"
		if body, err = v.writeJSON(m.JSON); err != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
	case m.Form != nil:
		form := url.Values{}
		for name, value := range m.Form {
			expanded, err := v.expand(value)
			if err != nil {
				return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			form.Set(name, expanded)
		}
		contentType, body = "application/x-www-form-urlencoded", []byte(form.Encode())
	}
	if t.with.Gzip {
		body = gzipped(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if t.with.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for _, headers := range []map[string]string{t.site.mapping.Headers, m.Headers} {
		for name, value := range headers {
			expanded, err := v.expand(value)
			if err != nil {
				return nil, nil, fmt.Errorf("%s %s: header %s: %w", method, path, name, err)
			}
			req.Header.Set(name, expanded)
		}
	}
	return req, body, nil
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body) // a Buffer takes everything
	w.Close()
	return b.Bytes()
}

// resolve makes a path a URL. An answer may have named it, so hosts that the user
// did not name are refused.
func (s *Site) resolve(path string, v *vars) (string, error) {
	expanded, err := v.expand(path)
	if err != nil {
		return "", err
	}
	base, err := url.Parse(s.mapping.Base + "/")
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(expanded, "/") {
		expanded = s.mapping.Base + expanded
	}
	u, err := base.Parse(expanded)
	if err != nil {
		return "", err
	}
	known := u.Host == base.Host || slices.Contains(s.mapping.Hosts, u.Host)
	secure := u.Scheme == base.Scheme || u.Scheme == "https" && u.Host != base.Host
	if !known || !secure {
		return "", fmt.Errorf("%s is not contacted by %s: only %s by %s is, and what the mapping lists under hosts",
			explain.Visible(u.Host), explain.Visible(u.Scheme), base.Host, base.Scheme)
	}
	return u.String(), nil
}
