package client

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// Token is a pinUvAuthToken: what lets a client act for the person until the
// device ends it. It prints as [redacted].
type Token struct {
	protocol pinuv.Protocol
	key      []byte
}

// NewToken is the token whose key was got under p; it keeps key.
func NewToken(p pinuv.Protocol, key []byte) *Token { return &Token{protocol: p, key: key} }

// Protocol returns the PIN/UV auth protocol that the token belongs to.
func (t *Token) Protocol() pinuv.Protocol { return t.protocol }

// Authenticate returns the pinUvAuthParam over the concatenation of msg.
func (t *Token) Authenticate(msg ...[]byte) []byte {
	return pinuv.Authenticate(t.protocol, t.key, msg...)
}

// Wipe overwrites the token. A nil token has nothing to wipe.
func (t *Token) Wipe() {
	if t != nil {
		clear(t.key)
	}
}

// Format prints [redacted] under every verb.
func (t *Token) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// LogValue logs [redacted].
func (t *Token) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// param gives members pinUvAuthParam and pinUvAuthProtocol of a request; both
// are absent where there is no token.
func (t *Token) param(msg ...[]byte) ([]byte, *uint64) {
	if t == nil {
		return nil, nil
	}
	return t.Authenticate(msg...), ref(uint64(t.protocol))
}
