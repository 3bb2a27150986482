package pinuv

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// redacted, embedded in a type that holds a secret, keeps the type out of logs,
// messages and JSON, by value and by pointer alike.
type redacted struct{}

const mark = "[redacted]"

// Format prints [redacted] under every verb.
func (redacted) Format(f fmt.State, _ rune) { io.WriteString(f, mark) }

// LogValue logs [redacted].
func (redacted) LogValue() slog.Value { return slog.StringValue(mark) }

// MarshalJSON refuses.
func (redacted) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a secret does not marshal")
}
