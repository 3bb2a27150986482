package rptest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Extraction says where in an answer something is:
//
//	json PATH        a member of a JSON body: "json user.name", "json .", an
//	                 element "json nodes[2]", all of them "json nodes[*].id", or the
//	                 first that has a value "json nodes[attributes.name=csrf].value"
//	header NAME      a header
//	cookie NAME      a cookie that the answer sets
//	text REGEXP      the first group in the body
//	... | json PATH  reads what was found as JSON
type Extraction string

func (e Extraction) check() error {
	for i, part := range e.parts() {
		kind, arg, _ := strings.Cut(part, " ")
		switch {
		case kind == "json" && arg != "":
			continue
		case i == 0 && (kind == "header" || kind == "cookie") && arg != "":
			continue
		case i == 0 && kind == "text":
			re, err := regexp.Compile(arg)
			if err != nil {
				return fmt.Errorf("%q: %w", string(e), err)
			}
			if re.NumSubexp() == 0 {
				return fmt.Errorf("%q has no group", string(e))
			}
			continue
		}
		return fmt.Errorf("%q does not say where: it starts with json, header, cookie or text, and goes on with | json", string(e))
	}
	return nil
}

func (e Extraction) parts() []string {
	if e == "" {
		return nil
	}
	parts := strings.Split(string(e), " | ")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// from finds it in an answer.
func (e Extraction) from(resp *http.Response, body []byte) (any, error) {
	var found any
	for i, part := range e.parts() {
		kind, arg, _ := strings.Cut(part, " ")
		var err error
		switch {
		case kind == "json" && i == 0:
			found, err = jsonAt(body, arg)
		case kind == "json":
			found, err = jsonAt([]byte(textOf(found)), arg)
		case kind == "header":
			if found = resp.Header.Get(arg); found == "" {
				err = errors.New("no such header")
			}
		case kind == "cookie":
			found, err = cookieOf(resp, arg)
		case kind == "text":
			m := regexp.MustCompile(arg).FindSubmatch(body) // check compiled it
			if m == nil {
				err = errors.New("no match")
			} else {
				found = string(m[1])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", string(e), err)
		}
	}
	return found, nil
}

func cookieOf(resp *http.Response, name string) (any, error) {
	for _, c := range resp.Cookies() {
		if c.Name == name {
			return c.Value, nil
		}
	}
	return nil, errors.New("no such cookie")
}

func jsonAt(data []byte, path string) (any, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("not JSON: %s", cmp.Or(cut(excerpt(data), 60), "nothing at all"))
	}
	return walk(v, path)
}

// pathElement is one element of a path: a name, or what stands in brackets.
var pathElement = regexp.MustCompile(`\[([^\]]*)\]|[^.\[\]]+`)

// walk follows a path into decoded JSON.
func walk(v any, path string) (any, error) {
	if path == "." {
		return v, nil
	}
	elements := pathElement.FindAllStringSubmatchIndex(path, -1)
	for _, at := range elements {
		element, inner := path[at[0]:at[1]], ""
		if at[2] >= 0 {
			inner = path[at[2]:at[3]]
		}
		if inner == "*" {
			return walkAll(v, strings.TrimPrefix(path[at[1]:], "."))
		}
		var err error
		if at[2] >= 0 {
			v, err = elementOf(v, inner)
		} else {
			v, err = memberOf(v, element)
		}
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

func memberOf(v any, name string) (any, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is looked for in what is no object", name)
	}
	member, ok := object[name]
	if !ok {
		return nil, fmt.Errorf("no member %s%s", name, instead(object))
	}
	return member, nil
}

// instead names the members that an object does have.
func instead(object map[string]any) string {
	if len(object) == 0 {
		return ""
	}
	return ", but " + cut(excerpt([]byte(strings.Join(slices.Sorted(maps.Keys(object)), ", "))), 120)
}

// elementOf finds an element by its index, or by what one of its members is.
func elementOf(v any, which string) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("[%s] is looked for in what is no array", which)
	}
	if i, err := strconv.Atoi(which); err == nil {
		if i < 0 || i >= len(list) {
			return nil, fmt.Errorf("no element [%d]", i)
		}
		return list[i], nil
	}
	path, want, ok := strings.Cut(which, "=")
	if !ok {
		return nil, fmt.Errorf("[%s] is neither an index, nor *, nor path=value", which)
	}
	for _, e := range list {
		if found, err := walk(e, path); err == nil && textOf(found) == want {
			return e, nil
		}
	}
	return nil, fmt.Errorf("no element with %s", which)
}

func walkAll(v any, path string) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("[*] is looked for in what is no array")
	}
	out := make([]any, 0, len(list))
	for _, e := range list {
		if path != "" {
			var err error
			if e, err = walk(e, path); err != nil {
				return nil, err
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// textOf writes decoded JSON: a string as it is, else as JSON.
func textOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
