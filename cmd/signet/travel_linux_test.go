package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/keystore/keyring/keyringtest"
	"github.com/seed-77d61853/signet/tpm"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

// seedEnv chooses the moments of an earlier run again.
const seedEnv = "SIGNET_TEST_SEED"

func newRandom(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv(seedEnv); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("%s=%d", seedEnv, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A world has what roots need: a real OS keyring, and chips.
type world struct {
	t       *testing.T
	dir     string
	signet  string
	env     []string
	session *keyringtest.Session
	chips   []*tpmtest.Chip
	n       int // roots named so far
}

// newWorld has a number of chips, and a keyring that is not started yet.
func newWorld(t *testing.T, chips int) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), session: keyringtest.New(t)}
	for range chips {
		w.chips = append(w.chips, tpmtest.New(t))
	}
	name, value := w.session.Env()
	w.signet, w.env = programs(t, w.dir)
	w.env = append(w.env, name+"="+value)
	return w
}

// root names another root of a kind, as signet move wants it.
func (w *world) root(kind string) []string {
	w.n++
	args := []string{"--to", kind}
	switch kind {
	case store.RootFile:
		args = append(args, "--new-key-file", filepath.Join(w.dir, fmt.Sprint("key", w.n)))
	case store.RootTPM:
		args = append(args, "--tpm", socketPrefix+w.chips[w.n%len(w.chips)].Socket())
	}
	return args
}

// recover takes the chips' power away and gives it back: they have no resource
// manager that would free the sessions of a program that was killed.
func (w *world) recover() {
	w.t.Helper()
	for _, chip := range w.chips {
		chip.Restart()
	}
}

// A traveller is a device and the answers that its passkeys gave where they were
// made: ID, PRF output, and the key that their signatures verify with.
type traveller struct {
	*killed
	world    *world
	passkeys map[string]known // by site
}

type known struct{ id, prf, publicKey string }

// init makes a device on a root of a kind, without passkeys.
func (w *world) init(name, kind, copyable string) *traveller {
	w.t.Helper()
	d := &traveller{world: w, passkeys: map[string]known{},
		killed: &killed{t: w.t, signet: w.signet, env: w.env, dir: filepath.Join(w.dir, name), pin: movePIN}}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	args := []string{"init", "--profile", "security-key", "--copyable", copyable}
	for _, arg := range w.root(kind) {
		args = append(args, map[string]string{"--to": "--root", "--new-key-file": "--key-file"}[arg])
		if args[len(args)-1] == "" {
			args[len(args)-1] = arg
		}
	}
	d.killCommand(time.Minute, args...)
	return d
}

// register makes a passkey that the device finds by itself, and one that the site
// has to name and that only opens behind the PIN.
func (d *traveller) register(sites ...string) {
	d.t.Helper()
	d.start()
	defer d.stop()
	for i, site := range sites {
		kind := []string{`"residentKey": "required"`, `"residentKey": "discouraged"`}[i%2]
		protect := []string{"", `"credentialProtectionPolicy": "userVerificationRequired", `}[i%2]
		answer, err := d.client.browser(site, d.pin).Create(d.t.Context(), fmt.Appendf(nil, `{
			"rp": {"id": %q, "name": "Site"}, "user": {"id": "YWxpY2U", "name": "alice", "displayName": "Alice"},
			"challenge": "cmVnaXN0ZXIgYWxpY2UgaGVyZQ", "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
			"authenticatorSelection": {%s, "userVerification": "required"},
			"extensions": {%s"prf": {"eval": {"first": "c2FsdA"}}}
		}`, site, kind, protect))
		if err != nil {
			d.t.Fatal(err)
		}
		d.passkeys[site] = d.read(answer, "")
	}
}

// read reads a browser's answer, and verifies what it signed with the public key,
// unless that is empty and the answer brings it.
func (d *traveller) read(answer []byte, publicKey string) known {
	d.t.Helper()
	var r struct {
		response
		ID      string
		Results struct {
			PRF struct{ Results struct{ First string } }
		} `json:"clientExtensionResults"`
	}
	if err := json.Unmarshal(answer, &r); err != nil || r.Results.PRF.Results.First == "" {
		d.t.Fatalf("no PRF output in %s: %v", answer, err)
	}
	if publicKey == "" {
		publicKey = r.Response.PublicKey
	} else if err := verify(publicKey, r.response); err != nil {
		d.t.Error(err)
	}
	return known{r.ID, r.Results.PRF.Results.First, publicKey}
}

// works starts the device and signs in with each passkey, wants the answers that
// it gave where it was made, and stops the device.
func (d *traveller) works() {
	d.t.Helper()
	d.world.recover()
	d.start()
	defer d.stop()
	for site, want := range d.passkeys {
		answer, err := d.client.browser(site, d.pin).Get(d.t.Context(), fmt.Appendf(nil, `{
			"rpId": %q, "challenge": "c2lnbiBhbGljZSBpbiBoZXJl", "userVerification": "required",
			"allowCredentials": [{"type": "public-key", "id": %q}], "extensions": {"prf": {"eval": {"first": "c2FsdA"}}}
		}`, site, want.id))
		if err != nil {
			d.t.Errorf("sign in at %s: %v", site, err)
			continue
		}
		if got := d.read(answer, want.publicKey); got != want {
			d.t.Errorf("%s answers with %v, want %v", site, got, want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(d.dir, "dev", "move.yaml*")); len(left) != 0 || err != nil {
		d.t.Errorf("left over: %q, %v", left, err)
	}
}

// keyName is the name of the device's key in the keyring; empty where it has none.
func (d *traveller) keyName() string {
	d.t.Helper()
	h := d.header()
	if h.Root != store.RootKeyring {
		return ""
	}
	s := store.Store{Header: h, Path: filepath.Join(d.dir, "dev")}
	root, err := file.ReadHeader(s.RootPath())
	if err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprintf("root key %x", root.Salt)
}

// alone wants the device's secrets where it says, and nowhere else: of the keys in
// gone, which the keyring had for it, none is left, and nothing in another chip. A
// key that a killed move made and never used may be left.
func (d *traveller) alone(gone map[string]bool) {
	d.t.Helper()
	has := d.world.session.Accounts("signet")
	name := d.keyName()
	if name != "" && !slices.Contains(has, name) {
		d.t.Errorf("the keyring has %q, not %s", has, name)
	}
	for old := range maps.Keys(gone) {
		if old != name && slices.Contains(has, old) {
			d.t.Errorf("%s is still in the keyring", old)
		}
	}
	h := d.header()
	for _, chip := range d.world.chips {
		health, err := tpm.Inspect(d.t.Context(), chip.Open)
		if err != nil {
			d.t.Fatal(err)
		}
		mine := slices.DeleteFunc(health.Indices, func(x tpm.Index) bool { return x.Purpose == "" })
		if used := h.Root == store.RootTPM && strings.HasSuffix(h.TPM, chip.Socket()); used != (len(mine) > 0) {
			d.t.Errorf("the device is on root %s %s, and a chip at %s has %v", h.Root, h.TPM, chip.Socket(), mine)
		}
	}
}
