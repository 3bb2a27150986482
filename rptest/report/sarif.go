package report

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

// The objects of SARIF 2.1.0 that we write; the comments name their sections.
type (
	sarifLog struct { // §3.13
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct { // §3.14
		Tool        sarifTool         `json:"tool"`
		Automation  sarifAutomation   `json:"automationDetails"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		Properties  map[string]any    `json:"properties"`
	}
	sarifAutomation struct { // §3.17
		ID string `json:"id"`
	}
	sarifTool struct { // §3.18
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct { // §3.19
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct { // §3.49
		ID         string         `json:"id"`
		Short      sarifMessage   `json:"shortDescription"`
		Full       sarifMessage   `json:"fullDescription"`
		HelpURI    string         `json:"helpUri"`
		Help       sarifMessage   `json:"help"`
		Default    sarifDefault   `json:"defaultConfiguration"`
		Properties map[string]any `json:"properties"`
	}
	sarifDefault struct { // §3.50
		Level string `json:"level"`
	}
	sarifMessage struct { // §3.11
		Text string `json:"text"`
	}
	sarifInvocation struct { // §3.20
		Successful    bool                `json:"executionSuccessful"`
		Start         string              `json:"startTimeUtc"`
		End           string              `json:"endTimeUtc"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct { // §3.58
		Level   string        `json:"level"`
		Message sarifMessage  `json:"message"`
		Rule    *sarifRuleRef `json:"associatedRule,omitempty"`
	}
	sarifRuleRef struct { // §3.52
		ID    string `json:"id"`
		Index int    `json:"index"`
	}
	sarifResult struct { // §3.27
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Kind         string             `json:"kind"`
		Level        string             `json:"level"`
		Message      sarifMessage       `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Request      *sarifRequest      `json:"webRequest,omitempty"`
		Response     *sarifResponse     `json:"webResponse,omitempty"`
		Properties   map[string]any     `json:"properties"`
	}
	sarifLocation struct { // §3.28
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct { // §3.29
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifRegion struct { // §3.30
		StartLine int `json:"startLine"`
	}
	sarifArtifact struct { // §3.4
		URI string `json:"uri"`
	}
	sarifSuppression struct { // §3.35
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifRequest struct { // §3.46
		Method string        `json:"method"`
		Target string        `json:"target"`
		Body   *sarifContent `json:"body,omitempty"`
	}
	sarifResponse struct { // §3.47
		Status int           `json:"statusCode"`
		Body   *sarifContent `json:"body,omitempty"`
	}
	sarifContent struct { // §3.3
		Text string `json:"text"`
	}
)

// scores are those by which code scanning sorts, on CVSS's scale.
var scores = map[rptest.Severity]string{rptest.Low: "2.5", rptest.Medium: "5.5", rptest.High: "8.0", rptest.Critical: "9.5"}

// levelOf is the level of what has a severity: "error" where it counts, else no
// error.
func levelOf(counts bool, s rptest.Severity) string {
	switch {
	case counts:
		return "error"
	case s == rptest.Low:
		return "note"
	}
	return "warning"
}

// SARIF writes a report as SARIF 2.1.0 (OASIS): a rule for each case, a result for
// each finding, those of a baseline suppressed. Controls that failed are
// notifications of the run, and so is that it was stopped. The level error is for
// what has signet audit end with another status than 0. A finding's place is the path
// of the request that showed it: code scanning takes relative places alone.
func SARIF(w io.Writer, r *rptest.Report) error { return writeSARIF(w, r, "") }

// SARIFAt is SARIF with one place for all findings: a file, such as the mapping, by
// its path in the repository, with slashes.
func SARIFAt(file string) func(io.Writer, *rptest.Report) error {
	return func(w io.Writer, r *rptest.Report) error { return writeSARIF(w, r, file) }
}

func writeSARIF(w io.Writer, r *rptest.Report, file string) error {
	const format = "2006-01-02T15:04:05.000Z"
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "Signet", InformationURI: "https://github.com/seed-77d61853/signet", Rules: []sarifRule{}}},
		Automation: sarifAutomation{"signet/audit/"},
		Results:    []sarifResult{},
		Properties: map[string]any{"rp": r.RP, "origin": r.Origin, "seed": r.Seed, "summary": Count(r)},
	}
	invocation := sarifInvocation{
		Successful: true,
		Start:      r.Started.UTC().Format(format),
		End:        r.Started.Add(time.Duration(r.Seconds * float64(time.Second))).UTC().Format(format),
	}
	for i := range r.Results {
		result := &r.Results[i]
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(r, &result.Case))
		switch classOf(result) {
		case finding, known:
			run.Results = append(run.Results, resultOf(r, result, i, file))
		case noVerdict:
			invocation.Notifications = append(invocation.Notifications, sarifNotification{
				levelOf(r.Undecided(result), result.Case.Sev), sarifMessage{"No verdict on " + result.Case.ID + ": " + ended(printable(result.Detail))}, &sarifRuleRef{result.Case.ID, i},
			})
		}
	}
	if r.Stopped {
		invocation.Successful = false
		invocation.Notifications = append(invocation.Notifications, sarifNotification{"error", sarifMessage{"The audit was stopped."}, nil})
	}
	run.Invocations = []sarifInvocation{invocation}
	err := encode(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
	if err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	return nil
}

func ruleOf(r *rptest.Report, c *rptest.Case) sarifRule {
	return sarifRule{
		ID: c.ID, Short: sarifMessage{sentence(c.Recipe)}, Full: sarifMessage{sentence(c.Why)}, HelpURI: c.URL,
		Help:    sarifMessage{about(c)},
		Default: sarifDefault{levelOf(c.Sev >= r.FailOn, c.Sev)},
		Properties: map[string]any{
			"security-severity": scores[c.Sev], "precision": "very-high", "tags": []string{"security", "webauthn", string(c.Kind)},
			"anchor": c.Anchor, "want": c.Want, "references": append([]string{}, c.References...),
		},
	}
}

func resultOf(report *rptest.Report, r *rptest.Result, rule int, file string) sarifResult {
	result := sarifResult{
		RuleID: r.Case.ID, RuleIndex: rule, Kind: "fail", Level: levelOf(report.Fails(r), r.Case.Sev),
		Message:      sarifMessage{told(r)},
		Fingerprints: map[string]string{"signetCase/v1": r.Case.ID},
		Properties:   map[string]any{"outcome": r.Outcome, "severity": r.Case.Sev},
	}
	if r.Known {
		result.Suppressions = []sarifSuppression{{"external", "It is in the baseline."}}
	}
	if text := todo(r); text != "" {
		result.Properties["toDo"] = text
	}
	if text := difference(r); text != "" {
		result.Properties["difference"] = text
	}
	exchange := last(r)
	address := report.Origin
	if exchange != nil {
		address = exchange.URL
		result.Request = &sarifRequest{exchange.Method, exchange.URL, contentOf(exchange.RequestBody)}
		if exchange.Status > 0 {
			result.Response = &sarifResponse{exchange.Status, contentOf(exchange.ResponseBody)}
		}
	}
	place := relative(file)
	if file == "" {
		place = placeOf(address)
	}
	result.Locations = []sarifLocation{{sarifPhysical{sarifArtifact{place}, sarifRegion{1}}}}
	return result
}

// placeOf makes a relative reference (RFC 3986 §4.2) of an address: its path, or
// where that is empty its host.
func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "site"
	}
	if p := strings.TrimPrefix(path.Clean("/"+u.Path), "/"); p != "" {
		return relative(p)
	}
	return relative(cmp.Or(u.Hostname(), "site"))
}

// relative writes a path as a reference that no part of is taken for a scheme.
func relative(path string) string { return (&url.URL{Path: path}).String() }

func contentOf(body string) *sarifContent {
	if body == "" {
		return nil
	}
	return &sarifContent{body}
}

// last is the exchange that decided.
func last(r *rptest.Result) *rptest.Exchange {
	for _, all := range [][]rptest.Exchange{r.Fault.Exchanges, r.Exchanges, r.Control.Exchanges} {
		if len(all) > 0 {
			return &all[len(all)-1]
		}
	}
	return nil
}
