package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
		root := ""
		if h.Root == store.RootTPM {
			root = (&store.Store{Header: h, Path: d.c.Store}).RootPath()
		}
		d.examineChip(ctx, lacks, tpmOpener(chip), root)
	}
	if lacks := d.need(store.RootKeyring, h.Root); d.examineBus(lacks) {
		d.examineKeyring(ctx, lacks)
	}
	d.examineUHID()
}

// examineChip asks the TPM how it is. root is the file of a root in it, or empty.
func (d *doctor) examineChip(ctx context.Context, lacks lack, open tpm.Opener, root string) {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	h, err := tpm.Inspect(ctx, open)
	if err != nil {
		lacks("TPM", d.c.wayOut(err), "%v", err)
		return
	}
	d.ok("TPM", "version 2.0 of %s, firmware %s, and you can use it", strings.TrimSpace(h.Manufacturer+" "+h.Model), h.Firmware)
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
	d.examineIndices(h.Indices, root)
}

// maxIndices is how many NV indices of other devices doctor names.
const maxIndices = 8

// examineIndices tells which NV indices Signet made, and looks for those of this
// device, whose root's file is at root; empty where its root is not in a TPM.
func (d *doctor) examineIndices(indices []tpm.Index, root string) {
	kept := map[uint32]string{}
	if root != "" {
		list, err := tpm.Kept(root)
		if err != nil {
			return // examineStopped tells, and a running signet has read it
		}
		for _, x := range list {
			kept[x.Handle] = x.Purpose
		}
	}
	var mine, others []string
	for _, x := range indices {
		name := fmt.Sprintf("0x%08x (%s)", x.Handle, x.Purpose)
		switch {
		case x.Purpose == "":
		case kept[x.Handle] == x.Purpose:
			mine = append(mine, name)
			delete(kept, x.Handle)
		default:
			others = append(others, name)
		}
	}
	if len(mine) > 0 {
		d.note("TPM", "", "NV indices of this device: %s", strings.Join(mine, ", "))
	}
	if n := len(others); n > 0 {
		d.note("TPM", "", "%s that Signet made for other devices: %s", pluralOf(n, "NV index", "NV indices"), strings.Join(others[:min(n, maxIndices)], ", "))
	}
	var gone []string
	for _, purpose := range kept {
		if purpose != tpm.PurposeCounter { // it is made again at the next use
			gone = append(gone, purpose)
		}
	}
	if slices.Sort(gone); len(gone) > 0 {
		d.problem("TPM", "if the chip is not the one of before, bring that back; else signet reset, or where the device secret is gone\n"+
			"  signet store destroy --force, then signet init",
			"what this device keeps in the chip is gone: %s. Was it cleared, or is it another one?", strings.Join(gone, ", "))
	}
}

func pluralOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// examineKeyring looks whether an OS keyring answers.
func (d *doctor) examineKeyring(ctx context.Context, lacks lack) {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	if err := keyring.Available(ctx); err != nil {
		lacks("keyring", withoutDesktop, "%v", err)
		return
	}
	d.ok("keyring", "there is an OS keyring")
}

// withoutDesktop is a way to a keyring where nobody sits at a desktop.
const withoutDesktop = "without a desktop: dbus-run-session, and in it gnome-keyring-daemon --unlock, which reads the password;\n  " +
	"or let another root keep the keys, where the keyring still opens: signet move --to file"

// keyringRemedy is the remedy for an OS keyring that is not there, or does not have
// the key; empty for other errors.
func keyringRemedy(err error) string {
	switch {
	case errors.Is(err, keyring.ErrKeyLost):
		return "Without the key the passkeys are gone: then signet store destroy --force, and signet init."
	case errors.Is(err, keyring.ErrNoService), errors.Is(err, keyring.ErrNoKeyring), errors.Is(err, keyring.ErrLocked):
		return "Nothing was changed. W" + withoutDesktop[1:]
	}
	return ""
}

// examineLock tells whether opening the device would ask for the password of the
// OS keyring, and says so.
func (d *doctor) examineLock(ctx context.Context, h *store.Header) (locked bool) {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	if h.Root != store.RootKeyring || !keyring.Locked(ctx) {
		return false
	}
	d.warn("root", "log in to the desktop, or unlock the keyring in its manager; signet run asks for it.\n"+withoutDesktop,
		"not checked: the OS keyring is locked, and this device opens only while it is unlocked")
	return true
}
