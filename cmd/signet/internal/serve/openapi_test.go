package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// openapi.yaml is held against every request and answer of these tests: see
// service.do. An OpenAPI 3.1 document's schemas are JSON Schema, so that a
// validator of those judges them.

// contract is openapi.yaml.
type contract struct {
	document map[string]any

	mu       sync.Mutex // a Compiler is not for several at once
	compiler *jsonschema.Compiler
}

func (c *contract) schema(place ...string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile(pointer(place...))
}

const contractURL = "signet:openapi"

func loadContract() (*contract, error) {
	text, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := &contract{document: v.(map[string]any), compiler: jsonschema.NewCompiler()}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	return c, c.compiler.AddResource(contractURL, v)
}

// pointer names a place in the document.
func pointer(path ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, p := range path {
		b.WriteString("/" + url.PathEscape(escape.Replace(p)))
	}
	return contractURL + "#" + b.String()
}

// resolve follows a $ref to the place that it names.
func (c *contract) resolve(place []string) ([]string, map[string]any, error) {
	var v any = c.document
	for _, p := range place {
		m, ok := v.(map[string]any)
		if !ok || m[p] == nil {
			return nil, nil, fmt.Errorf("openapi.yaml has no %s", strings.Join(place, " › "))
		}
		v = m[p]
	}
	m, _ := v.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return c.resolve(strings.Split(strings.TrimPrefix(ref, "#/"), "/"))
	}
	return place, m, nil
}

// path finds the template that a request's path is of.
func (c *contract) path(path string) (string, error) {
	parts := strings.Split(path, "/")
	best := ""
	for template := range c.document["paths"].(map[string]any) {
		want := strings.Split(template, "/")
		fits := len(want) == len(parts)
		for i := 0; fits && i < len(want); i++ {
			fits = want[i] == parts[i] || strings.HasPrefix(want[i], "{") && parts[i] != ""
		}
		if fits && (best == "" || strings.Count(template, "{") < strings.Count(best, "{")) {
			best = template
		}
	}
	if best == "" {
		return "", fmt.Errorf("openapi.yaml has no path like %s", path)
	}
	return best, nil
}

// validate judges a body by the schema below content at a place.
func (c *contract) validate(place []string, contentType string, body []byte) error {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	place = append(place, "content", t)
	if _, _, err := c.resolve(place); err != nil {
		return err
	}
	if t != "application/json" {
		return nil
	}
	schema, err := c.schema(append(place, "schema")...)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// request judges a request's body and query.
func (c *contract) request(r *http.Request, body []byte) error {
	template, err := c.path(r.URL.Path)
	if err != nil {
		return err
	}
	place := []string{"paths", template, strings.ToLower(r.Method)}
	_, operation, err := c.resolve(place)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	list, _ := operation["parameters"].([]any)
	for _, p := range list {
		known[p.(map[string]any)["name"].(string)] = true
	}
	for name := range r.URL.Query() {
		if !known[name] {
			return fmt.Errorf("%s %s has no parameter %s", r.Method, template, name)
		}
	}
	if len(body) == 0 {
		return nil
	}
	return c.validate(append(place, "requestBody"), "application/json", body)
}

// response judges an answer.
func (c *contract) response(r *http.Request, status int, contentType string, body []byte) error {
	template, err := c.path(r.URL.Path)
	if err != nil {
		return err
	}
	place := []string{"paths", template, strings.ToLower(r.Method), "responses"}
	_, responses, err := c.resolve(place)
	if err != nil {
		return err
	}
	code := fmt.Sprint(status)
	if responses[code] == nil {
		code = "default"
	}
	place, _, err = c.resolve(append(place, code))
	if err != nil {
		return err
	}
	return c.validate(place, contentType, body)
}

// The document has every route, and no other.
func TestRoutes(t *testing.T) {
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	ids := map[string]bool{}
	for path, item := range c.document["paths"].(map[string]any) {
		for _, method := range []string{"get", "put", "post", "delete", "patch"} {
			if operation, ok := item.(map[string]any)[method].(map[string]any); ok {
				documented[strings.ToUpper(method)+" "+path] = true
				id, _ := operation["operationId"].(string)
				if id == "" || ids[id] {
					t.Errorf("%s %s: operationId %q is not its own", method, path, id)
				}
				ids[id] = true
			}
		}
	}
	for _, r := range routes {
		if key := r.method + " " + r.path; !documented[key] {
			t.Errorf("openapi.yaml lacks %s", key)
		} else {
			delete(documented, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(documented)) {
		t.Errorf("there is no route %s", key)
	}
}

// Every schema is one, and its examples of what is wrong are refused.
func TestSchemas(t *testing.T) {
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	for name := range c.document["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := c.compiler.Compile(pointer("components", "schemas", name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{`{"seeds":"x"}`, `{"profile":"toaster"}`, `{"aaguid":"1"}`, `{"clock":"yesterday"}`, `[]`} {
		r, err := http.NewRequest("POST", "http://localhost/v1/devices", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.request(r, json.RawMessage(bad)); err == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
	reportPaths := c.document["paths"].(map[string]any)["/v1/runs/{run}/{report}"].(map[string]any)["parameters"].([]any)
	listed := reportPaths[1].(map[string]any)["schema"].(map[string]any)["enum"].([]any)
	for form := range reports {
		if !slices.Contains(listed, any(form)) {
			t.Errorf("openapi.yaml does not list %s", form)
		}
	}
	if len(listed) != len(reports) {
		t.Errorf("openapi.yaml lists %v of %d reports", listed, len(reports))
	}
}
