package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os/exec"
	"strings"

	"github.com/zalando/go-keyring"
)

// Errors of the keyring, each with the way out. They arrive wrapped; test with
// errors.Is.
var (
	// ErrNoService tells that there is no keyring to talk to.
	ErrNoService = errors.New("no OS keyring answers: it needs a desktop session with a keyring service " +
		"(gnome-keyring, KWallet, KeePassXC), or choose another root")
	// ErrNoKeyring tells that the keyring service has no keyring to store in:
	// none was made yet, or it was deleted.
	ErrNoKeyring = errors.New("the OS keyring service has no default keyring: make one in its manager " +
		"(or log in to the desktop once), and if it was deleted, bring it back from a backup")
	// ErrLocked tells that the keyring is locked and was not unlocked: a person
	// dismissed the question, or nobody could be asked.
	ErrLocked = errors.New("the OS keyring is locked, and nobody unlocked it: " +
		"unlock it (log in to the desktop, or open its manager) and try again")
	// ErrUnanswered tells that the keyring did not answer in time; a question
	// may still stand on the screen.
	ErrUnanswered = errors.New("the OS keyring did not answer in time: " +
		"look for its question on the screen, answer it and try again")
	// ErrKeyLost tells that the keyring works and does not have the key. None
	// is made in its place: the root file opens with that key only.
	ErrKeyLost = errors.New("the key is not in the OS keyring: " +
		"if another keyring service kept it, start that one, or bring the keyring back from a backup")
)

// errBroken tells that a call of the keyring ended without an answer.
var errBroken = errors.New("the keyring broke off")

// explain finds out what an error of the keyring means. The error itself stays
// behind as text: a socket that is not there must not look like a root that is
// not there.
func explain(ctx context.Context, err error) error {
	var what error
	var netErr *net.OpError
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return ErrKeyLost
	case errors.Is(err, keyring.ErrUnsupportedPlatform),
		errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist), errors.As(err, &netErr),
		errors.Is(err, errBroken):
		what = ErrNoService
	case errors.As(err, &exit):
		what = explainStatus(exit.ExitCode())
	case !strings.Contains(err.Error(), "failed to unlock correct collection"):
		what = explainBus(err)
	case !strings.Contains(err.Error(), "/collection/") && hasNoDefault(ctx):
		what = ErrNoKeyring
	default:
		what = ErrLocked
	}
	if what == nil {
		return fmt.Errorf("the OS keyring failed: %w", err)
	}
	return fmt.Errorf("%w (%v)", what, err)
}

// explainStatus reads the exit status of macOS's security program, the last
// byte of the error's number: nil where it is not known.
func explainStatus(status int) error {
	switch status {
	case 36, 51, 128: // nobody to ask; wrong password; dismissed
		return ErrLocked
	case 37, 50: // no default keychain; no such keychain
		return ErrNoKeyring
	}
	return nil
}
