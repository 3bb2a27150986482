package brokenrp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// response is the JSON of a credential (WebAuthn §5.1.7, RegistrationResponseJSON
// and AuthenticationResponseJSON). Its members are kept as they came, for a
// member of the wrong type is a finding of its own.
type response struct {
	id         []byte
	members    map[string]json.RawMessage
	inner      map[string]json.RawMessage // member response
	extensions map[string]json.RawMessage // client extension results
}

// response parses the outer JSON: §7.1 steps 3, 4 and 27, §7.2 steps 3 and 7.
func (c *ceremony) response(body []byte) (*response, error) {
	r := &response{}
	if err := json.Unmarshal(body, &r.members); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	if err := json.Unmarshal(r.members["response"], &r.inner); err != nil || r.inner == nil {
		return nil, errors.New("credential: response is not an object")
	}
	id, ok := text(r.members["id"])
	if !ok {
		return nil, errors.New("credential: id is not a string")
	}
	var err error
	if r.id, err = c.decodeID(id); err != nil {
		return nil, err
	}
	results := r.members["clientExtensionResults"]
	if results == nil {
		results = r.members["getClientExtensionResults"] // the FIDO profile's name
	}
	rawID, isText := text(r.members["rawId"])
	kind, _ := text(r.members["type"])
	isObject := json.Unmarshal(results, &r.extensions) == nil
	return r, c.first(
		rule{"extensionResults.type", results == nil || isObject},
		rule{"rawId.type", isText || r.members["rawId"] == nil},
		rule{"rawId.present", r.members["rawId"] != nil},
		rule{"rawId.equal", !isText || c.same(rawID, r.id)},
		rule{"type.outer", kind == "public-key"},
		rule{"accept.noExtensionResults", results != nil},
	)
}

func (c *ceremony) same(encoded string, id []byte) bool {
	b, err := c.decodeID(encoded)
	return err == nil && string(b) == string(id)
}

// decodeID decodes a credential ID: base64url without padding.
func (c *ceremony) decodeID(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err == nil && !strings.ContainsAny(s, "\r\n") {
		return b, nil
	}
	b, err = decodeAny(s)
	if err != nil {
		return nil, fmt.Errorf("credential: id: %w", err)
	}
	return b, c.refuse("id.encoding", "id is not base64url without padding")
}

// decodeAny decodes base64 of any kind.
func decodeAny(s string) ([]byte, error) {
	s = strings.NewReplacer("+", "-", "/", "_", "\r", "", "\n", "").Replace(s)
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// bytes gives a member of response that is base64url; nil where it is missing.
func (r *response) bytes(name string) ([]byte, error) {
	raw, ok := r.inner[name]
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	s, ok := text(raw)
	if !ok {
		return nil, fmt.Errorf("credential: %s is not a string", name)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("credential: %s is not base64url without padding", name)
	}
	return b, nil
}

// text decodes a JSON string.
func text(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}
