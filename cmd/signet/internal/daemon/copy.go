package daemon

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"filippo.io/age"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/backup"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/ctap"
)

// Private keys cross the control socket for a backup and back: outwards as a
// backup that is sealed for a key of the caller's, inwards beside the JSON.
const (
	opExport = "export"
	opImport = "import"
)

// maxRecords bounds what one call can import, in bytes.
const maxRecords = 16 << 20

// An Outcome is what became of a passkey that was to be imported.
type Outcome string

// Outcomes, as of package authenticator.
const (
	Added   Outcome = "added"
	Present Outcome = "present"
	Taken   Outcome = "taken"
)

// An Imported is a passkey and what became of it.
type Imported struct {
	Passkey
	Outcome Outcome `json:"outcome"`
}

// Export backs all passkeys up, sealed for the recipient. From then on sites are
// told that a copy exists: whatever becomes of the backup, the keys were out.
func (o Owner) Export(ctx context.Context, pin []byte, to *age.X25519Recipient) (sealed []byte, err error) {
	return sealed, o.call(ctx, Call{Op: opExport, PIN: pin, Recipient: to.String()}, &sealed)
}

// Import adds passkeys from records of a backup, all or none.
func (o Owner) Import(ctx context.Context, pin []byte, records [][]byte) (done []Imported, err error) {
	encoded, err := ctap.Marshal(records)
	defer clear(encoded)
	if err != nil {
		return nil, err
	}
	return done, o.call(ctx, Call{Op: opImport, PIN: pin, Records: encoded}, &done)
}

func (e Engine) copyOut(ctx context.Context, c Call) ([]byte, error) {
	if err := e.mayCopy(); err != nil {
		return nil, err
	}
	to, err := age.ParseX25519Recipient(c.Recipient)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ctap.ErrInvalidParameter, err)
	}
	var sealed bytes.Buffer
	err = e.Device.AsOwner(ctx, c.PIN, func(o *authenticator.Owner) error {
		err := backup.Write(&sealed, time.Now(), func(add func([]byte) error) error {
			return o.Export(ctx, func(_ authenticator.Passkey, record []byte, _ int) error { return add(record) })
		}, to)
		if err != nil {
			return err
		}
		return o.BackedUp(ctx)
	})
	if err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

func (e Engine) copyIn(ctx context.Context, c Call) ([]Imported, error) {
	if err := e.mayCopy(); err != nil {
		return nil, err
	}
	var records [][]byte
	if err := ctap.Unmarshal(c.Records, &records); err != nil {
		return nil, fmt.Errorf("read passkeys: %w", err)
	}
	defer func() {
		for _, r := range records {
			clear(r)
		}
	}()
	var done []authenticator.Imported
	err := e.Device.AsOwner(ctx, c.PIN, func(o *authenticator.Owner) (err error) {
		done, err = o.Import(ctx, records)
		return err
	})
	told := []Imported{}
	for _, i := range done {
		outcome := map[authenticator.Outcome]Outcome{
			authenticator.Added: Added, authenticator.Present: Present, authenticator.Taken: Taken,
		}[i.Outcome]
		told = append(told, Imported{e.passkey(i.Passkey), outcome})
	}
	return told, err
}

func (e Engine) mayCopy() error {
	if e.Policy.ForbidCopying {
		return e.Policy.Forbid(policy.ForbidCopying)
	}
	return nil
}
