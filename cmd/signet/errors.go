package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// existsError tells that init was asked to make a store where one is.
type existsError struct{ path string }

func (e existsError) Error() string { return "there is a device in " + e.path + " already" }

func (existsError) Unwrap() error { return fs.ErrExist }

func (existsError) hint() string {
	return "Start it with signet run, or choose another folder with --store. Init never replaces a device."
}

// noStoreError tells that there is no store to run.
type noStoreError struct{ path string }

func (e noStoreError) Error() string { return "there is no device in " + e.path }

func (noStoreError) Unwrap() error { return fs.ErrNotExist }

func (noStoreError) hint() string {
	return "Make one with signet init, or name another folder with --store."
}

// foreignError tells that a folder holds something, and no store.
type foreignError struct{ path string }

func (e foreignError) Error() string {
	return e.path + " holds other files, and no device"
}

func (foreignError) hint() string {
	return "Name another folder with --store. Init makes a device only where there is nothing."
}

// explain gives an error with the way out, where one is known.
func (c *config) explain(err error) string {
	if errors.Is(err, context.Canceled) || ctap.StatusOf(err) == ctap.ErrKeepaliveCancel {
		return "stopped before it was done"
	}
	if hint := c.wayOut(err); hint != "" {
		return fmt.Sprintf("%v\n  %s", err, hint)
	}
	return err.Error()
}

// wayOut is what to do about an error; empty where nothing is known. The commands
// that it names are for the same store.
func (c *config) wayOut(err error) string { return c.onStore(c.remedy(err)) }

func (c *config) remedy(err error) string {
	var unknown *store.UnknownError
	var hinted interface{ hint() string }
	var violation *policy.Violation
	switch {
	case errors.As(err, &hinted):
		return hinted.hint()
	case errors.Is(err, authenticator.ErrResetBegun):
		return "Every passkey is lost. Mend what the message tells of: the next command, or signet run, finishes the reset."
	case errors.As(err, &violation):
		return "Ask the administrator of this machine."
	case errors.Is(err, policy.ErrInsecure):
		return "The policy's file and its folder must belong to root and be writable by nobody else:\n" +
			"  chown root and chmod go-w both."
	case errors.As(err, &unknown):
		return "Nothing was changed. If somebody has edited the file, put the value back; if a newer signet made the\n" +
			"  device, update: go install github.com/seed-77d61853/signet/cmd/signet@latest"
	case errors.Is(err, errNotLoopback):
		return "Give --tcp an address such as 127.0.0.1:7777. From another machine, forward a port to it:\n" +
			"  ssh -L 7777:127.0.0.1:7777 HOST"
	case errors.Is(err, errWrongSecret):
		return "Nothing was changed. Start again with the right one."
	case errors.Is(err, errTPMOwner):
		return "Give it with --tpm-owner-fd, on an open file descriptor."
	case errors.Is(err, errOtherVault):
		return "Root and vault are not of the same device, or of different backups. Nothing was changed: put the whole\n" +
			"  folder back from one backup."
	case errors.Is(err, keystore.ErrNewerSchema):
		return "Nothing was changed. Update signet: go install github.com/seed-77d61853/signet/cmd/signet@latest"
	case errors.Is(err, keystore.ErrCorrupt):
		return "Nothing was changed, and nothing is started afresh over it. Stop here, keep a copy of the folder,\n" +
			"  check the disk, and put the file back from a backup; see docs/troubleshooting.md.\n" +
			"  Without one the passkeys are gone: signet store destroy --force, then signet init."
	case errors.Is(err, daemon.ErrNotRunning):
		return "Start it with signet run."
	}
	return c.systemRemedy(err)
}

// systemRemedy is the remedy for what the operating system refuses.
func (c *config) systemRemedy(err error) string {
	var busy *store.BusyError
	var network *net.OpError
	isNetwork := errors.As(err, &network)
	switch {
	case errors.As(err, &busy):
		return "One signet at a time uses a device. See what runs with signet status, stop it, or use another device with --store."
	case errors.Is(err, keystore.ErrInUse):
		return "Another process has the file open. Stop it, then start again."
	case noRoom(err):
		return "There is no room on the disk. What was there is untouched: make room and start again."
	case errors.Is(err, syscall.EROFS):
		return "The disk is mounted read-only. Signet spends PIN tries and counts uses on it: make it writable."
	case errors.Is(err, errTPMAbsent), errors.Is(err, errTPMDenied):
		return chipRemedy(err)
	case keyringRemedy(err) != "":
		return keyringRemedy(err)
	case isNetwork && network.Net == "tcp" && errors.Is(err, fs.ErrPermission):
		return "Ports below 1024 belong to root: choose another."
	case errors.Is(err, syscall.EADDRINUSE):
		return "Something else listens there. Stop it, or choose another address."
	case isNetwork && network.Op == "dial":
		return "Nothing listens there. See with signet status where the doors are; signet run opens them."
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return c.fileRemedy(err)
	case errors.Is(err, io.EOF):
		return "The input ended before it was complete."
	}
	return ""
}

// noRoom tells whether a write found no room. Of some errors, such as those that
// come over the control socket, only the text is left.
func noRoom(err error) bool {
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, errno) || strings.Contains(err.Error(), errno.Error()) {
			return true
		}
	}
	return false
}
