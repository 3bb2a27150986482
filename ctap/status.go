package ctap

import (
	"context"
	"errors"
	"fmt"
)

// Status is a CTAP status code (§8.2). Every value other than StatusOK is an
// error; StatusOf turns any error into the status that goes over the wire.
type Status byte

// Status codes, §8.2. CTAP1 and CTAP2 share one number space.
const (
	StatusOK                  Status = 0x00
	ErrInvalidCommand         Status = 0x01
	ErrInvalidParameter       Status = 0x02
	ErrInvalidLength          Status = 0x03
	ErrInvalidSeq             Status = 0x04
	ErrTimeout                Status = 0x05
	ErrChannelBusy            Status = 0x06
	ErrLockRequired           Status = 0x0A
	ErrInvalidChannel         Status = 0x0B
	ErrCBORUnexpectedType     Status = 0x11
	ErrInvalidCBOR            Status = 0x12
	ErrMissingParameter       Status = 0x14
	ErrLimitExceeded          Status = 0x15
	ErrFPDatabaseFull         Status = 0x17
	ErrLargeBlobStorageFull   Status = 0x18
	ErrCredentialExcluded     Status = 0x19
	ErrProcessing             Status = 0x21
	ErrInvalidCredential      Status = 0x22
	ErrUserActionPending      Status = 0x23
	ErrOperationPending       Status = 0x24
	ErrNoOperations           Status = 0x25
	ErrUnsupportedAlgorithm   Status = 0x26
	ErrOperationDenied        Status = 0x27
	ErrKeyStoreFull           Status = 0x28
	ErrUnsupportedOption      Status = 0x2B
	ErrInvalidOption          Status = 0x2C
	ErrKeepaliveCancel        Status = 0x2D
	ErrNoCredentials          Status = 0x2E
	ErrUserActionTimeout      Status = 0x2F
	ErrNotAllowed             Status = 0x30
	ErrPINInvalid             Status = 0x31
	ErrPINBlocked             Status = 0x32
	ErrPINAuthInvalid         Status = 0x33
	ErrPINAuthBlocked         Status = 0x34
	ErrPINNotSet              Status = 0x35
	ErrPUATRequired           Status = 0x36
	ErrPINPolicyViolation     Status = 0x37
	ErrRequestTooLarge        Status = 0x39
	ErrActionTimeout          Status = 0x3A
	ErrUPRequired             Status = 0x3B
	ErrUVBlocked              Status = 0x3C
	ErrIntegrityFailure       Status = 0x3D
	ErrInvalidSubcommand      Status = 0x3E
	ErrUVInvalid              Status = 0x3F
	ErrUnauthorizedPermission Status = 0x40
	ErrOther                  Status = 0x7F
)

// names holds, for each code, the standard's name without its CTAP1_ERR_ or
// CTAP2_ERR_ prefix, and what it means to the client's user.
var names = map[Status]struct{ name, sentence string }{
	StatusOK:                  {"OK", "success"},
	ErrInvalidCommand:         {"INVALID_COMMAND", "the device does not know this command"},
	ErrInvalidParameter:       {"INVALID_PARAMETER", "the command holds a parameter that is not allowed"},
	ErrInvalidLength:          {"INVALID_LENGTH", "a message or item has the wrong length"},
	ErrInvalidSeq:             {"INVALID_SEQ", "the message came out of sequence"},
	ErrTimeout:                {"TIMEOUT", "the message was not completed in time"},
	ErrChannelBusy:            {"CHANNEL_BUSY", "the device is busy with another client"},
	ErrLockRequired:           {"LOCK_REQUIRED", "the command needs a channel lock"},
	ErrInvalidChannel:         {"INVALID_CHANNEL", "the channel does not exist"},
	ErrCBORUnexpectedType:     {"CBOR_UNEXPECTED_TYPE", "a member has the wrong type"},
	ErrInvalidCBOR:            {"INVALID_CBOR", "the parameters are not canonical CBOR"},
	ErrMissingParameter:       {"MISSING_PARAMETER", "a required parameter is missing"},
	ErrLimitExceeded:          {"LIMIT_EXCEEDED", "a list is longer than the device accepts"},
	ErrFPDatabaseFull:         {"FP_DATABASE_FULL", "there is no room for another fingerprint"},
	ErrLargeBlobStorageFull:   {"LARGE_BLOB_STORAGE_FULL", "there is no room for the large blob"},
	ErrCredentialExcluded:     {"CREDENTIAL_EXCLUDED", "the device already has a credential of this account"},
	ErrProcessing:             {"PROCESSING", "the device is still working"},
	ErrInvalidCredential:      {"INVALID_CREDENTIAL", "the credential is not valid"},
	ErrUserActionPending:      {"USER_ACTION_PENDING", "the device waits for a person"},
	ErrOperationPending:       {"OPERATION_PENDING", "an operation is pending"},
	ErrNoOperations:           {"NO_OPERATIONS", "no operation is pending"},
	ErrUnsupportedAlgorithm:   {"UNSUPPORTED_ALGORITHM", "the device supports none of the algorithms asked for"},
	ErrOperationDenied:        {"OPERATION_DENIED", "the person or the device refused"},
	ErrKeyStoreFull:           {"KEY_STORE_FULL", "there is no room for another credential"},
	ErrUnsupportedOption:      {"UNSUPPORTED_OPTION", "the device does not support the option"},
	ErrInvalidOption:          {"INVALID_OPTION", "the option is not valid here"},
	ErrKeepaliveCancel:        {"KEEPALIVE_CANCEL", "the client cancelled"},
	ErrNoCredentials:          {"NO_CREDENTIALS", "the device has no credential for this"},
	ErrUserActionTimeout:      {"USER_ACTION_TIMEOUT", "nobody answered in time"},
	ErrNotAllowed:             {"NOT_ALLOWED", "the command is not allowed now"},
	ErrPINInvalid:             {"PIN_INVALID", "the PIN is wrong"},
	ErrPINBlocked:             {"PIN_BLOCKED", "the PIN is blocked until the device is reset"},
	ErrPINAuthInvalid:         {"PIN_AUTH_INVALID", "the PIN/UV authentication does not verify or does not allow this"},
	ErrPINAuthBlocked:         {"PIN_AUTH_BLOCKED", "the PIN is blocked until the device is restarted"},
	ErrPINNotSet:              {"PIN_NOT_SET", "no PIN is set"},
	ErrPUATRequired:           {"PUAT_REQUIRED", "the PIN is required"},
	ErrPINPolicyViolation:     {"PIN_POLICY_VIOLATION", "the new PIN breaks the device's rules"},
	ErrRequestTooLarge:        {"REQUEST_TOO_LARGE", "the request is longer than the device accepts"},
	ErrActionTimeout:          {"ACTION_TIMEOUT", "the action took too long"},
	ErrUPRequired:             {"UP_REQUIRED", "a person's presence is required"},
	ErrUVBlocked:              {"UV_BLOCKED", "built-in user verification is blocked"},
	ErrIntegrityFailure:       {"INTEGRITY_FAILURE", "the data fails its check"},
	ErrInvalidSubcommand:      {"INVALID_SUBCOMMAND", "the device does not know this subcommand"},
	ErrUVInvalid:              {"UV_INVALID", "built-in user verification failed"},
	ErrUnauthorizedPermission: {"UNAUTHORIZED_PERMISSION", "the device cannot give this permission"},
	ErrOther:                  {"OTHER", "the device failed"},
}

// Name returns the standard's name of the code without its CTAP1_ERR_ or
// CTAP2_ERR_ prefix.
func (s Status) Name() string {
	if n, ok := names[s]; ok {
		return n.name
	}
	return fmt.Sprintf("0x%02X", byte(s))
}

// Error gives the code's name, number and meaning.
func (s Status) Error() string {
	if n, ok := names[s]; ok {
		return fmt.Sprintf("%s (0x%02X): %s", n.name, byte(s), n.sentence)
	}
	return fmt.Sprintf("CTAP status 0x%02X", byte(s))
}

// StatusOf returns the status that stands for err on the wire: StatusOK for
// nil, the Status that err wraps, ErrKeepaliveCancel for a cancelled context,
// and ErrOther for whatever the standard has no code for.
func StatusOf(err error) Status {
	var s Status
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &s):
		return s
	case errors.Is(err, context.Canceled):
		return ErrKeepaliveCancel
	case errors.Is(err, context.DeadlineExceeded):
		return ErrUserActionTimeout
	}
	return ErrOther
}
