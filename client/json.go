package client

import (
	"bytes"
	"encoding/json"
	"math"
	"unicode/utf8"
)

// document is a JSON text that was taken apart in one pass, of whose values none
// is copied: through maps and reflection a ceremony's options cost a seventh of its
// signature.
type document struct {
	text  []byte
	nodes []node
}

// A node is a value, or the name of a member. What an object or array holds comes
// right after it: names and values in turn, or values.
type node struct {
	start, end uint32 // in the text
	after      uint32 // the node that comes after what this one holds
}

// parseDocument takes apart JSON: the first node is the whole. There is none where
// the text is not well-formed, or has 4 GB.
func parseDocument(text []byte) *document {
	d := &document{text: text}
	if uint64(len(text)) <= math.MaxUint32 && json.Valid(text) {
		d.nodes = make([]node, 0, 8+len(text)/9) // a guess that fits most options
		d.value(0)
	}
	return d
}

// value appends the value that follows a place in the text, with all that it holds,
// and gives the place behind it.
func (d *document) value(at int) int {
	at = d.skip(at)
	n := len(d.nodes)
	d.nodes = append(d.nodes, node{start: uint32(at)})
	switch d.text[at] {
	case '{', '[':
		at = d.skip(at + 1)
		for d.text[at] != '}' && d.text[at] != ']' {
			at = d.skip(d.value(at))
		}
		at++
	case '"':
		at = d.behindString(at + 1)
	default:
		at = d.behindWord(at)
	}
	d.nodes[n].end, d.nodes[n].after = uint32(at), uint32(len(d.nodes))
	return at
}

// skip passes what stands between values.
func (d *document) skip(at int) int {
	for ; at < len(d.text); at++ {
		switch d.text[at] {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return at
		}
	}
	return at
}

// behindString goes from a string's first character behind its last quote.
func (d *document) behindString(at int) int {
	end := at + bytes.IndexByte(d.text[at:], '"')
	if bytes.IndexByte(d.text[at:end], '\\') < 0 {
		return end + 1
	}
	for ; d.text[at] != '"'; at++ {
		if d.text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// behindWord passes a number, true, false or null.
func (d *document) behindWord(at int) int {
	for ; at < len(d.text); at++ {
		switch d.text[at] {
		case ' ', '\t', '\r', '\n', ',', '}', ']':
			return at
		}
	}
	return at
}

// of gives a node's text.
func (d *document) of(n int) json.RawMessage { return d.text[d.nodes[n].start:d.nodes[n].end] }

// after gives the node that comes after all that one holds.
func (d *document) after(n int) int { return int(d.nodes[n].after) }

// is tells whether a node is an object or array, by its opening bracket.
func (d *document) is(n int, bracket byte) bool { return d.text[d.nodes[n].start] == bracket }

// member finds a member of an object; of one that is there twice the last counts.
func (d *document) member(object int, name string) (value int, ok bool) {
	for n := object + 1; n < d.after(object); n = d.after(n + 1) {
		if string(d.name(n)) == name {
			value, ok = n+1, true
		}
	}
	return value, ok
}

// name decodes a member's name.
func (d *document) name(n int) []byte {
	text := d.of(n)
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return nil
	}
	return []byte(s)
}

// plainString gives what is within a string that is written without escapes; ok is
// false for all else.
func plainString(text []byte) (s []byte, ok bool) {
	if len(text) < 2 || text[0] != '"' || bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text) {
		return nil, false
	}
	return text[1 : len(text)-1], true
}
