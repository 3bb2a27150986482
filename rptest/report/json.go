package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/rptest"
)

// JSON writes a report as JSON: rptest.Report's members, and summary. What a site said
// does nothing to the terminal that shows it.
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
	if err := encode(w, out); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// encode writes JSON, in which what is not printed is escaped.
func encode(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	plain := make([]byte, 0, len(text)+1)
	for _, r := range string(text) {
		if r < 0x7f || unicode.IsPrint(r) {
			plain = utf8.AppendRune(plain, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			plain = fmt.Appendf(plain, `\u%04x`, unit)
		}
	}
	_, err = w.Write(append(plain, '\n'))
	return err
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
