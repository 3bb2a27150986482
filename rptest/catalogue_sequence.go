package rptest

import "slices"

// sequenceCases are of several requests, sessions or accounts.
func sequenceCases() []Case {
	return slices.Concat(replayCases(), sessionCases(), accountCases(), ownershipCases(), stepUpCases(), burdenCases(), []Case{
		{ID: "sequence.front-end.errors", Sev: Medium, Anchor: "§7.1 step 2",
			NotRun: "it needs the site's own page in a browser: see the shim of `signet serve`",
			Recipe: "navigator.credentials.create fails with each of its names, one after the other",
			Why:    "the page must recover, post nothing, and the challenge must die"},
		{ID: "sequence.front-end.conditional", Sev: Medium, Anchor: "§7.2 step 2",
			NotRun: "it needs the site's own page in a browser: see the shim of `signet serve`",
			Recipe: "a modal sign-in begins while a conditional one is pending",
			Why:    "the page must abort the first"},
		{ID: "sequence.front-end.instanceof", Want: MustAccept, Sev: Medium, Anchor: "§7.1 step 3",
			NotRun:     "it needs the site's own page in a browser: see the shim of `signet serve`",
			Recipe:     "the credential comes from a password manager's script",
			Why:        "a page that checks instanceof locks its users out",
			References: []string{"https://github.com/discourse/discourse/issues/39859"}},
	})
}
