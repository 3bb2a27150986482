package rptest

// sequenceCases are of several requests, sessions or accounts.
func sequenceCases() []Case { return nil }
