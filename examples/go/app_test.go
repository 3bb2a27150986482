package passkeys

import (
	"net/http"
	"testing"

	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// newApp is the site under test: here one of Signet's own, from which one check is
// missing, as the baseline knows.
func newApp(t *testing.T) http.Handler {
	t.Helper()
	site, err := brokenrp.New(brokenrp.Config{
		RPID:    "login.example",
		Origins: []string{"https://login.example"},
		Off:     []brokenrp.Check{"login.userHandle"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return site
}
