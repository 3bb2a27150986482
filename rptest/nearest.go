package rptest

import (
	"fmt"
	"strings"
)

// perhaps tells what somebody may have meant who named a case that is not there:
// the cases below the name, or the one that is spelt most like it. It is empty
// where nothing is near.
func perhaps(name string) string {
	best, most := "", max(2, len(name)/6)+1 // that many letters apart is another name
	for _, c := range Catalogue() {
		if name != "" && strings.HasPrefix(c.ID, name+".") {
			return fmt.Sprintf("; those below it are %q", name+".")
		}
		if d := distance(strings.ToLower(name), c.ID); d < most {
			best, most = c.ID, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; perhaps %q", best)
}

// distance is the least number of letters to put in, take out or change to make b of
// a: Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
