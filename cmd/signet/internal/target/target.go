// Package target decides which sites an audit may attack, and reaches them: this
// machine's, and others only where somebody answers for that.
package target

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
	"syscall"
	"time"

	"github.com/seed-77d61853/signet/rptest"
)

// DefaultTimeout is how long a request may take where a Target does not say.
const DefaultTimeout = 10 * time.Second

// Target is a site, as the user names it.
type Target struct {
	// URL is its address, in place of the mapping's base.
	URL string
	// Mapping says how it is spoken to.
	Mapping *rptest.Mapping
	// CA are certificate authorities to trust besides the system's, as PEM; nil:
	// none.
	CA []byte
	// Owned tells that the user may attack it, on whatever machine it is.
	Owned bool
	// Timeout bounds each request; zero: DefaultTimeout.
	Timeout time.Duration
}

// ElsewhereError tells that a site is not on this machine, and that nobody said
// that it may be attacked.
type ElsewhereError struct{ Host string }

func (e *ElsewhereError) Error() string { return e.Host + " is not this machine" }

// ErrNoAddress tells that neither URL nor the mapping's base is there,
// ErrNoCertificate that CA is none.
var (
	ErrNoAddress     = errors.New("the mapping has no base, and no address is given")
	ErrNoCertificate = errors.New("certificate authorities: no certificate in PEM")
)

// Site gives the site. Requests to it dial no machine that may not be attacked,
// whatever a name resolves to or a proxy would do: then they fail with an
// *ElsewhereError, as Site does where the address or a host that the mapping lists
// tells it already.
func (t *Target) Site() (*rptest.Site, error) {
	base := t.URL
	if base == "" {
		base = t.Mapping.Base
	}
	if base == "" {
		return nil, ErrNoAddress
	}
	if err := t.mayContact(base); err != nil {
		return nil, err
	}
	transport, err := t.transport()
	if err != nil {
		return nil, err
	}
	site, err := rptest.URL(base, t.Mapping, transport)
	if err != nil {
		return nil, err
	}
	site.Timeout = t.timeout()
	return site, nil
}

func (t *Target) timeout() time.Duration {
	if t.Timeout == 0 {
		return DefaultTimeout
	}
	return t.Timeout
}

// mayContact refuses other machines by their names, before anything is resolved.
func (t *Target) mayContact(base string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return fmt.Errorf("address %q is not like http://localhost:8080", base)
	}
	for _, host := range append([]string{u.Host}, t.Mapping.Hosts...) {
		u := url.URL{Host: host}
		if !t.Owned && !rptest.IsLoopback(u.Hostname()) {
			return &ElsewhereError{host}
		}
	}
	return nil
}

func (t *Target) transport() (*http.Transport, error) {
	transport := &http.Transport{
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        10 * time.Second,
		MaxResponseHeaderBytes: 256 << 10, // errors quote some
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	dialer := &net.Dialer{Timeout: t.timeout()}
	if t.Owned {
		transport.Proxy = http.ProxyFromEnvironment
	} else {
		dialer.ControlContext = onlyLoopback
	}
	transport.DialContext = dialer.DialContext
	if t.CA == nil {
		return transport, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // this system has none that could be read
	}
	if !pool.AppendCertsFromPEM(t.CA) {
		return nil, ErrNoCertificate
	}
	transport.TLSClientConfig.RootCAs = pool
	return transport, nil
}

// onlyLoopback keeps a dialer from other machines.
func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Unmap().IsLoopback() {
		return &ElsewhereError{address}
	}
	return nil
}
