package brokenrp

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// clientData is what the client says of a ceremony (WebAuthn §5.8.1).
type clientData struct {
	members []member // as they came
	hash    [32]byte
	unread  bool // it could not be parsed, and the check is off
}

type member struct {
	name  string
	value any // string, bool, json.Number, nil; or json.RawMessage of others
}

var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// clientData parses client data: §7.1 steps 5 and 6, §7.2 steps 8 and 9. Where
// it fails it may still tell the challenge.
func (c *ceremony) clientData(raw []byte) (*clientData, error) {
	d := &clientData{hash: sha256.Sum256(raw)}
	marked := raw[0] == byteOrderMark[0] // no client data: without the check, a crash
	text, _ := bytes.CutPrefix(raw, byteOrderMark)
	members, rest, err := parseObject(text)
	if err != nil {
		d.unread = true
		return d, c.first(rule{"clientData.json", false})
	}
	d.members = members
	if !c.on("clientData.raw") {
		d.hash = sha256.Sum256(d.serialize())
	}
	return d, c.first(
		rule{"accept.bom", !marked},
		rule{"clientData.trailing", len(bytes.TrimSpace(rest)) == 0},
		rule{"clientData.duplicate", !d.duplicate()},
		rule{"accept.order", d.ordered(text)},
		rule{"accept.unknownMember", !slices.ContainsFunc(members, func(m member) bool { return !slices.Contains(clientDataMembers, m.name) })},
		rule{"accept.escape", !bytes.Contains(text, []byte(`\u`))},
	)
}

var clientDataMembers = []string{"type", "challenge", "origin", "crossOrigin", "topOrigin", "tokenBinding"}

// parseObject reads one JSON object and returns its members, in their order and
// with duplicates, and what follows.
func parseObject(text []byte) (members []member, rest []byte, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	start, err := d.Token()
	if err != nil {
		return nil, nil, err
	}
	if start != json.Delim('{') {
		return nil, nil, errors.New("not an object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, nil, err
		}
		members = append(members, member{name.(string), scalar(raw)}) // a name is always a string
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	return members, text[d.InputOffset():], nil
}

func scalar(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	switch v.(type) {
	case string, bool, nil, json.Number:
		return v
	}
	return raw
}

func (d *clientData) duplicate() bool {
	seen := map[string]bool{}
	for _, m := range d.members {
		if seen[m.name] {
			return true
		}
		seen[m.name] = true
	}
	return false
}

// member gives the value of a member: the last one of that name.
func (c *ceremony) member(d *clientData, name string) (any, bool) {
	for _, m := range slices.Backward(d.members) {
		if m.name == name || !c.on("clientData.case") && strings.EqualFold(m.name, name) {
			return m.value, true
		}
	}
	return nil, false
}

// text gives a member that is a string; empty where it is none.
func (c *ceremony) text(d *clientData, name string) string {
	v, _ := c.member(d, name)
	s, _ := v.(string)
	return s
}

// ordered reports whether the members stand as §5.8.1.1 serializes them.
func (d *clientData) ordered(text []byte) bool {
	for i, m := range d.members {
		if i < 3 && m.name != clientDataMembers[i] {
			return false
		}
	}
	return bytes.HasPrefix(text, []byte(`{"type":"`))
}

// serialize writes the members that the standard knows as §5.8.1.1 does.
func (d *clientData) serialize() []byte {
	var b []byte
	for _, name := range clientDataMembers[:5] {
		i := slices.IndexFunc(d.members, func(m member) bool { return m.name == name })
		if i < 0 {
			continue
		}
		b = append(b, ',')
		b = append(strconv.AppendQuote(b, name), ':')
		switch v := d.members[i].value.(type) {
		case string:
			b = appendString(b, v)
		case bool:
			b = strconv.AppendBool(b, v)
		default:
			b = fmt.Appendf(b, "%s", v)
		}
	}
	if len(b) > 0 {
		b[0] = '{'
	}
	return append(b, '}')
}

// appendString is CCDToString (WebAuthn §5.8.1.1).
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// checkType is §7.1 step 7 and §7.2 step 10.
func (c *ceremony) checkType(d *clientData) error {
	v, present := c.member(d, "type")
	got, _ := v.(string)
	want, other := "webauthn.create", "webauthn.get"
	if c.kind == "login" {
		want, other = other, want
	}
	switch {
	case d.unread, got == want:
		return nil
	case !present, got == "":
		return c.first(rule{"type.present", false})
	case got == other:
		return c.first(rule{"type", false})
	case strings.EqualFold(got, want) && c.has("type.case"):
		return c.first(rule{"type.case", false})
	case got == "payment.get" && c.has("type.payment"):
		return c.first(rule{"type.payment", false})
	}
	return fmt.Errorf("client data: type %q", got)
}
