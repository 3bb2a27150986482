package brokenrp

import (
	"slices"
	"strings"
)

// checkOrigin is §7.1 steps 9 to 11 and §7.2 steps 12 to 14.
func (c *ceremony) checkOrigin(d *clientData) error {
	if d.unread {
		return nil
	}
	v, present := c.member(d, "origin")
	got, isText := v.(string)
	switch {
	case !present || isText && got == "":
		if err := c.first(rule{"origin.present", false}); err != nil {
			return err
		}
	case !isText:
		if err := c.first(rule{"origin.type", false}); err != nil {
			return err
		}
	case slices.Contains(c.site.config.Origins, got), !c.on("origin"):
	default:
		if err := c.first(rule{c.likeness(got), false}); err != nil {
			return err
		}
	}
	return c.checkFrame(d)
}

// likeness names the check that alone stands between a wrong origin and the
// site: the first that is off and would let it in, else the first that would,
// else the whole comparison.
func (c *ceremony) likeness(got string) string {
	closest := "origin"
	for _, l := range likenesses {
		if !slices.ContainsFunc(c.site.config.Origins, func(want string) bool { return l.like(c, got, want) }) {
			continue
		}
		if !c.on(l.name) {
			return l.name
		}
		if closest == "origin" {
			closest = l.name
		}
	}
	return closest
}

// likenesses are the ways in which sloppy sites compare origins.
var likenesses = []struct {
	name string
	like func(c *ceremony, got, want string) bool
}{
	{"origin.null", func(_ *ceremony, got, _ string) bool { return got == "null" }},
	{"origin.android", func(_ *ceremony, got, _ string) bool { return strings.HasPrefix(got, "android:apk-key-hash:") }},
	{"origin.ios", func(_ *ceremony, got, _ string) bool { return strings.HasPrefix(got, "ios:bundle-id:") }},
	{"origin.case", func(_ *ceremony, got, want string) bool { return strings.EqualFold(got, want) }},
	{"origin.slash", func(_ *ceremony, got, want string) bool { return strings.TrimRight(got, "/") == want }},
	{"origin.scheme", func(_ *ceremony, got, want string) bool {
		scheme, host, _ := cutOrigin(got)
		_, wantHost, _ := cutOrigin(want)
		return (scheme == "http" || scheme == "https") && host == wantHost
	}},
	{"origin.port", func(_ *ceremony, got, want string) bool {
		scheme, host, _ := cutOrigin(got)
		wantScheme, wantHost, _ := cutOrigin(want)
		return scheme == wantScheme && hostname(host) == hostname(wantHost)
	}},
	{"origin.userinfo", func(_ *ceremony, got, want string) bool {
		before, _, found := strings.Cut(got, "@")
		return found && before == want
	}},
	{"origin.subdomain", func(c *ceremony, got, want string) bool {
		scheme, host, ok := cutOrigin(got)
		wantScheme, wantHost, _ := cutOrigin(want)
		return ok && scheme == wantScheme && port(host) == port(wantHost) &&
			(strings.HasSuffix(hostname(host), "."+hostname(wantHost)) || strings.HasSuffix(hostname(host), "."+c.site.config.RPID))
	}},
	{"origin.suffix", func(_ *ceremony, got, want string) bool {
		scheme, host, ok := cutOrigin(got)
		wantScheme, wantHost, _ := cutOrigin(want)
		return ok && scheme == wantScheme && strings.HasSuffix(host, wantHost) && !strings.HasSuffix(host, "."+wantHost)
	}},
	{"origin.prefix", func(_ *ceremony, got, want string) bool { return strings.HasPrefix(got, want) }},
}

// cutOrigin takes a web origin apart; ok is false for what has user information.
func cutOrigin(s string) (scheme, host string, ok bool) {
	scheme, host, found := strings.Cut(s, "://")
	return scheme, host, found && !strings.ContainsAny(host, "@/?#")
}

func hostname(host string) string {
	if name, _, found := strings.Cut(host, ":"); found {
		return name
	}
	return host
}

func port(host string) string {
	_, port, _ := strings.Cut(host, ":")
	return port
}

// checkFrame is §7.1 steps 10 and 11. A top origin of the list is what allows a
// frame; a site with such a list allows frames that do not tell their top
// origin, as older clients do not.
func (c *ceremony) checkFrame(d *clientData) error {
	v, present := c.member(d, "crossOrigin")
	cross, isBool := v.(bool)
	t, framed := c.member(d, "topOrigin")
	top, _ := t.(string)
	listed := slices.Contains(c.site.config.TopOrigins, top)
	embeddable := len(c.site.config.TopOrigins) > 0
	return c.first(
		rule{"crossOrigin.type", isBool || !present},
		rule{"topOrigin", !cross || !framed || listed},
		rule{"crossOrigin", !cross || framed || embeddable},
		rule{"topOrigin.alone", cross || !framed},
	)
}
