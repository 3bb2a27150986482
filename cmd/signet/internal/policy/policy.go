// Package policy is what the administrator of a machine demands of every device
// on it: a file that root alone can change, read at each start.
//
// It binds the program, not the person: whoever runs another program on their
// own files does not read it.
package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/cmd/signet/internal/access"
	"github.com/seed-77d61853/signet/cmd/signet/internal/text"
	"github.com/seed-77d61853/signet/ctap"
)

// The rules, as the file names them.
const (
	RequireHardwareKeys = "require-hardware-keys"
	ForbidCopying       = "forbid-copying"
	ForbidExport        = "forbid-export"
	MinPINLength        = "min-pin-length"
	RPIDs               = "rp-ids"
)

// minPIN is the least that the standard allows, in code points (CTAP 2.3 §6.5.1).
const minPIN = 4

// maxSize bounds the file in bytes.
const maxSize = 1 << 20

// ErrInsecure tells that somebody else than the administrator could have written
// the file.
var ErrInsecure = errors.New("not safe from changes by others than root")

// A Policy is what the file says. The zero Policy demands nothing.
type Policy struct {
	// Path is the file's; empty: there is none.
	Path string `yaml:"-"`
	// RequireHardwareKeys refuses keys that are not in a chip.
	RequireHardwareKeys bool `yaml:"require-hardware-keys"`
	// ForbidCopying refuses to make devices whose passkeys may be copied, to
	// back passkeys up, and to move them elsewhere.
	ForbidCopying bool `yaml:"forbid-copying"`
	// ForbidExport refuses to give out public keys.
	ForbidExport bool `yaml:"forbid-export"`
	// MinPINLength is the shortest PIN in code points; 0: as the device says.
	MinPINLength int `yaml:"min-pin-length"`
	// RPIDs are the sites that passkeys are for, as authenticator.AllowsRPID
	// takes them; nil: all.
	RPIDs []string `yaml:"rp-ids"`
}

// A Source is where the policy is read from.
type Source struct {
	Path string // empty: there is no policy
	// Owner is the user who must own the file; it or root must own all folders
	// on the way to it.
	Owner int
}

// System is the policy of this machine.
func System() Source { return Source{Path: "/etc/signet/policy.yaml", Owner: 0} }

// Read reads the policy: the zero Policy where there is none, an error where it
// cannot be trusted or understood. A policy that is in doubt is never ignored.
func (s Source) Read() (Policy, error) {
	p, err := s.read()
	if err != nil {
		return Policy{}, fmt.Errorf("administrator's policy: %w", err)
	}
	return p, nil
}

func (s Source) read() (p Policy, err error) {
	if s.Path == "" {
		return Policy{}, nil
	}
	path, err := s.find()
	if errors.Is(err, fs.ErrNotExist) {
		return Policy{}, nil
	}
	if err != nil {
		return Policy{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return Policy{}, err
	}
	defer f.Close()
	if err := s.check(f); err != nil {
		return Policy{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return Policy{}, err
	case len(b) > maxSize:
		return Policy{}, fmt.Errorf("%s: longer than %d bytes", s.Path, maxSize)
	}
	if p, err = Parse(b); err != nil {
		return Policy{}, fmt.Errorf("%s: %w", s.Path, err)
	}
	p.Path = s.Path
	return p, nil
}

// check tells whether the file is one that the owner alone can change.
func (s Source) check(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a file: %w", f.Name(), ErrInsecure)
	}
	uid, known := access.Owner(info)
	switch {
	case known && uid != s.Owner:
		return fmt.Errorf("%s: owned by user %d: %w", f.Name(), uid, ErrInsecure)
	case known && info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s: mode %04o: %w", f.Name(), info.Mode().Perm(), ErrInsecure)
	}
	return nil
}

// Parse reads a policy's text. Unknown keys are errors: a rule that is misspelt
// must not be a rule that is not there.
func Parse(b []byte) (Policy, error) {
	p, err := decode(b)
	if err != nil {
		return Policy{}, err
	}
	if p.MinPINLength != 0 && (p.MinPINLength < minPIN || p.MinPINLength > ctap.MaxPINBytes) {
		return Policy{}, fmt.Errorf("%s: %d is not in %d..%d", MinPINLength, p.MinPINLength, minPIN, ctap.MaxPINBytes)
	}
	if p.RPIDs != nil && len(p.RPIDs) == 0 {
		return Policy{}, fmt.Errorf("%s: no site is listed; leave the rule out to allow all", RPIDs)
	}
	for _, id := range p.RPIDs {
		if err := checkRPID(id); err != nil {
			return Policy{}, fmt.Errorf("%s: %w", RPIDs, err)
		}
	}
	return p, nil
}

func decode(b []byte) (p Policy, err error) {
	if err := text.Unmarshal(b, &p, true); err != nil {
		return Policy{}, fmt.Errorf("%w; the rules are %s, %s and %s (true or false), %s (a number), %s (a list)",
			err, RequireHardwareKeys, ForbidCopying, ForbidExport, MinPINLength, RPIDs)
	}
	return p, nil
}

// checkRPID refuses what can match no site, such as an origin.
func checkRPID(id string) error {
	domain := strings.TrimPrefix(id, "*.")
	if domain == "" || strings.ContainsAny(domain, "*/ ") {
		return fmt.Errorf(`%q is neither an RP ID, such as example.com, nor "*." and a domain`, id)
	}
	return nil
}

// A Rule is a rule that holds, in words.
type Rule struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Rules lists what the policy demands.
func (p Policy) Rules() (rules []Rule) {
	add := func(holds bool, name, text string) {
		if holds {
			rules = append(rules, Rule{name, text})
		}
	}
	add(p.RequireHardwareKeys, RequireHardwareKeys, "only keys that never leave a chip are made and used")
	add(p.ForbidCopying, ForbidCopying, "passkeys are not copied, backed up or moved elsewhere")
	add(p.ForbidExport, ForbidExport, "public keys are not given out")
	add(p.MinPINLength > 0, MinPINLength, fmt.Sprintf("a PIN has at least %d characters", p.MinPINLength))
	add(p.RPIDs != nil, RPIDs, "only for "+strings.Join(slices.Sorted(slices.Values(p.RPIDs)), " "))
	return rules
}

// Restricts names the rules behind a passkey's restriction, with a comma between
// them; empty where there are none.
func (p Policy) Restricts(r authenticator.Restriction) string {
	var names []string
	if r&authenticator.SiteNotAllowed != 0 {
		names = append(names, RPIDs)
	}
	if r&authenticator.KeyNotInChip != 0 {
		names = append(names, RequireHardwareKeys)
	}
	return strings.Join(names, ", ")
}

// A Violation tells that a rule makes something unavailable.
type Violation struct {
	Path, Rule string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("the administrator's policy forbids this: %s in %s", v.Rule, v.Path)
}

// Forbid returns the Violation of a rule.
func (p Policy) Forbid(rule string) error { return &Violation{Path: p.Path, Rule: rule} }
