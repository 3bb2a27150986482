package rptest

import "slices"

// registrationCases spoil one registration (WebAuthn §7.1), but for attestation.
func registrationCases() []Case {
	return slices.Concat(
		sharedCases(Registering, clientDataCases()),
		sharedCases(Registering, authDataCases()),
	)
}
