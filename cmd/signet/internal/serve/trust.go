package serve

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// What a site is given so that it trusts, or does not trust, the statements of a
// device.

const typePEM = "application/pem-certificate-chain"

func (s *Server) deviceRoots(w http.ResponseWriter, _ *http.Request, d *device) error {
	roots, err := d.Authority().Roots()
	if err != nil {
		return err
	}
	return raw(w, typePEM, roots)
}

func (s *Server) metadataRoots(w http.ResponseWriter, _ *http.Request, d *device) error {
	roots, err := d.Authority().MetadataRoots()
	if err != nil {
		return err
	}
	return raw(w, typePEM, roots)
}

// allRoots serves the attestation roots of every profile, and of the devices
// that there are.
func (s *Server) allRoots(w http.ResponseWriter, _ *http.Request) error {
	var devices []*rptest.Device
	for _, p := range rptest.Personalities() {
		d, err := rptest.NewDevice(rptest.DeviceConfig{Personality: p})
		if err != nil {
			return err
		}
		devices = append(devices, d)
	}
	for _, d := range s.all() {
		devices = append(devices, d.Device)
	}
	var all [][]byte
	for _, d := range devices {
		roots, err := d.Authority().Roots()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(have []byte) bool { return bytes.Equal(have, roots) }) {
			all = append(all, roots)
		}
	}
	return raw(w, typePEM, slices.Concat(all...))
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request, d *device) error {
	statement, err := d.Authority().MetadataStatement(d.Model())
	if err != nil {
		return err
	}
	return raw(w, "application/json", statement)
}

// trialBLOBs serves what a site is fed with before an audit of trust in such devices.
func (s *Server) trialBLOBs(w http.ResponseWriter, _ *http.Request, d *device) error {
	blobs, err := d.TrialBLOBs()
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, blobs)
}

// metadataBLOB serves a BLOB about the device alone: its number and the device's
// status are in the query.
func (s *Server) metadataBLOB(w http.ResponseWriter, r *http.Request, d *device) error {
	q := r.URL.Query()
	b := attest.BLOB{No: 1, Entries: []attest.Entry{{Model: d.Model()}}}
	var err error
	if no := q.Get("no"); no != "" {
		if b.No, err = strconv.Atoi(no); err != nil {
			return refusal(http.StatusBadRequest, "no=%s is no number", no)
		}
	}
	if next := q.Get("nextUpdate"); next != "" {
		if b.NextUpdate, err = time.Parse(time.DateOnly, next); err != nil {
			return refusal(http.StatusBadRequest, "nextUpdate=%s is no day like 2026-11-30", next)
		}
	}
	for _, status := range q["status"] {
		b.Entries[0].Reports = append(b.Entries[0].Reports, attest.Report{Status: attest.Status(status)})
	}
	switch fault := q.Get("fault"); fault {
	case "":
	case "signature":
		b.BadSignature = true
	case "root":
		b.Rogue = true
	default:
		return refusal(http.StatusBadRequest, "fault=%s is none of signature, root", fault)
	}
	blob, err := d.Authority().SignBLOB(b)
	if err != nil {
		return err
	}
	return raw(w, "application/jose", []byte(blob))
}
