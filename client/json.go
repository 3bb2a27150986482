package client

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// What is here takes JSON apart that is known to be well-formed. It copies
// nothing: through maps and reflection a ceremony's options cost a seventh of its
// signature.

// jsonMember is a member of an object: its name without quotes and escapes, and
// its value as it stands.
type jsonMember struct {
	name  []byte
	value json.RawMessage
}

// jsonMembers splits an object, in order and with duplicates. Null has no
// members; ok is false for other values. An object's list is never nil.
func jsonMembers(text []byte) (members []jsonMember, ok bool) {
	s, ok := split(text, '{')
	if !ok {
		return nil, string(bytes.TrimSpace(text)) == "null"
	}
	members = make([]jsonMember, 0, min(8, 2+len(text)/40)) // a guess that fits most options
	for name := s.next(); name != nil; name = s.next() {
		members = append(members, jsonMember{unquote(name), s.next()})
	}
	return members, true
}

// jsonElements splits an array; ok is false for other values.
func jsonElements(text []byte) (elements []json.RawMessage, ok bool) {
	s, ok := split(text, '[')
	if !ok {
		return nil, false
	}
	for e := s.next(); e != nil; e = s.next() {
		elements = append(elements, e)
	}
	return elements, true
}

// plainString gives what is within a string that is written without escapes; ok is
// false for all else.
func plainString(text []byte) (s []byte, ok bool) {
	if len(text) < 2 || text[0] != '"' || bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text) {
		return nil, false
	}
	return text[1 : len(text)-1], true
}

// unquote decodes a member's name.
func unquote(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return nil
	}
	return []byte(s)
}

// splitter stands within an object or array.
type splitter struct {
	text []byte
	at   int
}

// split enters the object or array that text is, by its opening bracket.
func split(text []byte, bracket byte) (splitter, bool) {
	s := splitter{text: text}
	s.skip()
	if s.at == len(text) || text[s.at] != bracket {
		return s, false
	}
	s.at++
	return s, true
}

// skip passes what stands between values.
func (s *splitter) skip() {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return
		}
	}
}

// next returns the next value, member names being values too, or nil at the end.
func (s *splitter) next() []byte {
	s.skip()
	start, depth := s.at, 0
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '"':
			s.passString()
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return s.since(start) // a number or word before the end, or nothing
			}
			depth--
		case ' ', '\t', '\r', '\n', ',', ':':
			if depth == 0 {
				return s.since(start) // a number or word
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			s.at++
			return s.since(start)
		}
	}
	return s.since(start)
}

func (s *splitter) since(start int) []byte {
	if s.at == start {
		return nil
	}
	return s.text[start:s.at:s.at]
}

// passString goes from a string's first quote to its last.
func (s *splitter) passString() {
	s.at++
	if end := bytes.IndexByte(s.text[s.at:], '"'); end >= 0 && bytes.IndexByte(s.text[s.at:s.at+end], '\\') < 0 {
		s.at += end
		return
	}
	for ; s.at < len(s.text) && s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
}
