package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/seed-77d61853/signet/rptest"
)

// JSON writes a report as JSON: rptest.Report's members, and summary.
func JSON(w io.Writer, r *rptest.Report) error {
	out := struct {
		*rptest.Report
		Results []rptest.Result `json:"results"`
		Summary Summary         `json:"summary"`
	}{r, slices.Clone(r.Results), Count(r)}
	for i := range out.Results {
		for _, e := range []*rptest.Evidence{&out.Results[i].Control, &out.Results[i].Fault} {
			e.Options, e.Credential = valid(e.Options), valid(e.Credential)
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// valid makes what a fault left as no JSON a string.
func valid(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || json.Valid(raw) {
		return raw
	}
	text, err := json.Marshal(string(raw))
	if err != nil {
		return nil
	}
	return text
}
