package client

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// dictionary is a JSON object on its way to becoming a WebIDL dictionary. Member
// names match exactly; unknown members are ignored. The first failure is kept in
// err, which the dictionaries of one conversion share, and the conversions after
// it give zero values.
//
// Scalars convert into each other as JavaScript has it. Only an object or array
// where a string or number belongs, which JavaScript would print or make NaN,
// is a TypeError here.
type dictionary struct {
	path    string // of this dictionary within the options, with a dot at its end
	members map[string]json.RawMessage
	err     *error
}

func newDictionary(data []byte) dictionary {
	d := dictionary{err: new(error)}
	if err := json.Unmarshal(data, &d.members); err != nil || d.members == nil {
		d.fail(TypeError, "", "is not an object")
	}
	return d
}

func (d dictionary) fail(name, member, what string) {
	if *d.err == nil {
		if member == "" && d.path == "" {
			member = "options"
		}
		*d.err = fail(name, strings.TrimSuffix(d.path+member, ".")+" "+what)
	}
}

// get returns a member; a required one that is absent fails.
func (d dictionary) get(member string, required bool) (json.RawMessage, bool) {
	raw, ok := d.members[member]
	if !ok && required {
		d.fail(TypeError, member, "is required")
	}
	return raw, ok
}

// object converts a member that is a dictionary. Null is an empty one.
func (d dictionary) object(member string, required bool) (dictionary, bool) {
	sub := dictionary{path: d.path + member + ".", err: d.err}
	raw, ok := d.get(member, required)
	if ok && json.Unmarshal(raw, &sub.members) != nil {
		d.fail(TypeError, member, "is not an object")
		return sub, false
	}
	return sub, ok
}

// list converts a member that is a sequence.
func (d dictionary) list(member string, required bool) []json.RawMessage {
	raw, ok := d.get(member, required)
	if !ok {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil || items == nil {
		d.fail(TypeError, member, "is not an array")
	}
	return items
}

// objects converts a member that is a sequence of dictionaries.
func (d dictionary) objects(member string, required bool) []dictionary {
	items := d.list(member, required)
	list := make([]dictionary, len(items))
	for i, raw := range items {
		list[i] = dictionary{path: d.path + member + "[" + strconv.Itoa(i) + "].", err: d.err}
		if json.Unmarshal(raw, &list[i].members) != nil {
			list[i].fail(TypeError, "", "is not an object")
		}
	}
	return list
}

// text converts a DOMString; nil where it is absent.
func (d dictionary) text(member string, required bool) *string {
	raw, ok := d.get(member, required)
	if !ok {
		return nil
	}
	return d.toText(member, raw)
}

// string converts a DOMString whose absence is as good as an empty one.
func (d dictionary) string(member string, required bool) string {
	if s := d.text(member, required); s != nil {
		return *s
	}
	return ""
}

// texts converts a sequence of DOMStrings.
func (d dictionary) texts(member string) []string {
	var list []string
	for _, raw := range d.list(member, false) {
		if s := d.toText(member, raw); s != nil {
			list = append(list, *s)
		}
	}
	return list
}

// bytes converts a Base64URLString to bytes; nil where it is absent, and not nil
// where it is empty.
func (d dictionary) bytes(member string, required bool) []byte {
	s := d.text(member, required)
	if s == nil {
		return nil
	}
	b, ok := decodeBase64URL(*s)
	if !ok {
		d.fail(EncodingError, member, "is not base64url")
	}
	return b
}

// boolean converts a boolean: false where it is absent.
func (d dictionary) boolean(member string) bool {
	raw, ok := d.members[member]
	if !ok {
		return false
	}
	switch v := value(raw).(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	}
	return true
}

// number converts a number; zero where it is absent.
func (d dictionary) number(member string, required bool) float64 {
	raw, ok := d.get(member, required)
	if !ok {
		return 0
	}
	switch v := value(raw).(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return math.Trunc(v)
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return 0
		}
		return math.Trunc(f)
	}
	d.fail(TypeError, member, "is not a number")
	return 0
}

// long converts a WebIDL long.
func (d dictionary) long(member string, required bool) int32 {
	return int32(d.unsignedLong(member, required))
}

// unsignedLong converts a WebIDL unsigned long, modulo 2^32.
func (d dictionary) unsignedLong(member string, required bool) uint32 {
	m := math.Mod(d.number(member, required), 1<<32)
	if m < 0 {
		m += 1 << 32
	}
	return uint32(m)
}

func (d dictionary) toText(member string, raw json.RawMessage) *string {
	var s string
	switch v := value(raw).(type) {
	case nil:
		s = "null"
	case bool:
		s = strconv.FormatBool(v)
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		s = v
	default:
		d.fail(TypeError, member, "is not a string")
		return nil
	}
	return &s
}

// value decodes JSON that is known to be well-formed.
func value(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return []any{} // a number that no float64 holds
	}
	return v
}

// decodeBase64URL decodes base64url without padding, white space or stray bits.
func decodeBase64URL(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil
}

func encodeBase64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
