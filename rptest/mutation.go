package rptest

import (
	"fmt"
	"strings"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// Mutation is a fault, or several at once, to put into one response.
type Mutation struct {
	// ID names it: a case's ID, or what ParseMutation took.
	ID    string
	Edits []ceremony.Edit
}

// Mutation is the case's fault, to be used in any ceremony of its kind.
func (c *Case) Mutation() Mutation { return Mutation{c.ID, c.Edits} }

// Unsigned leaves the signatures as they were before a fault: what an attacker
// can do who has no key.
func Unsigned(m Mutation) Mutation {
	stale := Mutation{ID: "unsigned " + m.ID}
	for _, e := range m.Edits {
		e.Stale = true
		stale.Edits = append(stale.Edits, e)
	}
	return stale
}

// ParseMutation finds a mutation by its ID: that of a case, "unsigned " and the
// ID of a mutation, or one of those that take a value, as Parametric lists them:
// "origin=https://evil.example".
func ParseMutation(id string) (Mutation, error) {
	if inner, ok := strings.CutPrefix(id, "unsigned "); ok {
		m, err := ParseMutation(inner)
		return Unsigned(m), err
	}
	if name, value, ok := strings.Cut(id, "="); ok {
		for _, p := range parametric {
			if p.Name == name {
				edits, err := p.edits(value)
				if err != nil {
					return Mutation{}, fmt.Errorf("mutation %q: %w", id, err)
				}
				return Mutation{id, edits}, nil
			}
		}
		return Mutation{}, fmt.Errorf("mutation %q: there is no %q that takes a value; known are %s", id, name, parametricNames())
	}
	c, ok := FindCase(id)
	switch {
	case !ok:
		return Mutation{}, fmt.Errorf("mutation %q is not the ID of any case%s", id, perhaps(id))
	case len(c.Edits) == 0:
		return Mutation{}, fmt.Errorf("mutation %q: the case is more than one spoilt response, so it runs in audits only", id)
	}
	return c.Mutation(), nil
}
