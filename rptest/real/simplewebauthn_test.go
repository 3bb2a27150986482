package real

import (
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func TestSimpleWebAuthn(t *testing.T) {
	needNode(t, parties)
	site := at(t, serve(t, "node", parties+"/simplewebauthn/server.mjs"), library("SimpleWebAuthn"))
	trust(t, site, "android-key", "apple")
	knowing := at(t, serve(t, "node", parties+"/simplewebauthn/server.mjs"), library("SimpleWebAuthn"))
	trust(t, knowing, "packed", "fido-u2f", "tpm", "android-key", "apple")
	var trustPath []string
	for _, c := range rptest.Catalogue() {
		if needs(c, rptest.NeedTrustPath) {
			trustPath = append(trustPath, c.ID)
		}
	}
	// Metadata and lists of models are its callers' part.
	judge(t, "simplewebauthn", &rptest.Audit{RP: site}, &rptest.Audit{RP: knowing, Trusted: true, Only: trustPath})
}

// trust has SimpleWebAuthn trust the makers' roots for formats. It has the real
// makers' for android-key and apple, which a test's devices do not lead to.
func trust(t *testing.T, site *rptest.Site, formats ...string) {
	t.Helper()
	for _, d := range makers(t) {
		pem, err := d.Authority().Roots()
		if err != nil {
			t.Fatal(err)
		}
		post(t, site.Mapping().Base+"/roots", map[string]any{"pem": string(pem), "formats": formats})
	}
}
