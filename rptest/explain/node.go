package explain

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// node is a part, with the parts within it.
type node struct {
	kind  Kind   // of the whole
	name  string // of a list's member "[0]"
	raw   []byte // as it came
	value string // for people, of a leaf and of what has no parts in it
	note  string
	parts []*node // nil: a leaf
}

// Values of what could have parts, and has none.
const (
	emptyMap  = "{}"
	emptyList = "[]"
)

func leaf(name, value string) *node { return &node{name: name, raw: []byte(value), value: value} }

func bytesLeaf(name string, b []byte) *node {
	return &node{name: name, raw: b, value: hexed(b)}
}

func (n *node) add(parts ...*node) { n.parts = append(n.parts, parts...) }

// part finds the first part of a name; nil where there is none.
func (n *node) part(name string) *node {
	if n == nil {
		return nil
	}
	for _, p := range n.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// join puts a name behind a path.
func join(path, name string) string {
	if path == "" || strings.HasPrefix(name, "[") {
		return path + name
	}
	return path + "." + name
}

// maxShown is how much of a part is shown where it is one of many.
const maxShown = 96

func hexed(b []byte) string { return fmt.Sprintf("h'%x'", b) }

// shown is the part in one line.
func (n *node) shown() string {
	if len(n.parts) == 0 {
		return n.value
	}
	if text := bytes.TrimSpace(n.raw); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return string(n.raw)
	}
	return hexed(n.raw)
}

// write prints the part and those within it, each on a line of its own.
func (n *node) write(b *strings.Builder, indent int) {
	b.WriteString(strings.Repeat("  ", indent) + Visible(n.name))
	if len(n.parts) == 0 {
		b.WriteString(": " + cut(n.value))
	}
	if n.note != "" {
		b.WriteString("  (" + Visible(n.note) + ")")
	}
	b.WriteByte('\n')
	for _, p := range n.parts {
		p.write(b, indent+1)
	}
}

// cut makes a value fit to be shown: on one line, and not too long.
func cut(s string) string {
	if len(s) <= maxShown {
		return Visible(s)
	}
	return fmt.Sprintf("%s... %d characters", Visible(Cut(s, maxShown)), utf8.RuneCountInString(s))
}
