package explain

import (
	"bytes"
	"fmt"
	"strings"
)

// A Change is a part in which a fault differs from its control.
type Change struct {
	Path string `json:"path"`
	// Control and Fault are the part in both; empty where it is not there.
	Control string `json:"control"`
	Fault   string `json:"fault"`
}

// Diff compares two responses, or two of anything that Explain takes, part by
// part, in the order of the control's. Where two parts say the same and are
// written otherwise, that is a change of the smallest part that holds the
// difference.
func Diff(control, fault []byte) []Change {
	return diff("", parse(control), parse(fault))
}

func diff(path string, control, fault *node) []Change {
	switch {
	case bytes.Equal(control.raw, fault.raw) && control.raw != nil && fault.raw != nil:
		return nil
	case control.parts == nil || fault.parts == nil:
		return []Change{{path, control.shown(), fault.shown()}}
	}
	var changes []Change
	left := append([]*node(nil), fault.parts...)
	for _, c := range control.parts {
		name := join(path, c.name)
		i := indexName(left, c.name)
		if i < 0 {
			changes = append(changes, Change{Path: name, Control: c.shown()})
			continue
		}
		changes = append(changes, diff(name, c, left[i])...)
		left = append(left[:i:i], left[i+1:]...)
	}
	for _, f := range left {
		changes = append(changes, Change{Path: join(path, f.name), Fault: f.shown()})
	}
	if changes == nil && path != "" { // the order around what is encoded says nothing
		changes = []Change{{path, control.shown(), fault.shown()}}
	}
	return changes
}

func indexName(nodes []*node, name string) int {
	for i, n := range nodes {
		if n.name == name {
			return i
		}
	}
	return -1
}

// Table sets changes side by side in text.
func Table(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		path := c.Path
		if path == "" {
			path = "(all)"
		}
		fmt.Fprintf(&b, "%s\n  control  %s\n  fault    %s\n", path, cell(c.Control), cell(c.Fault))
	}
	return b.String()
}

func cell(s string) string {
	if s == "" {
		return "(missing)"
	}
	return cut(s)
}
