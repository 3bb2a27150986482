package rptest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Limits of a mapping: the library's time grows with the square of the tokens, and
// aliases of aliases make much of little. The longest mapping known has 500 tokens.
const (
	maxMapping        = 128 << 10 // bytes
	maxMappingTokens  = 10_000
	maxMappingAliases = 50
	maxMappingNodes   = 20_000 // of all JSON bodies, aliases expanded
)

// decode reads YAML. The library panics on some texts that are none.
func (m *Mapping) decode(data []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("not YAML that can be understood")
		}
	}()
	if i := bytes.IndexFunc(data, isControl); i >= 0 { // the library's errors would show it to a terminal
		return fmt.Errorf("byte %d begins a control character, and YAML has none (YAML 1.2.2 §5.1)", i)
	}
	tokens, aliases := lexer.Tokenize(string(data)), 0
	for _, t := range tokens {
		if t.Type == token.AliasType {
			aliases++
		}
	}
	if len(tokens) > maxMappingTokens || aliases > maxMappingAliases {
		return fmt.Errorf("it has %d tokens and %d aliases; %d and %d are the most", len(tokens), aliases, maxMappingTokens, maxMappingAliases)
	}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(m); err != nil {
		return err
	}
	left := maxMappingNodes
	for _, s := range m.Steps {
		for _, r := range s.Requests {
			if left = spend(left, r.JSON); left < 0 {
				return fmt.Errorf("its bodies have more than %d values, aliases included", maxMappingNodes)
			}
		}
	}
	return nil
}

func isControl(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r) }

// spend takes the number of values in v from what is left; it is negative, and
// stops counting, where that is not enough.
func spend(left int, v any) int {
	left--
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			if left < 0 {
				break
			}
			left = spend(left, member)
		}
	case []any:
		for _, member := range v {
			if left < 0 {
				break
			}
			left = spend(left, member)
		}
	}
	return left
}
