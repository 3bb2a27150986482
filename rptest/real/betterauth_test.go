package real

import (
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func TestBetterAuth(t *testing.T) {
	needNode(t, parties)
	m, err := rptest.ReadMapping(parties + "/betterauth/rp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	site := at(t, serve(t, "node", parties+"/betterauth/server.mjs"), m)
	judge(t, "better-auth", &rptest.Audit{RP: site}, nil)
}
