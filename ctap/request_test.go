package ctap

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// A request is a message as a client sends it.
type request interface{ Unmarshal([]byte) error }

// object is a CBOR map under construction; list an array.
type (
	object = map[any]any
	list   = []any
)

// A member is one value somewhere within a message.
type member struct {
	path   []any  // map keys and array indexes from the message's map down
	kind   string // the CBOR type that the standard gives it
	absent Status // what a message without it gets
}

// A contract is one request message: a full example and all of its members.
type contract struct {
	name    string
	new     func() request
	example func() object
	members []member
}

func at(path ...any) []any { return path }

func descriptor() object {
	return object{"id": []byte{1, 2, 3}, "type": "public-key", "transports": list{"usb", "internal"}}
}

func coseKey() object {
	return object{1: 2, 3: -25, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)}
}

// coseKeyMembers are optional while decoding; a key without them is one that
// key agreement refuses.
func coseKeyMembers(key any) []member {
	return []member{
		{at(key), "map", StatusOK},
		{at(key, 1), "integer", StatusOK}, {at(key, 3), "integer", StatusOK}, {at(key, -1), "integer", StatusOK},
		{at(key, -2), "bytes", StatusOK}, {at(key, -3), "bytes", StatusOK},
	}
}

func descriptorMembers(path ...any) []member {
	in := func(name string) []any { return append(slices.Clone(path), name) }
	return []member{
		{path, "map", StatusOK},
		{in("id"), "bytes", ErrCBORUnexpectedType},
		{in("type"), "text", ErrCBORUnexpectedType},
		{in("transports"), "array of text", StatusOK},
		{append(in("transports"), 1), "text", StatusOK},
	}
}

// contracts lists the members of every request with the types of §6 and what
// their absence means.
var contracts = []contract{
	{
		"makeCredential", func() request { return new(MakeCredentialRequest) },
		func() object {
			return object{
				1: make([]byte, 32),
				2: object{"id": "example.org", "name": "Example", "icon": "ignored"},
				3: object{"id": []byte{1}, "name": "n", "displayName": "d", "icon": "ignored"},
				4: list{object{"alg": -7, "type": "public-key"}, object{"alg": -257, "type": "public-key"}},
				5: list{descriptor(), descriptor()},
				6: object{"credProtect": 2, "unknown": list{1}},
				7: object{"rk": true, "uv": false},
				8: make([]byte, 32), 9: 2, 10: 1, 11: list{"packed", "none"},
			}
		},
		slices.Concat([]member{
			{at(1), "bytes", ErrMissingParameter},
			{at(2), "map", ErrMissingParameter},
			{at(2, "id"), "text", ErrCBORUnexpectedType},
			{at(2, "name"), "text", StatusOK},
			{at(3), "map", ErrMissingParameter},
			{at(3, "id"), "bytes", ErrCBORUnexpectedType},
			{at(3, "name"), "text", StatusOK},
			{at(3, "displayName"), "text", StatusOK},
			{at(4), "array of maps", ErrMissingParameter},
			{at(4, 0), "map", StatusOK},
			{at(4, 1), "map", StatusOK},
			{at(4, 0, "alg"), "integer", ErrCBORUnexpectedType},
			{at(4, 0, "type"), "text", ErrCBORUnexpectedType},
			{at(4, 1, "alg"), "integer", ErrCBORUnexpectedType},
			{at(4, 1, "type"), "text", ErrCBORUnexpectedType},
			{at(5), "array of maps", StatusOK},
			{at(6), "map", StatusOK},
			{at(7), "map", StatusOK},
			{at(7, "rk"), "boolean", StatusOK},
			{at(7, "uv"), "boolean", StatusOK},
			{at(8), "bytes", StatusOK},
			{at(9), "unsigned", StatusOK},
			{at(10), "unsigned", StatusOK},
			{at(11), "array of text", StatusOK},
			{at(11, 1), "text", StatusOK},
		}, descriptorMembers(5, 0), descriptorMembers(5, 1)),
	},
	{
		"getAssertion", func() request { return new(GetAssertionRequest) },
		func() object {
			return object{
				1: "example.org", 2: make([]byte, 32), 3: list{descriptor(), descriptor()},
				4: object{"hmac-secret": object{1: coseKey(), 2: make([]byte, 32), 3: make([]byte, 16)}},
				5: object{"up": true, "uv": false}, 6: make([]byte, 32), 7: 2,
			}
		},
		slices.Concat([]member{
			{at(1), "text", ErrMissingParameter},
			{at(2), "bytes", ErrMissingParameter},
			{at(3), "array of maps", StatusOK},
			{at(4), "map", StatusOK},
			{at(5), "map", StatusOK},
			{at(5, "up"), "boolean", StatusOK},
			{at(5, "uv"), "boolean", StatusOK},
			{at(6), "bytes", StatusOK},
			{at(7), "unsigned", StatusOK},
		}, descriptorMembers(3, 0), descriptorMembers(3, 1)),
	},
	{
		"clientPIN", func() request { return new(ClientPINRequest) },
		func() object {
			return object{
				1: 2, 2: 4, 3: coseKey(), 4: make([]byte, 32), 5: make([]byte, 64), 6: make([]byte, 16),
				9: 3, 10: "example.org",
			}
		},
		slices.Concat([]member{
			{at(1), "unsigned", StatusOK},
			{at(2), "unsigned", ErrMissingParameter},
			{at(4), "bytes", StatusOK},
			{at(5), "bytes", StatusOK},
			{at(6), "bytes", StatusOK},
			{at(9), "unsigned", StatusOK},
			{at(10), "text", StatusOK},
		}, coseKeyMembers(3)),
	},
	{
		"credentialManagement", func() request { return new(CredentialManagementRequest) },
		func() object { return object{1: 6, 2: object{2: descriptor()}, 3: 2, 4: make([]byte, 32)} },
		[]member{
			{at(1), "unsigned", ErrMissingParameter},
			{at(2), "map", StatusOK},
			{at(3), "unsigned", StatusOK},
			{at(4), "bytes", StatusOK},
		},
	},
	{
		"subCommandParams of credentialManagement", func() request { return &checked{request: new(CredentialManagementParams)} },
		func() object {
			return object{1: make([]byte, 32), 2: descriptor(), 3: object{"id": []byte{1}, "name": "n", "displayName": "d"}}
		},
		slices.Concat([]member{
			{at(1), "bytes", StatusOK},
			{at(3), "map", StatusOK},
			{at(3, "id"), "bytes", ErrCBORUnexpectedType},
			{at(3, "name"), "text", StatusOK},
			{at(3, "displayName"), "text", StatusOK},
		}, descriptorMembers(2)),
	},
	{
		"config", func() request { return new(ConfigRequest) },
		func() object { return object{1: 3, 2: object{1: 6}, 3: 2, 4: make([]byte, 32)} },
		[]member{
			{at(1), "unsigned", ErrMissingParameter},
			{at(2), "map", StatusOK},
			{at(3), "unsigned", StatusOK},
			{at(4), "bytes", StatusOK},
		},
	},
	{
		"subCommandParams of setMinPINLength", func() request { return &checked{request: new(SetMinPINLengthParams)} },
		func() object { return object{1: 6, 2: list{"a.example", "b.example"}, 3: true, 4: true} },
		[]member{
			{at(1), "unsigned", StatusOK},
			{at(2), "array of text", StatusOK},
			{at(2, 1), "text", StatusOK},
			{at(3), "boolean", StatusOK},
			{at(4), "boolean", StatusOK},
		},
	},
	{
		"subCommandParams of vendorPrototype", func() request { return &checked{request: new(VendorPrototypeParams)} },
		func() object { return object{1: 1 << 40, 2: "the vendor's"} },
		[]member{{at(1), "unsigned", ErrMissingParameter}},
	},
	{
		"largeBlobs", func() request { return new(LargeBlobsRequest) },
		func() object {
			return object{1: 17, 2: make([]byte, 17), 3: 0, 4: 17, 5: make([]byte, 32), 6: 2}
		},
		[]member{
			{at(1), "unsigned", StatusOK},
			{at(2), "bytes", StatusOK},
			{at(3), "unsigned", StatusOK}, // absent is INVALID_PARAMETER, which is not decoding's to say
			{at(4), "unsigned", StatusOK},
			{at(5), "bytes", StatusOK},
			{at(6), "unsigned", StatusOK},
		},
	},
	{
		"hmac-secret", func() request { return &part[HMACSecretInput]{} },
		func() object { return object{1: coseKey(), 2: make([]byte, 32), 3: make([]byte, 16), 4: 2} },
		slices.Concat([]member{
			{at(2), "bytes", StatusOK},
			{at(3), "bytes", StatusOK},
			{at(4), "unsigned", StatusOK},
		}, coseKeyMembers(1)),
	},
	{
		"largeBlob", func() request { return &part[LargeBlobInput]{} },
		func() object {
			return object{"support": "preferred", "read": true, "write": []byte{1}, "originalSize": 5}
		},
		[]member{
			{at("support"), "text", StatusOK},
			{at("read"), "boolean", StatusOK},
			{at("write"), "bytes", StatusOK},
			{at("originalSize"), "unsigned", StatusOK},
		},
	},
}

// part decodes what has no Unmarshal of its own.
type part[T any] struct{ Value T }

func (p *part[T]) Unmarshal(data []byte) error  { return Unmarshal(data, &p.Value) }
func (p *part[T]) MarshalCBOR() ([]byte, error) { return Marshal(p.Value) }

// checked is a part of a message, which is checked as a whole before its parts
// are decoded.
type checked struct{ request }

func (c *checked) Unmarshal(data []byte) error {
	if err := CheckCanonical(data); err != nil {
		return err
	}
	return c.request.Unmarshal(data)
}

func (c *checked) MarshalCBOR() ([]byte, error) { return Marshal(c.request) }

// probes holds an example of every CBOR type, and which kinds it may stand for.
var probes = []struct {
	name  string
	value any
	kinds []string
}{
	{"unsigned", uint64(1), []string{"unsigned", "integer"}},
	{"unsigned beyond int64", uint64(1) << 63, []string{"unsigned"}},
	{"negative", -1, []string{"integer"}},
	{"negative beyond int64", cbor.RawMessage{0x3B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, nil},
	{"bytes", make([]byte, 32), []string{"bytes"}},
	{"text", "a text", []string{"text"}},
	{"empty array", list{}, []string{"array of maps", "array of text"}},
	{"array of integers", list{1, 2}, nil},
	{"array of text", list{"a"}, []string{"array of text"}},
	{"array of bytes", list{[]byte("a")}, nil},
	{"array with null", list{nil}, nil},
	{"map", object{"a": 1}, []string{"map"}},
	{"true", true, []string{"boolean"}},
	{"false", false, []string{"boolean"}},
	{"null", nil, nil},
	{"undefined", cbor.RawMessage{0xF7}, nil},
	{"half float", cbor.RawMessage{0xF9, 0x3C, 0x00}, nil},
	{"double float", 1.0, nil},
}

// edited encodes the example after edit has changed what holds the member.
func (c contract) edited(t testing.TB, path []any, edit func(holder any, key any)) []byte {
	t.Helper()
	message := c.example()
	var holder any = message
	for _, key := range path[:len(path)-1] {
		switch h := holder.(type) {
		case object:
			holder = h[key]
		case list:
			holder = h[key.(int)]
		}
	}
	edit(holder, path[len(path)-1])
	return encode(t, message)
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func set(value any) func(any, any) {
	return func(holder, key any) {
		switch h := holder.(type) {
		case object:
			h[key] = value
		case list:
			h[key.(int)] = value
		}
	}
}

func TestRequestsAccepted(t *testing.T) {
	for _, c := range contracts {
		if err := c.new().Unmarshal(encode(t, c.example())); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Each member, at any depth, takes its own type and no other.
func TestRequestMemberTypes(t *testing.T) {
	for _, c := range contracts {
		for _, m := range c.members {
			for _, p := range probes {
				if slices.Contains(p.kinds, m.kind) {
					continue
				}
				want := ErrCBORUnexpectedType
				if nests(p.value) && len(m.path) >= MaxNesting {
					want = ErrInvalidCBOR
				}
				data := c.edited(t, m.path, set(p.value))
				if err := c.new().Unmarshal(data); StatusOf(err) != want {
					t.Errorf("%s %v: %s in place of %s: %v, want %v", c.name, m.path, p.name, m.kind, err, want)
				}
			}
		}
	}
}

func nests(v any) bool {
	switch v.(type) {
	case object, list:
		return true
	}
	return false
}

func TestRequestMembersAbsent(t *testing.T) {
	for _, c := range contracts {
		for _, m := range c.members {
			isElement := false
			data := c.edited(t, m.path, func(holder, key any) {
				if o, ok := holder.(object); ok {
					delete(o, key)
				} else {
					isElement = true
				}
			})
			if isElement {
				continue
			}
			if err := c.new().Unmarshal(data); StatusOf(err) != m.absent {
				t.Errorf("%s without %v: %v, want %v", c.name, m.path, err, m.absent)
			}
		}
	}
}

// Members that a message does not have are ignored, whatever they hold and
// wherever they are, and so are options and extensions.
func TestRequestUnknownMembers(t *testing.T) {
	for _, c := range contracts {
		holders := [][]any{{}}
		for _, m := range c.members {
			if m.kind == "map" {
				holders = append(holders, m.path)
			}
		}
		for _, path := range holders {
			for _, unknown := range []any{0x7E, -77, "unknown"} {
				for _, value := range []any{1, "x", []byte{1}, true, 1.5, list{}, object{}} {
					data := c.edited(t, append(slices.Clone(path), unknown), set(value))
					err := c.new().Unmarshal(data)
					if _, named := unknown.(string); !named && onlyNames(c.name, path) {
						if StatusOf(err) != ErrCBORUnexpectedType {
							t.Errorf("%s %v: key %v: %v", c.name, path, unknown, err)
						}
						continue
					}
					if err != nil {
						t.Errorf("%s %v: unknown member %v = %v: %v", c.name, path, unknown, value, err)
					}
				}
			}
		}
	}
}

// onlyNames tells the maps of extensions and options: their keys are text.
func onlyNames(message string, path []any) bool {
	if len(path) != 1 {
		return false
	}
	switch message {
	case "makeCredential":
		return path[0] == 6 || path[0] == 7
	case "getAssertion":
		return path[0] == 4 || path[0] == 5
	}
	return false
}

func TestRequestEnvelope(t *testing.T) {
	for _, c := range contracts {
		good := encode(t, c.example())
		for name, bad := range map[string][]byte{
			"nothing":       {},
			"trailing byte": append(bytes.Clone(good), 0),
			"cut short":     good[:len(good)-1],
			"indefinite":    append(append([]byte{0xBF}, good[1:]...), 0xFF),
			"tagged":        append([]byte{0xC1}, good...),
		} {
			if err := c.new().Unmarshal(bad); StatusOf(err) != ErrInvalidCBOR {
				t.Errorf("%s: %s: %v", c.name, name, err)
			}
		}
		for name, bad := range map[string][]byte{"array": {0x80}, "integer": {0x01}, "text": {0x60}, "null": {0xF6}} {
			if err := c.new().Unmarshal(bad); StatusOf(err) != ErrCBORUnexpectedType {
				t.Errorf("%s: %s: %v", c.name, name, err)
			}
		}
	}
}

func TestRequestLengths(t *testing.T) {
	byName := map[string]contract{}
	for _, c := range contracts {
		byName[c.name] = c
	}
	for _, c := range []struct {
		message string
		path    []any
		value   any
		want    Status
	}{
		{"makeCredential", at(1), make([]byte, 31), ErrInvalidLength},
		{"makeCredential", at(1), make([]byte, 33), ErrInvalidLength},
		{"makeCredential", at(1), []byte{}, ErrInvalidLength},
		{"getAssertion", at(2), make([]byte, 31), ErrInvalidLength},
		{"getAssertion", at(2), make([]byte, 33), ErrInvalidLength},
		{"makeCredential", at(3, "id"), []byte{}, ErrInvalidParameter},
		{"makeCredential", at(3, "id"), make([]byte, 64), StatusOK},
		{"makeCredential", at(3, "id"), make([]byte, 65), ErrInvalidParameter},
		{"makeCredential", at(8), []byte{}, StatusOK},
		{"getAssertion", at(6), []byte{}, StatusOK},
		{"makeCredential", at(4), list{}, StatusOK},
		{"makeCredential", at(4, 0, "type"), "unknown", StatusOK},
		{"getAssertion", at(3, 0, "type"), "unknown", StatusOK},
	} {
		m := byName[c.message]
		if err := m.new().Unmarshal(m.edited(t, c.path, set(c.value))); StatusOf(err) != c.want {
			t.Errorf("%s %v = %v: %v, want %v", c.message, c.path, c.value, err, c.want)
		}
	}
}

// An empty pinUvAuthParam is a touch probe, not an absent one, both ways.
func TestEmptyIsNotAbsent(t *testing.T) {
	var r GetAssertionRequest
	err := r.Unmarshal(encode(t, GetAssertionRequest{RPID: "x", ClientDataHash: make([]byte, 32), PinUvAuthParam: Bytes{}}))
	if err != nil || r.PinUvAuthParam == nil || len(r.PinUvAuthParam) != 0 {
		t.Errorf("empty became %#v (%v)", r.PinUvAuthParam, err)
	}
	r = GetAssertionRequest{}
	err = r.Unmarshal(encode(t, GetAssertionRequest{RPID: "x", ClientDataHash: make([]byte, 32)}))
	if err != nil || r.PinUvAuthParam != nil {
		t.Errorf("absent became %#v (%v)", r.PinUvAuthParam, err)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want Options
	}{
		{"a0", Options{}},
		{"a1 62 726b f5", Options{"rk": true}},
		{"a3 62 726b f4 62 7570 f5 62 7576 f5", Options{"rk": false, "up": true, "uv": true}},
		{"a2 61 78 01 62 7570 f4", Options{"up": false}},
		{"a2 61 78 f5 61 79 82 01 02", Options{"x": true}},
	} {
		var got Options
		if err := Unmarshal(unhex(t, c.hex), &got); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.hex, got, err)
		}
	}
	for _, bad := range []string{"", "a1", "a1 62 726b", "a1 62 72", "a1 01 f5", "a1 62 726b 01", "a1 62 726b 82 00", "bb ffffffffffffffff", "80", "a1 f6 f5"} {
		var o Options
		if err := o.UnmarshalCBOR(unhex(t, bad)); err == nil {
			t.Errorf("%s: accepted as %v", bad, o)
		}
	}
}

// The MAC over subCommandParams needs the very bytes that came.
func TestSubCommandParamsAsReceived(t *testing.T) {
	params := unhex(t, "a2 02 a0 18 63 01") // an unknown member, which re-encoding would lose
	data := slices.Concat(unhex(t, "a2 01 06 02"), params)
	var creds CredentialManagementRequest
	if err := creds.Unmarshal(data); err != nil || !bytes.Equal(creds.SubCommandParams, params) {
		t.Errorf("credentialManagement: %x (%v)", creds.SubCommandParams, err)
	}
	var config ConfigRequest
	if err := config.Unmarshal(data); err != nil || !bytes.Equal(config.SubCommandParams, params) {
		t.Errorf("config: %x (%v)", config.SubCommandParams, err)
	}
}

func TestUnmarshalPart(t *testing.T) {
	var r GetAssertionRequest
	for _, c := range contracts {
		if c.name == "getAssertion" {
			if err := r.Unmarshal(encode(t, c.example())); err != nil {
				t.Fatal(err)
			}
		}
	}
	var in HMACSecretInput
	if err := UnmarshalPart(r.Extensions[ExtHMACSecret], &in); err != nil || len(in.SaltEnc) != 32 || len(in.SaltAuth) != 16 {
		t.Errorf("%+v, %v", in, err)
	}
	var created bool
	if err := UnmarshalPart(r.Extensions[ExtHMACSecret], &created); StatusOf(err) != ErrCBORUnexpectedType {
		t.Errorf("a map as a boolean: %v", err)
	}
	if err := UnmarshalPart(r.Extensions[ExtCredBlob], &created); StatusOf(err) != ErrInvalidCBOR {
		t.Errorf("a part that is not there: %v", err)
	}
}

// Any bytes get a status that the standard has for bad parameters, or a message
// that survives another round.
func FuzzRequest(f *testing.F) {
	for i, c := range contracts {
		f.Add(uint8(i), encode(f, c.example()))
		f.Add(uint8(i), []byte{0xA0})
	}
	statuses := []Status{ErrInvalidCBOR, ErrCBORUnexpectedType, ErrMissingParameter, ErrInvalidParameter, ErrInvalidLength}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := contracts[int(which)%len(contracts)]
		first := c.new()
		if err := first.Unmarshal(data); err != nil {
			if !slices.Contains(statuses, StatusOf(err)) {
				t.Fatalf("%s: status of %v", c.name, err)
			}
			return
		}
		once := encode(t, first)
		if err := CheckCanonical(once); err != nil {
			t.Fatalf("%s: encoded to %x: %v", c.name, once, err)
		}
		second := c.new()
		if err := second.Unmarshal(once); err != nil {
			t.Fatalf("%s: %x does not decode: %v", c.name, once, err)
		}
		if twice := encode(t, second); !bytes.Equal(once, twice) {
			t.Fatalf("%s: %x became %x", c.name, once, twice)
		}
	})
}

func benchmarkRequest(b *testing.B, name string) {
	for _, c := range contracts {
		if c.name != name {
			continue
		}
		data := encode(b, c.example())
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if err := c.new().Unmarshal(data); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	b.Fatal(fmt.Errorf("no message %s", name))
}

func BenchmarkMakeCredentialRequest(b *testing.B) { benchmarkRequest(b, "makeCredential") }

// BenchmarkGetAssertionRequest decodes what a browser sends for one credential.
func BenchmarkGetAssertionRequest(b *testing.B) {
	protocol := uint64(2)
	data := encode(b, GetAssertionRequest{
		RPID:           "example.org",
		ClientDataHash: make([]byte, 32),
		AllowList:      []Descriptor{{ID: make([]byte, 64), Type: TypePublicKey}},
		Options:        Options{"up": true},
		PinUvAuthParam: make([]byte, 32), PinUvAuthProtocol: &protocol,
	})
	b.ReportAllocs()
	for b.Loop() {
		var r GetAssertionRequest
		if err := r.Unmarshal(data); err != nil {
			b.Fatal(err)
		}
	}
}
