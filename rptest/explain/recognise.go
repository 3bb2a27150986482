package explain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// recognised takes data out of what carries it: white space around text, quotation
// marks, base64url, base64, hexadecimal. o is nil where it is no JSON object.
func recognised(data []byte) (plain []byte, o *ceremony.Object) {
	plain = trimmed(data)
	if o = object(plain); o != nil {
		return plain, o
	}
	var quoted string
	if json.Unmarshal(plain, &quoted) == nil {
		plain = trimmed([]byte(quoted))
		if o = object(plain); o != nil {
			return plain, o
		}
	}
	if b, ok := decoded(plain); ok {
		plain = b
		o = object(plain)
	}
	return plain, o
}

// trimmed leaves bytes as they are: the last may be a line's end by chance.
func trimmed(data []byte) []byte {
	if !utf8.Valid(data) {
		return data
	}
	return bytes.TrimSpace(data)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// object reads a JSON object, also behind a byte order mark; nil where it is none.
func object(text []byte) *ceremony.Object {
	o, err := ceremony.ParseObject(bytes.TrimPrefix(text, byteOrderMark))
	if err != nil {
		return nil
	}
	return o
}

// decoded reads base64 of any kind, and hexadecimal.
func decoded(text []byte) ([]byte, bool) {
	s := string(text)
	if b, err := hex.DecodeString(s); err == nil && len(b) > 0 {
		return b, true
	}
	s = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(s), "=")
	b, err := b64.DecodeString(s)
	return b, err == nil && len(b) > 0
}
