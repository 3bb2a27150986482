package serve

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

func TestTrust(t *testing.T) {
	s := start(t, Config{})
	for _, p := range rptest.Personalities() {
		d := s.device(fmt.Sprintf(`{"profile":%q,"clock":"2026-01-02T03:04:05Z"}`, p))
		_, roots := s.do("GET", d+"/roots.pem", nil)
		_, mdsRoots := s.do("GET", d+"/mds-roots.pem", nil)
		if !strings.HasPrefix(string(roots), "-----BEGIN CERTIFICATE") || !strings.HasPrefix(string(mdsRoots), "-----BEGIN CERTIFICATE") || string(roots) == string(mdsRoots) {
			t.Errorf("%s: roots are %s and %s", p, roots, mdsRoots)
		}
		statement := s.must("GET", d+"/metadata.json", nil)
		aaguid := s.must("GET", d, nil)["config"].(map[string]any)["aaguid"]
		if p != rptest.U2F && statement["aaguid"] != aaguid {
			t.Errorf("%s: the statement is of %v, the device is %v", p, statement["aaguid"], aaguid)
		}
		status, blob := s.do("GET", d+"/mds.jwt?no=7&status=REVOKED&nextUpdate=2026-03-01", nil)
		var payload struct {
			No         int
			NextUpdate string
			Entries    []struct{ StatusReports []struct{ Status string } }
		}
		if parts := strings.Split(string(blob), "."); len(parts) != 3 {
			t.Fatalf("%s: the BLOB is %d %s", p, status, blob)
		} else if err := decodePart(parts[1], &payload); err != nil {
			t.Fatal(err)
		}
		if payload.No != 7 || payload.NextUpdate != "2026-03-01" || payload.Entries[0].StatusReports[0].Status != "REVOKED" {
			t.Errorf("%s: the BLOB says %+v", p, payload)
		}
		for _, fault := range []string{"signature", "root"} {
			if _, spoilt := s.do("GET", d+"/mds.jwt?no=7&status=REVOKED&nextUpdate=2026-03-01&fault="+fault, nil); string(spoilt) == string(blob) {
				t.Errorf("%s: with fault %s the BLOB is the same", p, fault)
			}
		}
		_, all := s.do("GET", "/v1/roots.pem", nil)
		if !strings.Contains(string(all), string(roots)) {
			t.Errorf("the roots of all lack those of %s", p)
		}
		for _, query := range []string{"no=x", "nextUpdate=x", "fault=x"} {
			s.refused(400, "BadRequest", query, "GET", d+"/mds.jwt?"+query, nil)
		}
	}
}

// The trial BLOBs are of every profile's model, in the order in which a site is fed
// with them.
func TestTrialBLOBs(t *testing.T) {
	s := start(t, Config{})
	_, body := s.do("GET", s.device(`{"profile":"phone"}`)+"/mds-trials", nil)
	var blobs []string
	if err := json.Unmarshal(body, &blobs); err != nil || len(blobs) != 3 {
		t.Fatalf("%v: %s", err, body)
	}
	for i, number := range []int{2, 1, 3} {
		var payload struct {
			No      int
			Entries []struct{ AAGUID string }
		}
		if err := decodePart(strings.Split(blobs[i], ".")[1], &payload); err != nil {
			t.Fatal(err)
		}
		if payload.No != number || len(payload.Entries) < len(rptest.Personalities()) {
			t.Errorf("BLOB %d has number %d and tells of %v", i, payload.No, payload.Entries)
		}
	}
}

func decodePart(part string, v any) error {
	var b rptest.Bytes
	if err := b.UnmarshalText([]byte(part)); err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func TestCatalogue(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	if cases := s.list("/v1/cases"); len(cases) != len(rptest.Catalogue()) {
		t.Errorf("%d cases are listed", len(cases))
	}
	for _, m := range s.list("/v1/mutations") {
		id := m["id"].(string)
		if m["takesValue"] == true {
			continue
		}
		s.must("POST", d+"/behaviour", map[string]any{"mutate": []string{id}})
	}
}

func TestCredentials(t *testing.T) {
	s := start(t, Config{})
	from, to := s.device(`{"profile":"security-key"}`), s.device(`{"profile":"security-key"}`)
	id := s.register(from)["id"].(string)
	one := s.must("GET", from+"/credentials/"+id, nil)
	if one["rpId"] != "login.example" || one["userHandle"] != "YWxpY2U" || one["userName"] != "alice" || one["signCount"] == nil {
		t.Errorf("the credential is %v", one)
	}
	if added := s.must("POST", to+"/credentials", one); added["credentialId"] != id {
		t.Errorf("added it is %v", added)
	}
	if got := s.must("POST", to+"/get", page(requestOptions)); got["id"] != id {
		t.Errorf("the other device signed in with %v", got["id"])
	}
	if got := s.must("PATCH", to+"/credentials/"+id, `{"backupEligibility":true,"backupState":true,"signCount":1000}`); got["backupState"] != true || got["signCount"] != 1000.0 {
		t.Errorf("changed it is %v", got)
	}
	s.must("DELETE", to+"/credentials/"+id, nil)
	s.refused(404, "NotFound", "no credential", "GET", to+"/credentials/"+id, nil)
	s.refused(404, "NotFound", "no credential", "DELETE", to+"/credentials/"+id, nil)
	s.refused(404, "NotFound", "no credential", "PATCH", to+"/credentials/"+id, `{}`)
	s.refused(400, "BadRequest", "base64url", "GET", to+"/credentials/*", nil)
	s.must("DELETE", from+"/credentials", nil)
	if got := s.list(from + "/credentials"); len(got) != 0 {
		t.Errorf("all removed, there are %v", got)
	}
	one["privateKey"] = "AAAA"
	s.refused(400, "BadRequest", "PKCS #8", "POST", to+"/credentials", one)
	one["colour"] = "AAAA"
	s.wrong().refused(400, "BadRequest", "colour", "POST", to+"/credentials", one)
}
