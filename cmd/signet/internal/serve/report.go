package serve

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/report"
)

// reports are the forms in which a run's report is served, by the path's last
// element.
var reports = map[string]struct {
	contentType string
	write       func(io.Writer, *rptest.Report) error
}{
	"report.json":  {"application/json", report.JSON},
	"report.xml":   {"application/xml", report.JUnit},
	"report.sarif": {"application/sarif+json", report.SARIF},
	"report.html":  {"text/html; charset=utf-8", report.HTML},
}

func (s *Server) getReport(w http.ResponseWriter, r *http.Request) error {
	found, err := s.runs.named(r)
	if err != nil {
		return err
	}
	form, ok := reports[r.PathValue("report")]
	if !ok {
		return refusal(http.StatusNotFound, "report %q is none of %q", r.PathValue("report"), slices.Sorted(maps.Keys(reports)))
	}
	found.mu.Lock()
	result, state := found.report, found.shown.State
	found.mu.Unlock()
	switch {
	case result == nil && state == stateDone:
		return refusal(http.StatusGone, "the report of run %s is kept no longer: all together may have %d MiB, and the oldest go first", found.id, maxReports>>20)
	case result == nil:
		return refusal(http.StatusNotFound, "run %s has no report: it is %s", found.id, state)
	}
	var body bytes.Buffer
	if err := form.write(&body, result); err != nil {
		return err
	}
	return raw(w, form.contentType, body.Bytes())
}
