package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// TestStoreOfOthers: on another user's device every command says as whom to call
// it, root's too, and doctor does not tell to take the files away from that user.
func TestStoreOfOthers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root can give a folder away: looking at the message alone")
		if text := new(config).explain(otherUserError{"/srv/dev", 4711}); !strings.Contains(text, "sudo -u '#4711' signet ... --store /srv/dev") {
			t.Error(text)
		}
		return
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	m := newMovable(t, store.Header{Root: store.RootFile, Unlock: store.UnlockKeyFile, KeyFile: filepath.Join(t.TempDir(), "key")})
	if err := os.Chown(m.path, 4711, 4711); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"status", "passkeys list", "pin retries", "lock", "unlock", "info", "run --approve never", "reset --yes", "store destroy --yes"} {
		c := &config{}
		cmd := newRoot(c)
		cmd.SetArgs(append(strings.Fields(args), "--store", m.path))
		cmd.SetOut(io.Discard)
		err := cmd.ExecuteContext(t.Context())
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if said := c.explain(err); !strings.Contains(said, "sudo -u '#4711' signet ... --store "+quote(m.path)) {
			t.Errorf("%s: %s", args, said)
		}
	}
	d := &doctor{c: &config{Store: m.path, admin: policy.Source{}}, flags: new(ownerFlags)}
	d.flags.PassphraseFD, d.flags.OwnerFD = -1, -1
	if err := d.examine(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.has(t, findingProblem, "is that of user 4711")
	for _, f := range d.findings {
		if strings.Contains(f.Fix, "chown") || f.Check == "files" {
			t.Errorf("%+v", f)
		}
	}
}
