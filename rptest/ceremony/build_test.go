package ceremony_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"filippo.io/keygen"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
	"github.com/seed-77d61853/signet/rptest/explain"
)

const (
	createOptions = `{"rp":{"id":"login.example","name":"Login"},"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},
		"challenge":"cmVnaXN0ZXIgYWxpY2Ugbm93","attestation":%q,"authenticatorSelection":{"residentKey":"preferred"},
		"pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-8},{"type":"public-key","alg":-257}]}`
	getOptions = `{"rpId":"login.example","challenge":"c2lnbiBhbGljZSBpbiBub3c"}`
)

// ceremonies are an honest registration and sign-in, and both with edits; those of
// a sign-in's signature are made to that alone.
func ceremonies(t testing.TB, c rptest.DeviceConfig, conveyance string, edits ...ceremony.Edit) (created *rptest.Registration, got *rptest.Assertion) {
	t.Helper()
	c.Seed = t.Name()
	d, err := rptest.NewDevice(c)
	if err != nil {
		t.Fatal(err)
	}
	client := &rptest.Client{Device: d, Origin: "https://login.example"}
	m := rptest.Mutation{ID: t.Name(), Edits: edits}
	both := rptest.Mutation{ID: t.Name(), Edits: slices.DeleteFunc(slices.Clone(edits), func(e ceremony.Edit) bool { return e.Stage == ceremony.Signature })}
	if created, err = client.Create(t.Context(), fmt.Appendf(nil, createOptions, conveyance), both); err != nil {
		t.Fatal(err)
	}
	if got, err = client.Get(t.Context(), []byte(getOptions), m); err != nil {
		t.Fatal(err)
	}
	return created, got
}

func decode(t testing.TB, response []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(response, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func part(t testing.TB, response []byte, member string) []byte {
	t.Helper()
	s, ok := decode(t, response)["response"].(map[string]any)[member].(string)
	if !ok {
		t.Fatalf("no member %s in %s", member, response)
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Without edits a response is the honest one, whatever the format and the key:
// otherwise a fault would not be the only difference.
func TestBuildWithoutEdits(t *testing.T) {
	for _, format := range attest.Formats() {
		for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA} {
			for _, conveyance := range []string{"none", "direct"} {
				t.Run(fmt.Sprintf("%s/%v/%s", format, alg, conveyance), func(t *testing.T) {
					t.Parallel()
					c := rptest.DeviceConfig{Attestation: format, Algorithms: []ctap.Algorithm{alg}}
					if format == attest.FIDOU2F {
						c.AAGUID = &ctap.AAGUID{}
					}
					created, got := ceremonies(t, c, conveyance)
					if want, is := decode(t, created.Honest), decode(t, created.JSON); !reflect.DeepEqual(want, is) {
						t.Errorf("registration:\n%s", explain.Table(explain.Diff(created.Honest, created.JSON)))
					}
					if want, is := decode(t, got.Honest), decode(t, got.JSON); !reflect.DeepEqual(want, is) {
						t.Errorf("sign-in:\n%s", explain.Table(explain.Diff(got.Honest, got.JSON)))
					}
				})
			}
		}
	}
}

// What is changed early is signed, and hashed, anew.
func TestEditsAreCarriedOn(t *testing.T) {
	created, got := ceremonies(t, rptest.DeviceConfig{Attestation: attest.PackedSelf}, "direct",
		ceremony.ClientDataMember("origin", "https://evil.example"), ceremony.SignCount(7))
	for _, r := range []struct {
		name    string
		honest  []byte
		changed []byte
		want    []string
	}{
		{"registration", created.Honest, created.JSON, []string{
			"clientDataJSON.origin", "attestationObject.authData.signCount", "attestationObject.attStmt.sig", "authenticatorData"}},
		{"sign-in", got.Honest, got.JSON, []string{"clientDataJSON.origin", "authenticatorData.signCount", "signature"}},
	} {
		if paths := changed(r.honest, r.changed); !equalSets(paths, r.want) {
			t.Errorf("%s: %q differ, want %q", r.name, paths, r.want)
		}
	}

	key := publicKey(t, created.Honest)
	if !verifies(key, part(t, got.JSON, "authenticatorData"), part(t, got.JSON, "clientDataJSON"), part(t, got.JSON, "signature")) {
		t.Error("the signature of the sign-in does not verify")
	}
	sig, err := ceremony.StatementSignature(created.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if !verifies(key, part(t, created.JSON, "authenticatorData"), part(t, created.JSON, "clientDataJSON"), sig) {
		t.Error("the signature of the registration does not verify")
	}
}

// Stale edits leave the signatures as they were, and edits beside them do not.
func TestStaleEdits(t *testing.T) {
	stale := ceremony.ClientDataMember("origin", "https://evil.example")
	stale.Stale = true
	created, got := ceremonies(t, rptest.DeviceConfig{Attestation: attest.PackedSelf}, "direct", stale)
	if paths := changed(created.Honest, created.JSON); !equalSets(paths, []string{"clientDataJSON.origin"}) {
		t.Errorf("registration: %q differ", paths)
	}
	if paths := changed(got.Honest, got.JSON); !equalSets(paths, []string{"clientDataJSON.origin"}) {
		t.Errorf("sign-in: %q differ", paths)
	}

	flags := ceremony.Flags(0, ctap.FlagUV)
	flags.Stale = true
	created, got = ceremonies(t, rptest.DeviceConfig{Attestation: attest.PackedSelf}, "direct", flags, ceremony.SignCount(9))
	if paths := changed(created.Honest, created.JSON); !equalSets(paths, []string{
		"attestationObject.authData.flags.UV", "attestationObject.authData.signCount", "attestationObject.attStmt.sig", "authenticatorData"}) {
		t.Errorf("registration: %q differ", paths)
	}
	if verifies(publicKey(t, created.Honest), part(t, got.JSON, "authenticatorData"), part(t, got.JSON, "clientDataJSON"), part(t, got.JSON, "signature")) {
		t.Error("the signature fits the stale edit")
	}
}

// Another key is a whole credential: it signs, and the JSON around it follows.
func TestKeyEdit(t *testing.T) {
	created, _ := ceremonies(t, rptest.DeviceConfig{Attestation: attest.PackedSelf}, "direct", ceremony.Key(ctap.ES256))
	sig, err := ceremony.StatementSignature(created.JSON)
	if err != nil {
		t.Fatal(err)
	}
	data, clientData := part(t, created.JSON, "authenticatorData"), part(t, created.JSON, "clientDataJSON")
	if !verifies(publicKey(t, created.JSON), data, clientData, sig) {
		t.Error("the other key did not sign")
	}
	if verifies(publicKey(t, created.Honest), data, clientData, sig) {
		t.Error("the old key signed")
	}
	if bytes.Equal(part(t, created.JSON, "publicKey"), part(t, created.Honest, "publicKey")) {
		t.Error("publicKey is the old one")
	}
}

func TestSignInEdits(t *testing.T) {
	for _, e := range []struct {
		name     string
		edit     ceremony.Edit
		verifies bool
	}{
		{"none", ceremony.Edit{Stage: ceremony.Signature, Apply: func(*ceremony.Ceremony) error { return nil }, Optional: true}, true},
		{"bytes", ceremony.SignatureBytes([]byte{1}), false},
		{"other key", ceremony.SignedByOther(ctap.ES256), false},
		{"other message", ceremony.SignedOver(func(c *ceremony.Ceremony) []byte { return c.AuthenticatorData }), false},
	} {
		t.Run(e.name, func(t *testing.T) {
			created, got := ceremonies(t, rptest.DeviceConfig{}, "none", e.edit)
			if is := verifies(publicKey(t, created.Honest), part(t, got.JSON, "authenticatorData"), part(t, got.JSON, "clientDataJSON"), part(t, got.JSON, "signature")); is != e.verifies {
				t.Errorf("the signature verifies: %v", is)
			}
			if paths := changed(got.Honest, got.JSON); !e.verifies && !equalSets(paths, []string{"signature"}) {
				t.Errorf("%q differ", paths)
			}
		})
	}
}

// An edit that finds nothing to change must say so: the fault would be none.
func TestBuildFails(t *testing.T) {
	honest, got := ceremonies(t, rptest.DeviceConfig{}, "none")
	failure := errors.New("no such thing")
	_, err := ceremony.Build(honest.Honest, source(t), ceremony.Edit{Stage: ceremony.AuthData, Apply: func(*ceremony.Ceremony) error { return failure }})
	if !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if _, err := ceremony.Build(honest.Honest, source(t), ceremony.Attest(attest.Edit{Nonce: func(*attest.Nonce) {}})); !errors.Is(err, attest.ErrUnsupported) {
		t.Errorf("an edit of a nonce that is not there: %v", err)
	}
	for _, response := range []string{"", "{}", `{"response":1}`, `{"response":{}}`, `{"response":{"clientDataJSON":"e30"}}`, `{"response":{"clientDataJSON":"%","attestationObject":""}}`} {
		if _, err := ceremony.Build([]byte(response), source(t)); err == nil {
			t.Errorf("%q was built", response)
		}
	}
	for _, e := range []ceremony.Edit{
		ceremony.COSE(func(*ceremony.Map) {}), ceremony.PublicKeyBytes((*ceremony.Map).CBOR),
		ceremony.ObjectBytes(func(b []byte) []byte { return b }), ceremony.AttestAs(attest.None),
	} {
		if _, err := ceremony.Build(got.Honest, source(t), e); err == nil {
			t.Error("a registration's edit was made to a sign-in")
		}
	}
	if _, err := ceremony.Build(honest.Honest, source(t), ceremony.SignatureBytes(nil)); err == nil {
		t.Error("a sign-in's edit was made to a registration")
	}
	if _, err := ceremony.StatementSignature(honest.JSON); err == nil {
		t.Error("the format none has a signature")
	}
}

func changed(control, fault []byte) []string {
	var paths []string
	for _, c := range explain.Diff(control, fault) {
		paths = append(paths, c.Path)
	}
	return paths
}

func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func publicKey(t testing.TB, registration []byte) *ecdsa.PublicKey {
	t.Helper()
	auth, err := ctap.ParseAuthData(part(t, registration, "authenticatorData"))
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ctap.UnmarshalPublicKey(auth.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PublicKey)
}

func verifies(key *ecdsa.PublicKey, authData, clientData, sig []byte) bool {
	hash := sum(clientData)
	return ecdsa.VerifyASN1(key, sum(slices.Concat(authData, hash)), sig)
}

func sum(b []byte) []byte {
	h := crypto.SHA256.New()
	h.Write(b)
	return h.Sum(nil)
}

// source signs by a key of its own, whoever the credential's is.
func source(t testing.TB) ceremony.Source {
	t.Helper()
	key, err := keygen.ECDSA(elliptic.P256(), make([]byte, 48))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(message []byte) ([]byte, error) { return key.Sign(nil, sum(message), crypto.SHA256) }
	return ceremony.Source{
		Options: []byte(createOptions), Sign: sign,
		Other:  func(ctap.Algorithm) (crypto.PublicKey, attest.Signer, error) { return key.Public(), sign, nil },
		Format: attest.Packed, Authority: attest.New([]byte("test"), nil),
	}
}

// Whatever comes, Build gives a response or an error; and what it gave without
// edits it takes again, and gives the same.
func FuzzBuild(f *testing.F) {
	for _, format := range []attest.Format{attest.None, attest.Packed, attest.Compound} {
		created, got := ceremonies(f, rptest.DeviceConfig{Attestation: format}, "direct")
		f.Add(created.Honest)
		f.Add(got.Honest)
	}
	s := source(f)
	edits := []ceremony.Edit{
		ceremony.ClientDataMember("origin", "https://evil.example"),
		ceremony.Flags(ctap.FlagED, ctap.FlagUP),
		ceremony.COSE(func(m *ceremony.Map) { m.Duplicate(3, -257) }),
		ceremony.CredentialID(nil),
		ceremony.ObjectBytes(func(b []byte) []byte { return append(b, 0) }),
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		first, err := ceremony.Build(response, s)
		if err != nil {
			return
		}
		second, err := ceremony.Build(first, s)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s\nthen %s, %v", first, second, err)
		}
		ceremony.Build(response, s, edits...)
	})
}

// A fault that changes nothing is idle, whatever is signed anew, and so are all that
// undo each other.
func TestSpoilIdle(t *testing.T) {
	created, got := ceremonies(t, rptest.DeviceConfig{Attestation: attest.PackedSelf}, "direct")
	set := func(e ...ceremony.Edit) []ceremony.Edit { return e }
	unsigned := func(e ceremony.Edit) []ceremony.Edit {
		e.Stale = true
		return set(e)
	}
	optional := ceremony.SignCount(0)
	optional.Optional = true
	resigned := ceremony.SignedOver(func(c *ceremony.Ceremony) []byte { return c.AuthenticatorData })
	for _, c := range []struct {
		name     string
		response []byte
		faults   [][]ceremony.Edit
		idle     []int
	}{
		{"none", got.Honest, nil, nil},
		{"origin", got.Honest, [][]ceremony.Edit{set(ceremony.ClientDataMember("origin", "https://login.example"))}, []int{0}},
		{"client data", got.Honest, [][]ceremony.Edit{set(ceremony.ClientDataBytes(bytes.Clone))}, []int{0}},
		{"white space", got.Honest, [][]ceremony.Edit{set(ceremony.ClientDataBytes(func(b []byte) []byte { return append(b, ' ') }))}, nil},
		{"RP ID", got.Honest, [][]ceremony.Edit{set(ceremony.RPID("login.example"))}, []int{0}},
		{"flags", created.Honest, [][]ceremony.Edit{set(ceremony.Flags(ctap.FlagUP, 0))}, []int{0}},
		{"counter", created.Honest, [][]ceremony.Edit{set(ceremony.SignCount(0))}, []int{0}},
		{"optional", created.Honest, [][]ceremony.Edit{set(optional)}, nil},
		{"raw data", created.Honest, [][]ceremony.Edit{set(ceremony.AuthDataRaw(bytes.Clone))}, []int{0}},
		{"key", created.Honest, [][]ceremony.Edit{set(ceremony.COSE(func(*ceremony.Map) {}))}, []int{0}},
		{"key's bytes", created.Honest, [][]ceremony.Edit{set(ceremony.PublicKeyBytes((*ceremony.Map).CBOR))}, []int{0}},
		{"other key", created.Honest, [][]ceremony.Edit{set(ceremony.Key(ctap.ES256))}, nil},
		{"format", created.Honest, [][]ceremony.Edit{set(ceremony.AttestAs(attest.PackedSelf))}, []int{0}},
		{"other format", created.Honest, [][]ceremony.Edit{set(ceremony.AttestAs(attest.None))}, nil},
		{"object", created.Honest, [][]ceremony.Edit{set(ceremony.ObjectMap(func(*ceremony.Map) {})), set(ceremony.ObjectBytes(bytes.Clone))}, []int{0, 1}},
		{"statement under an old signature", created.Honest, [][]ceremony.Edit{unsigned(ceremony.AttestAs(attest.None)), set(ceremony.SignCount(9))}, []int{0}},
		{"statement beside a stale counter", created.Honest, [][]ceremony.Edit{set(ceremony.AttestAs(attest.None)), unsigned(ceremony.SignCount(9))}, nil},
		{"own signature", got.Honest, [][]ceremony.Edit{set(ceremony.SignatureBytes(part(t, got.Honest, "signature")))}, []int{0}},
		{"old signature", got.Honest, [][]ceremony.Edit{set(ceremony.SignatureBytes(part(t, got.Honest, "signature"))), set(ceremony.SignCount(9))}, nil},
		{"signature", got.Honest, [][]ceremony.Edit{set(resigned), unsigned(ceremony.SignCount(9))}, nil},
		{"JSON", got.Honest, [][]ceremony.Edit{set(ceremony.ResponseMember("userHandle", text(t, got.Honest, "userHandle")))}, []int{0}},
		{"one of two edits", got.Honest, [][]ceremony.Edit{set(ceremony.SignCount(0), ceremony.RPID("evil.example"))}, nil},
		{"one of two faults", got.Honest, [][]ceremony.Edit{set(ceremony.RPID("evil.example")), set(ceremony.SignCount(0))}, []int{1}},
		{"undone", got.Honest, [][]ceremony.Edit{set(ceremony.Flags(0, ctap.FlagUV)), set(ceremony.Flags(ctap.FlagUV, 0))}, []int{0, 1}},
	} {
		if _, idle, err := ceremony.Spoil(c.response, source(t), c.faults...); err != nil || !slices.Equal(idle, c.idle) {
			t.Errorf("%s: %d are idle, want %d: %v", c.name, idle, c.idle, err)
		}
	}
}

// text is a member of a response as it is written.
func text(t *testing.T, response []byte, member string) string {
	t.Helper()
	var r struct{ Response map[string]any }
	if err := json.Unmarshal(response, &r); err != nil {
		t.Fatal(err)
	}
	s, ok := r.Response[member].(string)
	if !ok {
		t.Fatalf("no member %s", member)
	}
	return s
}
