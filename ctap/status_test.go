package ctap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// The codes of §8.2 by the names that the standard gives them.
func TestStatusCodes(t *testing.T) {
	const table = `00 OK; 01 INVALID_COMMAND; 02 INVALID_PARAMETER; 03 INVALID_LENGTH; 04 INVALID_SEQ; 05 TIMEOUT;
		06 CHANNEL_BUSY; 0A LOCK_REQUIRED; 0B INVALID_CHANNEL; 11 CBOR_UNEXPECTED_TYPE; 12 INVALID_CBOR;
		14 MISSING_PARAMETER; 15 LIMIT_EXCEEDED; 17 FP_DATABASE_FULL; 18 LARGE_BLOB_STORAGE_FULL;
		19 CREDENTIAL_EXCLUDED; 21 PROCESSING; 22 INVALID_CREDENTIAL; 23 USER_ACTION_PENDING; 24 OPERATION_PENDING;
		25 NO_OPERATIONS; 26 UNSUPPORTED_ALGORITHM; 27 OPERATION_DENIED; 28 KEY_STORE_FULL; 2B UNSUPPORTED_OPTION;
		2C INVALID_OPTION; 2D KEEPALIVE_CANCEL; 2E NO_CREDENTIALS; 2F USER_ACTION_TIMEOUT; 30 NOT_ALLOWED;
		31 PIN_INVALID; 32 PIN_BLOCKED; 33 PIN_AUTH_INVALID; 34 PIN_AUTH_BLOCKED; 35 PIN_NOT_SET; 36 PUAT_REQUIRED;
		37 PIN_POLICY_VIOLATION; 39 REQUEST_TOO_LARGE; 3A ACTION_TIMEOUT; 3B UP_REQUIRED; 3C UV_BLOCKED;
		3D INTEGRITY_FAILURE; 3E INVALID_SUBCOMMAND; 3F UV_INVALID; 40 UNAUTHORIZED_PERMISSION; 7F OTHER`
	var listed int
	for entry := range strings.SplitSeq(table, ";") {
		var code byte
		var name string
		if _, err := fmt.Sscanf(strings.TrimSpace(entry), "%x %s", &code, &name); err != nil {
			t.Fatal(err)
		}
		listed++
		s := Status(code)
		if s.Name() != name {
			t.Errorf("0x%02X is %s, want %s", code, s.Name(), name)
		}
		if text := s.Error(); !strings.Contains(text, name) || !strings.Contains(text, fmt.Sprintf("0x%02X", code)) {
			t.Errorf("0x%02X reads %q", code, text)
		}
	}
	if listed != len(names) {
		t.Errorf("%d codes have names, the standard lists %d", len(names), listed)
	}
	if s := Status(0xF3); s.Name() != "0xF3" || !strings.Contains(s.Error(), "0xF3") {
		t.Errorf("a vendor's code reads %q, %q", s.Name(), s.Error())
	}
}

func TestStatusOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Status
	}{
		{nil, StatusOK},
		{ErrPINInvalid, ErrPINInvalid},
		{fmt.Errorf("step: %w", ErrPINBlocked), ErrPINBlocked},
		{fmt.Errorf("outer: %w", fmt.Errorf("inner: %w", ErrNoCredentials)), ErrNoCredentials},
		{errors.Join(io.EOF, ErrKeyStoreFull), ErrKeyStoreFull},
		{fmt.Errorf("%w: %w", ErrPINAuthInvalid, ErrInvalidParameter), ErrPINAuthInvalid},
		{context.Canceled, ErrKeepaliveCancel},
		{fmt.Errorf("asking: %w", context.Canceled), ErrKeepaliveCancel},
		{fmt.Errorf("%w: %w", ErrOperationDenied, context.Canceled), ErrOperationDenied},
		{context.DeadlineExceeded, ErrUserActionTimeout},
		{io.EOF, ErrOther},
		{fmt.Errorf("disk: %w", io.ErrUnexpectedEOF), ErrOther},
	} {
		if got := StatusOf(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestCommandNames(t *testing.T) {
	for code, want := range map[Command]string{
		0x01: "makeCredential", 0x02: "getAssertion", 0x04: "getInfo", 0x06: "clientPIN", 0x07: "reset",
		0x08: "getNextAssertion", 0x09: "bioEnrollment", 0x0A: "credentialManagement", 0x0B: "selection",
		0x0C: "largeBlobs", 0x0D: "config", 0x41: "credentialManagement", 0x7F: "command 0x7F",
	} {
		if got := code.String(); got != want {
			t.Errorf("0x%02X: %s, want %s", byte(code), got, want)
		}
	}
}

func TestSession(t *testing.T) {
	s := &Session{}
	if s.RequestLimit() != 1024 {
		t.Errorf("limit %d where the door sets none", s.RequestLimit())
	}
	s.MaxMsgSize = MaxHIDMsgSize
	if s.RequestLimit() != 7609 {
		t.Errorf("limit %d", s.RequestLimit())
	}
	if s.UserNeeded() {
		t.Error("a fresh session waits for a person")
	}
	s.SetUserNeeded(true)
	if !s.UserNeeded() {
		t.Error("not waiting for a person")
	}
}
