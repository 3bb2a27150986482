package main

import (
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2/transport"

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
	d.examineChip(t.Context(), d.problem, chip.Open)
	d.has(t, findingOK, "version 2.0 of")
	if len(d.findings) != 1 {
		t.Errorf("a new chip: %+v", d.findings)
	}
	if err := tpm.Create(t.Context(), t.TempDir()+"/root", chip.Open, tpm.Options{}); err != nil {
		t.Fatal(err)
	}
	d = new(doctor)
	d.examineChip(t.Context(), d.problem, chip.Open)
	d.has(t, findingNote, "("+tpm.PurposeTries+")")
	d.has(t, findingNote, "("+tpm.PurposeSecret+")")
}

// What the device's own root needs is a problem where it is missing, and of
// another root good to know.
func TestDoctorLacks(t *testing.T) {
	absent := func() (transport.TPMCloser, error) { return nil, tpm.ErrAbsent }
	for root, want := range map[string]string{"tpm": findingProblem, "file": findingNote} {
		d := new(doctor)
		d.examineChip(t.Context(), d.need("tpm", root), absent)
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
