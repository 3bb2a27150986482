package rptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Report is what an audit found.
type Report struct {
	RP      string    `json:"rp"`
	Origin  string    `json:"origin"`
	Seed    string    `json:"seed"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// FailOn is the severity from which a finding fails the audit, and a case
	// without a verdict leaves it undecided.
	FailOn Severity `json:"failOn"`
	// Stopped tells that the audit was ended before it was done.
	Stopped bool     `json:"stopped,omitempty"`
	Results []Result `json:"results"`
}

// Result is what became of one case.
type Result struct {
	Case    Case    `json:"case"`
	Outcome Outcome `json:"outcome"`
	// Finding tells that the site did not do what the case wants; Known, that a
	// baseline has it already.
	Finding bool `json:"finding"`
	Known   bool `json:"known,omitempty"`
	// Detail says in a sentence what was seen: the site's words, or why the case
	// says nothing.
	Detail string `json:"detail"`
	// Control and Fault are what was posted without and with the fault, and how
	// the site answered; of sequences only Exchanges.
	Control   Evidence   `json:"control,omitzero"`
	Fault     Evidence   `json:"fault,omitzero"`
	Exchanges []Exchange `json:"exchanges,omitempty"`
	Seconds   float64    `json:"seconds"`
}

// Evidence is one ceremony as the site saw it.
type Evidence struct {
	Options    json.RawMessage `json:"options,omitempty"`
	Credential json.RawMessage `json:"credential,omitempty"`
	// Honest is the credential without the fault.
	Honest    json.RawMessage `json:"honest,omitempty"`
	Exchanges []Exchange      `json:"exchanges,omitempty"`
}

// Findings are the results that a site has to answer for, of a severity at
// least, and not in a baseline.
func (r *Report) Findings(atLeast Severity) []Result {
	var found []Result
	for _, result := range r.Results {
		if result.Finding && !result.Known && result.Case.Sev >= atLeast {
			found = append(found, result)
		}
	}
	return found
}

// Fails tells whether a result fails the audit.
func (r *Report) Fails(result *Result) bool {
	return result.Finding && !result.Known && result.Case.Sev >= r.FailOn
}

// Undecided tells whether a result keeps an audit that does not fail from passing.
func (r *Report) Undecided(result *Result) bool {
	return result.Outcome == ControlFailed && result.Case.Sev >= r.FailOn
}

// KnownFindings are those that a team knows of: outcomes by case ID.
type KnownFindings map[string]Outcome

// baselineFile is what a baseline is in its file.
type baselineFile struct {
	Known KnownFindings `json:"known"`
}

// ReadBaseline reads what WriteBaseline wrote. An audit does not begin with cases in
// it that the catalogue does not have.
func ReadBaseline(path string) (KnownFindings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read baseline: %w", err)
	}
	var file baselineFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil || file.Known == nil {
		return nil, fmt.Errorf("%s is no baseline: that is JSON with the member known alone", path)
	}
	for id, outcome := range file.Known {
		if worse[outcome] == 0 {
			return nil, fmt.Errorf("baseline %s: %s is %q, which no finding is", path, id, outcome)
		}
	}
	return file.Known, nil
}

// WriteBaseline writes the report's findings, those of a former baseline
// included.
func (r *Report) WriteBaseline(path string) error {
	file := baselineFile{KnownFindings{}}
	for _, result := range r.Results {
		if result.Finding {
			file.Known[result.Case.ID] = result.Outcome
		}
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("write baseline: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write baseline: %w", err)
	}
	return nil
}

// worse orders findings.
var worse = map[Outcome]int{Rejected: 1, Crashed: 2, Accepted: 3, RejectedButStored: 4}

// apply marks the findings that are known, and not worse than they were.
func (b KnownFindings) apply(r *Report) {
	for i := range r.Results {
		r.Results[i].Known = b.have(&r.Results[i])
	}
}

// Mended are the cases that are known and of which a report shows that they are
// findings no longer, in the report's order.
func (b KnownFindings) Mended(r *Report) (ids []string) {
	for i := range r.Results {
		result := &r.Results[i]
		_, known := b[result.Case.ID]
		if _, verdict := worse[result.Outcome]; known && verdict && !result.Finding {
			ids = append(ids, result.Case.ID)
		}
	}
	return ids
}

// have tells whether a result is a finding that is known, and no worse than it was.
func (b KnownFindings) have(r *Result) bool {
	was, ok := b[r.Case.ID]
	return ok && r.Finding && worse[r.Outcome] <= worse[was]
}
