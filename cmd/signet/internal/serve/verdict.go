package serve

import (
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/report"
)

// verdict is what an audit came to.
type verdict struct {
	Findings int `json:"findings"` // new ones
	Failing  int `json:"failing"`  // those of them that fail the audit
	// NoVerdict counts cases whose ceremony failed without the fault, too: they
	// say nothing of the site.
	NoVerdict int `json:"noVerdict"`
	// ExitStatus is what signet audit would end with.
	ExitStatus int `json:"exitStatus"`
}

// Exit statuses of signet audit: 0 is that the site passed.
const (
	statusFinding     = 1
	statusNoVerdict   = 3
	statusInterrupted = 130
)

func judge(found *rptest.Report) *verdict {
	count := report.Count(found)
	v := &verdict{Findings: count.Findings, NoVerdict: count.NoVerdict}
	unsure := false
	for i := range found.Results {
		r := &found.Results[i]
		if found.Fails(r) {
			v.Failing++
		}
		unsure = unsure || found.Undecided(r)
	}
	switch {
	case found.Stopped:
		v.ExitStatus = statusInterrupted
	case v.Failing > 0:
		v.ExitStatus = statusFinding
	case unsure:
		v.ExitStatus = statusNoVerdict
	}
	return v
}
