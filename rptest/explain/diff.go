package explain

import "bytes"

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
	case control.parts == nil && fault.parts == nil && control.raw == nil && fault.raw == nil && control.value == fault.value:
		return nil
	case control.parts == nil || fault.parts == nil:
		return []Change{change(path, control, fault)}
	}
	var changes []Change
	places := map[string][]int{} // of fault's parts, by name
	for i, f := range fault.parts {
		places[f.name] = append(places[f.name], i)
	}
	matched := make([]bool, len(fault.parts))
	for _, c := range control.parts {
		name, same := join(path, c.name), places[c.name]
		if len(same) == 0 {
			changes = append(changes, Change{Path: name, Control: c.shown()})
			continue
		}
		changes = append(changes, diff(name, c, fault.parts[same[0]])...)
		matched[same[0]], places[c.name] = true, same[1:]
	}
	for i, f := range fault.parts {
		if !matched[i] {
			changes = append(changes, Change{Path: join(path, f.name), Fault: f.shown()})
		}
	}
	if changes == nil && path != "" { // the order around what is encoded says nothing
		changes = []Change{change(path, control, fault)}
	}
	return changes
}

// change shows a part of both. Where they say the same, it shows how that is written.
func change(path string, control, fault *node) Change {
	c := Change{path, control.shown(), fault.shown()}
	if c.Control == c.Fault {
		c.Control, c.Fault = hexed(control.raw), hexed(fault.raw)
	}
	return c
}
