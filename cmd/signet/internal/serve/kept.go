package serve

import "github.com/seed-77d61853/signet/rptest"

// maxReports bounds the reports kept, in bytes of what is in them: sites decide how
// much that is. The newest is kept, however long it is.
const maxReports = 256 << 20

// end notes what an audit came to, and gives up older reports where all have become
// too long. Who sees the end may start another audit.
func (rs *runs) end(r *run, report *rptest.Report, err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.running--
	r.end(report, err)
	kept := 0
	for _, other := range rs.all {
		kept += other.length()
	}
	for _, other := range rs.all {
		if kept > maxReports && other != r {
			kept -= other.giveUp()
		}
	}
}

func (r *run) end(report *rptest.Report, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.shown.State, r.shown.Failure = stateFailed, err.Error()
		shorten(&r.shown.Failure)
		return
	}
	r.shown.State, r.shown.verdict, r.shown.RP, r.shown.Seed = stateDone, judge(report), report.RP, report.Seed
	r.report, r.size = report, length(report)
}

// length is that of the report kept.
func (r *run) length() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size
}

// giveUp forgets the report, and tells how long it was.
func (r *run) giveUp() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.size
	r.report, r.size = nil, 0
	return n
}

// length is how long what a site and its devices said in a report is, in bytes. What
// is there twice may share its memory, and counts twice.
func length(r *rptest.Report) int {
	n := 0
	for i := range r.Results {
		result := &r.Results[i]
		n += len(result.Detail) + lengthOf(result.Exchanges)
		for _, e := range []*rptest.Evidence{&result.Control, &result.Fault} {
			n += len(e.Options) + len(e.Credential) + len(e.Honest) + lengthOf(e.Exchanges)
		}
	}
	return n
}

func lengthOf(exchanges []rptest.Exchange) int {
	n := 0
	for _, e := range exchanges {
		n += len(e.URL) + len(e.RequestBody) + len(e.ResponseBody)
	}
	return n
}
