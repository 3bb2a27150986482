package rptest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// placeholder is "${name}", "${name?}" or "${name|codec}". A member of a JSON
// body that is "${name?}" and nothing else is left out where name is empty. Names
// are those of vars, and of its credential's members: "credential.response.signature".
var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9_.-]+)(\?)?(?:\|([a-z0-9]+))?\}`)

// codecs change how a value is written.
var codecs = map[string]func(string) (string, error){
	// string is JSON within a string, as for a form's hidden field.
	"string": func(v string) (string, error) { return v, nil },
	// json is a member that is JSON itself; within other text it is text.
	"json": func(v string) (string, error) { return v, nil },
	// base64 takes base64url and gives standard base64.
	"base64": func(v string) (string, error) {
		b, err := base64.RawURLEncoding.DecodeString(v)
		return base64.StdEncoding.EncodeToString(b), err
	},
	// numbers takes base64url and gives an array of bytes.
	"numbers": func(v string) (string, error) {
		b, err := base64.RawURLEncoding.DecodeString(v)
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ","), err
	},
}

// isOptional tells whether a string is one placeholder that may be left out, isJSON
// whether it is one that stands for JSON.
func isOptional(s string) bool {
	m := placeholder.FindStringSubmatch(s)
	return m != nil && m[0] == s && m[2] == "?"
}

func isJSON(s string) bool {
	m := placeholder.FindStringSubmatch(s)
	return m != nil && m[0] == s && m[3] == "json"
}

// vars are the values of placeholders.
type vars struct {
	text       map[string]string
	credential any // decoded when first wanted
}

func newVars(s *Session, r Request) *vars {
	v := &vars{text: map[string]string{
		"user": s.User, "displayName": s.DisplayName, "loginUser": s.User,
		"credentialId": r.CredentialID, "token": r.Token, "credential": string(r.Credential),
		"wish.attestation": r.Wishes.Attestation, "wish.userVerification": r.Wishes.UserVerification,
		"wish.residentKey": r.Wishes.ResidentKey, "wish.mediation": r.Wishes.Mediation,
		"wish.attachment": r.Wishes.Attachment, "wish.extensions": r.Wishes.Extensions, "wish.allow": r.Wishes.Allow,
	}}
	if r.Wishes.Usernameless {
		v.text["loginUser"] = ""
	}
	maps.Copy(v.text, s.Vars)
	return v
}

func (v *vars) get(name string) (string, error) {
	if s, ok := v.text[name]; ok {
		return s, nil
	}
	if path, ok := strings.CutPrefix(name, "credential."); ok {
		if v.credential == nil {
			// A fault may be that it is not JSON: then it has no members.
			_ = json.Unmarshal([]byte(v.text["credential"]), &v.credential)
		}
		found, err := walk(v.credential, path)
		if err != nil {
			return "", nil // the fault took it out
		}
		return textOf(found), nil
	}
	return "", fmt.Errorf("nothing is known of ${%s}: no earlier request saves it", name)
}

// expand replaces the placeholders of a string.
func (v *vars) expand(s string) (string, error) {
	var failed error
	out := placeholder.ReplaceAllStringFunc(s, func(p string) string {
		m := placeholder.FindStringSubmatch(p)
		value, err := v.get(m[1])
		if err == nil && m[3] != "" {
			codec, ok := codecs[m[3]]
			if !ok {
				err = fmt.Errorf("%s: codec %q is none of string, json, base64, numbers", p, m[3])
			} else {
				value, err = codec(value)
			}
		}
		if err != nil && failed == nil {
			failed = err
		}
		return value
	})
	return out, failed
}

// wholeCredential is a string of a JSON body that becomes the response itself.
const wholeCredential = "${credential}"

// writeJSON writes a JSON body. The response is put in byte for byte, also where a
// fault made it no JSON.
func (v *vars) writeJSON(body any) ([]byte, error) {
	expanded, err := v.expandJSON(body)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(expanded)
	return bytes.ReplaceAll(b, []byte(`"`+wholeCredential+`"`), []byte(v.text["credential"])), err
}

// expandJSON replaces the placeholders within a JSON body, but leaves
// wholeCredential.
func (v *vars) expandJSON(body any) (any, error) {
	switch body := body.(type) {
	case string:
		if body == wholeCredential {
			return body, nil // writeJSON puts it in
		}
		expanded, err := v.expand(body)
		if err == nil && isJSON(body) && expanded != "" {
			return json.RawMessage(expanded), nil
		}
		return expanded, err
	case map[string]any:
		out := make(map[string]any, len(body))
		for name, member := range body {
			expanded, err := v.expandJSON(member)
			if err != nil {
				return nil, err
			}
			if s, ok := member.(string); ok && expanded == "" && isOptional(s) {
				continue
			}
			out[name] = expanded
		}
		return out, nil
	case []any:
		out := make([]any, len(body))
		for i, member := range body {
			var err error
			if out[i], err = v.expandJSON(member); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return body, nil
}
