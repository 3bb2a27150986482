package client

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"
)

// document is a JSON text that was taken apart in one pass, of whose values none
// is copied: through maps and reflection a ceremony's options cost a seventh of its
// signature.
type document struct {
	text    []byte
	nodes   []node
	escaped bool  // some string in it is written with escapes
	err     error // the first failure to convert it into dictionaries
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
	if uint64(len(text)) > math.MaxUint32 {
		return d
	}
	d.nodes = make([]node, 0, 8+len(text)/9) // a guess that fits most options
	if at := d.value(0, 0); at == failed || d.skip(at) < len(text) {
		d.nodes = nil
	}
	return d
}

const (
	failed = -1 // the place behind what is not well-formed
	// maxDepth is how deep encoding/json nests.
	maxDepth = 10_000
)

// value appends the value that follows a place in the text, with all that it holds,
// and gives the place behind it.
func (d *document) value(at, depth int) int {
	at = d.skip(at)
	n := len(d.nodes)
	d.nodes = append(d.nodes, node{start: uint32(at)})
	switch d.char(at) {
	case '{':
		at = d.list(at, depth, '}', d.named)
	case '[':
		at = d.list(at, depth, ']', d.value)
	case '"':
		at = d.behindString(at)
	default:
		at = d.behindWord(at)
	}
	d.nodes[n].end, d.nodes[n].after = uint32(at), uint32(len(d.nodes))
	return at
}

// list appends what stands, parted by commas, from an opening bracket to the closing
// one.
func (d *document) list(at, depth int, closing byte, item func(at, depth int) int) int {
	if depth == maxDepth {
		return failed
	}
	at = d.skip(at + 1)
	if d.char(at) == closing {
		return at + 1
	}
	for {
		if at = item(at, depth+1); at == failed {
			return failed
		}
		at = d.skip(at)
		switch d.char(at) {
		case closing:
			return at + 1
		case ',':
			at++
		default:
			return failed
		}
	}
}

// named appends a member: its name and its value.
func (d *document) named(at, depth int) int {
	if at = d.skip(at); d.char(at) != '"' {
		return failed
	}
	if at = d.value(at, depth); at == failed {
		return failed
	}
	if at = d.skip(at); d.char(at) != ':' {
		return failed
	}
	return d.value(at+1, depth)
}

// char is the character at a place, and 0 behind the end.
func (d *document) char(at int) byte {
	if at >= len(d.text) {
		return 0
	}
	return d.text[at]
}

// skip passes white space.
func (d *document) skip(at int) int {
	for ; at < len(d.text); at++ {
		switch d.text[at] {
		case ' ', '\t', '\r', '\n':
		default:
			return at
		}
	}
	return at
}

// behindString goes from a string's first quote behind its last.
func (d *document) behindString(start int) int {
	escaped := false
	for at := start + 1; at < len(d.text); at++ {
		switch c := d.text[at]; {
		case c == '"':
			if at++; escaped && !json.Valid(d.text[start:at]) {
				return failed
			}
			d.escaped = d.escaped || escaped
			return at
		case c == '\\':
			escaped = true
			at++
		case c < ' ':
			return failed
		}
	}
	return failed
}

// behindWord passes a number, true, false or null.
func (d *document) behindWord(start int) int {
	at := start
	for at < len(d.text) && strings.IndexByte(" \t\r\n,]}", d.text[at]) < 0 {
		at++
	}
	if !json.Valid(d.text[start:at]) {
		return failed
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
	for n, after := object+1, d.after(object); n < after; n = d.after(n + 1) {
		if string(d.name(n)) == name {
			value, ok = n+1, true
		}
	}
	return value, ok
}

// name decodes a member's name.
func (d *document) name(n int) []byte {
	text := d.of(n)
	if d.escaped {
		return unescaped(text)
	}
	return text[1 : len(text)-1]
}

func unescaped(text []byte) []byte {
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
