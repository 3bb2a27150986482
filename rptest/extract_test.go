package rptest

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

const extractBody = `{"user":{"name":"alice","id":7},"list":[{"id":"a","attributes":{"name":"csrf"},"value":"1"},{"id":"b"}],"text":"{\"in\":[true]}","none":null}`

func TestExtraction(t *testing.T) {
	resp := &http.Response{Header: http.Header{"X-Token": {"t"}, "Set-Cookie": {"a=1", "csrf=two; Secure"}}}
	for _, c := range []struct {
		e, body string
		want    any
	}{
		{"json user.name", extractBody, "alice"},
		{"json user.id", extractBody, 7.0},
		{"json list[1].id", extractBody, "b"},
		{"json list[*].id", extractBody, []any{"a", "b"}},
		{"json list[*]", `{"list":[]}`, []any{}},
		{"json list[attributes.name=csrf].value", extractBody, "1"},
		{"json [*].id", `[{"id":1}]`, []any{1.0}},
		{"json text | json in[0]", extractBody, true},
		{"json none", extractBody, nil},
		{"json .", `"x"`, "x"},
		{"header x-token", "", "t"},
		{"cookie csrf", "", "two"},
		{`text name="csrf" value="([^"]*)"`, `<input name="csrf" value="a b">`, "a b"},
		{`text data='(.*)' | json a`, `<p data='{"a":"b"}'>`, "b"},
	} {
		e := Extraction(c.e)
		if err := e.check(); err != nil {
			t.Errorf("%s: %v", c.e, err)
			continue
		}
		got, err := e.from(resp, []byte(c.body))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.e, got, err, c.want)
		}
	}
}

// An extraction that finds nothing says which it is and what is missing.
func TestExtractionFindsNothing(t *testing.T) {
	resp := &http.Response{Header: http.Header{}}
	for _, c := range []struct{ e, body, says string }{
		{"json user.mail", extractBody, "no member mail"},
		{"json user.name.first", extractBody, "first is looked for in what is no object"},
		{"json list[2]", extractBody, "no element [2]"},
		{"json list[-1]", extractBody, "no element [-1]"},
		{"json list[id=c]", extractBody, "no element with id=c"},
		{"json list[id]", extractBody, "neither an index, nor *"},
		{"json user[0]", extractBody, "in what is no array"},
		{"json user[*]", extractBody, "in what is no array"},
		{"json list[*].value", extractBody, "no member value"},
		{"json a", "<html>\n\x1b", "not JSON: <html>"},
		{"json a", "", "not JSON: nothing at all"},
		{"json a", `{"challenge": "", "rp": {}}`, "no member a, but challenge, rp"},
		{"json text | json out", extractBody, "no member out"},
		{"json user.name | json a", extractBody, "not JSON"},
		{"header X-Token", "", "no such header"},
		{"cookie csrf", "", "no such cookie"},
		{"text (a+)", "bbb", "no match"},
	} {
		_, err := Extraction(c.e).from(resp, []byte(c.body))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), fmt.Sprintf("%q", c.e)) {
			t.Errorf("%s: %v, want it and %q", c.e, err, c.says)
		}
	}
}

func TestExtractionCheck(t *testing.T) {
	for _, bad := range []string{
		"json", "json ", "user.name", "header", "cookie ", "xpath //a", "text (", "text no group", "json a | header b", "json a | text (b)", "json a | json",
	} {
		if err := Extraction(bad).check(); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if err := Extraction("").check(); err != nil {
		t.Errorf("nothing to find: %v", err)
	}
}

// Whatever check takes finds something in whatever a site answers, or gives an
// error.
func FuzzExtraction(f *testing.F) {
	for _, e := range []string{"json user.name", "json list[*].id", "json list[attributes.name=csrf].value", "json text | json in[0]", "text (a+)", "cookie a", "json [[=]]", "json ."} {
		f.Add(e, extractBody, "a=1")
	}
	f.Fuzz(func(t *testing.T, e, body, cookie string) {
		if Extraction(e).check() != nil {
			return
		}
		resp := &http.Response{Header: http.Header{"Set-Cookie": {cookie}}}
		found, err := Extraction(e).from(resp, []byte(body))
		if err != nil && found != nil {
			t.Errorf("%q finds %v, and fails: %v", e, found, err)
		}
		_ = textOf(found)
	})
}
