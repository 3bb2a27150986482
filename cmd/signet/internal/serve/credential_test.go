package serve

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/seed-77d61853/signet/ctap"
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

// bytesOf decodes a member of an answer's response.
func bytesOf(t *testing.T, credential map[string]any, member string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(credential["response"].(map[string]any)[member].(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// verifies tells whether a sign-in was signed with the key that was registered.
func verifies(t *testing.T, registered, signedIn map[string]any) bool {
	t.Helper()
	auth, err := ctap.ParseAuthData(bytesOf(t, registered, "authenticatorData"))
	if err != nil {
		t.Fatal(err)
	}
	alg, public, err := ctap.UnmarshalPublicKey(auth.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	clientDataHash := sha256.Sum256(bytesOf(t, signedIn, "clientDataJSON"))
	message, signature := append(bytesOf(t, signedIn, "authenticatorData"), clientDataHash[:]...), bytesOf(t, signedIn, "signature")
	digest := message
	if hash := alg.Hash(); hash != 0 {
		h := hash.New()
		h.Write(message)
		digest = h.Sum(nil)
	}
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	case ed25519.PublicKey:
		return ed25519.Verify(public, digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
	case *ctap.Secp256k1Point:
		key, err := secp256k1.ParsePubKey(append(append([]byte{4}, public.X[:]...), public.Y[:]...))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := k1ecdsa.ParseDERSignature(signature)
		return err == nil && sig.Verify(digest, key)
	}
	return false
}

// A passkey of every algorithm goes to another device and through a saved state, and
// signs in as before.
func TestCredentialAlgorithms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.json")
	s, next := start(t, Config{}), start(t, Config{})
	made, devices, kept := map[string]map[string]any{}, []string{}, map[string][]map[string]any{}
	for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.RS256, ctap.ES256K} {
		from := s.device(fmt.Sprintf(`{"algorithms":[%d]}`, alg))
		made[from] = s.must("POST", from+"/create", page(strings.Replace(creationOptions, `"alg":-7`, fmt.Sprintf(`"alg":%d`, alg), 1)))
		if got := made[from]["response"].(map[string]any)["publicKeyAlgorithm"]; got != float64(alg) {
			t.Errorf("%v: registered is a key of %v", alg, got)
		}
		devices, kept[from] = append(devices, from), s.list(from+"/credentials")
		if len(kept[from]) != 1 {
			t.Fatalf("%v: exported is %v", alg, kept[from])
		}
		to := s.device(`{}`)
		if added := s.must("POST", to+"/credentials", kept[from][0]); !reflect.DeepEqual(added, kept[from][0]) {
			t.Errorf("%v: added it is %v, and was %v", alg, added, kept[from][0])
		}
		if !verifies(t, made[from], s.must("POST", to+"/get", page(requestOptions))) {
			t.Errorf("%v: the other device signs with another key", alg)
		}
	}
	if err := s.server.Save(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := next.server.Load(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		if got := next.list(d + "/credentials"); !reflect.DeepEqual(got, kept[d]) {
			t.Errorf("%s: loaded is %v, and was %v", d, got, kept[d])
		}
		if !verifies(t, made[d], next.must("POST", d+"/get", page(requestOptions))) {
			t.Errorf("%s: after loading it signs with another key", d)
		}
	}
}

// Who removes what another removes at the same time is told so of one credential, and
// gets what was wanted of all.
func TestRemovedMeanwhile(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	both := func(path string) (statuses [2]int, answers [2]string) {
		var removers sync.WaitGroup
		for i := range statuses {
			removers.Go(func() {
				status, answer := s.do("DELETE", path, nil)
				statuses[i], answers[i] = status, string(answer)
			})
		}
		removers.Wait()
		return statuses, answers
	}
	for range 20 {
		id := fmt.Sprint(s.register(d)["id"])
		statuses, answers := both(d + "/credentials/" + id)
		for i, status := range statuses {
			if status != 200 && (status != 404 || !strings.Contains(answers[i], "no credential "+id)) {
				t.Errorf("of one: %d %s", status, answers[i])
			}
		}
		if statuses == [2]int{404, 404} {
			t.Error("nobody removed it")
		}
		for i := range 5 {
			s.must("POST", d+"/create", page(strings.Replace(creationOptions, "YWxpY2U", fmt.Sprintf("YWxpY2U%d", i), 1)))
		}
		if statuses, answers := both(d + "/credentials"); statuses != [2]int{200, 200} {
			t.Errorf("of all: %v %q", statuses, answers)
		}
	}
}
