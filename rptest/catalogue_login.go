package rptest

import (
	"slices"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// loginCases spoil one sign-in (WebAuthn §7.2).
func loginCases() []Case {
	return slices.Concat(
		assertionShapeCases(),
		sharedCases(SigningIn, clientDataCases()),
		[]Case{
			{ID: "login.type.create", Sev: High, Anchor: "§7.2 step 10", Field: "clientDataJSON.type",
				Recipe: "the type is webauthn.create",
				Why:    "a registration could be used as a sign-in",
				Edits:  edits(ceremony.ClientDataMember("type", "webauthn.create"))},
			{ID: "login.type.payment", Sev: High, Anchor: "§7.2 step 10", Field: "clientDataJSON.type",
				Recipe: "the type is payment.get",
				Why:    "a payment that was agreed to on another page could be used as a sign-in",
				Edits:  edits(ceremony.ClientDataMember("type", "payment.get"))},
		},
		sharedCases(SigningIn, authDataCases()),
		loginAuthDataCases(),
		signatureCases(),
		counterCases(),
		loginExtensionCases(),
	)
}

// assertionShapeCases spoil the JSON around a sign-in (§7.2 steps 3 to 7).
func assertionShapeCases() []Case {
	return []Case{
		{ID: "login.shape.attestation", Sev: High, Anchor: "§7.2 step 3", Field: "attestationObject",
			Recipe: "the response has an attestationObject in place of authenticatorData and signature",
			Why:    "what is not an assertion has no signature to check",
			Edits: edits(ceremony.Inner(func(r map[string]any) {
				r["attestationObject"] = r["authenticatorData"]
				delete(r, "authenticatorData")
				delete(r, "signature")
			}))},
		{ID: "login.shape.no-signature", Sev: Critical, Anchor: "§7.2 step 3", Field: "signature",
			Recipe:     "the response has no signature",
			Why:        "a site that compares IDs and challenges only lets anybody in",
			References: []string{"https://github.com/open-mercato/open-mercato/issues/3852"},
			Edits:      edits(ceremony.Inner(func(r map[string]any) { delete(r, "signature") }))},
		{ID: "login.shape.no-authenticator-data", Sev: High, Anchor: "§7.2 step 3", Field: "authenticatorData",
			Recipe: "the response has no authenticatorData",
			Why:    "nothing says for whom it was made, nor whether anybody was there",
			Edits:  edits(ceremony.Inner(func(r map[string]any) { delete(r, "authenticatorData") }))},
		{ID: "login.shape.no-client-data", Sev: High, Anchor: "§7.2 step 8", Field: "clientDataJSON",
			Recipe: "the response has no clientDataJSON",
			Why:    "nothing says where and to what it answers",
			Edits:  edits(ceremony.Inner(func(r map[string]any) { delete(r, "clientDataJSON") }))},
		{ID: "login.user-handle.missing", Sev: Medium, Anchor: "§7.2 step 6", Field: "userHandle",
			Needs:  []Need{NeedUsernameless},
			Recipe: "a sign-in without a user name has no userHandle",
			Why:    "the account is then guessed from the credential alone",
			Edits:  edits(ceremony.Inner(func(r map[string]any) { delete(r, "userHandle") }))},
		{ID: "login.user-handle.other", Sev: High, Anchor: "§7.2 step 6", Field: "userHandle",
			Needs:  []Need{NeedDiscoverable},
			Recipe: "the userHandle is not that of the credential's account",
			Why:    "a site that goes by the handle signs somebody else in",
			Edits:  edits(ceremony.ResponseMember("userHandle", "c29tZWJvZHkgZWxzZQ"))},
		{ID: "login.user-handle.absent-known", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 6", Field: "userHandle",
			Needs:  []Need{NeedAllowList},
			Recipe: "the userHandle is left out, where the site knows already who signs in",
			Why:    "devices without discoverable credentials have none: their owners would be locked out",
			Edits:  edits(ceremony.Inner(func(r map[string]any) { delete(r, "userHandle") }))},
		{ID: "login.user-handle.null", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 6", Field: "userHandle",
			Needs:  []Need{NeedAllowList},
			Recipe: "the userHandle is null, where the site knows already who signs in",
			Why:    "scripts write it so where there is none",
			Edits:  edits(ceremony.ResponseMember("userHandle", nil))},
		{ID: "login.user-handle.empty", Want: Policy, Sev: Low, Anchor: "§7.2 step 6", Field: "userHandle",
			Needs:  []Need{NeedAllowList},
			Recipe: "the userHandle is the empty string, where the site knows already who signs in",
			Why:    "some libraries write it so where there is none",
			Edits:  edits(ceremony.ResponseMember("userHandle", ""))},
		{ID: "login.id.raw-id-differs", Sev: Medium, Anchor: "§7.2 step 7", Field: "rawId",
			Recipe: "rawId is not what id says",
			Why:    "one may be looked up and the other be checked",
			Edits:  edits(ceremony.Outer(func(r map[string]any) { r["rawId"] = "bm90IHRoZSBzYW1lIGNyZWRlbnRpYWw" }))},
		{ID: "login.id.type", Sev: Low, Anchor: "§7.2 step 7", Field: "type",
			Recipe: "the credential's type is password",
			Why:    "it is no public key credential",
			Edits:  edits(ceremony.Outer(func(r map[string]any) { r["type"] = "password" }))},
		{ID: "login.id.unknown", Sev: High, Anchor: "§7.2 step 5", Field: "id",
			Recipe: "id and rawId name a credential that nobody registered",
			Why:    "there is no key to check the signature by",
			Edits: edits(ceremony.Outer(func(r map[string]any) {
				r["id"], r["rawId"] = "bm9ib2R5IGhhcyByZWdpc3RlcmVkIHRoaXM", "bm9ib2R5IGhhcyByZWdpc3RlcmVkIHRoaXM"
			}))},
	}
}

// loginAuthDataCases spoil the authenticator data of a sign-in alone (§7.2 steps 15
// to 19).
func loginAuthDataCases() []Case {
	return []Case{
		{ID: "login.rp-id.appid-unasked", Sev: High, Anchor: "§7.2 step 15", Field: "clientExtensionResults.appid",
			Recipe: "the rpIdHash is that of an AppID, and appid is true among the outputs, though the site did not ask for it",
			Why:    "a site that believes the output takes responses made for the U2F days' scope",
			Edits: edits(ceremony.RPID("https://evil.example/app-id.json"), ceremony.Outer(func(r map[string]any) {
				r["clientExtensionResults"] = map[string]any{"appid": true}
			}))},
		{ID: "login.flags.uv-not-required", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 17", Field: "authenticatorData.flags.UV",
			Needs:  []Need{NeedUVOptional},
			Recipe: "the flag UV is clear where the site only prefers verification",
			Why:    "devices that cannot verify would be locked out",
			Edits:  edits(ceremony.Flags(0, ctap.FlagUV))},
		{ID: "login.flags.uv-discouraged", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 17", Field: "authenticatorData.flags.UV",
			Needs:  []Need{NeedUVDiscouraged},
			Recipe: "the flag UV is clear where the site discourages verification",
			Why:    "it is what the site asked for",
			Edits:  edits(optional(ceremony.Flags(0, ctap.FlagUV)))},
		{ID: "login.flags.uv-unwanted", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 17", Field: "authenticatorData.flags.UV",
			Needs:  []Need{NeedUVDiscouraged},
			Recipe: "the flag UV is set where the site discourages verification",
			Why:    "many devices always verify: their owners would be locked out",
			Edits:  edits(ceremony.Flags(ctap.FlagUV, 0))},
		{ID: "login.flags.uv-only-factor", Want: Policy, Sev: High, Anchor: "§7.2 step 17", Field: "authenticatorData.flags.UV",
			Needs:  []Need{NeedUVOptional, NeedUsernameless},
			Recipe: "the flag UV is clear in a sign-in without a password",
			Why:    "then whoever has the device is in: one factor only",
			Edits:  edits(ceremony.Flags(0, ctap.FlagUV))},
		{ID: "login.backup.became-eligible", Sev: Medium, Anchor: "§7.2 step 19", Field: "authenticatorData.flags",
			Device: DeviceConfig{Personality: Hardware},
			Recipe: "the credential was registered with the flag BE (may be backed up) clear, and now has it set",
			Why:    "the flag never changes: this is another credential, or a lie",
			Edits:  edits(ceremony.Flags(ctap.FlagBE, 0))},
		{ID: "login.backup.no-longer-eligible", Sev: Medium, Anchor: "§7.2 step 19", Field: "authenticatorData.flags",
			Device: DeviceConfig{Personality: Phone},
			Recipe: "the credential was registered with BE set, and now says it is not",
			Why:    "the flag never changes: this is another credential, or a lie",
			Edits:  edits(ceremony.Flags(0, ctap.FlagBE|ctap.FlagBS))},
		{ID: "login.backup.state-changes", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 19", Field: "authenticatorData.flags.BS",
			Device: DeviceConfig{Personality: Phone},
			Recipe: "the credential was registered with BS set, and now says BS clear",
			Why:    "people turn synchronisation off and on",
			Edits:  edits(ceremony.Flags(0, ctap.FlagBS))},
		{ID: "login.backup.state-rises", Want: MustAccept, Sev: Medium, Anchor: "§7.2 step 19", Field: "authenticatorData.flags.BS",
			Device: DeviceConfig{Personality: Phone, BackedUp: yes(false)},
			Recipe: "the credential was registered with BE set and BS clear, and now says BS",
			Why:    "a passkey is copied some time after it was made",
			Edits:  edits(ceremony.Flags(ctap.FlagBS, 0))},
		{ID: "login.auth-data.at-without-data", Sev: Medium, Anchor: "§7.2 step 15", Field: "authenticatorData.flags.AT",
			Recipe: "the flag AT (credential data follow) is set, and none do",
			Why:    "the data end where more is announced",
			Edits:  edits(ceremony.Flags(ctap.FlagAT, 0))},
		{ID: "login.auth-data.extensions-text", Sev: Low, Anchor: "§7.2 step 15", Field: "authenticatorData",
			Recipe: "the flag ED (extensions follow) is set, and a text string follows in place of a map",
			Why:    "it is not what the standard says; no device sends it",
			Edits: edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
				c.AuthData.Flags |= ctap.FlagED
				c.AuthData.Extensions = []byte("\x66signet")
			}))},
		{ID: "login.auth-data.attested", Want: Policy, Sev: Low, Anchor: "§7.2 step 15", Field: "authenticatorData",
			Recipe: "attested credential data are there, with the flag AT",
			Why:    "no device sends them at sign-in, and nothing forbids them",
			Edits: edits(ceremony.Edit{Stage: ceremony.AuthData, Apply: func(c *ceremony.Ceremony) error {
				public, _, err := c.Other(ctap.ES256)
				if err != nil {
					return err
				}
				c.AuthData.Flags |= ctap.FlagAT
				c.AuthData.Attested, c.AuthData.CredentialID = true, []byte("attested at sign-in")
				c.AuthData.PublicKey, err = ctap.MarshalPublicKey(ctap.ES256, public)
				return err
			}})},
	}
}

// counterCases spoil the signature counter (§7.2 step 22).
func counterCases() []Case {
	counting := DeviceConfig{Personality: Hardware, Counter: &Counter{Start: 10, Step: 1}}
	const step, field = "§7.2 step 22", "authenticatorData.signCount"
	return []Case{
		{ID: "login.counter.lower", Want: Policy, Sev: Medium, Anchor: step, Field: field, Device: counting,
			Recipe: "the counter is lower than at registration",
			Why:    "the device may have been copied: refuse, or tell the owner",
			Edits:  edits(ceremony.SignCount(5))},
		{ID: "login.counter.equal", Want: Policy, Sev: Medium, Anchor: step, Field: field, Device: counting,
			Recipe: "the counter is what it was at registration",
			Why:    "the device may have been copied: refuse, or tell the owner",
			Edits:  edits(ceremony.SignCount(10))},
		{ID: "login.counter.back-to-zero", Want: Policy, Sev: Medium, Anchor: step, Field: field, Device: counting,
			Recipe: "the counter is 0 after it was not",
			Why:    "the device may have been copied: refuse, or tell the owner",
			Edits:  edits(optional(ceremony.SignCount(0)))},
		{ID: "login.counter.greatest", Want: MustAccept, Sev: Medium, Anchor: step, Field: field, Device: counting,
			Recipe: "the counter is 4294967295",
			Why:    "it is a number of 32 bits without a sign",
			Edits:  edits(ceremony.SignCount(1<<32 - 1))},
		{ID: "login.counter.jump", Want: MustAccept, Sev: Medium, Anchor: step, Field: field, Device: counting,
			Recipe: "the counter has jumped by a million",
			Why:    "devices count the sign-ins at all sites, or by time",
			Edits:  edits(ceremony.SignCount(1_000_000))},
		{ID: "login.counter.zero-stays", Want: MustAccept, Sev: High, Anchor: step,
			Device: DeviceConfig{Personality: Phone},
			Recipe: "the counter is 0 at registration and at sign-in, as on every phone",
			Why:    "such devices do not count; a site that insists locks most people out",
			Edits:  edits(optional(ceremony.SignCount(0)))},
		{ID: "login.counter.synced-stale", Want: MustAccept, Sev: Medium, Anchor: step, Field: field,
			Device:     DeviceConfig{Personality: Phone, Counter: &Counter{Start: 10, Step: 1}},
			Recipe:     "a backed-up credential's counter is lower than it was: its owner's other device",
			Why:        "copies cannot count together; a site that refuses locks people out who have two devices",
			References: []string{"https://github.com/securo-finance/securo/issues/545"},
			Edits:      edits(ceremony.SignCount(4))},
	}
}

// loginExtensionCases spoil extension outputs (§7.2 steps 20 and 23).
func loginExtensionCases() []Case {
	const step = "§7.2 step 23"
	results := func(v map[string]any) []ceremony.Edit {
		return edits(ceremony.Outer(func(r map[string]any) { r["clientExtensionResults"] = v }))
	}
	none := []Need{NeedExtensionsIgnored}
	return []Case{
		{ID: "login.extensions.unasked-prf", Want: Policy, Sev: Medium, Anchor: step, Field: "clientExtensionResults", Needs: none,
			Recipe: "there are prf results, though the site did not ask",
			Why:    "the standard lets clients add outputs, and sites ignore them",
			Edits:  results(map[string]any{"prf": map[string]any{"results": map[string]any{"first": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}})},
		{ID: "login.extensions.unasked-uvm", Want: MustAccept, Sev: Medium, Anchor: step, Field: "authenticatorData", Needs: none,
			Recipe: "the authenticator data hold an output uvm, though the site did not ask",
			Why:    "the standard lets devices add outputs, and sites ignore them",
			Edits: edits(ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
				c.AuthData.Flags |= ctap.FlagED
				c.AuthData.Extensions = []byte("\xa1\x63uvm\x81\x83\x02\x04\x02")
			}))},
		{ID: "login.extensions.prf-short", Sev: Medium, Anchor: step, Field: "clientExtensionResults.prf.results.first", Needs: []Need{NeedPRF},
			Recipe: "a prf result has 31 bytes",
			Why:    "keys are made of it: a short one is no result of the device's",
			Edits: edits(ceremony.Outer(func(r map[string]any) {
				r["clientExtensionResults"] = map[string]any{"prf": map[string]any{"results": map[string]any{"first": strings.Repeat("A", 42)}}}
			}))},
		{ID: "login.extensions.blob-encoding", Sev: Medium, Anchor: step, Field: "clientExtensionResults.largeBlob.blob", Needs: []Need{NeedLargeBlob},
			Recipe: "the large blob that was read is not base64url",
			Why:    "a wrong encoding must be refused, not crash",
			Edits: edits(ceremony.Outer(func(r map[string]any) {
				r["clientExtensionResults"] = map[string]any{"largeBlob": map[string]any{"blob": "not base64url!"}}
			}))},
		{ID: "login.extensions.missing", Want: Policy, Sev: Low, Anchor: "§7.2 step 4", Field: "clientExtensionResults", Needs: none,
			Recipe: "clientExtensionResults is left out",
			Why:    "WebAuthn's JSON always has it; most libraries do not insist",
			Edits:  edits(ceremony.Outer(func(r map[string]any) { delete(r, "clientExtensionResults") }))},
		{ID: "login.extensions.not-object", Sev: Medium, Anchor: "§7.2 step 4", Field: "clientExtensionResults", Needs: none,
			Recipe: "clientExtensionResults is a string",
			Why:    "a wrong type must be refused, not crash",
			Edits:  edits(ceremony.Outer(func(r map[string]any) { r["clientExtensionResults"] = "none" }))},
	}
}
