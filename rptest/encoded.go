package rptest

import (
	"encoding/base64"
	"fmt"
	"time"
)

// encoded is bytes that JSON writes in base64url without padding.
type encoded []byte

func (e encoded) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, e), nil
}

func (e *encoded) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("%q is not base64url without padding", text)
	}
	*e = b
	return nil
}

// minTimeout bounds ceremonies from below: a site's own timeout holds, so that a
// test of a person who never answers can be short.
const minTimeout = 10 * time.Millisecond
