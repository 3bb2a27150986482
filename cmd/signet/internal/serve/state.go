package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/keystore/file"
	"github.com/seed-77d61853/signet/rptest"
)

// state is what a file keeps of a service: the devices and their passkeys, with
// the private keys and large blobs. Behaviours, logs and audits are not kept; what
// the PRF gives is not what it gave before, and what is drawn from a seed is new.
type state struct {
	Version int           `json:"version"`
	Made    int           `json:"made"`
	Devices []deviceState `json:"devices"`
}

type deviceState struct {
	ID          string              `json:"id"`
	Config      deviceConfig        `json:"config"`
	Starts      int                 `json:"starts,omitempty"` // how often it was read, where it has a seed
	Credentials []rptest.Credential `json:"credentials"`      // the newest first
}

const stateVersion = 1

// Load reads the devices that Save wrote. A file that is not there has none. It fails
// where Save could not write the file.
func (s *Server) Load(ctx context.Context, path string) error {
	if err := checkWritable(path); err != nil {
		return fmt.Errorf("devices could not be written to %s: %w", path, err)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read devices: %w", err)
	}
	var st state
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&st); err != nil {
		return fmt.Errorf("read devices from %s: %w", path, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("read devices from %s: something follows them", path)
	}
	if st.Version != stateVersion {
		return fmt.Errorf("read devices from %s: version %d is not %d, which this signet knows", path, st.Version, stateVersion)
	}
	for _, kept := range st.Devices {
		if err := s.checkID(kept.ID, st.Made); err != nil {
			return fmt.Errorf("read devices from %s: %w", path, err)
		}
		starts := 0
		if kept.Config.Seed != "" {
			starts = kept.Starts + 1
		}
		d, err := newDevice(kept.ID, kept.Config, starts)
		if err != nil {
			return fmt.Errorf("read devices from %s: device %s: %w", path, kept.ID, err)
		}
		for i := len(kept.Credentials) - 1; i >= 0; i-- {
			if err := d.Add(ctx, kept.Credentials[i]); err != nil {
				return fmt.Errorf("read devices from %s: device %s: %w", path, kept.ID, err)
			}
		}
		s.mu.Lock()
		s.devices[d.id] = d
		s.order = append(s.order, d.id)
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made = max(s.made, st.Made)
	return nil
}

// checkID refuses the ID of a kept device that was never given, or that another
// has: that of the next device made would be the same.
func (s *Server) checkID(id string, made int) error {
	digits, _ := strings.CutPrefix(id, "d")
	if n, err := strconv.Atoi(digits); err != nil || n < 1 || n > made || "d"+strconv.Itoa(n) != id {
		return fmt.Errorf("%q is none of the IDs of the %d devices made", id, made)
	}
	if _, err := s.device(id); err == nil {
		return fmt.Errorf("there are two devices %q", id)
	}
	return nil
}

// Save writes the devices to a file, in one step, with mode 0600, and leaves an
// empty file beside it whose name ends in .lock. A device that cannot be written is
// left out, and named by the error.
func (s *Server) Save(ctx context.Context, path string) error {
	all, made := s.snapshot()
	st := state{Version: stateVersion, Made: made, Devices: []deviceState{}}
	var failed error
	for _, d := range all {
		credentials, err := d.Credentials(ctx)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("device %s is not kept: %w", d.id, err))
			continue
		}
		st.Devices = append(st.Devices, deviceState{d.id, d.asked, d.starts, credentials})
	}
	data, err := json.MarshalIndent(st, "", "  ")
	if err == nil {
		err = replace(path, append(data, '\n'))
	}
	if err != nil {
		failed = errors.Join(failed, fmt.Errorf("write devices: %w", err))
	}
	return failed
}

// snapshot lists the devices, and tells how many were made: those, at least.
func (s *Server) snapshot() (all []*device, made int) {
	all = s.all()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return all, s.made
}

// checkWritable makes a file beside path, and removes it.
func checkWritable(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// replace puts data in the place of path, with a lock beside it: services that end
// at the same time may have been given the same file.
func replace(path string, data []byte) error {
	lock, err := file.Lock(path + ".lock")
	if err != nil {
		return err
	}
	return errors.Join(file.Replace(path, data), lock.Close())
}
