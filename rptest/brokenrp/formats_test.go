package brokenrp

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// model is the AAGUID of the devices that the authority makes.
var model = ctap.AAGUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// attested registers with a statement of the authority's on a site that trusts
// it.
func attested(t *testing.T, authority *attest.Authority, format attest.Format, edits []attest.Edit, off ...Check) (int, string) {
	t.Helper()
	f := fault{request: object{"attestation": "direct"}}
	aaguid := model
	if format == attest.None || format == attest.FIDOU2F {
		aaguid = ctap.AAGUID{}
	}
	f.authData = func(b []byte) []byte { copy(b[37:], aaguid[:]); return b }
	f.statement = func(f *forger, data, clientDataHash []byte) (string, []byte) {
		name, stmt, err := authority.Statement(attest.Input{
			Format: format, AuthData: data, ClientDataHash: clientDataHash, AAGUID: aaguid, CredentialID: f.id,
			Alg: ctap.ES256, PublicKey: &f.key.PublicKey,
			Sign: func(message []byte) ([]byte, error) { return f.sign(f.key, message), nil },
		}, edits...)
		if err != nil {
			t.Fatal(err)
		}
		return name, stmt
	}
	b := &browser{t: t, site: newSite(t, Config{Roots: roots(t, authority.Roots), Off: off, Now: clock})}
	d := newForger(b, f)
	code, out := b.call("POST", "/attestation/result", d.registration(d.options("alice")))
	return code, fmt.Sprint(out["errorMessage"])
}

func roots(t *testing.T, get func() ([]byte, error)) []*x509.Certificate {
	t.Helper()
	data, err := get()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return []*x509.Certificate{root}
}

// Honest statements of every format are accepted, with trust paths.
func TestFormats(t *testing.T) {
	authority := attest.New([]byte("brokenrp"), clock)
	for _, format := range attest.Formats() {
		if code, message := attested(t, authority, format, nil); code != http.StatusOK {
			t.Errorf("%s: %s", format, message)
		}
	}
	if code, _ := attested(t, authority, attest.TPM, nil, "register.accept.tpm.ecc"); code == http.StatusOK {
		t.Error("a site of RSA alone takes a key on a curve")
	}
}

// primary names the check that each fault of package attest is for, by format;
// "" is every other format, and "-" one whose procedure does not ask.
var primary = map[string]map[attest.Format]Check{
	"fmt.unknown":                       {"": "fmt.known"},
	"fmt.case":                          {"": "fmt.case"},
	"fmt.long":                          {"": "fmt.known"},
	"fmt.none":                          {"": "none.empty"},
	"none.member":                       {"": "none.empty"},
	"alg.other":                         {attest.PackedSelf: "packed.alg", attest.TPM: "tpm.alg", attest.AndroidKey: "android.alg", "": "packed.x5c.alg"},
	"alg.eddsa":                         {"": "packed.x5c.alg"},
	"alg.missing":                       {attest.TPM: "statement.alg", attest.AndroidKey: "statement.alg", "": "packed.alg.present"},
	"sig.missing":                       {attest.TPM: "statement.sig", attest.AndroidKey: "statement.sig", attest.FIDOU2F: "statement.sig", "": "packed.sig.present"},
	"member.unknown":                    {"": "packed.members"},
	"member.ecdaa":                      {"": "packed.members"},
	"x5c.missing":                       {attest.Packed: "packed.signature", attest.PackedDirect: "packed.signature", attest.FIDOU2F: "u2f.x5c.present", "": "x5c.list"},
	"x5c.empty":                         {attest.FIDOU2F: "u2f.x5c.present", "": "x5c.empty"},
	"x5c.bytes":                         {attest.FIDOU2F: "u2f.x5c.present", "": "x5c.list"},
	"x5c.bytes.self":                    {"": "x5c.list"},
	"x5c.junk":                          {"": "x5c.certificate"},
	"x5c.number":                        {"": "x5c.certificate"},
	"x5c.two":                           {"": "u2f.x5c.single"},
	"sig.other-key":                     {attest.PackedSelf: "packed.signature", attest.FIDOU2F: "u2f.signature", attest.TPM: "tpm.signature", attest.AndroidKey: "android.signature", "": "packed.x5c.signature"},
	"sig.other-hash":                    {attest.PackedSelf: "packed.signature", attest.FIDOU2F: "u2f.signature", attest.AndroidKey: "android.signature", "": "packed.x5c.signature"},
	"sig.credential-key":                {attest.FIDOU2F: "u2f.signature", attest.TPM: "tpm.signature", "": "packed.x5c.key"},
	"sig.u2f.without-zero":              {"": "u2f.signature"},
	"sig.empty":                         {"": "signature.empty"},
	"sig.zero":                          {"": "signature.range"},
	"sig.order":                         {"": "signature.range"},
	"sig.trailing":                      {"": "signature.trailing"},
	"sig.high-s":                        {"": "accept.highS"},
	"leaf.ca":                           {attest.Packed: "packed.cert.ca", attest.PackedDirect: "packed.cert.ca", attest.TPM: "tpm.cert.ca", "": "-"},
	"leaf.no-constraints":               {attest.Packed: "packed.cert.basicConstraints", attest.PackedDirect: "packed.cert.basicConstraints", attest.TPM: "tpm.cert.basicConstraints", "": "-"},
	"leaf.unit":                         {"": "packed.cert.ou"},
	"leaf.no-unit":                      {"": "packed.cert.ou"},
	"leaf.no-country":                   {"": "packed.cert.subject"},
	"leaf.country":                      {"": "accept.packed.country"},
	"leaf.no-organization":              {"": "packed.cert.subject"},
	"leaf.no-common-name":               {"": "packed.cert.subject"},
	"leaf.v1":                           {"": "packed.cert.version"},
	"leaf.aaguid":                       {"": "packed.cert.aaguid"},
	"leaf.aaguid.critical":              {"": "packed.cert.aaguid.critical"},
	"leaf.aaguid.once":                  {"": "packed.cert.aaguid.wrapped"},
	"leaf.p384":                         {"": "u2f.cert.curve"},
	"leaf.expired":                      {"": "trust.expired"},
	"leaf.future":                       {"": "trust.notYet"},
	"aik.subject":                       {"": "tpm.cert.subject"},
	"aik.no-usage":                      {"": "tpm.cert.eku"},
	"aik.no-name":                       {"": "tpm.cert.san"},
	"android.key":                       {"": "android.key"},
	"apple.key":                         {"": "apple.key"},
	"chain.rogue":                       {"": "trust.root"},
	"chain.rogue-included":              {"": "trust.root"},
	"chain.root":                        {"": "accept.trust.root"},
	"chain.short":                       {"": "trust.path"},
	"chain.expired":                     {"": "trust.intermediate"},
	"chain.swapped":                     {"": "trust.order"},
	"chain.unordered":                   {"": "trust.order"},
	"tpm.ver":                           {"": "tpm.ver"},
	"tpm.pubArea.sized":                 {"": "tpm.pubArea.form"},
	"tpm.magic":                         {"": "tpm.magic"},
	"tpm.type":                          {"": "tpm.type"},
	"tpm.extraData":                     {"": "tpm.extraData"},
	"tpm.name":                          {"": "tpm.name"},
	"tpm.pubArea.key":                   {"": "tpm.pubArea"},
	"android.challenge":                 {"": "android.challenge"},
	"android.all-applications":          {"": "android.allApplications"},
	"android.all-applications.software": {"": "android.allApplications"},
	"android.origin":                    {"": "android.origin"},
	"android.purpose":                   {"": "android.purpose"},
	"android.software":                  {"": "-"},
	"android.no-description":            {"": "android.description"},
	"apple.nonce":                       {"": "apple.nonce"},
	"apple.no-nonce":                    {"": "apple.nonce.present"},
	"compound.one":                      {"": "compound.count"},
	"compound.nested":                   {"": "compound.nested"},
	"compound.first":                    {"": "compound.all"},
	"compound.second":                   {"": "compound.all"},
}

// Each fault of a statement is refused, and taken once its check is off.
func TestFormatFaults(t *testing.T) {
	authority := attest.New([]byte("brokenrp"), clock)
	for _, f := range attest.Faults() {
		for _, format := range f.Formats {
			check, ok := primary[f.Name][format]
			if !ok {
				check = primary[f.Name][""]
			}
			edits := []attest.Edit{f.Edit}
			if check == "-" {
				continue
			}
			check = "register." + check
			with, message := attested(t, authority, format, edits)
			without, _ := attested(t, authority, format, edits, check)
			if refused := with != http.StatusOK; refused == isAccept(string(check)) || with == without {
				t.Errorf("%s in %s: %d (%s), and %d without %s", f.Name, format, with, message, without, check)
			}
		}
	}
}

func TestMetadata(t *testing.T) {
	authority, stranger := attest.New([]byte("brokenrp"), clock), attest.New([]byte("stranger"), clock)
	post := func(b *browser, a *attest.Authority, blob attest.BLOB) int {
		t.Helper()
		blob.NextUpdate = aDay.AddDate(0, 1, 0)
		jwt, err := a.SignBLOB(blob)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := b.call("POST", "/metadata", []byte(jwt))
		return code
	}
	site := func(t *testing.T, off []Check) *browser {
		return &browser{t: t, site: newSite(t, Config{Off: off, Now: clock, MetadataRoots: roots(t, authority.MetadataRoots)})}
	}
	onOff(t, "register.metadata.signature", func(t *testing.T, off ...Check) bool {
		b := site(t, off)
		return post(b, authority, attest.BLOB{No: 1, BadSignature: true}) == http.StatusOK
	})
	onOff(t, "register.metadata.signature", func(t *testing.T, off ...Check) bool {
		b := site(t, off)
		return post(b, stranger, attest.BLOB{No: 1}) == http.StatusOK
	})
	onOff(t, "register.metadata.number", func(t *testing.T, off ...Check) bool {
		b := site(t, off)
		if post(b, authority, attest.BLOB{No: 2}) != http.StatusOK {
			t.Error("metadata are refused")
		}
		return post(b, authority, attest.BLOB{No: 1}) == http.StatusOK
	})
	b := site(t, nil)
	revoked := attest.BLOB{No: 3, Entries: []attest.Entry{{
		Model: attest.Model{AAGUID: model, Description: "Device"}, Reports: []attest.Report{{Status: "REVOKED"}},
	}}}
	if code := post(b, authority, revoked); code != http.StatusOK || b.site.metadata[model] != "REVOKED" {
		t.Errorf("%d, and the status is %q", code, b.site.metadata[model])
	}
}
