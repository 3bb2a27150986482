package serve

import (
	"fmt"
	"strings"
	"testing"
)

// writeBlob writes a large blob, in base64url, as a page does.
func writeBlob(s *service, device string, id any, blob string) {
	s.t.Helper()
	more := fmt.Sprintf(`"allowCredentials":[{"type":"public-key","id":%q}],"extensions":{"largeBlob":{"write":%q}},"challenge"`, id, blob)
	got := s.must("POST", device+"/get", page(strings.Replace(requestOptions, `"challenge"`, more, 1)))
	if results := fmt.Sprint(got["clientExtensionResults"]); !strings.Contains(results, "written:true") {
		s.t.Errorf("the large blob is not written: %s", results)
	}
}

// readBlob reads the large blob of the device's newest passkey, as a page does.
func readBlob(s *service, device string) any {
	s.t.Helper()
	got := s.must("POST", device+"/get", page(strings.Replace(requestOptions, `"challenge"`, `"extensions":{"largeBlob":{"read":true}},"challenge"`, 1)))
	return got["clientExtensionResults"].(map[string]any)["largeBlob"].(map[string]any)["blob"]
}

// A large blob goes where its passkey goes.
func TestLargeBlob(t *testing.T) {
	s := start(t, Config{})
	from := s.device(`{}`)
	id := s.register(from)["id"]
	one := s.must("GET", fmt.Sprint(from, "/credentials/", id), nil)
	if blob, ok := one["largeBlob"]; ok {
		t.Errorf("before it was written it is %v", blob)
	}
	one["largeBlob"] = "YnkgdGhlIHRlc3Q"
	for _, profile := range []string{"phone", "security-key"} {
		d := s.device(fmt.Sprintf(`{"profile":%q}`, profile))
		if added := s.must("POST", d+"/credentials", one); added["largeBlob"] != one["largeBlob"] {
			t.Errorf("%s says %v", profile, added)
		}
		if got := readBlob(s, d); got != one["largeBlob"] {
			t.Errorf("%s: a page reads %v", profile, got)
		}
		writeBlob(s, d, id, "YnkgdGhlIHBhZ2U")
		if got := s.list(d + "/credentials"); len(got) != 1 || got[0]["largeBlob"] != "YnkgdGhlIHBhZ2U" {
			t.Errorf("%s: exported as %v", profile, got)
		}
	}
	for _, config := range []string{`{"noLargeBlob":true}`, `{"profile":"windows"}`} {
		d := s.device(config)
		s.refused(400, "BadRequest", "the device keeps no large blobs", "POST", d+"/credentials", one)
		if got := s.list(d + "/credentials"); len(got) != 0 {
			t.Errorf("%s: stored is %v", config, got)
		}
	}
	one["largeBlob"] = "no base64url!"
	s.wrong().refused(400, "BadRequest", "not base64url", "POST", from+"/credentials", one)
}

// A signCount of null is that of a passkey that does not count.
func TestNoCounter(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{"profile":"security-key"}`)
	path := fmt.Sprint(d, "/credentials/", s.register(d)["id"])
	if got := s.must("PATCH", path, `{"signCount":null}`); got["signCount"] != nil {
		t.Errorf("it counts: %v", got)
	}
	if got := s.must("PATCH", path, `{"backupEligibility":true}`); got["signCount"] != nil || got["backupState"] != false {
		t.Errorf("changed to %v", got)
	}
	s.wrong().refused(400, "BadRequest", "", "PATCH", path, `{"signCount":-1}`)
	s.wrong().refused(400, "BadRequest", "colour", "PATCH", path, `{"colour":1}`)
	one := s.must("GET", path, nil)
	s.must("DELETE", path, nil)
	if got := s.must("POST", d+"/credentials", one); got["signCount"] != nil {
		t.Errorf("added to a device that counts it is %v", got)
	}
}
