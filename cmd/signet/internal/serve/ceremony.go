package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/rptest"
)

// ceremony is what a page asks for, in JSON.
type ceremony struct {
	// ID names the ceremony for abort and in events; empty: the service does.
	ID          string          `json:"id"`
	Origin      string          `json:"origin"` // empty: the device's, where it is bound to one
	TopOrigin   string          `json:"topOrigin"`
	CrossOrigin bool            `json:"crossOrigin"`
	Options     json.RawMessage `json:"options"`
	Mediation   string          `json:"mediation"`
	Mutations   []string        `json:"mutations"`
}

// call is rptest's Create or Get.
type call func(c *rptest.Client, ctx context.Context, options []byte, mutations []rptest.Mutation) (*rptest.Registration, error)

// create is navigator.credentials.create.
func (s *Server) create(w http.ResponseWriter, r *http.Request, d *device) error {
	return s.run(w, r, d, "create", func(c *rptest.Client, ctx context.Context, options []byte, mutations []rptest.Mutation) (*rptest.Registration, error) {
		return c.Create(ctx, options, mutations...)
	})
}

// get is navigator.credentials.get.
func (s *Server) get(w http.ResponseWriter, r *http.Request, d *device) error {
	return s.run(w, r, d, "get", func(c *rptest.Client, ctx context.Context, options []byte, mutations []rptest.Mutation) (*rptest.Registration, error) {
		a, err := c.Get(ctx, options, mutations...)
		return (*rptest.Registration)(a), err
	})
}

// run plays a ceremony, and has the log tell of it.
func (s *Server) run(w http.ResponseWriter, r *http.Request, d *device, kind string, do call) error {
	var c ceremony
	if err := decode(r, &c); err != nil {
		return err
	}
	var err error
	if c.Origin, err = d.admit(r, c.Origin); err != nil {
		return err
	}
	if pageOrigin(r) != "" && len(c.Mutations) > 0 {
		return refusal(http.StatusForbidden, "a page cannot choose mutations: the test does, with behaviour")
	}
	if c.TopOrigin != "" {
		if err := wellFormed("topOrigin", c.TopOrigin); err != nil {
			return err
		}
	}
	mutations := make([]rptest.Mutation, len(c.Mutations))
	for i, id := range c.Mutations {
		if mutations[i], err = rptest.ParseMutation(id); err != nil {
			return refusal(http.StatusBadRequest, "%v", err)
		}
	}
	if len(c.Options) == 0 {
		return refusal(http.StatusBadRequest, "body: options is missing")
	}
	ctx, p := d.waiting.begin(r.Context(), &c, kind == "get" && c.Mediation == conditional)
	defer d.waiting.done(p)
	d.log.add(Event{Type: "begin", Ceremony: p.id, Kind: kind, Origin: c.Origin, TopOrigin: c.TopOrigin,
		CrossOrigin: c.CrossOrigin, Mediation: c.Mediation, Options: c.Options})
	got, err := d.play(ctx, p, &c, mutations, do)
	if err != nil {
		failed := ofRequest(err)
		d.log.add(Event{Type: "end", Ceremony: p.id, Kind: kind, Origin: c.Origin, Error: failed})
		return failed
	}
	d.log.add(Event{Type: "end", Ceremony: p.id, Kind: kind, Origin: c.Origin, Credential: got.JSON, Mutations: got.Mutations})
	return raw(w, "application/json", got.JSON)
}

// ofRequest tells a ceremony of which what was asked for cannot be made from one that
// fails as a browser's does.
func ofRequest(err error) *Error {
	failed := asError(err)
	if rptest.Impossible(err) {
		return refusal(http.StatusBadRequest, "%s", failed.Message)
	}
	return failed
}

const conditional = "conditional"

var errMediation = errors.New("silent mediation is not for passkeys")

// play is the ceremony itself, once somebody has picked a passkey where it is
// conditional.
func (d *device) play(ctx context.Context, p *pending, c *ceremony, mutations []rptest.Mutation, do call) (*rptest.Registration, error) {
	switch c.Mediation {
	case "", "optional", "required", conditional:
	case "silent":
		return nil, &client.Error{Name: client.NotSupportedError, Message: errMediation.Error()}
	default:
		return nil, &client.Error{Name: client.TypeError, Message: fmt.Sprintf("mediation %q is none of silent, optional, required, conditional", c.Mediation)}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, &client.Error{Name: client.AbortError, Message: err.Error(), Err: err}
	}
	if p.picked != nil {
		select {
		case account := <-p.picked:
			ctx = rptest.Picking(ctx, account)
		case <-ctx.Done():
			return nil, &client.Error{Name: client.AbortError, Message: "nobody picked a passkey", Err: context.Cause(ctx)}
		}
	}
	return do(d.client(c), ctx, c.Options, mutations)
}

// client is the browser that shows the page.
func (d *device) client(c *ceremony) *rptest.Client {
	return &rptest.Client{
		Device: d.Device, Origin: c.Origin, TopOrigin: c.TopOrigin, CrossOrigin: c.CrossOrigin,
		RelatedOrigins: d.relatedOrigins(),
	}
}

// relatedOrigins gives the documents that the device was made with, in place of
// those on the web.
func (d *device) relatedOrigins() func(context.Context, string) ([]byte, error) {
	if len(d.related) == 0 {
		return nil
	}
	return func(_ context.Context, rpID string) ([]byte, error) {
		document, ok := d.related[rpID]
		if !ok {
			return nil, fmt.Errorf("the device was made without relatedOrigins of %q", rpID)
		}
		return document, nil
	}
}

// admit decides whether pages of an origin may use the device, and gives the
// origin that is meant.
func (d *device) admit(r *http.Request, origin string) (string, error) {
	bound := d.asked.Origins
	if origin == "" && len(bound) == 1 {
		origin = bound[0]
	}
	switch page := pageOrigin(r); {
	case origin == "":
		return "", refusal(http.StatusBadRequest, "body: origin is missing")
	case page != "" && origin != page:
		return "", refusal(http.StatusForbidden, "a page of %q says that it is one of %q", page, origin)
	case len(bound) > 0 && !slices.Contains(bound, origin):
		return "", refusal(http.StatusForbidden, "device %s is for pages of %q, not of %q", d.id, bound, origin)
	}
	return origin, wellFormed("origin", origin)
}

// wellFormed refuses an origin that no page has: somebody misspelt one, and what a
// browser would say of it looks as if the device refused. Opaque origins are pages'.
func wellFormed(member, origin string) error {
	if slices.Contains(opaque, origin) {
		return nil
	}
	if err := checkOrigin(origin); err != nil {
		return refusal(http.StatusBadRequest, "body: %s: %v", member, err)
	}
	return nil
}

// opaque are the origins that scripts see in pages without one: sandboxed, or of
// files.
var opaque = []string{"null", "file://"}

// fromPage makes a route of what the shim in a page may do: the device is the one
// that the page's token is for, the origin the one that the browser tells.
func fromPage(serve func(*Server, http.ResponseWriter, *http.Request, *device) error) func(*Server, http.ResponseWriter, *http.Request) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request) error {
		id, err := s.checkPage(r)
		if err != nil {
			return err
		}
		d, err := s.device(id)
		if err != nil {
			return err
		}
		return serve(s, w, r.WithContext(context.WithValue(r.Context(), pageKey{}, r.Header.Get("Origin"))), d)
	}
}
