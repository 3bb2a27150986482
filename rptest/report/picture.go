package report

import (
	"fmt"
	"strings"
)

// Heading is what the picture calls a section.
func (s *section) Heading() string { return strings.TrimSpace(s.Name + " " + s.Title) }

// Tip is what a step's cell in the picture tells whoever points at it.
func (s *step) Tip() string {
	counts := map[class]int{}
	for _, r := range s.Results {
		counts[classOf(r)]++
	}
	tip := s.Anchor
	for _, class := range order {
		if counts[class] > 0 {
			tip += fmt.Sprintf("; %d %s", counts[class], strings.TrimPrefix(names[class], "a "))
		}
	}
	if len(s.Results) == 0 {
		tip += ": " + names["untouched"]
	}
	return tip
}
