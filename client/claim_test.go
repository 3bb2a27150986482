package client

import (
	"context"
	"errors"
	"testing"
)

func TestMayClaim(t *testing.T) {
	related := func(context.Context, string) ([]byte, error) {
		return []byte(`{"origins":["https://login.example.net"]}`), nil
	}
	for _, test := range []struct {
		origin, rpID string
		related      func(context.Context, string) ([]byte, error)
		want         string
	}{
		{"https://login.example.com", "login.example.com", nil, ""},
		{"https://login.example.com", "example.com", nil, ""},
		{"https://login.example.com", "com", nil, SecurityError},
		{"https://login.example.com", "evil.example.com", nil, SecurityError},
		{"https://login.example.com", "", nil, SecurityError},
		{"https://login.example.net", "example.com", nil, SecurityError},
		{"https://login.example.net", "example.com", related, ""},
		{"http://login.example.com", "login.example.com", nil, SecurityError},
		{"null", "login.example.com", nil, NotAllowedError},
	} {
		c := &Client{Origin: test.origin, RelatedOrigins: test.related}
		err := c.Claim(t.Context(), test.rpID)
		var e *Error
		if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &e) || e.Name != test.want) {
			t.Errorf("%s claims %q: %v, want %q", test.origin, test.rpID, err, test.want)
		}
	}
}
