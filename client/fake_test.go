package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// fake is a device that answers as its fields say and writes down what it was
// asked, in diagnostic notation: what a client sends is the point here, not what
// an authenticator does with it. It insists on canonical CBOR and checks every
// pinUvAuthParam.
type fake struct {
	t    *testing.T
	info ctap.GetInfoResponse
	log  []string

	pin       string
	retries   uint64
	uvRetries uint64
	uvStatus  []ctap.Status // of getPinUvAuthTokenUsingUv, one after the other
	token     []byte
	agreement *pinuv.KeyAgreement

	credentials [][]byte               // found by getAssertion
	accounts    []ctap.User            // found without a list
	next        int                    // of accounts
	status      map[byte]ctap.Status   // fails a command
	block       map[byte]bool          // waits until cancelled
	outputs     ctap.Extensions        // in authenticator data
	flags       ctap.Flags             // beside those that follow from the command
	aaguid      ctap.AAGUID            // of new credentials
	statement   map[string]any         // packed; nil: none
	formatOf    string                 // of the statement
	tamper      func(*ctap.AuthData)   // changes an answer
	blobKey     []byte                 // largeBlobKey
	unsigned    ctap.Extensions        // unsigned outputs
	blobs       []byte                 // large-blob array
	seen        func(ctap.Extensions)  // sees the inputs of a request
	hook        func(cmd ctap.Command) // runs before an answer
}

// newFake is a security key with a PIN, no built-in verification.
func newFake(t *testing.T) *fake {
	agreement, err := pinuv.NewKeyAgreement()
	if err != nil {
		t.Fatal(err)
	}
	return &fake{
		t: t,
		info: ctap.GetInfoResponse{
			Versions:                 []string{"FIDO_2_1"},
			AAGUID:                   make([]byte, 16),
			Options:                  map[string]bool{"rk": true, "clientPin": true, "pinUvAuthToken": true},
			PinUvAuthProtocols:       []uint64{2, 1},
			MaxCredentialCountInList: 2,
			Transports:               []string{"usb", "nfc", "usb"},
		},
		pin:       "1234",
		retries:   8,
		uvRetries: 3,
		token:     bytes.Repeat([]byte{7}, 32),
		agreement: agreement,
		status:    map[byte]ctap.Status{},
		block:     map[byte]bool{},
	}
}

func (f *fake) CTAP(ctx context.Context, req []byte) ([]byte, error) {
	cmd := ctap.Command(req[0])
	if len(req) > 1 {
		if err := ctap.CheckCanonical(req[1:]); err != nil {
			f.t.Errorf("%v is not canonical: %v", cmd, err)
		}
	}
	if f.hook != nil {
		f.hook(cmd)
	}
	if f.block[req[0]] {
		f.note("%v waits", cmd)
		<-ctx.Done()
		return []byte{byte(ctap.ErrKeepaliveCancel)}, nil
	}
	var resp any
	var err error
	switch cmd {
	case ctap.CommandGetInfo:
		f.note("getInfo")
		resp = f.info
	case ctap.CommandClientPIN:
		resp, err = f.clientPIN(req[1:])
	case ctap.CommandMakeCredential:
		resp, err = f.makeCredential(req[1:])
	case ctap.CommandGetAssertion:
		resp, err = f.getAssertion(req[1:])
	case ctap.CommandGetNextAssertion:
		f.note("getNextAssertion")
		f.next++
		resp, err = f.assertion(nil, nil, 0)
	case ctap.CommandLargeBlobs:
		resp, err = f.largeBlobs(req[1:])
	default:
		f.note("%v %s", cmd, diagnose(f.t, req[1:]))
		return []byte{0}, nil
	}
	if s := f.status[req[0]]; s != 0 && err == nil {
		err = s
	}
	if err != nil {
		return []byte{byte(ctap.StatusOf(err))}, nil
	}
	if resp == nil {
		return []byte{0}, nil
	}
	body, err := ctap.Marshal(resp)
	if err != nil {
		f.t.Fatal(err)
	}
	return append([]byte{0}, body...), nil
}

func (f *fake) note(format string, args ...any) { f.log = append(f.log, fmt.Sprintf(format, args...)) }

// asked returns the log and starts a new one.
func (f *fake) asked() string {
	s := strings.Join(f.log, "\n")
	f.log = nil
	return s
}

func (f *fake) clientPIN(params []byte) (any, error) {
	var req ctap.ClientPINRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	var protocol pinuv.Protocol
	if req.PinUvAuthProtocol != nil {
		protocol = pinuv.Protocol(*req.PinUvAuthProtocol)
	}
	var secret *pinuv.SharedSecret
	if req.KeyAgreement != nil {
		var err error
		if secret, err = f.agreement.Decapsulate(protocol, req.KeyAgreement); err != nil {
			return nil, err
		}
	}
	switch *req.SubCommand {
	case ctap.PINGetRetries:
		f.note("pinRetries")
		return ctap.ClientPINResponse{PINRetries: &f.retries}, nil
	case ctap.PINGetUVRetries:
		f.note("uvRetries")
		return ctap.ClientPINResponse{UVRetries: &f.uvRetries}, nil
	case ctap.PINGetKeyAgreement:
		f.note("keyAgreement %d", protocol)
		return ctap.ClientPINResponse{KeyAgreement: f.agreement.Public()}, nil
	case ctap.PINSet:
		return nil, f.setPIN(&req, secret, req.NewPINEnc)
	case ctap.PINChange:
		if err := f.checkPIN(&req, secret); err != nil {
			return nil, err
		}
		return nil, f.setPIN(&req, secret, append(slices.Clone(req.NewPINEnc), req.PINHashEnc...))
	case ctap.PINGetTokenUsingUV:
		f.note("tokenByUV %#x %s", *req.Permissions, *req.RPID)
		if len(f.uvStatus) > 0 {
			s := f.uvStatus[0]
			f.uvStatus = f.uvStatus[1:]
			if s != 0 {
				f.uvRetries--
				return nil, s
			}
		}
		return f.giveToken(secret)
	case ctap.PINGetTokenUsingPIN:
		f.note("tokenByPIN %#x %s", *req.Permissions, *req.RPID)
	case ctap.PINGetToken:
		f.note("token")
	}
	if err := f.checkPIN(&req, secret); err != nil {
		return nil, err
	}
	return f.giveToken(secret)
}

func (f *fake) checkPIN(req *ctap.ClientPINRequest, secret *pinuv.SharedSecret) error {
	got, err := secret.Decrypt(req.PINHashEnc)
	if err != nil {
		return err
	}
	if want := pinuv.HashPIN([]byte(f.pin)); bytes.Equal(got, want[:]) {
		f.retries = 8
		return nil
	}
	if f.retries--; f.retries == 0 {
		return ctap.ErrPINBlocked
	}
	return ctap.ErrPINInvalid
}

func (f *fake) setPIN(req *ctap.ClientPINRequest, secret *pinuv.SharedSecret, signed []byte) error {
	if !secret.Verify(req.PinUvAuthParam, signed) {
		f.t.Error("setPIN or changePIN: pinUvAuthParam does not verify")
	}
	padded, err := secret.Decrypt(req.NewPINEnc)
	if err != nil {
		return err
	}
	pin, err := pinuv.UnpadPIN(padded)
	if err != nil {
		return err
	}
	f.note("new PIN %s", pin)
	if uint64(len(pin)) < f.info.MinPINLength {
		return ctap.ErrPINPolicyViolation
	}
	f.pin = string(pin)
	f.info.Options["clientPin"] = true
	return nil
}

func (f *fake) giveToken(secret *pinuv.SharedSecret) (any, error) {
	enc, err := secret.Encrypt(f.token)
	return ctap.ClientPINResponse{PinUvAuthToken: enc}, err
}

// show writes down a ceremony's request: without the hash, and with the word
// token for a pinUvAuthParam that verifies.
func (f *fake) show(cmd string, params []byte, hash []byte, hashKey, paramKey uint64) {
	var m map[uint64]cbor.RawMessage
	if err := cbor.Unmarshal(params, &m); err != nil {
		f.t.Fatal(err)
	}
	delete(m, hashKey)
	if raw, ok := m[paramKey]; ok {
		var param []byte
		var p pinuv.Protocol
		if cbor.Unmarshal(raw, &param) != nil || cbor.Unmarshal(m[paramKey+1], &p) != nil {
			f.t.Fatalf("%s: pinUvAuthParam without protocol", cmd)
		}
		if !pinuv.Verify(p, f.token, param, hash) {
			f.t.Errorf("%s: pinUvAuthParam does not verify", cmd)
		}
		m[paramKey], _ = cbor.Marshal("token")
	}
	body, err := ctap.Marshal(m)
	if err != nil {
		f.t.Fatal(err)
	}
	f.note("%s %s", cmd, diagnose(f.t, body))
}

func diagnose(t *testing.T, body []byte) string {
	if len(body) == 0 {
		return ""
	}
	s, err := cbor.Diagnose(body)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var fakeKey = once(func() []byte {
	priv, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	raw, _ := ctap.MarshalPublicKey(ctap.ES256, &priv.PublicKey)
	return raw
})

// once computes a value on first use.
func once(f func() []byte) func() []byte {
	var v []byte
	return func() []byte {
		if v == nil {
			v = f()
		}
		return v
	}
}

func (f *fake) makeCredential(params []byte) (any, error) {
	var req ctap.MakeCredentialRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	f.show("makeCredential", params, req.ClientDataHash, 1, 8)
	if f.seen != nil {
		f.seen(req.Extensions)
	}
	for _, d := range req.ExcludeList {
		for _, c := range f.credentials {
			if bytes.Equal(c, d.ID) {
				return nil, ctap.ErrCredentialExcluded
			}
		}
	}
	auth := &ctap.AuthData{
		RPIDHash:     sha256.Sum256([]byte(req.RP.ID)),
		Flags:        f.flags | ctap.FlagUP | ctap.FlagAT | f.uv(req.PinUvAuthParam, req.Options),
		AAGUID:       f.aaguid,
		CredentialID: []byte("credential"),
		PublicKey:    fakeKey(),
	}
	f.finish(auth)
	resp := ctap.MakeCredentialResponse{
		Fmt: ctap.FormatNone, AttStmt: ctap.EmptyMap(), AuthData: auth.Append(nil),
		LargeBlobKey: f.blobKey, UnsignedExtensionOutputs: f.unsigned,
	}
	if f.statement != nil {
		raw, err := ctap.Marshal(f.statement)
		if err != nil {
			return nil, err
		}
		resp.Fmt, resp.AttStmt = f.formatOf, raw
	}
	return resp, nil
}

func (f *fake) uv(param []byte, options map[string]bool) ctap.Flags {
	if param != nil || options["uv"] {
		return ctap.FlagUV
	}
	return 0
}

func (f *fake) finish(auth *ctap.AuthData) {
	if f.outputs != nil {
		raw, err := ctap.Marshal(f.outputs)
		if err != nil {
			f.t.Fatal(err)
		}
		auth.Flags |= ctap.FlagED
		auth.Extensions = raw
	}
	if f.tamper != nil {
		f.tamper(auth)
	}
}

func (f *fake) getAssertion(params []byte) (any, error) {
	var req ctap.GetAssertionRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	f.show("getAssertion", params, req.ClientDataHash, 2, 6)
	if f.seen != nil {
		f.seen(req.Extensions)
	}
	flags := f.uv(req.PinUvAuthParam, req.Options)
	if up, ok := req.Options["up"]; !ok || up {
		flags |= ctap.FlagUP
	}
	f.next = 0
	if len(req.AllowList) == 0 {
		if len(f.accounts) == 0 {
			return nil, ctap.ErrNoCredentials
		}
		return f.assertion(&req, nil, flags)
	}
	for _, d := range req.AllowList {
		for _, c := range f.credentials {
			if bytes.Equal(c, append([]byte(req.RPID+"/"), d.ID...)) {
				return f.assertion(&req, d.ID, flags)
			}
			if bytes.Equal(c, d.ID) && req.RPID == "example.com" {
				return f.assertion(&req, d.ID, flags)
			}
		}
	}
	return nil, ctap.ErrNoCredentials
}

func (f *fake) assertion(req *ctap.GetAssertionRequest, id []byte, flags ctap.Flags) (any, error) {
	rpID := "example.com"
	if req != nil {
		rpID = req.RPID
	}
	auth := &ctap.AuthData{RPIDHash: sha256.Sum256([]byte(rpID)), Flags: f.flags | flags}
	f.finish(auth)
	resp := ctap.GetAssertionResponse{
		AuthData: auth.Append(nil), Signature: []byte("signature"),
		LargeBlobKey: f.blobKey, UnsignedExtensionOutputs: f.unsigned,
	}
	if id == nil {
		u := f.accounts[f.next]
		resp.User = &u
		id = append([]byte("of "), u.ID...)
		if f.next == 0 {
			resp.NumberOfCredentials = uint64(len(f.accounts))
		}
	}
	resp.Credential = &ctap.Descriptor{ID: id, Type: ctap.TypePublicKey}
	return resp, nil
}

func (f *fake) largeBlobs(params []byte) (any, error) {
	var req ctap.LargeBlobsRequest
	if err := req.Unmarshal(params); err != nil {
		return nil, err
	}
	if req.Get != nil {
		f.note("largeBlobs get %d at %d", *req.Get, *req.Offset)
		rest := f.blobs[*req.Offset:]
		return ctap.LargeBlobsResponse{Config: rest[:min(uint64(len(rest)), *req.Get)]}, nil
	}
	verified := req.PinUvAuthParam != nil &&
		pinuv.Verify(pinuv.Protocol(*req.PinUvAuthProtocol), f.token, req.PinUvAuthParam, largeBlobMessage(int(*req.Offset), req.Set))
	f.note("largeBlobs set %d at %d, token %t", len(req.Set), *req.Offset, verified)
	if *req.Offset == 0 {
		f.blobs = nil
	}
	f.blobs = append(f.blobs, req.Set...)
	return nil, nil
}

// client is a page at https://example.com before the fake.
func (f *fake) client() *Client {
	return &Client{
		Device: f,
		Origin: "https://example.com",
		PIN: func(context.Context, PINRequest) ([]byte, error) {
			return []byte("1234"), nil
		},
	}
}

// with gives the JSON of options whose required members are there, overlaid with
// more of its members.
func with(base map[string]any, more map[string]any) map[string]any {
	m := maps.Clone(base)
	maps.Copy(m, more)
	return m
}
