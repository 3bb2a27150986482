// Package consent asks the person. Each type here is an authenticator.User: a
// [Terminal] puts the question on a terminal, a [Policy] answers every question
// alike, for tests.
package consent
