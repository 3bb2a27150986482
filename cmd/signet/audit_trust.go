package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// trust is what a site is given so that it can judge the audit's devices.
type trust struct {
	roots, metadataRoots bytes.Buffer // PEM
	models               []model
	blobs                []string
}

// model is one of the audit's devices.
type model struct {
	aaguid    ctap.AAGUID
	formats   []attest.Format
	statement []byte // of metadata
}

// writeTrust writes what a site needs to judge the attestation of the devices that
// cases use, where theirs is config, and of every profile's.
func writeTrust(out io.Writer, dir string, config rptest.DeviceConfig) error {
	t, err := newTrust(config)
	if err != nil {
		return err
	}
	var aaguids strings.Builder
	for _, m := range t.models {
		fmt.Fprintln(&aaguids, m.aaguid)
	}
	type file struct {
		name, what string
		content    []byte
	}
	files := []file{
		{"roots.pem", "certificates that the attestation of every device leads to", t.roots.Bytes()},
		{"aaguids.txt", "the models, for a list of those that the site allows", []byte(aaguids.String())},
		{"mds-roots.pem", "certificate that the metadata BLOBs' signatures lead to", t.metadataRoots.Bytes()},
		{"mds.jwt", "metadata BLOB to feed the site with", []byte(t.blobs[0])},
		{"mds-older.jwt", "an older one, to feed it with next; it has to refuse it", []byte(t.blobs[1])},
		{"mds-forged.jwt", "one whose signature is wrong, to feed it with last; it has to refuse it", []byte(t.blobs[2])},
	}
	for _, m := range t.models {
		files = append(files, file{
			filepath.Join("metadata", m.aaguid.String()+".json"), "metadata statement of the model that attests in " + listed(m.formats), m.statement,
		})
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
	t := &trust{}
	if t.blobs, err = main.TrialBLOBs(); err != nil {
		return nil, err
	}
	metadataRoots, err := main.Authority().MetadataRoots()
	if err != nil {
		return nil, err
	}
	t.metadataRoots.Write(metadataRoots)
	makers, err := rptest.Makers(config)
	if err != nil {
		return nil, err
	}
	for _, m := range makers {
		roots, err := m.Authority.Roots()
		if err != nil {
			return nil, err
		}
		t.roots.Write(roots)
		statement, err := m.Authority.MetadataStatement(m.Model)
		if err != nil {
			return nil, err
		}
		t.models = append(t.models, model{m.Model.AAGUID, m.Model.Formats, append(statement, '\n')})
	}
	return t, nil
}

func listed(formats []attest.Format) string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
