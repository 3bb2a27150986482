package rptest

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// credentialIDCases are about the credential's ID (§7.1 step 25).
func credentialIDCases() []Case {
	const id = "attestationObject.authData.credentialId"
	long := func(n int) ceremony.Edit {
		return ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
			own := append(c.AuthData.CredentialID, 0)
			c.AuthData.CredentialID = bytes.Repeat(own, n)[:n]
		})
	}
	return at("§7.1 step 25", []Case{
		{ID: "register.credential-id.1024", Sev: Low, Field: id,
			Recipe: "the credential ID has 1024 bytes",
			Why:    "IDs end at 1023: what is longer was not made by a device, and fills the store",
			Edits:  edits(long(1024))},
		{ID: "register.credential-id.1023", Want: MustAccept, Sev: Low, Field: id,
			Recipe: "the credential ID has 1023 bytes",
			Why:    "devices that keep their keys within the ID have long ones",
			Edits:  edits(long(1023))},
		{ID: "register.credential-id.empty", Sev: Medium, Field: id,
			Recipe: "the credential ID is empty",
			Why:    "everybody's empty ID is the same one",
			Edits:  edits(ceremony.CredentialID([]byte{}))},
	})
}

// outerCases spoil the JSON around what is signed (§7.1 step 27).
func outerCases() []Case {
	return at("§7.1 step 27", []Case{
		{ID: "register.id.other", Sev: High, Field: "id",
			Recipe: "id and rawId are those of another credential than the authenticator data's",
			Why:    "a site that stores the one and looks for the other can be made to mix credentials up",
			Edits: edits(ceremony.Outer(func(r map[string]any) {
				other := base64url([]byte("the ID of another credential, 32"))
				r["id"], r["rawId"] = other, other
			}))},
		{ID: "register.raw-id.other", Sev: Medium, Field: "rawId",
			Recipe: "rawId is another one than id",
			Why:    "two parts of the site may use two IDs",
			Edits:  edits(setOuter("rawId", base64url([]byte("the ID of another credential, 32"))))},
		{ID: "register.raw-id.missing", Sev: Low, Field: "rawId",
			Recipe: "rawId is missing",
			Why:    "the standard's JSON has it; a site that goes on guesses",
			Edits:  edits(withoutOuter("rawId"))},
		{ID: "register.raw-id.number", Sev: Medium, Field: "rawId",
			Recipe: "rawId is a number",
			Why:    "a wrong type must be refused, not crash",
			Edits:  edits(setOuter("rawId", 7))},
		{ID: "register.credential-type.other", Sev: Low, Field: "type",
			Recipe: "the credential's type is password",
			Why:    "other types have other rules",
			Edits:  edits(setOuter("type", "password"))},
		{ID: "register.credential-type.missing", Sev: Low, Field: "type",
			Recipe: "the credential has no type",
			Why:    "other types have other rules",
			Edits:  edits(withoutOuter("type"))},
		{ID: "register.public-key.other", Want: Policy, Sev: High, Field: "publicKey",
			References: []string{"https://github.com/open-mercato/open-mercato/issues/5296"},
			Recipe:     "publicKey in the JSON is another key than the authenticator data's",
			Why:        "it is a copy for the page's use, which nothing vouches for: a site that stores it stores anybody's key",
			Edits:      edits(ceremony.Edit{Stage: ceremony.Response, Apply: otherPublicKey})},
		{ID: "register.public-key.algorithm", Want: Policy, Sev: Medium, Field: "publicKeyAlgorithm",
			Recipe: "publicKeyAlgorithm in the JSON is another one than the authenticator data's",
			Why:    "it is a copy for the page's use: a site that stores it verifies by the wrong algorithm",
			Edits: edits(ceremony.At(ceremony.Response, func(c *ceremony.Ceremony) {
				other := ctap.EdDSA
				if c.Alg == other {
					other = ctap.ES256
				}
				c.Response["response"].(map[string]any)["publicKeyAlgorithm"] = other
			}))},
		{ID: "register.id.padded", Want: Policy, Sev: Low, Field: "id",
			Recipe: "id and rawId end in =",
			Why:    "base64url in WebAuthn has no padding; to take it is harmless where the bytes are compared",
			Edits:  edits(writeID(base64.URLEncoding))},
		{ID: "register.id.base64", Want: Policy, Sev: Low, Field: "id",
			Recipe: "id and rawId are in standard base64, with padding",
			Why:    "base64url is what WebAuthn says; to take both is harmless where the bytes are compared",
			Edits:  edits(writeID(base64.StdEncoding))},

		{ID: "register.transports.unknown", Want: MustAccept, Sev: Medium, Field: "transports",
			Recipe: "one of the transports has a name that nobody knows",
			Why:    "the standard says that names will be added, and that unknown ones are kept",
			Edits:  edits(ceremony.ResponseMember("transports", []string{"usb", "teleport"}))},
		{ID: "register.transports.missing", Want: MustAccept, Sev: Medium, Field: "transports",
			Recipe: "transports are missing",
			Why:    "they are a hint; older scripts on pages do not send them",
			Edits:  edits(ceremony.Inner(func(r map[string]any) { delete(r, "transports") }))},
		{ID: "register.transports.string", Want: MustAccept, Sev: Low, Field: "transports",
			Recipe: "transports are one string, and no list",
			Why:    "they are a hint, and no reason to lose a registration",
			Edits:  edits(ceremony.ResponseMember("transports", "internal"))},
	})
}

// otherPublicKey puts a key in of the same kind, and nobody's.
func otherPublicKey(c *ceremony.Ceremony) error {
	public, _, err := c.Other(c.Alg)
	if err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	c.Response["response"].(map[string]any)["publicKey"] = base64url(spki)
	return nil
}

func writeID(e *base64.Encoding) ceremony.Edit {
	return ceremony.Edit{Stage: ceremony.Response, Apply: func(c *ceremony.Ceremony) error {
		id := e.EncodeToString(c.AuthData.CredentialID)
		if !strings.HasSuffix(id, "=") {
			return errors.New("the credential ID needs no padding")
		}
		c.Response["id"], c.Response["rawId"] = id, id
		return nil
	}}
}

// extensionCases are about extensions' outputs that nobody asked for (§7.1
// step 28).
func extensionCases() []Case {
	const extensions = "attestationObject.authData.extensions"
	unasked := []Need{NeedExtensionsIgnored}
	return at("§7.1 step 28", []Case{
		{ID: "register.extensions.cred-props", Want: Policy, Sev: Medium, Field: "clientExtensionResults.credProps",
			Needs:  unasked,
			Recipe: "clientExtensionResults has credProps, which the options did not ask for",
			Why:    "some scripts on pages always add it; the standard leaves it to the site",
			Edits:  edits(extensionResult("credProps", map[string]any{"rk": true}))},
		{ID: "register.extensions.cred-protect", Want: MustAccept, Sev: Medium, Field: extensions,
			Needs:  unasked,
			Recipe: "the device says credProtect without being asked",
			Why:    "security keys may be set to do so: whoever refuses it locks their owners out",
			Edits:  edits(extensionOutput(credProtect))},
		{ID: "register.extensions.prf-client", Want: Policy, Sev: Medium, Field: "clientExtensionResults.prf",
			Needs:  unasked,
			Recipe: "prf is enabled in the client's outputs, and hmac-secret is not in the device's",
			Why:    "synced passkeys say it that way: a site that reads only one of the two misses them",
			Edits:  edits(extensionResult("prf", map[string]any{"enabled": true}))},
		{ID: "register.extensions.prf-device", Want: Policy, Sev: Medium, Field: extensions,
			Needs:      unasked,
			References: []string{"https://github.com/mozilla/fxa/issues/20753"},
			Recipe:     "hmac-secret is true in the device's outputs, and prf is not in the client's",
			Why:        "only the client's outputs tell whether prf can be used",
			Edits:      edits(extensionOutput([]byte("\xa1\x6bhmac-secret\xf5")))},
	})
}

func extensionResult(name string, value any) ceremony.Edit {
	return ceremony.Outer(func(r map[string]any) {
		results, ok := r["clientExtensionResults"].(map[string]any)
		if !ok {
			results = map[string]any{}
			r["clientExtensionResults"] = results
		}
		results[name] = value
	})
}

// extensionOutput takes a map of one output, Bytes.
func extensionOutput(Bytes []byte) ceremony.Edit {
	return ceremony.At(ceremony.AuthData, func(c *ceremony.Ceremony) {
		c.AuthData.Flags |= ctap.FlagED
		c.AuthData.Extensions = Bytes
	})
}
