package serve

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/seed-77d61853/signet/rptest"
)

// reports are the forms in which a run's report is served, by the path's last
// element.
var reports = map[string]struct {
	contentType string
	write       func(*rptest.Report) ([]byte, error)
}{
	"report.json": {"application/json", func(r *rptest.Report) ([]byte, error) { return json.Marshal(r) }},
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
	report, state := found.report, found.state
	found.mu.Unlock()
	if report == nil {
		return refusal(http.StatusNotFound, "run %s has no report: it is %s", found.id, state)
	}
	body, err := form.write(report)
	if err != nil {
		return err
	}
	return raw(w, form.contentType, body)
}
