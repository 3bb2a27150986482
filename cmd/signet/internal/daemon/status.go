package daemon

import (
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/policy"
)

// Status is what runs.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	// Approve is who answers questions: "ask" (the person at the terminal of
	// signet run), "attached" (at that of signet consent), "unattended" (nobody,
	// until there is one), "always" or "never" (nobody is asked).
	Approve string `json:"approve"`
	Store   Store  `json:"store"`
	PIN     PIN    `json:"pin"`
	// InChip names the algorithms whose keys never leave a chip; keys of others
	// are in memory while they sign.
	InChip []string `json:"in_chip,omitempty"`
	Doors  []Door   `json:"doors"`
	// Policy is the administrator's, as it was when the device was opened.
	Policy *Policy `json:"policy,omitempty"`
}

// Store is what the device lives in.
type Store struct {
	Path     string    `json:"path"`
	ID       string    `json:"id"`
	Root     string    `json:"root"`
	Profile  string    `json:"profile"`
	Copyable bool      `json:"copyable"`
	Created  time.Time `json:"created"`
}

// Policy is what the administrator demands.
type Policy struct {
	Path  string        `json:"path"`
	Rules []policy.Rule `json:"rules"`
}

// PIN is the state of the PIN gate.
type PIN struct {
	Set bool `json:"set"`
	// Lost tells that somebody destroyed the gate: a reset makes a new one.
	Lost    bool `json:"lost,omitempty"`
	Open    bool `json:"open"` // proven now: gated passkeys can be used
	Retries int  `json:"retries"`
	// Blocked tells that three misses in a row want a restart, or the owner.
	Blocked bool `json:"blocked,omitempty"`
	// MinLength is the shortest PIN that may be set, in code points.
	MinLength int `json:"min_length,omitempty"`
	// MustChange tells that the PIN that is set has to be changed before it serves.
	MustChange bool `json:"must_change,omitempty"`
}
