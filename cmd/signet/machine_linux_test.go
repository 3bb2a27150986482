package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/seed-77d61853/signet/keystore/keyring"
	"github.com/seed-77d61853/signet/tpm"
	"github.com/seed-77d61853/signet/tpm/tpmtest"
)

func (d *doctor) has(t *testing.T, status, text string) {
	t.Helper()
	for _, f := range d.findings {
		if f.Status == status && strings.Contains(f.Text, text) {
			return
		}
	}
	t.Errorf("no %s with %q in %+v", status, text, d.findings)
}

// A chip says how it is, and which of its indices a device made.
func TestDoctorAsksTheChip(t *testing.T) {
	chip := tpmtest.New(t)
	d := new(doctor)
	d.examineChip(t.Context(), d.problem, chip.Open, "")
	d.has(t, findingOK, "version 2.0 of")
	if len(d.findings) != 1 {
		t.Errorf("a new chip: %+v", d.findings)
	}
	root := t.TempDir() + "/root"
	if err := tpm.Create(t.Context(), root, chip.Open, tpm.Options{}); err != nil {
		t.Fatal(err)
	}
	d = new(doctor)
	d.examineChip(t.Context(), d.problem, chip.Open, root)
	d.has(t, findingNote, "NV indices of this device: 0x")
	d.has(t, findingNote, "("+tpm.PurposeTries+")")
	d.has(t, findingNote, "("+tpm.PurposeSecret+")")
	for _, f := range d.findings {
		if f.Status == findingProblem || strings.Contains(f.Text, "other devices") || strings.Contains(f.Text, "\x00") {
			t.Errorf("a chip that is well: %+v", f)
		}
	}
	d = new(doctor)
	d.examineChip(t.Context(), d.problem, chip.Open, "")
	d.has(t, findingNote, "that Signet made for other devices")

	// A chip that was cleared, or is another one, has nothing of the device.
	d = new(doctor)
	d.examineChip(t.Context(), d.problem, tpmtest.New(t).Open, root)
	d.has(t, findingProblem, "what this device keeps in the chip is gone: PIN tries, device secret, gate secret")
}

// A disk that is full, or soon is.
func TestDoctorDisk(t *testing.T) {
	for left, want := range map[uint64]string{0: findingProblem, 63 << 10: findingProblem, 100 << 10: findingWarning, 1 << 30: ""} {
		d := &doctor{c: new(config)}
		d.judgeRoom(left)
		got := ""
		for _, f := range d.findings {
			got = f.Status
			if !strings.Contains(f.Fix, "make room") {
				t.Errorf("%+v", f)
			}
		}
		if got != want {
			t.Errorf("%d bytes left: %q, want %q", left, got, want)
		}
	}
}

// A keyring that cannot be used has a way also where there is no desktop.
func TestKeyringRemedy(t *testing.T) {
	c := &config{Store: "/srv/dev", named: true}
	for err, want := range map[error]string{
		keyring.ErrLocked:    "dbus-run-session",
		keyring.ErrNoService: "signet move --store /srv/dev --to file",
		keyring.ErrKeyLost:   "signet store destroy --store /srv/dev --force",
	} {
		if way := c.wayOut(fmt.Errorf("open root: %w", err)); !strings.Contains(way, want) {
			t.Errorf("%v: %s", err, way)
		}
	}
}

// Findings of several lines stay in their column.
func TestDoctorTable(t *testing.T) {
	var out strings.Builder
	if err := writeFindings(&out, []finding{{"policy", findingProblem, "line one\n> 1 | line: two", "do this\n  then that"}, {"x", findingOK, "fine", ""}}); err != nil {
		t.Fatal(err)
	}
	const want = "problem  policy  line one\n                 > 1 | line: two\n                 -> do this\n                    then that\nok       x       fine\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// What the device's own root needs is a problem where it is missing, and of
// another root good to know.
func TestDoctorLacks(t *testing.T) {
	absent := func() (transport.TPMCloser, error) { return nil, tpm.ErrAbsent }
	for root, want := range map[string]string{"tpm": findingProblem, "file": findingNote} {
		d := new(doctor)
		d.examineChip(t.Context(), d.need("tpm", root), absent, "")
		d.has(t, want, "no TPM answers")
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
		if d.examineBus(d.need("tpm", root)) {
			t.Error("found a session bus")
		}
		d.has(t, want, "no session bus")
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+t.TempDir()+"/none")
		d.examineKeyring(t.Context(), d.need("tpm", root))
		d.has(t, want, "no OS keyring answers")
	}
}
