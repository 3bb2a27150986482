package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// object reads a member that is an object; what is none has no members.
func (l *linter) object(path string, v json.RawMessage, wanted bool) *ceremony.Object {
	o, err := ceremony.ParseObject(v)
	if err == nil {
		return o
	}
	switch {
	case v == nil && wanted:
		l.fail(path, "it is missing", "browsers refuse the options with a TypeError")
	case v != nil:
		l.fail(path, "it is no object", "browsers refuse the options with a TypeError")
	}
	return new(ceremony.Object)
}

func (l *linter) text(path string, v json.RawMessage, wanted bool) string {
	var s *string
	switch {
	case v == nil:
		if wanted {
			l.fail(path, "it is missing", "browsers refuse the options with a TypeError")
		}
		return ""
	case json.Unmarshal(v, &s) != nil || s == nil:
		l.warn(path, "it is no string", "browsers make one of it")
		return ""
	}
	if *s == "" {
		l.warn(path, "it is empty", "people see nothing where it is shown, or the page's host is taken")
	}
	return *s
}

// bytes reads base64url without padding.
func (l *linter) bytes(path string, v json.RawMessage, wanted bool) ([]byte, bool) {
	if v == nil {
		if wanted {
			l.fail(path, "it is missing", "browsers refuse the options with a TypeError")
		}
		return nil, false
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		l.fail(path, "it is no string", "parseCreationOptionsFromJSON and parseRequestOptionsFromJSON refuse it; scripts that decode it themselves may not")
		return nil, false
	}
	b, err := b64.Strict().DecodeString(s)
	if err == nil && !strings.ContainsAny(s, "\r\n") {
		return b, true
	}
	l.fail(path, "it is not base64url without padding", "parseCreationOptionsFromJSON and parseRequestOptionsFromJSON refuse it with an EncodingError")
	return decoded([]byte(s))
}

// enum reads a string of which browsers know some values; for others they take
// otherwise.
func (l *linter) enum(path string, v json.RawMessage, otherwise string, known ...string) {
	if v == nil {
		return
	}
	s := textOf(v)
	if slices.Contains(known, s) {
		return
	}
	if otherwise == "" {
		otherwise = "nothing"
	}
	l.warn(path, fmt.Sprintf("%s is none of %q", v, known), "browsers do not know it: "+otherwise+" is taken")
}

// list reads a list of strings of which browsers know some.
func (l *linter) list(path string, v json.RawMessage, known []string) {
	if v == nil {
		return
	}
	var list []string
	if json.Unmarshal(v, &list) != nil {
		l.fail(path, "it is no list of strings", "browsers refuse the options with a TypeError")
		return
	}
	for i, s := range list {
		if !slices.Contains(known, s) {
			l.warn(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%q is none of %q", s, known), "browsers ignore it")
		}
	}
}

func textOf(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

func boolean(v json.RawMessage) (value, ok bool) {
	ok = v != nil && json.Unmarshal(v, &value) == nil
	return value, ok
}
