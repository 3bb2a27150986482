package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/keystore"
)

// checkPolicy refuses to make what the administrator's policy forbids.
func (f *initFlags) checkPolicy(rules policy.Policy) error {
	switch {
	case rules.RequireHardwareKeys && (f.Root != store.RootTPM || f.Copyable == "yes"):
		return fmt.Errorf("a device whose keys are not in a chip: %w", rules.Forbid(policy.RequireHardwareKeys))
	case rules.ForbidCopying && f.Copyable == "yes":
		return fmt.Errorf("a device whose passkeys may be copied: %w", rules.Forbid(policy.ForbidCopying))
	}
	return nil
}

func checkPINPolicy(rules policy.Policy, pin []byte) error {
	if utf8.RuneCount(pin) < rules.MinPINLength {
		return fmt.Errorf("a PIN of less than %d characters: %w", rules.MinPINLength, rules.Forbid(policy.MinPINLength))
	}
	return nil
}

// checkPolicy refuses to start a device that could do nothing under the policy.
// It can still be looked after.
func (d *device) checkPolicy() error {
	inChip := func(a keystore.Algorithm) bool { return a.InChip }
	if d.rules.RequireHardwareKeys && !slices.ContainsFunc(d.root.Algorithms(), inChip) {
		return fmt.Errorf("a device without a key in a chip: %w", d.rules.Forbid(policy.RequireHardwareKeys))
	}
	return nil
}

// policyStatus is what status says of a policy; nil where there is none.
func policyStatus(p policy.Policy) *daemon.Policy {
	if p.Path == "" {
		return nil
	}
	return &daemon.Policy{Path: p.Path, Rules: append([]policy.Rule{}, p.Rules()...)}
}

// writePolicy prints the rules that hold, with the file that they stand in.
func writePolicy(w io.Writer, p *daemon.Policy) error {
	if p == nil || len(p.Rules) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nThe administrator's policy, %s:\n", p.Path)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range p.Rules {
		fmt.Fprintf(t, "  %s\t%s\n", r.Name, r.Text)
	}
	return t.Flush()
}
