package rptest

// attestationCases spoil attestation statements (WebAuthn §7.1 steps 21 to 24, §8).
func attestationCases() []Case { return nil }
