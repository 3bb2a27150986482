package client

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// origin is a tuple origin (HTML §7.1.1) in its serialized parts.
type origin struct {
	scheme string
	host   string // ASCII, lower case; a domain, or an address in URL form
	port   string // empty where it is the scheme's own
}

// String serializes the origin (HTML §7.1.1).
func (o origin) String() string {
	s := o.scheme + "://" + o.host
	if o.port != "" {
		s += ":" + o.port
	}
	return s
}

// parseOrigin takes the origin of a URL. ok is false for what is no URL, and for
// schemes whose origin is opaque.
func parseOrigin(s string) (o origin, ok bool) {
	if host, ok := strings.CutPrefix(s, "https://"); ok && isPlain(host) {
		host, ok = parseHost(host) // as most are; a URL is parsed into copies
		return origin{scheme: "https", host: host}, ok
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return origin{}, false
	}
	o = origin{scheme: u.Scheme}
	implied, known := map[string]uint64{"https": 443, "http": 80}[o.scheme]
	if !known {
		return origin{}, false
	}
	if u.Port() != "" {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return origin{}, false
		}
		if port != implied {
			o.port = strconv.FormatUint(port, 10)
		}
	}
	o.host, ok = parseHost(u.Hostname())
	return o, ok
}

// domains is IDNA as browsers apply it to hosts: labels may hold two hyphens in
// a row.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false))

// parseHost is the URL standard's host parser, strict in its choice of domains:
// letters, digits and hyphens after IDNA, no empty label, no dot at the end.
func parseHost(s string) (string, bool) {
	if only(s, "0123456789.") || strings.Contains(s, ":") {
		if addr, err := netip.ParseAddr(s); err == nil {
			if addr.Is6() {
				return "[" + addr.String() + "]", true
			}
			return addr.String(), true
		}
	}
	host := s
	if !isPlain(s) {
		var err error
		if host, err = domains.ToASCII(s); err != nil {
			return "", false
		}
		// Some of what maps to ASCII does not stand there: invalid UTF-8, say.
		if again, err := domains.ToASCII(host); err != nil || again != host {
			return "", false
		}
	}
	if host == "" || len(host) > 253 {
		return "", false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return "", false
		}
	}
	return host, true
}

// isPlain reports whether IDNA maps s to itself: lower-case letters, digits,
// hyphens and dots, and no label in Punycode.
func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return !strings.Contains(s, "xn--")
}

// only reports whether s has none but the given characters.
func only(s, characters string) bool {
	for i := range len(s) {
		if strings.IndexByte(characters, s[i]) < 0 {
			return false
		}
	}
	return true
}

// isDomain reports whether a parsed host is a domain and not an address. Hosts
// whose last label is a number are IPv4 addresses in one of the many forms that
// browsers take.
func isDomain(host string) bool {
	if strings.HasPrefix(host, "[") {
		return false
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return false
	}
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return !only(hex, "0123456789abcdef")
	}
	return !only(last, "0123456789")
}

// isLocal reports whether a host is this machine by name: browsers take
// plain http from it for secure (Secure Contexts §3.1).
func isLocal(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// registrableSuffix reports whether the host rpID is host itself or a suffix of
// it that somebody can have registered (HTML §7.1.1.2). Both are parsed hosts.
// The public suffix list's private section counts: github.io is no site.
func registrableSuffix(rpID, host string) bool {
	if rpID == host {
		return true
	}
	if !isDomain(rpID) || !isDomain(host) || !strings.HasSuffix(host, "."+rpID) {
		return false
	}
	suffix, _ := publicsuffix.PublicSuffix(rpID)
	if rpID == suffix {
		return false
	}
	suffix, _ = publicsuffix.PublicSuffix(host)
	return !strings.HasSuffix(suffix, "."+rpID)
}

// registrableDomain returns host's public suffix and one label more; empty
// where host is a public suffix itself or an address.
func registrableDomain(host string) string {
	if !isDomain(host) {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return ""
	}
	return domain
}
