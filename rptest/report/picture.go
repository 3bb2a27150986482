package report

import (
	"fmt"
	"strings"
)

// The picture's measures, in its own units.
const (
	pitch  = 40 // from cell to cell
	side   = 36 // of a cell
	perRow = 29
	head   = 26 // above a section's cells
	gap    = 10 // below them
)

// picture is the coverage by step, drawn.
type picture struct {
	Width, Height int
	Rows          []row
}

type row struct {
	Title string
	Y     int
	Cells []cell
}

type cell struct {
	*step
	X, Y int
}

// Side is how wide and high a cell is.
func (c cell) Side() int { return side }

// MiddleX, TextY and MarkY are where a cell's words stand.
func (c cell) MiddleX() int { return c.X + side/2 }
func (c cell) TextY() int   { return c.Y + 13 }
func (c cell) MarkY() int   { return c.Y + 29 }

// Long tells that a cell's name needs smaller letters.
func (c cell) Long() bool { return len(c.Label) > 5 }

// Tip is what a cell tells whoever points at it.
func (c cell) Tip() string {
	counts := map[class]int{}
	for _, r := range c.Results {
		counts[classOf(r)]++
	}
	tip := c.Anchor
	for _, class := range order {
		if counts[class] > 0 {
			tip += fmt.Sprintf("; %d %s", counts[class], strings.TrimPrefix(names[class], "a "))
		}
	}
	if len(c.Results) == 0 {
		tip += ": " + names["untouched"]
	}
	return tip
}

func draw(sections []section) picture {
	p := picture{Width: perRow*pitch + 4}
	y := 0
	for _, s := range sections {
		r := row{Title: strings.TrimSpace(s.Name + " " + s.Title), Y: y + head - 9}
		y += head
		for i, st := range s.Steps {
			r.Cells = append(r.Cells, cell{st, 2 + i%perRow*pitch, y + i/perRow*pitch})
		}
		y += (len(s.Steps)+perRow-1)/perRow*pitch + gap
		p.Rows = append(p.Rows, r)
	}
	p.Height = y
	return p
}
