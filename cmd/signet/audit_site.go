package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/cmd/signet/internal/target"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/explain"
)

// siteFlags say which site is audited and how it is reached.
type siteFlags struct {
	FIDOAPI string
	Mapping string
	URL     string
	Origin  string
	CA      string
	Timeout time.Duration
	Owned   bool
}

func (f *siteFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.FIDOAPI, "fido-api", "", "address of a site that speaks the REST profile of FIDO's conformance tests")
	flags.StringVar(&f.Mapping, "mapping", "", "file that says how the site is spoken to")
	flags.StringVar(&f.URL, "url", "", "address of the site, in place of the mapping's base")
	flags.StringVar(&f.Origin, "origin", "", "origin of the site's pages (default: the mapping's, or https:// and the RP ID)")
	flags.StringVar(&f.CA, "ca", "", "PEM file of certificate authorities to trust besides the system's")
	flags.DurationVar(&f.Timeout, "timeout", target.DefaultTimeout, "how long a request may take before the site counts as hanging")
	flags.BoolVar(&f.Owned, "i-own-this", false, "I may test this site: it is on another machine")
}

func (f *siteFlags) check(cmd *cobra.Command) error {
	switch {
	case f.FIDOAPI == "" && f.Mapping == "":
		return usagef(cmd, "say which site: --fido-api URL, or --mapping FILE")
	case f.FIDOAPI != "" && f.Mapping != "":
		return usagef(cmd, "--fido-api and --mapping both say how the site is spoken to; --url gives a mapping another address")
	case f.URL != "" && f.Mapping == "":
		return usagef(cmd, "--url goes with --mapping; --fido-api is an address itself")
	case f.Timeout <= 0:
		return usagef(cmd, "--timeout=%s: want more than nothing, such as 10s", f.Timeout)
	case f.Origin != "" && !rptest.IsOrigin(f.Origin):
		return usagef(cmd, "--origin=%s: want a scheme and a host, such as https://login.example", f.Origin)
	}
	return nil
}

// site is the site to audit, and the origin of its pages: empty where neither the
// user nor the mapping says it.
func (f *siteFlags) site() (*rptest.Site, string, error) {
	t := target.Target{URL: f.FIDOAPI, Mapping: rptest.FIDO(), Owned: f.Owned, Timeout: f.Timeout}
	var err error
	if f.Mapping != "" {
		if t.Mapping, err = rptest.ReadMapping(f.Mapping); err != nil {
			return nil, "", fileError{err}
		}
		t.URL = f.URL
	}
	if f.CA != "" {
		if t.CA, err = os.ReadFile(f.CA); err != nil {
			return nil, "", fileError{fmt.Errorf("read certificate authorities: %w", err)}
		}
	}
	site, err := t.Site()
	var elsewhere *target.ElsewhereError
	switch {
	case errors.As(err, &elsewhere):
		return nil, "", elsewhereError{err}
	case errors.Is(err, target.ErrNoCertificate):
		return nil, "", fmt.Errorf("--ca: %s: %w", f.CA, err)
	case errors.Is(err, target.ErrNoAddress):
		return nil, "", fmt.Errorf("%w: say it with --url", err)
	case err != nil:
		return nil, "", err
	}
	origin := f.Origin
	if origin == "" {
		origin = t.Mapping.Origin
	}
	return site, origin, nil
}

// remedy says what to do about a site of which the audit cannot tell.
func (f *siteFlags) remedy() string {
	if f.Mapping != "" {
		return "Mend the mapping or the\n  site's set-up: docs/testing/mapping.md."
	}
	return "Mend the site's set-up;\n  one that does not speak the FIDO profile needs a mapping: docs/testing/mapping.md."
}

// origins asks whether the origin is right, and tells where it is from. Chosen tells
// that the user or the mapping said it.
func (f *siteFlags) origins(used string, chosen bool) string {
	used = explain.Visible(used)
	switch {
	case f.Origin != "":
		return "Is --origin right? It is " + used + "."
	case chosen:
		return "Is the mapping's origin right? It is " + used + ";\n  --origin gives another."
	}
	return "Is --origin right? " + used + " was assumed."
}

// elsewhereError is target.ElsewhereError with the way out.
type elsewhereError struct{ error }

func (e elsewhereError) Unwrap() error { return e.error }

func (elsewhereError) hint() string {
	return "An audit attacks a site: it forges sign-ins, makes accounts and leaves them there. Where the site is\n" +
		"  yours, or its owner agreed, say so with --i-own-this."
}
