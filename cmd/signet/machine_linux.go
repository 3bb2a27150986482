package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Nodes of the kernel.
const (
	uhidNode  = "/dev/uhid"
	tpmNode   = "/dev/tpmrm0"
	tpmFolder = "/sys/class/tpm"
)

// examineMachine looks at what roots and doors need of the kernel and the
// desktop. What the device's own root needs is a problem where it is missing.
func (d *doctor) examineMachine(ctx context.Context, root string) {
	d.examineTPM(root)
	d.examineKeyring(ctx, root)
	d.examineUHID()
}

func (d *doctor) examineTPM(root string) {
	missing := d.note
	if root == "tpm" {
		missing = d.problem
	}
	version, err := tpmVersion()
	switch {
	case err != nil:
		d.fail("TPM", err)
	case version == "":
		missing("TPM", "switch it on in the firmware's setup, if the machine has one", "the kernel sees none")
	case version != "2":
		missing("TPM", "signet needs a TPM 2.0", "it is of version %s", version)
	default:
		switch err := unix.Access(tpmNode, unix.R_OK|unix.W_OK); {
		case errors.Is(err, fs.ErrNotExist):
			missing("TPM", "modprobe tpm_tis or tpm_crb, whichever the machine has", "there is one, but no %s", tpmNode)
		case err != nil:
			missing("TPM", "let the user use the node: usermod -aG tss USER, then log in anew", "%s: %v", tpmNode, err)
		default:
			d.ok("TPM", "version 2.0, and you can use it")
		}
	}
}

// tpmVersion is the major version of the first TPM; empty where there is none.
func tpmVersion() (string, error) {
	paths, err := filepath.Glob(filepath.Join(tpmFolder, "tpm[0-9]*", "tpm_version_major"))
	if err != nil || len(paths) == 0 {
		return "", err
	}
	b, err := os.ReadFile(paths[0])
	return strings.TrimSpace(string(b)), err
}

func (d *doctor) examineUHID() {
	switch err := unix.Access(uhidNode, unix.R_OK|unix.W_OK); {
	case errors.Is(err, fs.ErrNotExist):
		d.note("uhid", "as root: modprobe uhid", "the kernel module is not loaded; no door of this version needs it")
	case err != nil:
		d.note("uhid", "", "%s: %v; no door of this version needs it", uhidNode, err)
	default:
		d.ok("uhid", "loaded, and you can use %s; no door of this version does", uhidNode)
	}
}

// examineKeyring looks for the desktop's session bus, where its keyring answers.
func (d *doctor) examineKeyring(_ context.Context, root string) {
	missing := d.note
	if root == "keyring" {
		missing = d.problem
	}
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		missing("keyring", "start signet from a desktop session, or in one of dbus-run-session", "there is no session bus, so no OS keyring can be reached")
		return
	}
	d.ok("keyring", "there is a session bus")
}
