package passkeys

import (
	"net/http/httptest"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

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

func TestOtherPort(t *testing.T) {
	server := httptest.NewServer(newApp(t))
	defer server.Close()
	rp, err := rptest.URL(server.URL, rptest.FIDO(), nil)
	if err != nil {
		t.Fatal(err)
	}
	u := rptest.NewUser(t, rp, "https://login.example")
	u.MustRegister()
	u.Device.Next().Mutate("login.origin.port")
	if _, err := u.Login(); rptest.Refused(err) != rptest.LogInFinish {
		t.Errorf("a response from another port: %v", err)
	}
}

func TestBobIsNotAlice(t *testing.T) {
	rp := rptest.Handler(newApp(t), rptest.FIDO())
	alice := rptest.NewUser(t, rp, "https://login.example").Named("alice")
	bob := rptest.NewUser(t, rp, "https://login.example").Named("bob")
	alice.MustRegister()
	bob.MustRegister()
	bob.Session.User = "alice" // he types her name
	if _, err := bob.Login(); rptest.ErrorName(err) != "NotAllowedError" {
		t.Errorf("Bob has a passkey of Alice's: %v", err)
	}
}
