package report

import (
	"regexp"
	"strings"

	"github.com/seed-77d61853/signet/rptest"
)

// Block is what keeps nearly every case of a report from a verdict.
type Block struct {
	// Cause is what was seen in the first of the cases: a request and its answer,
	// where there is one. It does nothing to a terminal.
	Cause string
	// Cases is of how many it is the cause.
	Cases int
	// Refused tells that the site answered as it does to what it finds wrong, or that a
	// browser would not let a page of this origin speak for the RP ID; not that the site
	// lacks the path, has too many requests, or says nothing.
	Refused bool
}

// refusal is a request in a result's detail, and its answer, or a DOMException.
var refusal = regexp.MustCompile(`[A-Z]+ https?://\S+: (status \d+)?|[A-Z][A-Za-z]+Error: .*`)

// refused is a refusal that an origin may be the reason for.
var refused = regexp.MustCompile(`: status (400|401|403|409|422)$|^SecurityError: `)

// Blocked finds out whether nearly all cases in which people register or sign in came
// to no verdict alike; nil where they did not.
func Blocked(r *rptest.Report) *Block {
	played, blocks, most := 0, map[string]*Block{}, &Block{}
	for i := range r.Results {
		result := &r.Results[i]
		switch classOf(result) {
		case notApplicable, notRun:
			continue
		}
		if result.Case.Kind == rptest.Options {
			continue
		}
		played++
		if classOf(result) != noVerdict {
			continue
		}
		key, cause := causeOf(result.Detail)
		b := blocks[key]
		if b == nil {
			b = &Block{Cause: printable(cause), Refused: refused.MatchString(key)}
			blocks[key] = b
		}
		if b.Cases++; b.Cases > most.Cases {
			most = b
		}
	}
	if most.Cases <= manyCases || most.Cases*10 < played*9 {
		return nil
	}
	return most
}

// causeOf is what two details have in common that tell of the same: the request and
// its answer's status, if any, else what stands behind the step; and all from there on.
func causeOf(detail string) (key, cause string) {
	if at := refusal.FindStringIndex(detail); at != nil {
		return detail[at[0]:at[1]], detail[at[0]:]
	}
	if _, rest, ok := strings.Cut(detail, ": "); ok {
		return rest, rest
	}
	return detail, detail
}
