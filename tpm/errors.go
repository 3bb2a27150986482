package tpm

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/google/go-tpm/tpm2"
)

// What can be wrong with a chip. Errors arrive wrapped; test with errors.Is.
// The text says the way out.
var (
	// ErrAbsent tells that there is no TPM, or that it cannot be reached now.
	ErrAbsent = errors.New("no TPM answers: check that it is switched on in the firmware setup and that the device node is there")
	// ErrDenied tells that this user may not use the TPM's device node.
	ErrDenied = errors.New("no permission to use the TPM: add this user to the group of the device node (tss on Debian) and log in again")
	// ErrBusy tells that another program has the TPM to itself.
	ErrBusy = errors.New("another program has the TPM to itself: use /dev/tpmrm0, or stop the program that has /dev/tpm0 open")
	// ErrNotStarted tells that the TPM waits for its start command.
	ErrNotStarted = errors.New("the TPM has not been started: restart the machine; for an emulator, give it the flag startup-clear")
	// ErrFailed tells that the TPM is in failure mode.
	ErrFailed = errors.New("the TPM reports a failure of its own: power the machine off and on; if that does not help, it is broken")
	// ErrUnfit tells that the TPM lacks something that the root cannot do
	// without.
	ErrUnfit = errors.New("this TPM cannot count PIN tries by itself (TPM 2.0 revision 1.38 or later is needed): use the keyring or file root")
	// ErrOtherTPM tells that the TPM is not the one of set-up, or was cleared.
	ErrOtherTPM = errors.New("this TPM is another one, or was cleared: passkeys of before cannot be used again unless the TPM of before comes back")
	// ErrLockedOut tells that the TPM's own protection against guessing is in
	// force. Signet does not depend on it; other programs do.
	ErrLockedOut = errors.New("the TPM is in dictionary attack lockout: wait as long as signet doctor says, or reset it with the lockout password (tpm2_dictionarylockout -c)")
	// ErrOwnerPassword tells that the TPM's owner password is needed, or is
	// another one.
	ErrOwnerPassword = errors.New("the TPM's owner password is needed, and the one given (or none) is not it")
	// ErrHierarchy tells that the owner hierarchy is switched off.
	ErrHierarchy = errors.New("the TPM's owner hierarchy is switched off: switch it on in the firmware setup")
	// ErrFull tells that the TPM has no room to keep more.
	ErrFull = errors.New("the TPM's storage is full: remove NV indices or persistent keys that nothing uses (tpm2_getcap handles-nv-index, handles-persistent)")
	// ErrExhausted tells that other programs hold all of the TPM's working
	// memory or sessions.
	ErrExhausted = errors.New("the TPM has no working memory or session left: another program holds them; restart it, or use /dev/tpmrm0")
	// ErrIndexMissing tells that someone removed one of the root's indices.
	ErrIndexMissing = errors.New("an NV index of this root is gone from the TPM: someone removed it, and what it guarded cannot be used again")
	// ErrIndexForeign tells that an NV index of the root is not what it was.
	ErrIndexForeign = errors.New("an NV index of this root was replaced or written by someone else, and what it guarded cannot be used again")
	// ErrStale tells that the root's file is a copy from before a reset.
	ErrStale = errors.New("the root file is from before a reset: put the newer one back")
	// ErrUnfinished tells that the making of the root was cut short.
	ErrUnfinished = errors.New("setting up the TPM was cut short: run signet init again; nothing is lost")
	// ErrInterrupted tells that a command was sent and its answer was lost.
	ErrInterrupted = errors.New("the TPM was cut off before it answered")
)

// explanations maps what a TPM answers to what is wrong.
var explanations = []struct {
	codes []tpm2.TPMRC
	err   error
}{
	{[]tpm2.TPMRC{tpm2.TPMRCLockout}, ErrLockedOut},
	{[]tpm2.TPMRC{tpm2.TPMRCInitialize}, ErrNotStarted},
	{[]tpm2.TPMRC{tpm2.TPMRCFailure}, ErrFailed},
	{[]tpm2.TPMRC{tpm2.TPMRCHierarchy}, ErrHierarchy},
	{[]tpm2.TPMRC{tpm2.TPMRCNVSpace}, ErrFull},
	{exhausted, ErrExhausted},
}

// exhausted are the answers of a TPM that others use up.
var exhausted = []tpm2.TPMRC{
	tpm2.TPMRCContextGap, tpm2.TPMRCObjectMemory, tpm2.TPMRCSessionMemory, tpm2.TPMRCMemory,
	tpm2.TPMRCSessionHandles, tpm2.TPMRCObjectHandles,
}

// explain adds what is wrong to an error of a command or of the transport.
func explain(err error) error {
	var rc tpm2.TPMRC
	if err == nil || !errors.As(err, &rc) {
		return err
	}
	for _, e := range explanations {
		if slices.ContainsFunc(e.codes, func(c tpm2.TPMRC) bool { return errors.Is(rc, c) }) {
			return fmt.Errorf("%w (%w)", e.err, err)
		}
	}
	return err
}

// explainOpen adds what is wrong to an error of opening the device.
func explainOpen(err error) error {
	for _, e := range []struct{ is, err error }{
		{fs.ErrPermission, ErrDenied},
		{syscall.EBUSY, ErrBusy},
	} {
		if errors.Is(err, e.is) {
			return fmt.Errorf("%w (%w)", e.err, err)
		}
	}
	return fmt.Errorf("%w (%w)", ErrAbsent, err)
}

// is tells whether a TPM answered with a code.
func is(err error, code tpm2.TPMRC) bool { return errors.Is(err, code) }
