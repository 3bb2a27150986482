package authenticator

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// A Restriction is the set of rules of the Config that keep a passkey from being
// used.
type Restriction uint

// Unrestricted passkeys can be used.
const Unrestricted Restriction = 0

const (
	// SiteNotAllowed passkeys belong to a site that Config.AllowRPIDs leaves
	// out.
	SiteNotAllowed Restriction = 1 << iota
	// KeyNotInChip passkeys have a key that Config.HardwareOnly refuses.
	KeyNotInChip
)

// AllowsRPID tells whether a list of sites, as in Config.AllowRPIDs, has a site
// in it: nil has every one. An element is an RP ID, or "*." and a domain, which
// stands for every name below the domain and not for the domain itself.
func AllowsRPID(list []string, rpID string) bool {
	return list == nil || slices.ContainsFunc(list, func(allowed string) bool {
		if domain, wild := strings.CutPrefix(allowed, "*"); wild {
			return len(rpID) > len(domain) && strings.HasSuffix(rpID, domain)
		}
		return rpID == allowed
	})
}

// checkSite refuses a site that the device may not be used at, before anybody is
// asked and whatever is stored of it. A U2F client tells only the hash of its
// site: then an element with "*." matches nothing.
func (a *Authenticator) checkSite(rpID string, rpIDHash [32]byte) error {
	allowed := AllowsRPID(a.allowRPIDs, rpID)
	if rpID == "" {
		allowed = a.allowRPIDs == nil || slices.ContainsFunc(a.allowRPIDs, func(id string) bool {
			return sha256.Sum256([]byte(id)) == rpIDHash
		})
	}
	if !allowed {
		return fmt.Errorf("%w: the site is not among those allowed", ctap.ErrOperationDenied)
	}
	return nil
}

// algorithms lists what keys may be made of.
func (a *Authenticator) algorithms() []keystore.Algorithm {
	all := a.root.Algorithms()
	if !a.hardwareOnly {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(alg keystore.Algorithm) bool { return !alg.InChip })
}

// inChip tells whether the root makes keys of an algorithm in a chip.
func (a *Authenticator) inChip(alg ctap.Algorithm) bool {
	return slices.ContainsFunc(a.root.Algorithms(), func(known keystore.Algorithm) bool { return known.ID == alg && known.InChip })
}

// keyInChip tells whether a credential's key is in a chip: one that came from
// another root is not, whatever its algorithm.
func (a *Authenticator) keyInChip(c *credential) bool {
	if root, ok := a.root.(keystore.Locator); ok {
		return root.InChip(c.Handle)
	}
	return a.inChip(c.Alg)
}

// keyAllowed tells whether a credential's key may be used.
func (a *Authenticator) keyAllowed(c *credential) bool { return !a.hardwareOnly || a.keyInChip(c) }

// restriction tells what keeps a credential from being used.
func (a *Authenticator) restriction(c *credential) (r Restriction) {
	if a.checkSite(c.RPID, [32]byte(c.RPIDHash)) != nil {
		r |= SiteNotAllowed
	}
	if !a.keyAllowed(c) {
		r |= KeyNotInChip
	}
	return r
}
