package rptest

import (
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// trustCases are those that only a site can notice that knows the device's maker
// (§7.1 steps 23 and 24).
func trustCases() []Case {
	const x5c = statement + ".x5c"
	madeUp := "anybody can make such a certificate"
	trust := func(fault string, c Case) Case {
		c.ID = "register.attestation.trust." + c.ID
		if c.Needs == nil {
			c.Needs = []Need{NeedTrustPath, NeedES256}
		}
		return attested(attest.Packed, fault, c)
	}
	cases := at("§7.1 step 24", []Case{
		trust("leaf.expired", Case{ID: "expired", Sev: Medium, Field: leafField + ".notAfter",
			Recipe: "the certificate expired a year ago",
			Why:    "its key may since have been lost, or thrown away with the machine that had it"}),
		trust("leaf.future", Case{ID: "future", Sev: Medium, Field: leafField + ".notBefore",
			Recipe: "the certificate will not be valid for another year",
			Why:    "nobody vouches for it yet"}),
		trust("chain.rogue", Case{ID: "rogue", Sev: High, Field: x5c,
			Recipe: "the chain leads to a root of the right name, and another key",
			Why:    madeUp}),
		trust("chain.rogue-included", Case{ID: "rogue-included", Sev: High, Field: x5c,
			Recipe: "the chain leads to a root of the right name and another key, which is in x5c",
			Why:    "whoever trusts what the chain brings along trusts everybody"}),
		trust("chain.short", Case{ID: "short", Sev: Medium, Field: x5c + "[1]",
			Recipe: "the intermediate certificate is missing",
			Why:    "nothing leads from the certificate to a root"}),
		trust("chain.expired", Case{ID: "intermediate-expired", Sev: Medium, Field: x5c + "[1].notAfter",
			Recipe: "the intermediate certificate expired a year ago",
			Why:    "its key may since have been lost"}),
		trust("chain.swapped", Case{ID: "swapped", Sev: Medium, Field: x5c,
			Recipe: "the intermediate certificate comes first, and the device's last",
			Why:    "the first certificate's key is the one that signed; to look for another one is to let the response choose"}),
		trust("chain.unordered", Case{ID: "unordered", Sev: Medium, Field: x5c,
			Recipe: "the root stands before the intermediate certificate",
			Why:    "each certificate has to vouch for the one before"}),
		trust("chain.root", Case{ID: "root-included", Want: Policy, Sev: Low, Field: x5c,
			Recipe: "x5c ends with the root itself",
			Why:    "it proves nothing and harms nothing; some devices send it"}),

		trust("", Case{ID: "none-instead", Sev: Medium, Field: "attestationObject.fmt",
			Recipe: "the site wants attestation, and the format is none",
			Why:    "whoever need not attest has any device",
			Edits:  edits(ceremony.AttestAs(attest.None))}),
		trust("", Case{ID: "self-instead", Sev: Medium, Field: statement,
			Recipe: "the site wants attestation, and the credential's own key signed",
			Why:    "whoever need not attest has any device",
			Edits:  edits(ceremony.AttestAs(attest.PackedSelf))}),
		trust("", Case{ID: "other-model", Sev: Medium, Field: "attestationObject.authData.aaguid",
			Needs:  []Need{NeedModelList, NeedES256},
			Recipe: "the device is a model that the site does not allow",
			Why:    "a list that is not looked at allows everything",
			Edits:  edits(model("unlisted"))}),
	})
	return append(cases, metadataCases(trust)...)
}

// metadataCases are about what the FIDO Metadata Service says of a model. The
// site was fed TrialBLOBs before.
func metadataCases(trust func(string, Case) Case) []Case {
	metadata := func(name string, c Case) Case {
		c.ID = "metadata-" + name
		c.Field = "attestationObject.authData.aaguid"
		c.Needs = []Need{NeedMetadata, NeedES256}
		c.Edits = edits(model(name))
		return trust("", c)
	}
	return at("§7.1 step 23", []Case{
		metadata(modelRevoked, Case{Anchor: "§7.1 step 24", Sev: Medium,
			Recipe: "the device's model has the status REVOKED",
			Why:    "its maker or the FIDO Alliance takes back what was vouched for"}),
		metadata(modelCompromised, Case{Anchor: "§7.1 step 24", Sev: Medium,
			Recipe: "the device's model has the status USER_KEY_REMOTE_COMPROMISE",
			Why:    "its private keys can be had from afar"}),
		metadata(modelReinstated, Case{Sev: Medium,
			Recipe: "the model is revoked, and metadata that came later, with a smaller number, says that it is not",
			Why:    "whoever can play back old metadata makes a revoked model good again"}),
		metadata(modelForged, Case{Sev: Medium,
			Recipe: "the model is revoked, and metadata whose signature is wrong says that it is not",
			Why:    "whoever can change metadata on their way makes a revoked model good again"}),
	})
}

// model makes the device another model of its maker.
func model(name string) ceremony.Edit {
	return ceremony.AAGUID(func(own ctap.AAGUID) ctap.AAGUID { return siblingModel(own, name) })
}
