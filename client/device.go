package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

// A Device carries CTAP2 requests to an authenticator. *hid.Channel is one.
type Device interface {
	// CTAP sends a command byte followed by its CBOR parameters and returns
	// the reply, status byte first. When ctx ends it cancels the request and
	// returns either the device's reply to that or ctx's error.
	CTAP(ctx context.Context, req []byte) (resp []byte, err error)
}

// InProcess is a Device in this process that takes a ceremony's commands as they
// are, which spares both sides the encoding. Errors and replies are those of
// Authenticator's methods of the same names, before the command is named in them.
// Nobody changes what is given or comes back.
type InProcess interface {
	Device
	GetInfo(ctx context.Context) (*ctap.GetInfoResponse, error)
	MakeCredential(ctx context.Context, req *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, error)
	GetAssertion(ctx context.Context, req *ctap.GetAssertionRequest) (*ctap.GetAssertionResponse, error)
	GetNextAssertion(ctx context.Context) (*ctap.GetAssertionResponse, error)
}

// Local is the device behind h, in this process, as the client on session s. A
// nil s is a session of its own on transport "internal".
func Local(h ctap.Handler, s *ctap.Session) Device {
	if s == nil {
		s = &ctap.Session{Transport: "internal", MaxMsgSize: ctap.MaxHIDMsgSize}
	}
	return local{h, s}
}

type local struct {
	handler ctap.Handler
	session *ctap.Session
}

func (l local) CTAP(ctx context.Context, req []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.handler.ServeCTAP(ctx, l.session, req), nil
}

// Authenticator calls CTAP2 commands on a device. Its methods return the
// ctap.Status that the device answered, wrapped; other errors are the device
// connection's, or tell of a reply that is not what the standard says. It holds
// no state; it is as safe for concurrent use as its device.
type Authenticator struct {
	device    Device
	inProcess InProcess // device; nil where it is elsewhere
}

// New gives the commands of the authenticator behind d.
func New(d Device) *Authenticator {
	inProcess, _ := d.(InProcess)
	return &Authenticator{d, inProcess}
}

var errReply = errors.New("malformed reply")

// call sends one command. A nil req sends no parameters, a nil resp ignores the
// reply's. Replies need not be canonical CBOR: keys in the field are not that
// strict.
func (a *Authenticator) call(ctx context.Context, cmd ctap.Command, req, resp any) error {
	msg := []byte{byte(cmd)}
	if req != nil {
		var err error
		if msg, err = ctap.MarshalRequest(cmd, req); err != nil {
			return fmt.Errorf("%v: %w", cmd, err)
		}
	}
	reply, err := a.device.CTAP(ctx, msg)
	if err != nil {
		return fmt.Errorf("%v: %w", cmd, err)
	}
	if len(reply) == 0 {
		return fmt.Errorf("%v: %w: empty", cmd, errReply)
	}
	if s := ctap.Status(reply[0]); s != ctap.StatusOK {
		return fmt.Errorf("%v: %w", cmd, s)
	}
	if resp == nil {
		return nil
	}
	if err := cbor.Unmarshal(reply[1:], resp); err != nil {
		// Not wrapped: decoding fails with status codes, too, and those are
		// not the device's.
		return fmt.Errorf("%v: %w: %v", cmd, errReply, err)
	}
	return nil
}

// during names the command that failed; nil stays nil.
func during(cmd ctap.Command, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%v: %w", cmd, err)
}

// missing tells of a reply that lacks a member that the standard requires.
func missing(cmd ctap.Command, member string) error {
	return fmt.Errorf("%v: %w: no %s", cmd, errReply, member)
}
