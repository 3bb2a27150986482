package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Limits of a related-origins document. The standard asks for at least five
// labels (WebAuthn §5.11.1); browsers stop there and at a length like this one.
const (
	maxRelatedLabels    = 5
	maxRelatedOriginLen = 1 << 18 // bytes
)

// callerOrigin checks the client's own origin (WebAuthn §5.1.3, steps 6 and 7).
func (c *Client) callerOrigin() (origin, *Error) {
	o, ok := parseOrigin(c.Origin)
	switch {
	case !ok && isURL(c.Origin):
		return origin{}, fail(SecurityError, fmt.Sprintf("the origin %q has no valid domain", c.Origin))
	case !ok:
		return origin{}, fail(NotAllowedError, fmt.Sprintf("the origin %q is opaque: a page's begins with https:// or, on localhost, http://", c.Origin))
	case !isDomain(o.host):
		return origin{}, fail(SecurityError, fmt.Sprintf("the host of the origin %s is an address, not a domain", o))
	case o.scheme != "https" && !isLocal(o.host):
		return origin{}, fail(SecurityError, fmt.Sprintf("the origin %s is not secure: only https and localhost are", o))
	}
	return o, nil
}

// isURL tells a broken http or https origin from an opaque one.
func isURL(s string) bool {
	scheme, rest, ok := strings.Cut(strings.ToLower(s), "://")
	return ok && rest != "" && (scheme == "https" || scheme == "http")
}

// topOrigin returns what clientDataJSON says of the top-level page; empty where
// the ceremony runs in it.
func (c *Client) topOrigin() (string, *Error) {
	if c.TopOrigin == "" {
		return "", nil
	}
	o, ok := parseOrigin(c.TopOrigin)
	if !ok {
		return "", fail(SecurityError, "the top-level origin is not valid")
	}
	return o.String(), nil
}

// claim decides whether the caller may use an RP ID, and which it is where the
// options name none (WebAuthn §5.1.3, step 8).
func (c *Client) claim(ctx context.Context, caller origin, requested *string) (string, error) {
	if requested == nil {
		return caller.host, nil
	}
	rpID := *requested
	if host, ok := parseHost(rpID); !ok || host != rpID || !isDomain(host) {
		return "", fail(SecurityError, fmt.Sprintf("the RP ID %q is not a domain in its ASCII form", rpID))
	}
	if registrableSuffix(rpID, caller.host) {
		return rpID, nil
	}
	if c.RelatedOrigins == nil {
		return "", fail(SecurityError, fmt.Sprintf("the RP ID %q is not the domain of the origin %s or a registrable suffix of it", rpID, caller))
	}
	document, err := c.RelatedOrigins(ctx, rpID)
	if ctxErr := over(ctx); ctxErr != nil {
		return "", ctxErr
	}
	if err != nil {
		return "", &Error{SecurityError, "the RP ID's related origins cannot be had", err}
	}
	related, err := isRelated(document, caller)
	if err != nil {
		return "", &Error{SecurityError, "the RP ID's related origins are not valid", err}
	}
	if !related {
		return "", fail(SecurityError, fmt.Sprintf("the origin %s is not one of the related origins of the RP ID %q", caller, rpID))
	}
	return rpID, nil
}

// isRelated runs the related origins validation procedure on the document at
// /.well-known/webauthn (WebAuthn §5.11.1). Origins beyond the fifth label count
// as absent, so a document cannot speak for half the web.
func isRelated(document []byte, caller origin) (bool, error) {
	if len(document) > maxRelatedOriginLen {
		return false, fmt.Errorf("related origins: longer than %d bytes", maxRelatedOriginLen)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return false, fmt.Errorf("related origins: %w", err)
	}
	var items []*string
	if err := json.Unmarshal(members["origins"], &items); err != nil {
		return false, fmt.Errorf("related origins: member origins: %w", err)
	}
	if items == nil {
		return false, fmt.Errorf("related origins: member origins is not an array")
	}
	for _, item := range items {
		if item == nil {
			return false, fmt.Errorf("related origins: member origins is not an array of strings")
		}
	}
	seen := make(map[string]bool)
	for _, item := range items {
		o, ok := parseOrigin(*item)
		if !ok {
			continue
		}
		label, _, _ := strings.Cut(registrableDomain(o.host), ".")
		if label == "" || !seen[label] && len(seen) >= maxRelatedLabels {
			continue
		}
		if o == caller {
			return true, nil
		}
		seen[label] = true
	}
	return false, nil
}
