package rptest_test

import (
	"net/http"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/brokenrp"
)

// newApp is the site under test.
func newApp(t *testing.T) http.Handler {
	app, err := brokenrp.New(brokenrp.Config{RPID: "login.example", Origins: []string{"https://login.example"}})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// TestPasskeys is README's example.
func TestPasskeys(t *testing.T) {
	rp := rptest.Handler(newApp(t), rptest.FIDO())      // or a URL, or a mapping file
	u := rptest.NewUser(t, rp, "https://login.example") // seed: the test's name
	u.MustRegister()
	u.MustLogin()
	u.Device.Next().Deny()
	if _, err := u.Login(); rptest.ErrorName(err) != "NotAllowedError" {
		t.Fatal(err)
	}
	rptest.Run(t, rp, rptest.AtLeast(rptest.High), rptest.Baseline("testdata/passkeys.baseline"))
}
