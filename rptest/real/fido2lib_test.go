package real

import (
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func TestFido2Lib(t *testing.T) {
	needNode(t, parties)
	site := at(t, serve(t, "node", parties+"/fido2lib/server.mjs"), library("fido2-lib"))
	judge(t, "fido2-lib", &rptest.Audit{RP: site}, nil)
}
