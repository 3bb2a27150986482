package explain_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
	"github.com/seed-77d61853/signet/rptest/ceremony"
	"github.com/seed-77d61853/signet/rptest/explain"
)

var update = flag.Bool("update", false, "write testdata anew")

const (
	createOptions = `{"rp":{"id":"login.example","name":"Login"},"user":{"id":"YWxpY2U","name":"alice","displayName":"Alice"},
		"challenge":"cmVnaXN0ZXIgYWxpY2Ugbm93","attestation":"direct","authenticatorSelection":{"residentKey":"preferred"},
		"pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}]}`
	getOptions = `{"rpId":"login.example","challenge":"c2lnbiBhbGljZSBpbiBub3c"}`
)

func responses(t testing.TB, c rptest.DeviceConfig, edits ...ceremony.Edit) (*rptest.Registration, *rptest.Assertion) {
	t.Helper()
	c.Seed = "explain"
	c.Now = func() time.Time { return time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC) }
	d, err := rptest.NewDevice(c)
	if err != nil {
		t.Fatal(err)
	}
	client := &rptest.Client{Device: d, Origin: "https://login.example"}
	m := rptest.Mutation{ID: "edits", Edits: edits}
	created, err := client.Create(t.Context(), []byte(createOptions), m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Get(t.Context(), []byte(getOptions), m)
	if err != nil {
		t.Fatal(err)
	}
	return created, got
}

// Explanations are what people paste into reports: golden, for each format.
func TestExplain(t *testing.T) {
	texts := map[string]string{"options": explain.Explain([]byte(createOptions))}
	for _, format := range attest.Formats() {
		c := rptest.DeviceConfig{Attestation: format, Algorithms: []ctap.Algorithm{ctap.ES256}}
		if format == attest.FIDOU2F {
			c.AAGUID = &ctap.AAGUID{}
		}
		created, got := responses(t, c)
		texts["registration-"+string(format)] = explain.Explain(created.JSON)
		texts["sign-in"] = explain.Explain(got.JSON)
	}
	for name, got := range texts {
		path := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// An attestation object and authenticator data are recognized alone, however they
// are written.
func TestExplainParts(t *testing.T) {
	created, got := responses(t, rptest.DeviceConfig{Personality: rptest.Hardware})
	object := member(t, created.JSON, "attestationObject")
	data := member(t, got.JSON, "authenticatorData")
	for _, part := range []struct {
		name, begins string
		b            []byte
	}{
		{"attestation object", "attestationObject\n  fmt: \"packed\"\n", object},
		{"authenticator data", "authenticatorData\n  rpIdHash: ", data},
	} {
		for form, text := range map[string]string{
			"bytes": string(part.b), "hexadecimal": hex.EncodeToString(part.b), "base64": base64.StdEncoding.EncodeToString(part.b),
			"base64url": base64.RawURLEncoding.EncodeToString(part.b) + "\n",
		} {
			if got := explain.Explain([]byte(text)); !strings.HasPrefix(got, part.begins) {
				t.Errorf("%s in %s: %s", part.name, form, got)
			}
		}
	}
	if got := explain.Explain([]byte("what is this?")); !strings.HasPrefix(got, "unknown: ") {
		t.Errorf("nothing known: %s", got)
	}
	if got := explain.Explain([]byte(`{"publicKey":` + createOptions + `}`)); got != explain.Explain([]byte(createOptions)) {
		t.Errorf("within publicKey: %s", got)
	}
}

// What has nothing in it is said to be empty.
func TestExplainEmpty(t *testing.T) {
	got := explain.Explain([]byte(`{"a":{ },"b":[ ],"response":{"attestationObject":"omFhoGFigA"}}`))
	for _, want := range []string{"a: {}\n", "b: []\n", "  a: {}\n", "  b: []\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing of %q: %s", want, got)
		}
	}
	created, _ := responses(t, rptest.DeviceConfig{Attestation: attest.None})
	for _, want := range []string{"\nclientExtensionResults: {}\n", "\n  attStmt: {}\n"} {
		if got := explain.Explain(created.JSON); !strings.Contains(got, want) {
			t.Errorf("nothing of %q: %s", want, got)
		}
	}
}

func TestExplainNotes(t *testing.T) {
	created, got := responses(t, rptest.DeviceConfig{})
	evil, _ := responses(t, rptest.DeviceConfig{}, ceremony.RPID("evil.example"))
	for _, e := range []struct {
		response []byte
		want     string
	}{
		{created.JSON, "(SHA-256 of login.example)"},
		{got.JSON, "(SHA-256 of login.example)"},
		{evil.JSON, "(of no domain that the origin is in)"},
	} {
		if text := explain.Explain(e.response); !strings.Contains(text, e.want) {
			t.Errorf("no note %q: %s", e.want, text)
		}
	}
}

func member(t testing.TB, response []byte, name string) []byte {
	t.Helper()
	var r struct {
		Response map[string]any `json:"response"`
	}
	if err := json.Unmarshal(response, &r); err != nil {
		t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(r.Response[name].(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDiff(t *testing.T) {
	text := func(f func(string) string) ceremony.Edit {
		return ceremony.ClientDataBytes(func(b []byte) []byte { return []byte(f(string(b))) })
	}
	for _, d := range []struct {
		name string
		edit ceremony.Edit
		want string // paths, of the registration
	}{
		{"a member", ceremony.Outer(func(r map[string]any) { r["type"] = "password" }), "type"},
		{"a missing member", ceremony.Outer(func(r map[string]any) { delete(r, "type") }), "type"},
		{"a list's member", ceremony.ResponseMember("transports", []string{"hybrid", "usb"}), "transports[1]"},
		{"white space", text(func(s string) string { return s + " " }), "attestationObject.attStmt.sig clientDataJSON"},
		{"a byte order mark", text(func(s string) string { return "\xef\xbb\xbf" + s }), "attestationObject.attStmt.sig clientDataJSON"},
		{"no JSON", text(func(s string) string { return "no" }), "attestationObject.attStmt.sig clientDataJSON"},
		{"a second member", ceremony.Edit{Stage: ceremony.ClientData, Apply: func(c *ceremony.Ceremony) error {
			return c.ClientData.Add("type", "webauthn.create")
		}}, "attestationObject.attStmt.sig clientDataJSON.type"},
		{"a flag", ceremony.Flags(0, ctap.FlagUV), "attestationObject.attStmt.sig attestationObject.authData.flags.UV authenticatorData"},
		{"a byte more", ceremony.ObjectBytes(func(b []byte) []byte { return append(b, 0) }), "attestationObject.trailing"},
		{"a tag", ceremony.ObjectBytes(func(b []byte) []byte { return append([]byte{0xd9, 0xd9, 0xf7}, b...) }), "attestationObject"},
		{"bytes cut off", ceremony.AuthDataRaw(func(b []byte) []byte { return b[:30] }), "attestationObject.attStmt.sig attestationObject.authData authenticatorData"},
		{"a certificate's field", ceremony.Attest(attest.Edit{Leaf: func(c *attest.Certificate) { c.NotAfter = c.NotAfter.AddDate(-1, 0, 0) }}),
			"attestationObject.attStmt.x5c[0].notAfter attestationObject.attStmt.x5c[0].serialNumber attestationObject.attStmt.x5c[0].signature"},
		{"an order", ceremony.PublicKeyBytes(func(m *ceremony.Map) []byte {
			m = m.Clone()
			m.Reverse()
			return m.CBOR()
		}), "attestationObject.attStmt.sig attestationObject.authData.credentialPublicKey authenticatorData"},
	} {
		t.Run(d.name, func(t *testing.T) {
			c := rptest.DeviceConfig{Seed: "explain", Personality: rptest.Hardware, Transports: []string{"hybrid", "internal"}}
			device, err := rptest.NewDevice(c)
			if err != nil {
				t.Fatal(err)
			}
			client := &rptest.Client{Device: device, Origin: "https://login.example"}
			r, err := client.Create(t.Context(), []byte(createOptions), rptest.Mutation{ID: d.name, Edits: []ceremony.Edit{d.edit}})
			if err != nil {
				t.Fatal(err)
			}
			if changes := explain.Diff(r.Honest, r.Honest); len(changes) > 0 {
				t.Errorf("differs from itself: %s", explain.Table(changes))
			}
			changes := explain.Diff(r.Honest, r.JSON)
			if got := paths(changes); got != d.want {
				t.Errorf("differ: %s\n%s", got, explain.Table(changes))
			}
		})
	}
}

func paths(changes []explain.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, c.Path)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestTable(t *testing.T) {
	changes := explain.Diff([]byte(`{"id":"AAAA","type":"public-key"}`), []byte(`{"id":"AAAB","type":"public-key","more":[1]}`))
	want := "id\n  control  \"AAAA\"\n  fault    \"AAAB\"\nmore\n  control  (missing)\n  fault    [1]\n"
	if got := explain.Table(changes); got != want {
		t.Errorf("got %s", got)
	}
	long := explain.Table([]explain.Change{{Control: strings.Repeat("x", 1000)}})
	if !strings.Contains(long, "1000 characters") || len(long) > 300 || !strings.HasPrefix(long, "(all)\n") {
		t.Errorf("long: %s", long)
	}
	// It is cut between characters, and bytes that are none are still seen.
	for value, want := range map[string]string{"x" + strings.Repeat("é", 100): "éé... 101 characters\n", strings.Repeat("\x80", 97): `\x80\x80... 97 characters` + "\n"} {
		if got := explain.Table([]explain.Change{{Control: value}}); !strings.Contains(got, want) {
			t.Errorf("nothing of %q in %q", want, got)
		}
	}
}

// Long values that differ are seen to differ, and where: they are cut around the
// first difference.
func TestTableOfLongValues(t *testing.T) {
	data := []byte(strings.Repeat("\x00\x11\x22\x33", 50))
	change := func(b []byte, i int) []byte {
		b = slices.Clone(b)
		b[i] ^= 0xff
		return b
	}
	hexed := func(b []byte) string { return fmt.Sprintf("h'%x'", b) }
	quoted := func(b []byte) string { return fmt.Sprintf("%q", bytes.ReplaceAll(b, []byte("\x00"), []byte("é"))) }
	for _, c := range []struct {
		name    string
		a, b    string
		byte    int
		control string
		fault   string
	}{
		{"early", hexed(data), hexed(change(data, 1)), 1, "h'00112233", "h'00ee2233"},
		{"late", hexed(data), hexed(change(data, 150)), 150, "...2233001122330011223300112233001122330011", "...22330011223300112233001122330011dd33"},
		{"last", hexed(data), hexed(change(data, 199)), 199, "...33001122330011223300112233001122" + "33' 403 characters", "...33001122330011223300112233001122cc' 403 characters"},
		{"a part", hexed(data), hexed(data[:150]), 150, "...2233001122330011223300112233001122330011", "...22330011223300112233001122330011' 303 characters"},
		{"text", strings.Repeat("é", 100) + "a", strings.Repeat("é", 100) + "b", 200, "..." + strings.Repeat("é", 16) + "a 101 characters", "..." + strings.Repeat("é", 16) + "b 101 characters"},
		{"JSON text", quoted(append(data, 'a')), quoted(append(data, 'b')), len(quoted(data)) - 2, "a\" ", "b\" "},
		{"one short", "\"a\"", "\"" + strings.Repeat("a", 200) + "\"", 1, "\"a\"\n", "\"aaa"},
		{"of two kinds", "{}", hexed(data), 0, "{}\n", "h'0011"},
		{"no UTF-8", strings.Repeat("\x80", 200) + "a", strings.Repeat("\x80", 200) + "b", 200, `\x80a 201 characters`, `\x80b 201 characters`},
	} {
		got := explain.TableOf([]explain.Change{{Path: "x", Control: c.a, Fault: c.b}}, "a.json", "-")
		lines := strings.SplitAfter(got, "\n")
		if want := fmt.Sprintf("x  (byte %d, counted from 0, is the first that differs)\n", c.byte); lines[0] != want {
			t.Errorf("%s: %q, want %q", c.name, lines[0], want)
		}
		if !strings.HasPrefix(lines[1], "  a.json  ") || !strings.Contains(lines[1], c.control) {
			t.Errorf("%s: nothing of %q in %q", c.name, c.control, lines[1])
		}
		if !strings.HasPrefix(lines[2], "  -       ") || !strings.Contains(lines[2], c.fault) {
			t.Errorf("%s: nothing of %q in %q", c.name, c.fault, lines[2])
		}
	}
}

// Whatever two values are, they are printed on a line each.
func FuzzTable(f *testing.F) {
	f.Add("h'00'", strings.Repeat("é", 100))
	f.Add(strings.Repeat("\x80", 200), strings.Repeat("\x80", 199)+"\n")
	f.Fuzz(func(t *testing.T, control, fault string) {
		text := explain.Table([]explain.Change{{Path: "x", Control: control, Fault: fault}})
		if strings.Count(text, "\n") != 3 || len(text) > 4000 {
			t.Errorf("%q and %q: %q", control, fault, text)
		}
	})
}

// Parts that say the same and are written otherwise are not printed alike.
func TestDiffOfWritings(t *testing.T) {
	for _, d := range []struct{ a, b string }{
		{"\xa1\x61a\x05", "\xa1\x61a\x18\x05"}, {"\xa1\x61a\xa0", "\xa1\x61a\xbf\xff"},
		{`{"a":{"b":{}}}`, `{"a":{"b":{ }}}`}, {`{"a":{},"challenge":1}`, `{"a":[],"challenge":1}`},
	} {
		changes := explain.Diff([]byte(d.a), []byte(d.b))
		if len(changes) != 1 || changes[0].Control == changes[0].Fault {
			t.Errorf("%q and %q: %+v", d.a, d.b, changes)
		}
	}
}

// Whatever comes, something is said of it, and it does not differ from itself.
func FuzzExplain(f *testing.F) {
	for _, format := range []attest.Format{attest.None, attest.TPM, attest.Compound} {
		created, got := responses(f, rptest.DeviceConfig{Attestation: format})
		f.Add(created.JSON)
		f.Add(got.JSON)
		f.Add(member(f, created.JSON, "attestationObject"))
	}
	f.Add([]byte(" "))
	f.Add([]byte(createOptions))
	f.Add([]byte(fmt.Sprintf(`{"publicKey":%s}`, getOptions)))
	f.Add([]byte(strings.Repeat(`{"a":`, 30) + "1" + strings.Repeat("}", 30)))
	f.Fuzz(func(t *testing.T, data []byte) {
		explain.Explain(data)
		if changes := explain.Diff(data, data); len(changes) > 0 {
			t.Fatalf("differs from itself: %s", explain.Table(changes))
		}
		explain.Lint(data)
	})
}
