package attest

import (
	"fmt"
	"reflect"

	"github.com/seed-77d61853/signet/ctap"
)

// Part is one statement of compound attestation.
type Part struct {
	Fmt     string          `cbor:"fmt"`
	AttStmt ctap.RawMessage `cbor:"attStmt"` // a map, encoded
}

// compound is WebAuthn §8.9. Each part attests on its own.
func (d *draft) compound() ([]byte, error) {
	formats := d.in.Parts
	if formats == nil {
		formats = []Format{Packed, TPM}
	}
	parts := make([]Part, len(formats))
	for i, format := range formats {
		if format == Compound || format == None {
			return nil, fmt.Errorf("part %d is %s: %w", i, format, ErrUnsupported)
		}
		in := d.in
		in.Format, in.Parts = format, nil
		var edits []Edit
		for j, e := range d.edits {
			if i < len(e.Parts) && !reflect.ValueOf(e.Parts[i]).IsZero() {
				edits = append(edits, e.Parts[i])
				d.applied[j] = true
			}
		}
		var err error
		if parts[i].Fmt, parts[i].AttStmt, err = d.a.Statement(in, edits...); err != nil {
			return nil, err
		}
	}
	apply(d, func(e *Edit) func(*[]Part) { return e.Compound }, &parts)
	return ctap.Marshal(parts)
}
