// Package text decodes the program's YAML files: its library panics on some texts
// that are none, and a damaged file must not end the program that names it.
package text

import (
	"errors"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
)

var errNotYAML = errors.New("not YAML that can be understood")

// Unmarshal decodes YAML into v. With strict, keys that v does not have and keys
// that come twice are errors. An empty text leaves v as it is.
func Unmarshal(b []byte, v any, strict bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errNotYAML
		}
	}()
	var options []yaml.DecodeOption
	if strict {
		options = append(options, yaml.Strict())
	}
	if err := yaml.UnmarshalWithOptions(b, v, options...); err != nil && !errors.Is(err, io.EOF) {
		return errors.New(strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	return nil
}
