package rptest

// optionsCases look at what a site sends.
func optionsCases() []Case { return nil }
