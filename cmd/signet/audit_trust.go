package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// trust is what a site is given so that it can judge the audit's devices.
type trust struct {
	roots, metadataRoots bytes.Buffer // PEM
	models               []ctap.AAGUID
	statements           map[string][]byte // by file name
	blobs                []string
}

// writeTrust writes what a site needs to judge the attestation of devices that
// cases use, where theirs is config.
func writeTrust(out io.Writer, dir string, config rptest.DeviceConfig) error {
	t, err := newTrust(config)
	if err != nil {
		return err
	}
	var aaguids strings.Builder
	for _, m := range t.models {
		fmt.Fprintln(&aaguids, m)
	}
	files := []struct {
		name, what string
		content    []byte
	}{
		{"roots.pem", "certificates that the attestation of every device leads to", t.roots.Bytes()},
		{"aaguids.txt", "the models, for a list of those that the site allows", []byte(aaguids.String())},
		{"mds-roots.pem", "certificate that the metadata BLOBs' signatures lead to", t.metadataRoots.Bytes()},
		{"mds.jwt", "metadata BLOB to feed the site with", []byte(t.blobs[0])},
		{"mds-older.jwt", "an older one, to feed it with next; it has to refuse it", []byte(t.blobs[1])},
		{"mds-forged.jwt", "one whose signature is wrong, to feed it with last; it has to refuse it", []byte(t.blobs[2])},
	}
	for _, name := range slices.Sorted(maps.Keys(t.statements)) {
		files = append(files, struct {
			name, what string
			content    []byte
		}{name, "metadata statement of a model", t.statements[name]})
	}
	if err := os.MkdirAll(filepath.Join(dir, "metadata"), 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", path, f.what); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, "\nThese are of test devices, whose keys anybody can make: give them to a site under test alone.\n"+
		"Then audit it with --trusted, and with --model-list where it allows only the models listed.")
	return err
}

func newTrust(config rptest.DeviceConfig) (*trust, error) {
	main, err := rptest.NewDevice(config)
	if err != nil {
		return nil, err
	}
	t := &trust{statements: map[string][]byte{}}
	if t.blobs, err = main.TrialBLOBs(); err != nil {
		return nil, err
	}
	metadataRoots, err := main.Authority().MetadataRoots()
	if err != nil {
		return nil, err
	}
	t.metadataRoots.Write(metadataRoots)
	devices := []rptest.DeviceConfig{config}
	for _, c := range rptest.Catalogue() {
		device := c.Device
		if device.Personality == "" {
			device.Personality = config.Personality
		}
		devices = append(devices, device)
	}
	return t, t.add(devices)
}

// add adds what is known of the devices' models.
func (t *trust) add(devices []rptest.DeviceConfig) error {
	models := map[ctap.AAGUID]*attest.Model{}
	authorities := map[ctap.AAGUID]*attest.Authority{}
	for _, c := range devices {
		d, err := rptest.NewDevice(c)
		if err != nil {
			return err
		}
		c = d.Config()
		if c.Attestation == attest.None {
			continue
		}
		m := models[*c.AAGUID]
		if m == nil {
			m = &attest.Model{AAGUID: *c.AAGUID, Synced: *c.BackupEligible}
			models[m.AAGUID], authorities[m.AAGUID] = m, d.Authority()
			t.models = append(t.models, m.AAGUID)
		}
		m.Formats = append(m.Formats, missing(m.Formats, c.Attestation)...)
		for _, alg := range c.Algorithms {
			m.Algorithms = append(m.Algorithms, missing(m.Algorithms, alg)...)
		}
	}
	for _, aaguid := range t.models {
		roots, err := authorities[aaguid].Roots()
		if err != nil {
			return err
		}
		t.roots.Write(roots)
		statement, err := authorities[aaguid].MetadataStatement(*models[aaguid])
		if err != nil {
			return err
		}
		t.statements[filepath.Join("metadata", aaguid.String()+".json")] = append(statement, '\n')
	}
	return nil
}

// missing is the value, where a list does not have it.
func missing[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return nil
	}
	return []T{v}
}
