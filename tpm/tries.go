package tpm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
)

// left reads how many tries are left, or estimates it.
func (g *gate) left(t transport.TPM) (int, error) {
	c, err := g.readCount(t)
	if errors.Is(err, errUnreadable) {
		return g.estimate, nil
	}
	if err != nil {
		return 0, err
	}
	return min(c.left(), ctap.MaxPINRetries), nil
}

var errUnreadable = errors.New("the count of tries cannot be read without the owner password")

// readCount reads the count of wrong tries without spending one: as the owner
// where that takes no password, which is one command, else by the policy that
// lets everyone. errUnreadable where neither is possible.
func (g *gate) readCount(t transport.TPM) (count, error) {
	tries := g.policies.tries.written()
	var r *tpm2.NVReadResponse
	err := error(tpm2.TPMRCBadAuth)
	if !g.owned {
		r, err = tpm2.NVRead{
			AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)},
			NVIndex:    tries.named(),
			Size:       8,
		}.Execute(t)
	}
	if is(err, tpm2.TPMRCBadAuth) || is(err, tpm2.TPMRCAuthFail) || is(err, tpm2.TPMRCHierarchy) {
		g.owned = true
		if !g.root.rec.FreeRead {
			return count{}, errUnreadable
		}
		r, err = tpm2.NVRead{
			AuthHandle: tries.by(tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, flushing(g.policies.reading))),
			NVIndex:    tries.named(),
			Size:       8,
		}.Execute(t)
	}
	if err != nil {
		return count{}, fmt.Errorf("read the count of tries: %w", g.diagnose(t, err))
	}
	return parseCount(r.Data.Buffer)
}

// While the first PIN is being set, a file beside the root's says so. If it is
// there at start and the mark is not, the power went in between, and the chip
// is asked whether "no PIN yet" is still right: that costs a try if it is not.
// Its second content tells that it was asked, so that restarts do not spend the
// tries one by one.
const (
	hintSuffix = ".first"
	hintBegun  = "begun"
	hintAsked  = "asked"
	// enough is how many tries must be left for the chip to be asked.
	enough = ctap.MaxPINRetries - 2
)

// beginFirst notes that the first PIN is being set.
func (r *Root) beginFirst() error {
	if err := file.Replace(r.path+hintSuffix, []byte(hintBegun)); err != nil {
		return fmt.Errorf("note that a PIN is being set: %w", err)
	}
	return nil
}

// endFirst forgets the note. Where it cannot, the mark in the chip outweighs it.
func (r *Root) endFirst() { os.Remove(r.path + hintSuffix) }

// unmarked finds out whether a PIN is set while the mark is missing.
func (g *gate) unmarked(t transport.TPM, secret index) (set bool, err error) {
	hint, err := os.ReadFile(g.root.path + hintSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := g.readCount(t)
	switch {
	case errors.Is(err, errUnreadable):
		if string(hint) == hintAsked {
			return true, nil
		}
	case err != nil:
		return false, err
	case c.left() < enough:
		return true, nil
	}
	if err := file.Replace(g.root.path+hintSuffix, []byte(hintAsked)); err != nil {
		return false, err
	}
	g.secret = secret
	none := g.auth(noPIN, nil)
	defer clear(none)
	s, err := g.try(t, none)
	switch {
	case errors.Is(err, keystore.ErrWrongPIN), errors.Is(err, keystore.ErrPINBlocked):
		return true, nil
	case err != nil:
		return false, err
	}
	s.Wipe()
	g.root.endFirst()
	return false, nil
}
