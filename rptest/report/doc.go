// Package report writes what an audit of a relying party found: as a table for a
// terminal, as JSON, as JUnit XML and SARIF 2.1.0 for pipelines, and as one HTML
// page that stands by itself.
//
// What a site answered is in reports, cleaned of what could act on a terminal.
// Cookies and authorization are not: the runner does not note them.
package report
