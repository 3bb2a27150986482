package brokenrp

import (
	"errors"
)

// compound is the verification procedure of WebAuthn §8.9. Its statement is an
// array in the standard; a map has none of its members.
func (c *ceremony) compound(s *statement) (*verdict, error) {
	parts := s.stmt.items
	if s.stmt.major != majorArray {
		return nil, errors.New("compound: the statement is not an array")
	}
	if err := c.first(rule{"compound.count", len(parts) >= 2}); err != nil {
		return nil, err
	}
	var best *verdict
	var failed error
	for _, part := range parts {
		format, _ := part.member("fmt")
		stmt, _ := part.member("attStmt")
		if format.major != majorText {
			return nil, errors.New("compound: a statement has no fmt")
		}
		if string(format.str) == "compound" {
			if err := c.first(rule{"compound.nested", false}); err != nil {
				return nil, err
			}
		}
		proven, err := c.format(string(format.str), &statement{stmt, s.auth, s.key, s.hash})
		switch {
		case err != nil:
			failed = err
		case best == nil || best.chain == nil:
			best = proven
		}
	}
	if failed != nil && best != nil {
		if err := c.first(rule{"compound.all", false}); err != nil {
			return nil, errors.Join(err, failed)
		}
		failed = nil
	}
	if failed == nil && best == nil {
		failed = errors.New("compound: no statement")
	}
	return best, failed
}
