package client

import (
	"context"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
)

// Names of the exceptions that Create and Get fail with. All but TypeError are
// DOMException names; WebAuthn §5.1.3 and §5.1.4 say when each is thrown.
const (
	AbortError        = "AbortError"        // the caller's context ended
	ConstraintError   = "ConstraintError"   // a required capability is missing
	EncodingError     = "EncodingError"     // a member is not base64url
	InvalidStateError = "InvalidStateError" // the device has an excluded credential
	NotAllowedError   = "NotAllowedError"   // refused, timed out, not found, blocked
	NotSupportedError = "NotSupportedError" // no common algorithm, or an extension's input is not for this
	SecurityError     = "SecurityError"     // the origin may not use the RP ID
	SyntaxError       = "SyntaxError"       // a key of prf.evalByCredential is no listed credential
	TypeError         = "TypeError"         // the options are not what WebIDL declares
	UnknownError      = "UnknownError"      // the device cannot be spoken to
)

// Error is what a page's script would catch, and for whoever debugs it, why.
type Error struct {
	Name    string // one of the names above
	Message string // says nothing secret
	Err     error  // the cause, a ctap.Status among them; nil where there is none deeper
}

// Error gives the name, the message and the cause.
func (e *Error) Error() string {
	s := e.Name + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(name, message string) *Error { return &Error{Name: name, Message: message} }

var errLifetime = errors.New("the ceremony's time is up")

// failure turns what went wrong with the device, or with whoever was asked for
// a PIN, into what the page sees. A page learns little of a device that no
// person has agreed to use, so nearly all is NotAllowedError. parent is the
// caller's context.
func failure(parent context.Context, err error) *Error {
	var known *Error
	var status ctap.Status
	switch {
	case errors.As(err, &known):
		return known
	case parent.Err() != nil:
		return &Error{AbortError, "the caller gave up", context.Cause(parent)}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errLifetime):
		return &Error{NotAllowedError, "the operation timed out", err}
	case errors.As(err, &status):
		return statusFailure(status, err)
	}
	return &Error{UnknownError, "the authenticator cannot be used", err}
}

func statusFailure(status ctap.Status, err error) *Error {
	switch status {
	case ctap.ErrCredentialExcluded:
		return &Error{InvalidStateError, "the authenticator already has a credential of this account", err}
	case ctap.ErrUnsupportedAlgorithm:
		return &Error{NotSupportedError, "the authenticator supports none of the algorithms", err}
	case ctap.ErrOperationDenied, ctap.ErrKeepaliveCancel:
		return &Error{NotAllowedError, "the person refused", err}
	case ctap.ErrUserActionTimeout, ctap.ErrActionTimeout:
		return &Error{NotAllowedError, "nobody answered in time", err}
	case ctap.ErrNoCredentials:
		return &Error{NotAllowedError, "the authenticator has no credential for this", err}
	case ctap.ErrPINAuthBlocked, ctap.ErrPINBlocked, ctap.ErrUVBlocked:
		return &Error{NotAllowedError, "user verification is blocked", err}
	}
	return &Error{NotAllowedError, "the authenticator did not allow it", err}
}
