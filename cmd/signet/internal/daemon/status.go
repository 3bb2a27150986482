package daemon

import "time"

// Status is what runs.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	// Approve is who answers questions: "ask" (the person at the terminal),
	// "always" or "never" (nobody is asked).
	Approve string `json:"approve"`
	Store   Store  `json:"store"`
	PIN     PIN    `json:"pin"`
	Doors   []Door `json:"doors"`
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

// PIN is the state of the PIN gate.
type PIN struct {
	Set     bool `json:"set"`
	Open    bool `json:"open"` // proven now: gated passkeys can be used
	Retries int  `json:"retries"`
}
