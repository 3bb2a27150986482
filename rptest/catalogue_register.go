package rptest

import (
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// registrationCases spoil one registration (WebAuthn §7.1), but for attestation.
func registrationCases() []Case {
	return slices.Concat(
		responseCases(),
		sharedCases(Registering, clientDataCases()),
		clientDataOfRegistration(),
		objectCases(),
		sharedCases(Registering, authDataCases()),
		authDataOfRegistration(),
		keyCases(),
		credentialIDCases(),
		outerCases(),
		extensionCases(),
	)
}

// responseCases are about the response as a whole (§7.1 steps 2 to 4).
func responseCases() []Case {
	return []Case{
		{ID: "register.browser.errors", Anchor: "§7.1 step 2", Sev: Medium,
			NotRun: "it is about the page's script, which only a real browser runs: use the script that `signet serve` offers to a page",
			Recipe: "the browser refuses, with each name of a DOMException in turn",
			Why:    "a page that does not recover locks people out; one that posts something all the same may register nothing"},
		{ID: "register.response.assertion", Anchor: "§7.1 step 3", Sev: High, Field: "attestationObject",
			Recipe: "the response has authenticator data and a signature, as at sign-in, and no attestation object",
			Why:    "whoever stores what such a response says stores a credential that nothing vouches for",
			Edits: edits(ceremony.Edit{Stage: ceremony.Response, Apply: func(c *ceremony.Ceremony) error {
				sig, err := c.Sign(slices.Concat(c.AuthenticatorData, c.ClientDataHash()))
				if err != nil {
					return err
				}
				inner := c.Response["response"].(map[string]any)
				for _, name := range []string{"attestationObject", "transports", "publicKey", "publicKeyAlgorithm"} {
					delete(inner, name)
				}
				inner["signature"] = base64url(sig)
				return nil
			}})},
		{ID: "register.extensions.no-results", Anchor: "§7.1 step 4", Want: Policy, Sev: Low, Field: "clientExtensionResults",
			Recipe: "clientExtensionResults is missing",
			Why:    "the standard's JSON always has it; many scripts on pages forget it",
			Edits:  edits(withoutOuter("clientExtensionResults"))},
	}
}

// clientDataOfRegistration are the faults of client data that a sign-in has
// otherwise (§7.1 steps 7 and 12).
func clientDataOfRegistration() []Case {
	return []Case{
		{ID: "register.type.get", Anchor: "§7.1 step 7", Sev: High, Field: "clientDataJSON.type",
			Recipe: "the type is webauthn.get",
			Why:    "a page that may only ask for sign-ins could have its answers taken for registrations",
			Edits:  edits(ceremony.ClientDataMember("type", "webauthn.get"))},
		{ID: "register.client-data.after-signing", Anchor: "§7.1 step 12", Sev: High, Field: "clientDataJSON",
			Needs:  []Need{NeedAttestation, NeedES256},
			Device: attesting(attest.PackedSelf),
			Recipe: "white space is put into the client data after they were signed",
			Why:    "the signature is over the bytes that were sent: to hash what a parser made of them is to verify something else",
			Edits:  edits(stale(ceremony.ClientDataBytes(reorder)))},
	}
}

func withoutOuter(name string) ceremony.Edit {
	return ceremony.Outer(func(r map[string]any) { delete(r, name) })
}

func setOuter(name string, value any) ceremony.Edit {
	return ceremony.Outer(func(r map[string]any) { r[name] = value })
}

// attesting is a device that attests in a format, with a key that all formats
// can attest.
func attesting(f attest.Format) DeviceConfig {
	c := DeviceConfig{Attestation: f, Algorithms: []ctap.Algorithm{ctap.ES256}}
	if f == attest.FIDOU2F {
		c.AAGUID, c.BackupEligible, c.BackedUp = &ctap.AAGUID{}, yes(false), yes(false)
	}
	return c
}
