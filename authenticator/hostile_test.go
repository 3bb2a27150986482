package authenticator

import (
	"context"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// elsewhere is the same device through another session.
func (d *device) elsewhere() *device {
	other := *d
	other.session = &ctap.Session{Transport: "usb", MaxMsgSize: ctap.MaxHIDMsgSize}
	return &other
}

// registered makes a device with discoverable passkeys of some users at rpID.
func registered(ctx context.Context, t *testing.T, cfg Config, users ...string) *device {
	t.Helper()
	d := newDevice(t, cfg)
	for _, user := range users {
		_, err := d.register(ctx, rpID, user, nil, nil)
		mustBe(t, "register", err, nil)
	}
	return d
}

// TestStrangerKeepsPending: a session that may not begin or continue a sequence
// does not end another's.
func TestStrangerKeepsPending(t *testing.T) {
	for name, intrude := range map[string]func(ctx context.Context, t *testing.T, d *device){
		"next without begin": func(ctx context.Context, t *testing.T, d *device) {
			next := ctap.CredentialManagementRequest{SubCommand: ptr(uint64(ctap.CredsEnumRPsNext))}
			mustBe(t, "next", d.send(ctx, ctap.CommandCredentialManagement, next, nil), ctap.ErrNotAllowed)
		},
		"large blobs without token": func(ctx context.Context, t *testing.T, d *device) {
			write := ctap.LargeBlobsRequest{Set: initialLargeBlobs(), Offset: ptr(uint64(0)), Length: ptr(uint64(17))}
			mustBe(t, "write", d.send(ctx, ctap.CommandLargeBlobs, write, nil), ctap.ErrPUATRequired)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			d := registered(ctx, t, Config{}, "a", "b")
			mustBe(t, "set PIN", d.setPIN(ctx, "1234"), nil)
			_, err := d.login(ctx, rpID, nil, nil)
			mustBe(t, "sign in", err, nil)
			intrude(ctx, t, d.elsewhere())
			mustBe(t, "next assertion", d.send(ctx, ctap.CommandGetNextAssertion, nil, nil), nil)
		})
	}
}
