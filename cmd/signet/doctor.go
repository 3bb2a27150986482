package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
)

// How much a finding matters.
const (
	findingOK      = "ok"
	findingNote    = "note"    // good to know
	findingWarning = "warning" // works, and should be better
	findingProblem = "problem" // does not work, or is not safe
)

// A finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Text   string `json:"text"`
	Fix    string `json:"fix,omitempty"`
}

// doctor looks at a device and its machine.
type doctor struct {
	c        *config
	flags    *ownerFlags
	findings []finding
	busy     bool // another process has the store, and no control socket
}

func (d *doctor) add(status, check, fix, format string, args ...any) {
	if fix == "" && status == findingProblem {
		fix = "see docs/troubleshooting.md"
	}
	d.findings = append(d.findings, finding{check, status, fmt.Sprintf(format, args...), d.c.onStore(fix)})
}

func (d *doctor) ok(check, format string, args ...any) { d.add(findingOK, check, "", format, args...) }

func (d *doctor) note(check, fix, format string, args ...any) {
	d.add(findingNote, check, fix, format, args...)
}

func (d *doctor) warn(check, fix, format string, args ...any) {
	d.add(findingWarning, check, fix, format, args...)
}

func (d *doctor) problem(check, fix, format string, args ...any) {
	d.add(findingProblem, check, fix, format, args...)
}

// fail is a problem that an error tells of, with the way out where one is known.
func (d *doctor) fail(check string, err error) { d.problem(check, d.c.wayOut(err), "%v", err) }

func newDoctor(c *config) *cobra.Command {
	var f ownerFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do",
		Long: `Doctor looks at the device and at this machine: the store's files, the vault's integrity,
the PIN, the running signet, the administrator's policy, the clock, the kernel's and the
desktop's parts that roots and doors need. Each finding comes with its fix.

It asks nothing. Where no signet runs, it opens the vault only if that needs no passphrase
or one is given. The exit code is 1 if there is a problem; warnings and notes are none.`,
		Example: `  signet doctor
  signet doctor --json
  signet doctor --passphrase-file secret`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			d := &doctor{c: c, flags: &f}
			if err := d.examine(cmd.Context()); err != nil {
				return err
			}
			if f.JSON {
				if err := writeJSON(cmd.OutOrStdout(), d.findings); err != nil {
					return err
				}
			} else if err := writeFindings(cmd.OutOrStdout(), d.findings); err != nil {
				return err
			}
			return problemsOf(d.findings)
		},
	}
	f.rootAccess.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&f.JSON, "json", false, "print JSON")
	return cmd
}

func writeFindings(w io.Writer, findings []finding) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Status, f.Check, inColumn(f.Text, ""))
		if f.Fix != "" {
			fmt.Fprintf(t, "\t\t-> %s\n", inColumn(f.Fix, "   "))
		}
	}
	return t.Flush()
}

// inColumn keeps text of several lines in the third column of a table, each line
// but the first behind indent.
func inColumn(text, indent string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n\t\t"+indent)
}

// problemsOf is nil where no finding is a problem.
func problemsOf(findings []finding) error {
	n := 0
	for _, f := range findings {
		if f.Status == findingProblem {
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return errors.New("doctor found a problem")
	}
	return fmt.Errorf("doctor found %d problems", n)
}

// examine looks at everything. Its error is that of an interruption.
func (d *doctor) examine(ctx context.Context) error {
	rules, sound := d.examinePolicy()
	header := d.examineStore()
	status := d.examineDaemon(ctx, rules)
	switch {
	case header == nil || !sound:
	case status != nil:
		d.examineRunning(ctx)
	case d.busy:
	default:
		d.examineStopped(ctx, header)
	}
	if header != nil {
		d.examineMove(*header, status != nil)
	}
	d.examineClock()
	if header == nil {
		header = new(store.Header)
	}
	d.examineMachine(ctx, *header)
	d.note("spare", "register a second authenticator at each site, or keep the site's recovery codes",
		"a device can be lost or break, and its passkeys with it")
	return ctx.Err()
}

func (d *doctor) examinePolicy() (rules policy.Policy, sound bool) {
	rules, err := d.c.admin.Read()
	switch {
	case err != nil:
		d.fail("policy", err)
		return rules, false
	case rules.Path == "":
		d.ok("policy", "the administrator demands nothing (there is no %s)", d.c.admin.Path)
	default:
		d.ok("policy", "%s holds", rules.Path)
		for _, r := range rules.Rules() {
			d.note("policy", "", "%s: %s", r.Name, r.Text)
		}
	}
	return rules, true
}

// examineStore looks at the store's files; nil where there is no store that can
// be understood.
func (d *doctor) examineStore() *store.Header {
	there, err := d.c.exists()
	if err == nil && !there {
		d.note("store", "make one with signet init, or name another folder with --store", "there is no device in %s", d.c.Store)
		return nil
	}
	var header store.Header
	if err == nil {
		header, err = store.ReadHeader(d.c.Store)
	}
	if err != nil {
		d.fail("store", err)
		return nil
	}
	d.ok("store", "%s: %s on root %q", d.c.Store, header.Profile, header.Root)
	s := store.Store{Header: header, Path: d.c.Store}
	files := []string{s.Path, s.RootPath(), s.VaultPath()}
	if header.KeyFile != "" {
		files = append(files, header.KeyFile)
	}
	sound := true
	for _, path := range files {
		sound = d.examineFile(path) && sound
	}
	d.examineRoom()
	if sound {
		d.ok("files", "all there, yours, and closed to others")
	}
	return &header
}

// examineFile looks whether a file or folder is there and the owner's alone.
func (d *doctor) examineFile(path string) (sound bool) {
	info, err := os.Stat(path)
	if err != nil {
		d.fail("files", err)
		return false
	}
	if open, fix := openToOthers(path, info); open != "" {
		d.problem("files", fix, "%s: %s", path, open)
		return false
	}
	if want := ownerNeeds(info); info.Mode().Perm()&want != want {
		d.problem("files", "chmod u+rwX "+quote(path), "%s: mode %04o does not let you use it", path, info.Mode().Perm())
		return false
	}
	return true
}

// ownerNeeds is what the owner of a store has to be allowed to do with a file, or
// with a folder. A key file, too, is one that signet init has made.
func ownerNeeds(info fs.FileInfo) fs.FileMode {
	if info.IsDir() {
		return 0o700
	}
	return 0o400
}

// examineDaemon looks at the running signet; nil where none runs.
func (d *doctor) examineDaemon(ctx context.Context, rules policy.Policy) *daemon.Status {
	_, control, err := d.c.sockets()
	if errors.As(err, new(otherUserError)) {
		return nil // examineStore has told
	}
	if err != nil {
		d.fail("daemon", err)
		return nil
	}
	status, err := daemon.ReadStatus(ctx, control)
	switch {
	case errors.Is(err, daemon.ErrNotRunning):
		d.examineLockFile()
		return nil
	case err != nil:
		d.fail("daemon", err)
		return nil
	}
	d.ok("daemon", "process %d runs since %s", status.PID, status.Since.Local().Format(time.DateTime))
	if status.Approve == approveAlways {
		d.warn("daemon", "start signet run without --approve; it is for tests", "nobody is asked: whoever reaches a door uses the passkeys")
	}
	if status.Approve == approveUnattended {
		d.note("daemon", "attach a terminal with signet consent", "nobody is there to ask: every question is refused")
	}
	if !reflect.DeepEqual(status.Policy, policyStatus(rules)) {
		d.warn("policy", "start signet run again", "the running signet does not follow the policy as it is now")
	}
	return status
}

// examineLockFile looks whether a signet that no control socket leads to has the
// store.
func (d *doctor) examineLockFile() {
	s, err := store.Open(d.c.Store)
	var busy *store.BusyError
	if d.busy = errors.As(err, &busy); d.busy {
		d.problem("daemon", "if it is a command, let it end; if it is signet run, its socket was removed: stop it and start it again",
			"%v, and no control socket leads to it", err)
		return
	}
	if err == nil {
		err = s.Close()
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		d.note("daemon", "start it with signet run", "no signet runs on this store")
	} // else examineStore has told what is wrong with it
}

// examineRunning looks at the device through the running signet.
func (d *doctor) examineRunning(ctx context.Context) {
	_, control, err := d.c.sockets()
	if err != nil {
		d.fail("daemon", err)
		return
	}
	d.examineDevice(ctx, daemon.Owner{Caller: daemon.Client{Control: control}})
}

// examineStopped opens the device, where that takes no question.
func (d *doctor) examineStopped(ctx context.Context, h *store.Header) {
	if h.Unlock == store.UnlockPassphrase && !d.flags.passphraseGiven() {
		d.note("vault", "give --passphrase-file or --passphrase-fd, or call doctor while signet runs",
			"not checked: this device is opened by a passphrase")
		return
	}
	if d.examineLock(ctx, h) {
		return
	}
	dev, err := d.flags.openDevice(ctx, d.c, nil)
	if err != nil {
		d.fail("root", err)
		return
	}
	if err := dev.checkPolicy(); err != nil {
		d.fail("policy", err)
	}
	d.examineDevice(ctx, daemon.Owner{Caller: daemon.Engine{Device: dev.engine, Policy: dev.rules}})
	if err := dev.Close(context.WithoutCancel(ctx)); err != nil {
		d.fail("root", err)
	}
}

func (d *doctor) examineDevice(ctx context.Context, o daemon.Owner) {
	d.ok("root", "it opens")
	if err := o.Check(ctx); err != nil {
		d.fail("vault", err)
	} else {
		d.ok("vault", "every record is whole")
	}
	p, err := o.PIN(ctx)
	switch {
	case err != nil:
		d.fail("PIN", err)
	case !p.Set:
		d.warn("PIN", "set one with signet pin set", "none is set: whoever reaches a door and your consent uses every passkey")
	case p.Retries == 0:
		d.problem("PIN", "only signet reset helps, and it erases every passkey", "no try is left")
	case p.MustChange:
		d.problem("PIN", "signet pin change", "it is shorter than the rules ask for by now, and serves only to be changed; %s left", tries(p.Retries))
	case p.Blocked:
		d.problem("PIN", "signet unlock, or start signet run again", "three wrong PINs in a row have blocked it; %s left", tries(p.Retries))
	case p.Retries <= authenticator.FewRetries:
		d.warn("PIN", "type it right once, such as with signet unlock, and all tries are back", "only %s left", tries(p.Retries))
	default:
		d.ok("PIN", "set, %s left", tries(p.Retries))
	}
}

// examineMove looks for what a move that was cut short has left, after a command
// that opens the device, such as this one, has cleared up what it can.
func (d *doctor) examineMove(h store.Header, running bool) {
	s := store.Store{Header: h, Path: d.c.Store}
	left, moved, err := s.Leftover()
	fix := "open the device where both roots can be reached, such as with signet pin retries: that clears it up"
	if running {
		fix = "stop signet run and start it again where both roots can be reached: that clears it up"
	}
	switch {
	case err != nil:
		d.fail("move", err)
	case left == nil:
	case moved:
		d.warn("move", fix, "what kept the keys before a move, %s, is not destroyed yet", rootText(left.Root))
	default:
		d.warn("move", fix, "a move to %s was cut short; the device has not moved, and the remains are there", rootText(left.Root))
	}
}

// firstYear is when this program was written: no clock that is right stands
// before.
const firstYear = 2026

func (d *doctor) examineClock() {
	now := time.Now()
	info, err := os.Stat((&store.Store{Path: d.c.Store}).VaultPath())
	switch {
	case now.Year() < firstYear:
		d.warn("clock", "set the clock; passkeys work all the same", "it stands at %s", now.Format(time.DateTime))
	case err == nil && info.ModTime().After(now.Add(time.Minute)):
		d.warn("clock", "set the clock; passkeys work all the same", "it stands before the last use of the store, %s",
			info.ModTime().Format(time.DateTime))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		d.fail("clock", err)
	default:
		d.ok("clock", "%s", now.Format(time.DateTime))
	}
}
