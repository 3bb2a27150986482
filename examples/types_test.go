package examples

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// schema is what of an OpenAPI schema the clients' types repeat.
type schema struct {
	Properties map[string]schema
	Enum       []any
	AllOf      []schema `yaml:"allOf"`
}

// The JavaScript client's types are those of the service's OpenAPI document.
func TestTypes(t *testing.T) {
	text, err := os.ReadFile("../cmd/signet/internal/serve/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct{ Schemas map[string]any }
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	types, err := os.ReadFile("../clients/js/index.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	member := regexp.MustCompile(`(?m)^  (?:readonly )?(\w+)\??:`)
	for name, row := range map[string]struct {
		is   string
		less []string // given in another way
	}{
		"DeviceConfig": {is: "DeviceConfig"},
		"Behaviour":    {is: "Behaviour", less: []string{"always"}},
		"Page":         {is: "Ceremony", less: []string{"options"}},
		"Registration": {is: "Registration"},
		"Assertion":    {is: "Assertion"},
		"Credential":   {is: "Credential"},
		"Audit":        {is: "Audit"},
		"Run":          {is: "Run"},
	} {
		_, after, ok := strings.Cut(string(types), "export interface "+name+" {\n")
		body, _, closed := strings.Cut(after, "\n}\n")
		if !ok || !closed {
			t.Errorf("there is no interface %s", name)
			continue
		}
		var got []string
		for _, m := range member.FindAllStringSubmatch(body, -1) {
			got = append(got, m[1])
		}
		var s schema
		again, err := yaml.Marshal(document.Components.Schemas[row.is])
		if err != nil {
			t.Fatal(err)
		}
		yaml.Unmarshal(again, &s)
		want := slices.DeleteFunc(slices.Sorted(maps.Keys(s.Properties)), func(p string) bool { return slices.Contains(row.less, p) })
		if slices.Sort(got); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("interface %s has %q, the schema %s %q", name, got, row.is, want)
		}
		for p, values := range s.Properties {
			for _, v := range values.Enum {
				if text, ok := v.(string); ok {
					v = "'" + text + "'"
				}
				if v != "''" && !strings.Contains(body, fmt.Sprint(" ", v)) {
					t.Errorf("interface %s: %s lacks %v", name, p, v)
				}
			}
		}
	}
}

// Each client is published by itself, so its license goes with it.
func TestLicense(t *testing.T) {
	want, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"js", "python"} {
		if got, err := os.ReadFile("../clients/" + client + "/LICENSE"); err != nil || string(got) != string(want) {
			t.Errorf("the license of clients/%s is another one: %v", client, err)
		}
	}
}
