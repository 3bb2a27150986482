package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-77d61853/signet/rptest"
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
	flags.DurationVar(&f.Timeout, "timeout", timeout, "how long a request may take before the site counts as hanging")
	flags.BoolVar(&f.Owned, "i-own-this", false, "I may test this site: it is on another machine")
}

func (f *siteFlags) check(cmd *cobra.Command) error {
	switch {
	case (f.FIDOAPI == "") == (f.Mapping == ""):
		return usagef(cmd, "say which site: --fido-api URL, or --mapping FILE")
	case f.URL != "" && f.Mapping == "":
		return usagef(cmd, "--url goes with --mapping; --fido-api is an address itself")
	case f.Timeout <= 0:
		return usagef(cmd, "--timeout=%s: want more than nothing, such as 10s", f.Timeout)
	}
	return nil
}

// site is the site to audit, and the origin of its pages: empty where neither the
// user nor the mapping says it.
func (f *siteFlags) site() (*rptest.Site, string, error) {
	mapping, base := rptest.FIDO(), f.FIDOAPI
	if f.Mapping != "" {
		var err error
		if mapping, err = rptest.ReadMapping(f.Mapping); err != nil {
			return nil, "", fileError{err}
		}
		base = f.URL
	}
	if base == "" {
		base = mapping.Base
	}
	if base == "" {
		return nil, "", errors.New("the mapping has no base: say the site's address with --url")
	}
	if err := f.mayContact(base, mapping.Hosts); err != nil {
		return nil, "", err
	}
	transport, err := f.transport()
	if err != nil {
		return nil, "", err
	}
	site, err := rptest.URL(base, mapping, transport)
	if err != nil {
		return nil, "", err
	}
	site.Timeout = f.Timeout
	origin := f.Origin
	if origin == "" {
		origin = mapping.Origin
	}
	return site, origin, nil
}

// elsewhereError is that a site is on another machine and nobody said that it may
// be tested.
type elsewhereError struct{ host string }

func (e elsewhereError) Error() string { return e.host + " is not this machine" }

func (elsewhereError) hint() string {
	return "An audit attacks a site: it forges sign-ins, makes accounts and leaves them there. Where the site is\n" +
		"  yours, or its owner agreed, say so with --i-own-this."
}

// mayContact refuses other machines, unless the user answers for it.
func (f *siteFlags) mayContact(base string, hosts []string) error {
	if f.Owned {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return fmt.Errorf("address %q is not like http://localhost:8080", base)
	}
	if !rptest.IsLoopback(u.Hostname()) {
		return elsewhereError{u.Host}
	}
	for _, host := range hosts {
		u := url.URL{Host: host}
		if !rptest.IsLoopback(u.Hostname()) {
			return elsewhereError{host}
		}
	}
	return nil
}

// transport reaches the site. Without --i-own-this it dials no other machine,
// whatever a name resolves to or a proxy would do.
func (f *siteFlags) transport() (http.RoundTripper, error) {
	t := &http.Transport{
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     time.Minute,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
	}
	dialer := &net.Dialer{Timeout: f.Timeout}
	if f.Owned {
		t.Proxy = http.ProxyFromEnvironment
	} else {
		dialer.ControlContext = onlyLoopback
	}
	t.DialContext = dialer.DialContext
	if f.CA == "" {
		return t, nil
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fileError{fmt.Errorf("read certificate authorities: %w", err)}
	}
	if t.TLSClientConfig.RootCAs, err = x509.SystemCertPool(); err != nil {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
	}
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in PEM is in it", f.CA)
	}
	return t, nil
}

func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Unmap().IsLoopback() {
		return elsewhereError{address}
	}
	return nil
}
