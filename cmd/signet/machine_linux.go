package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	uhidNode  = "/dev/uhid"
	tpmFolder = "/sys/class/tpm"
)

// examineTPMNode looks at the kernel's side of the TPM, and tells whether the chip
// can be asked.
func (d *doctor) examineTPMNode(lacks lack, node string) bool {
	version, err := tpmVersion()
	switch {
	case err != nil:
		lacks("TPM", "", "%v", err)
		return false
	case version == "":
		lacks("TPM", "switch it on in the firmware's setup, if the machine has one", "the kernel sees none")
		return false
	case version != "2":
		lacks("TPM", "", "it is of version %s; signet needs a TPM 2.0", version)
		return false
	}
	switch err := unix.Access(node, unix.R_OK|unix.W_OK); {
	case errors.Is(err, fs.ErrNotExist):
		lacks("TPM", "as root: modprobe tpm_tis or tpm_crb, whichever the machine has", "the kernel sees one, but there is no %s", node)
	case err != nil:
		lacks("TPM", "as root: usermod -aG tss USER, then log in anew (the group is the node's: ls -l "+node+")", "%s: %v", node, err)
	default:
		return true
	}
	return false
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

// examineBus looks for the desktop's session bus, where its keyring answers. To
// ask the keyring without one would start a bus.
func (d *doctor) examineBus(lacks lack) bool {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	lacks("keyring", "start signet in a desktop session, or choose another root", "there is no session bus, so no OS keyring can be reached")
	return false
}

// littleRoom is how much is left on a disk in bytes when doctor says so.
const littleRoom = 1 << 20

// examineRoom looks whether the store's disk has room to write a PIN try.
func (d *doctor) examineRoom() {
	var disk unix.Statfs_t
	if err := unix.Statfs(d.c.Store, &disk); err != nil {
		return // examineFile has told
	}
	d.judgeRoom(disk.Bavail * uint64(disk.Bsize))
}

func (d *doctor) judgeRoom(left uint64) {
	const fix = "make room: what cannot be written is refused, PIN tries too"
	switch {
	case left < 64<<10:
		d.problem("disk", fix, "%s: the disk is full", d.c.Store)
	case left < littleRoom:
		d.warn("disk", fix, "%s: only %d KiB are left on the disk", d.c.Store, left>>10)
	}
}

// examineUHID looks at the module and the node that a USB device in software
// needs.
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
