package tpm

import "testing"

// TestCheckReset: it tells of what Reset lacks, and changes nothing.
func TestCheckReset(t *testing.T) {
	d := created(t)
	r := d.mustOpen()
	must(t, "check", r.CheckReset(t.Context()))
	must(t, "close", r.Close())
	setOwner(t, d.raw(), nil, []byte("owner"))
	for _, password := range []string{"", "wrong"} {
		r, err := d.open(Options{OwnerPassword: []byte(password)})
		must(t, "open", err)
		wants(t, "check", r.CheckReset(t.Context()), ErrOwnerPassword)
		must(t, "close", r.Close())
	}
	r, err := d.open(Options{OwnerPassword: []byte("owner")})
	must(t, "open", err)
	must(t, "check", r.CheckReset(t.Context()))
	must(t, "reset", r.Reset(t.Context()))
}
