package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/report"
)

// auditFlags say which site is audited, with what, and where the report goes.
type auditFlags struct {
	siteFlags
	outputFlags

	Cases   []string
	Skip    []string
	AtLeast string
	FailOn  string
	Slow    bool
	Seed    string

	Profile     string
	Attestation string
	Trusted     bool
	ModelList   bool

	List  bool
	Trust string
}

// Statuses that audit ends with, and explain with the first, besides those of every
// command.
const (
	statusFinding     exitStatus = 1
	statusNoVerdict   exitStatus = 3
	statusInterrupted exitStatus = 130 // as of a shell's command that Ctrl-C ended
)

func newAudit() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "audit --fido-api URL | --mapping FILE",
		Short: "Test how a site verifies passkeys",
		Long: `Audit plays a catalogue of faults against a site, each between the same ceremony without
the fault: what a site takes and should not, refuses and should not, keeps after refusing,
or crashes on, is a finding. It makes accounts of its own, whose names begin with
signet- and are never used twice, and leaves them there.

The site speaks the REST profile of FIDO's conformance tests (--fido-api), or a mapping
says how it is spoken to (--mapping): docs/testing/mapping.md. Requests go to the address
given and to hosts that the mapping lists, one at a time but in cases of races; redirects
are not followed. Any address but this machine's needs --i-own-this.

Exit status: 0 without findings at or above --fail-on, 1 with, 3 where none was found but
a case of that severity came to no verdict, 130 after Ctrl-C, with the report of what was
played. Findings in --baseline do not count; --write-baseline writes one and ends with 0.`,
		Example: `  signet audit --fido-api http://localhost:8080 --origin https://login.example
  signet audit --mapping rp.yaml --sarif audit.sarif --html audit.html
  signet audit --mapping rp.yaml --write-baseline passkeys.baseline
  signet audit --mapping rp.yaml --baseline passkeys.baseline --junit audit.xml
  signet audit --mapping rp.yaml --case login.origin.port
  signet audit --list
  signet audit --trust trust`,
		Args:              noArgs,
		PersistentPreRunE: withoutDevice("audit makes devices of its own"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return f.run(cmd)
		},
	}
	f.addFlags(cmd)
	return cmd
}

func severities() []string {
	return []string{rptest.Low.String(), rptest.Medium.String(), rptest.High.String(), rptest.Critical.String()}
}

func profiles() (names []string) {
	for _, p := range rptest.Personalities() {
		names = append(names, string(p))
	}
	return names
}

func attestations() (names []string) {
	for _, f := range attest.Formats() {
		names = append(names, string(f))
	}
	return names
}

func (f *auditFlags) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.siteFlags.addFlags(flags)
	f.outputFlags.addFlags(flags)
	flags.StringArrayVar(&f.Cases, "case", nil, `play this case only, or those below a name that ends in a dot; one alone is explained (repeatable)`)
	flags.StringArrayVar(&f.Skip, "skip", nil, "leave this case out, or those below a name that ends in a dot (repeatable)")
	flags.StringVar(&f.AtLeast, "at-least", "low", "leave out cases that are less severe: low, medium, high or critical")
	flags.StringVar(&f.FailOn, "fail-on", "high", "findings from this severity on fail the audit: low, medium, high or critical")
	flags.BoolVar(&f.Slow, "slow", false, "play cases, too, that wait until a challenge has expired")
	flags.StringVar(&f.Seed, "seed", "", "repeat the order of cases and the devices of the run that printed this seed; accounts are new ones")
	flags.StringVar(&f.Profile, "profile", "phone", "what the devices are, where a case does not say: "+strings.Join(profiles(), ", "))
	flags.StringVar(&f.Attestation, "attestation", "", "format of the devices' attestation, where a case does not say: "+strings.Join(attestations(), ", "))
	flags.BoolVar(&f.Trusted, "trusted", false, "the site was given what --trust wrote: play the cases that only such a site can notice")
	flags.BoolVar(&f.ModelList, "model-list", false, "with --trusted: the site allows only the models in aaguids.txt")
	flags.BoolVar(&f.List, "list", false, "list the cases and play none")
	flags.StringVar(&f.Trust, "trust", "", "write roots, metadata and AAGUIDs of the devices into this folder, to set a site up, and play nothing")
	completes(cmd, "at-least", severities()...)
	completes(cmd, "fail-on", severities()...)
	completes(cmd, "profile", profiles()...)
	completes(cmd, "attestation", attestations()...)
}

func (f *auditFlags) check(cmd *cobra.Command) error {
	for _, choice := range []struct {
		flag, value string
		of          []string
	}{
		{"at-least", f.AtLeast, severities()}, {"fail-on", f.FailOn, severities()},
		{"profile", f.Profile, profiles()}, {"attestation", f.Attestation, append(attestations(), "")},
	} {
		if !slices.Contains(choice.of, choice.value) {
			return usagef(cmd, "--%s=%s: want %s", choice.flag, choice.value, strings.TrimSuffix(strings.Join(choice.of, ", "), ", "))
		}
	}
	if _, err := f.audit().Cases(); err != nil {
		return usagef(cmd, "%v: see --case, --skip, --at-least, and signet audit --list", err)
	}
	if f.ModelList && !f.Trusted {
		return usagef(cmd, "--model-list needs --trusted")
	}
	if f.List || f.Trust != "" {
		return nil
	}
	if err := f.siteFlags.check(cmd); err != nil {
		return err
	}
	return f.outputFlags.check(cmd)
}

// audit is what the flags say of the audit, but for the site.
func (f *auditFlags) audit() *rptest.Audit {
	return &rptest.Audit{
		Seed: f.Seed, Device: f.device(), Trusted: f.Trusted, ModelList: f.ModelList,
		AtLeast: severityOf(f.AtLeast), FailOn: severityOf(f.FailOn), Only: f.Cases, Skip: f.Skip, Slow: f.Slow,
	}
}

// severityOf reads a severity that check has found to be one.
func severityOf(name string) (s rptest.Severity) {
	_ = s.UnmarshalText([]byte(name))
	return s
}

func (f *auditFlags) device() rptest.DeviceConfig {
	return rptest.DeviceConfig{Personality: rptest.Personality(f.Profile), Attestation: attest.Format(f.Attestation)}
}

func (f *auditFlags) run(cmd *cobra.Command) error {
	audit := f.audit()
	switch {
	case f.List:
		cases, err := audit.Cases()
		if err != nil {
			return err
		}
		return writeCases(cmd.OutOrStdout(), cases, f.JSON)
	case f.Trust != "":
		return writeTrust(cmd.OutOrStdout(), f.Trust, audit.Device)
	}
	site, origin, err := f.site()
	if err != nil {
		return err
	}
	audit.RP, audit.Origin = site, origin
	f.place = inRepository(f.Mapping)
	if f.Baseline != "" {
		if audit.Known, err = rptest.ReadBaseline(f.Baseline); err != nil {
			return baselineError{fileError{err}}
		}
	}
	if err := f.outputFlags.prepare(); err != nil {
		return err
	}
	bar := newProgress("Played")
	audit.Progress = func(done, total int, _ rptest.Result) { bar.step(done, total) }
	found, err := audit.Run(cmd.Context())
	bar.end()
	if err != nil {
		return siteError{err}
	}
	if mended := audit.Known.Mended(found); len(mended) > 0 && f.WriteBaseline == "" {
		fmt.Fprintf(os.Stderr, "signet: in the baseline and mended, so write it anew: %s\n", strings.Join(mended, ", "))
	}
	return f.conclude(cmd, found, origin != "")
}

// conclude writes the report and decides on the exit status. Chosen tells that user or
// mapping said the origin.
func (f *auditFlags) conclude(cmd *cobra.Command, found *rptest.Report, chosen bool) error {
	ctx := cmd.Context()
	if err := f.outputFlags.write(cmd.OutOrStdout(), found, f.explainsOne(found)); err != nil {
		return err
	}
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "signet: stopped before it was done; the report has what was played")
		return statusInterrupted
	}
	block := report.Blocked(found)
	if block != nil && block.Refused {
		fmt.Fprintln(os.Stderr, "signet: the site refuses honest people. "+f.origins(found.Origin, chosen))
	}
	if f.WriteBaseline != "" {
		if err := found.WriteBaseline(f.WriteBaseline); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "signet: wrote %s; audits with --baseline pass while nothing is new or worse\n", f.WriteBaseline)
		return nil
	}
	return f.judge(found, block)
}

// explainsOne tells whether the report is of one case that the user named.
func (f *auditFlags) explainsOne(found *rptest.Report) bool {
	return len(f.Cases) > 0 && len(found.Results) == 1
}

// judge tells how the audit ends. JUnit and SARIF tell the same.
func (f *auditFlags) judge(found *rptest.Report, block *report.Block) error {
	failing, unsure := 0, 0
	for i := range found.Results {
		switch r := &found.Results[i]; {
		case found.Fails(r):
			failing++
		case found.Undecided(r):
			unsure++
		}
	}
	if failing > 0 {
		fmt.Fprintf(os.Stderr, "signet: the audit fails: findings of severity %s or more: %d\n", found.FailOn, failing)
		if len(found.Results) > 1 {
			fmt.Fprintln(os.Stderr, "  --case ID shows what was posted and answered in one; --write-baseline FILE lets pass what you know.")
		}
		return statusFinding
	}
	if unsure > 0 {
		skip := ""
		if block == nil {
			skip = "\n  Cases can be left out with --skip."
		}
		fmt.Fprintf(os.Stderr, "signet: the audit cannot tell: cases of severity %s or more without a verdict: %d\n"+
			"  Their ceremonies failed without a fault, too: the report says how. %s%s\n", found.FailOn, unsure, f.remedy(), skip)
		return statusNoVerdict
	}
	return nil
}

// siteError is that the audit could not begin.
type siteError struct{ error }

func (e siteError) Unwrap() error { return e.error }

func (e siteError) hint() string {
	const nothing = "Nothing was tested. "
	certificate, untrusted := errors.AsType[*tls.CertificateVerificationError](e.error)
	_, plain := errors.AsType[tls.RecordHeaderError](e.error)
	refused, answered := errors.AsType[*rptest.RefusedError](e.error)
	switch {
	case untrusted && errors.As(certificate, new(x509.UnknownAuthorityError)):
		return nothing + "Nobody whom this machine trusts has signed the certificate: say with --ca FILE who did."
	case untrusted:
		return nothing + "The certificate has to be good for the address given, and in date."
	case plain, errors.Is(e.error, http.ErrSchemeMismatch):
		return nothing + "The site speaks http at that address, not https."
	case answered && (refused.Answer.Status == http.StatusNotFound || refused.Answer.Status == http.StatusMethodNotAllowed):
		return nothing + "The site has nothing at that path: see the address. One that does not speak the\n" +
			"  REST profile of FIDO's conformance tests needs a mapping: docs/testing/mapping.md."
	}
	return nothing + "See that the site runs at the address given, and that the mapping fits it:\n" +
		"  docs/testing/mapping.md."
}
