package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/keystore/keyring"
	"github.com/seed-77d61853/signet/tpm"
)

// machineTime bounds each look at a part of the machine, which may be stuck.
const machineTime = 10 * time.Second

// lack is how doctor tells that something is not there.
type lack func(check, fix, format string, args ...any)

// need is a problem where the device's own root is of a kind, and otherwise good
// to know.
func (d *doctor) need(kind, root string) lack {
	if kind == root {
		return d.problem
	}
	return d.note
}

// examineMachine looks at what roots and doors need of the kernel and the
// desktop.
func (d *doctor) examineMachine(ctx context.Context, h store.Header) {
	chip := cmp.Or(h.TPM, defaultTPM)
	lacks := d.need(store.RootTPM, h.Root)
	if strings.HasPrefix(chip, socketPrefix) || d.examineTPMNode(lacks, chip) {
		d.examineChip(ctx, lacks, tpmOpener(chip))
	}
	if lacks := d.need(store.RootKeyring, h.Root); d.examineBus(lacks) {
		d.examineKeyring(ctx, lacks)
	}
	d.examineUHID()
}

// examineChip asks the TPM how it is.
func (d *doctor) examineChip(ctx context.Context, lacks lack, open tpm.Opener) {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	h, err := tpm.Inspect(ctx, open)
	if err != nil {
		lacks("TPM", "", "%v", err) // it says the way out
		return
	}
	d.ok("TPM", "version 2.0 of %s, firmware %s, and you can use it", strings.TrimRight(h.Manufacturer+" "+h.Model, " \x00"), h.Firmware)
	switch {
	case h.LockedOut:
		d.warn("TPM", fmt.Sprintf("wait %v for each guess, or, with the lockout password: tpm2_dictionarylockout -c", h.Recovery),
			"after %d wrong guesses by other programs it refuses their passwords; Signet's PIN does not depend on that", h.Failures)
	case h.Failures > 0:
		d.note("TPM", "", "it counts %d of %d wrong guesses by other programs, and forgives one each %v; an unclean power-off may count as one",
			h.Failures, h.MaxFailures, h.Recovery)
	}
	if h.OwnerPassword {
		d.note("TPM", "", "it has an owner password, which is needed to make, reset and destroy a device on it")
	}
	if h.PersistentFree == 0 {
		d.warn("TPM", "remove persistent keys that nothing uses: tpm2_getcap handles-persistent", "it has no room for another key that stays")
	}
	if h.TransientFree == 0 || h.SessionsFree == 0 {
		d.warn("TPM", "stop the program that holds them, or use "+tpm.DefaultDevice, "another program holds all of its working memory or sessions")
	}
	var mine []string
	for _, x := range h.Indices {
		if x.Purpose != "" {
			mine = append(mine, fmt.Sprintf("0x%08x (%s)", x.Handle, x.Purpose))
		}
	}
	if len(mine) > 0 {
		d.note("TPM", "", "its NV indices made by Signet: %s", strings.Join(mine, ", "))
	}
}

// examineKeyring looks whether an OS keyring answers.
func (d *doctor) examineKeyring(ctx context.Context, lacks lack) {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	if err := keyring.Available(ctx); err != nil {
		lacks("keyring", "", "%v", err) // it says the way out
		return
	}
	d.ok("keyring", "there is an OS keyring")
}

// examineLock tells whether opening the device would ask for the password of the
// OS keyring, and says so.
func (d *doctor) examineLock(ctx context.Context, h *store.Header) (locked bool) {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	if h.Root != store.RootKeyring || !keyring.Locked(ctx) {
		return false
	}
	d.warn("root", "log in to the desktop, or unlock the keyring in its manager; signet run asks for it",
		"not checked: the OS keyring is locked, and this device opens only while it is unlocked")
	return true
}
