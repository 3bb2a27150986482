package serve

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// misfit says which part of a JSON value a Go type does not take, and what it has
// to be, in words of JSON: "mutate has to be an array of strings, and is a string".
// It is empty where every part fits. path is the value's own, empty for a body; its
// numbers are of type json.Number. Members that the type does not have and nulls,
// which encoding/json leaves out, are nobody's misfit.
func misfit(path string, t reflect.Type, given any) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if given == nil || t == reflect.TypeFor[json.RawMessage]() {
		return ""
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return misread(path, t, given)
	}
	fits := false
	switch given := given.(type) {
	case string:
		fits = t.Kind() == reflect.String
	case bool:
		fits = t.Kind() == reflect.Bool
	case json.Number:
		fits = json.Unmarshal([]byte(given), reflect.New(t).Interface()) == nil
	case []any:
		if t.Kind() == reflect.Slice {
			return misfitElement(path, t.Elem(), given)
		}
	case map[string]any:
		if t.Kind() == reflect.Struct || t.Kind() == reflect.Map {
			return misfitMember(path, t, given)
		}
	}
	if fits {
		return ""
	}
	return unlike(path, wanted(t), given)
}

// misread is misfit of what is written as a string.
func misread(path string, t reflect.Type, given any) string {
	text, ok := given.(string)
	if !ok {
		return unlike(path, "a string", given)
	}
	err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	switch {
	case err == nil:
		return ""
	case t == reflect.TypeFor[time.Time]():
		return fmt.Sprintf("%s has to be a time like 2026-01-02T03:04:05Z, and is %q", path, text)
	}
	return fmt.Sprintf("%s: %v", path, err)
}

// misfitElement is misfit of an array's elements.
func misfitElement(path string, t reflect.Type, given []any) string {
	for i, v := range given {
		if why := misfit(fmt.Sprintf("%s[%d]", path, i), t, v); why != "" {
			return why
		}
	}
	return ""
}

// misfitMember is misfit of an object's members.
func misfitMember(path string, t reflect.Type, given map[string]any) string {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		of := member(t, name)
		if of == nil {
			continue
		}
		if why := misfit(strings.TrimPrefix(path+"."+name, "."), of, given[name]); why != "" {
			return why
		}
	}
	return ""
}

// member gives the type of a struct's or map's member; nil: it has none of the name.
func member(t reflect.Type, name string) reflect.Type {
	if t.Kind() == reflect.Map {
		return t.Elem()
	}
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag != "-" && tag != "" && strings.EqualFold(tag, name) {
			return f.Type
		}
	}
	return nil
}

// unlike says that a value is of another kind than it has to be.
func unlike(path, want string, given any) string {
	is := "null"
	switch given := given.(type) {
	case string:
		is = "a string"
	case bool:
		is = "a boolean"
	case json.Number:
		if is = "a number"; strings.HasPrefix(want, "an integer") {
			is = given.String()
		}
	case []any:
		is = "an array"
	case map[string]any:
		is = "an object"
	}
	if path == "" {
		return fmt.Sprintf("it has to be %s, and is %s", want, is)
	}
	return fmt.Sprintf("%s has to be %s, and is %s", path, want, is)
}

// wanted names what JSON has for a type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Uint32:
		return "an integer from 0 to 4294967295"
	case reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Slice:
		_, one, _ := strings.Cut(wanted(t.Elem()), " ")
		return "an array of " + one + "s"
	}
	return "an object"
}
