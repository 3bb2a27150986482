package client

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
)

// dictionary is a JSON object on its way to becoming a WebIDL dictionary. Member
// names match exactly; unknown members are ignored. The first failure is kept with
// the document: what was converted counts only where there is none.
//
// Scalars convert into each other as JavaScript has it. Only an object or array
// where a string or number belongs, which JavaScript would print or make NaN,
// is a TypeError here.
type dictionary struct {
	document *document
	node     int // in document; none: absent, or null

	// Where it stands, for errors: in a member of parent's, there at index
	// where that is a sequence and -1 elsewhere. The options have no parent.
	parent *dictionary
	member string
	index  int
}

const none = -1

// newDictionary converts JSON that has to be an object.
func newDictionary(data []byte) dictionary {
	d := dictionary{document: parseDocument(data), node: none, index: -1}
	switch {
	case len(d.document.nodes) == 0:
		d.fail(TypeError, "", "is not well-formed JSON")
	case !d.document.is(0, '{'):
		d.fail(TypeError, "", "is not an object")
	default:
		d.node = 0
	}
	return d
}

func (d *dictionary) fail(name, member, what string) {
	if d.document.err == nil {
		d.document.err = fail(name, cmp.Or(d.path(member), "options")+" "+what)
	}
}

// path names a member from the options on; an empty one is d itself.
func (d *dictionary) path(member string) string {
	if d.parent == nil {
		return member
	}
	path := d.parent.path(d.member)
	if d.index >= 0 {
		path += "[" + strconv.Itoa(d.index) + "]"
	}
	if member != "" {
		path += "." + member
	}
	return path
}

// find returns a member's JSON.
func (d *dictionary) find(member string) (json.RawMessage, bool) {
	n, ok := d.findNode(member)
	if !ok {
		return nil, false
	}
	return d.document.of(n), true
}

func (d *dictionary) findNode(member string) (int, bool) {
	if d.node == none {
		return none, false
	}
	return d.document.member(d.node, member)
}

// get returns a member; a required one that is absent fails.
func (d *dictionary) get(member string, required bool) (json.RawMessage, bool) {
	n, ok := d.getNode(member, required)
	if !ok {
		return nil, false
	}
	return d.document.of(n), true
}

func (d *dictionary) getNode(member string, required bool) (int, bool) {
	n, ok := d.findNode(member)
	if !ok && required {
		d.fail(TypeError, member, "is required")
	}
	return n, ok
}

// object converts a member that is a dictionary. Null is an empty one.
func (d *dictionary) object(member string, required bool) (dictionary, bool) {
	n, ok := d.getNode(member, required)
	if !ok {
		return d.below(member, -1, none), false
	}
	return d.below(member, -1, n), true
}

// record converts a record of dictionaries; of a key that is there twice the last
// counts.
func (d *dictionary) record() map[string]dictionary {
	record := make(map[string]dictionary)
	if d.node == none {
		return record
	}
	last := make(map[string]int)
	for n, after := d.node+1, d.document.after(d.node); n < after; n = d.document.after(n + 1) {
		last[string(d.document.name(n))] = n + 1
	}
	for key, n := range last {
		record[key] = d.below(key, -1, n)
	}
	return record
}

// below converts a dictionary within d.
func (d *dictionary) below(member string, index, n int) dictionary {
	sub := dictionary{document: d.document, node: none, parent: d, member: member, index: index}
	switch {
	case n == none || string(d.document.of(n)) == "null":
	case d.document.is(n, '{'):
		sub.node = n
	default:
		sub.fail(TypeError, "", "is not an object")
	}
	return sub
}

// list converts a member that is a sequence, to the nodes from first to before
// after.
func (d *dictionary) list(member string, required bool) (first, after int) {
	n, ok := d.getNode(member, required)
	if !ok {
		return none, none
	}
	if !d.document.is(n, '[') {
		d.fail(TypeError, member, "is not an array")
		return none, none
	}
	return n + 1, d.document.after(n)
}

// objects converts a member that is a sequence of dictionaries, one after the other.
func (d *dictionary) objects(member string, required bool, convert func(item dictionary)) {
	n, after := d.list(member, required)
	for index := 0; n < after; index++ {
		convert(d.below(member, index, n))
		n = d.document.after(n)
	}
}

// string converts a DOMString; ok tells whether it is there.
func (d *dictionary) string(member string, required bool) (s string, ok bool) {
	raw, ok := d.get(member, required)
	if !ok {
		return "", false
	}
	return d.toString(member, raw)
}

// text converts a DOMString whose absence is as good as an empty one.
func (d *dictionary) text(member string, required bool) string {
	s, _ := d.string(member, required)
	return s
}

// optional converts a DOMString; nil where it is absent.
func (d *dictionary) optional(member string) *string {
	if s, ok := d.string(member, false); ok {
		return &s
	}
	return nil
}

// enum converts an enumeration: fallback where it is absent or unknown, since
// clients ignore values that they do not know (WebAuthn §2.1.1).
func (d *dictionary) enum(member, fallback string, known ...string) string {
	raw, ok := d.find(member)
	if !ok {
		return fallback
	}
	s, _ := d.characters(member, raw)
	for _, k := range known {
		if string(s) == k {
			return k
		}
	}
	return fallback
}

// texts converts a sequence of DOMStrings.
func (d *dictionary) texts(member string) []string {
	var list []string
	n, after := d.list(member, false)
	for ; n < after; n = d.document.after(n) {
		if s, ok := d.toString(member, d.document.of(n)); ok {
			list = append(list, s)
		}
	}
	return list
}

// bytes converts a Base64URLString to bytes; nil where it is absent, and not nil
// where it is empty.
func (d *dictionary) bytes(member string, required bool) []byte {
	raw, ok := d.get(member, required)
	if !ok {
		return nil
	}
	s, ok := d.characters(member, raw)
	if !ok {
		return nil
	}
	b, ok := decodeBase64URL(s)
	if !ok {
		d.fail(EncodingError, member, "is not base64url")
	}
	return b
}

// boolean converts a boolean: false where it is absent.
func (d *dictionary) boolean(member string) bool {
	raw, ok := d.find(member)
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
func (d *dictionary) number(member string, required bool) float64 {
	raw, ok := d.get(member, required)
	if !ok {
		return 0
	}
	if n, err := strconv.ParseInt(string(raw), 10, 32); err == nil { // most are written so
		return float64(n)
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
func (d *dictionary) long(member string, required bool) int32 {
	return int32(d.unsignedLong(member, required))
}

// unsignedLong converts a WebIDL unsigned long, modulo 2^32.
func (d *dictionary) unsignedLong(member string, required bool) uint32 {
	m := math.Mod(d.number(member, required), 1<<32)
	if m < 0 {
		m += 1 << 32
	}
	return uint32(m)
}

func (d *dictionary) toString(member string, raw json.RawMessage) (string, bool) {
	if s, ok := plainString(raw); ok {
		if string(s) == ctap.TypePublicKey { // it stands in every list
			return ctap.TypePublicKey, true
		}
		return string(s), true
	}
	switch v := value(raw).(type) {
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case string:
		return v, true
	}
	d.fail(TypeError, member, "is not a string")
	return "", false
}

// characters is toString that copies nothing, most of the time.
func (d *dictionary) characters(member string, raw json.RawMessage) ([]byte, bool) {
	if s, ok := plainString(raw); ok {
		return s, true
	}
	s, ok := d.toString(member, raw)
	return []byte(s), ok
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
func decodeBase64URL(s []byte) ([]byte, bool) {
	if bytes.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, false
	}
	b := make([]byte, base64.RawURLEncoding.DecodedLen(len(s)))
	_, err := base64.RawURLEncoding.Strict().Decode(b, s)
	return b, err == nil
}

func encodeBase64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
