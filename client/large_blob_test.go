package client

import (
	"bytes"
	"crypto/sha256"
	"strconv"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/seed-77d61853/signet/ctap"
)

var blobKey = bytes.Repeat([]byte{9}, 32)

// initialArray is the array of a device that keeps no blob (§6.10.2).
func initialArray(t *testing.T) []byte { return unhex(t, "8076be8b528d0075f7aae98d6fa57a6d3c") }

// A known answer: what another implementation wrote, this one reads.
func TestLargeBlobKnownAnswer(t *testing.T) {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	entry := &largeBlobEntry{
		Ciphertext: unhex(t, "c574b1de02f8052a03248c7f865fbd56de3046b6"),
		Nonce:      make([]byte, 12),
		OrigSize:   2,
	}
	got, err := openLargeBlob(key, entry)
	if err != nil || string(got) != "hi" {
		t.Errorf("blob %q, error %v", got, err)
	}
	for name, spoil := range map[string]func(e *largeBlobEntry){
		"size":       func(e *largeBlobEntry) { e.OrigSize = 3 },
		"nonce":      func(e *largeBlobEntry) { e.Nonce = make([]byte, 11) },
		"ciphertext": func(e *largeBlobEntry) { e.Ciphertext = e.Ciphertext[1:] },
	} {
		e := *entry
		spoil(&e)
		if got, err := openLargeBlob(key, &e); err == nil {
			t.Errorf("%s is wrong and the blob %q", name, got)
		}
	}
}

func TestLargeBlobArray(t *testing.T) {
	foreign := cborText(t, map[int]any{9: "of a format to come"})
	l, err := ParseLargeBlobArray(cborText(t, []cbor.RawMessage{foreign}))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte{8}, 32)
	for _, put := range []struct {
		key  []byte
		data string
	}{{blobKey, "first"}, {other, ""}, {blobKey, "second"}} {
		if err := l.Put(put.key, []byte(put.data)); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := l.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if l, err = ParseLargeBlobArray(raw); err != nil || l.Len() != 3 {
		t.Fatalf("%d entries, error %v", l.Len(), err)
	}
	if got, ok := l.Find(blobKey); !ok || string(got) != "second" {
		t.Errorf("blob %q, %t", got, ok)
	}
	if got, ok := l.Find(other); !ok || len(got) != 0 {
		t.Errorf("blob %q, %t", got, ok)
	}
	if !l.Delete(blobKey) || l.Delete(blobKey) || l.Len() != 2 {
		t.Errorf("after deleting there are %d entries", l.Len())
	}
	if err := l.Put([]byte("short"), nil); err == nil {
		t.Error("takes a key that is not 32 bytes")
	}
}

// A blob that would inflate to more than it says, or than anybody keeps, is none.
func TestInflateBounds(t *testing.T) {
	bomb, err := ctap.DeflateLargeBlob(make([]byte, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []uint64{0, 1<<20 - 1, 1<<20 + 1, ctap.MaxLargeBlob + 1, 1 << 63} {
		if _, err := ctap.InflateLargeBlob(bomb, size); err == nil {
			t.Errorf("inflates to %d bytes", size)
		}
	}
}

func TestLargeBlobWriteAndRead(t *testing.T) {
	f := newFake(t)
	f.info.Options["largeBlobs"] = true
	f.info.Extensions = []string{"largeBlobKey"}
	f.info.MaxMsgSize = 1024
	f.info.MaxSerializedLargeBlobArray = 4096
	f.credentials = [][]byte{{1}}
	f.blobKey, f.blobs = blobKey, initialArray(t)
	data := noise(1500)
	write := with(with(list("allowCredentials", "AQ"), map[string]any{"userVerification": "discouraged"}),
		extensions(map[string]any{"largeBlob": map[string]any{"write": encodeBase64URL(data)}}))
	r, asked := signIn(t, f.client(), f, write)
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Written == nil || !*got.Written {
		t.Fatalf("largeBlob %+v\n%s", got, asked)
	}
	size := len(f.blobs)
	want := "getInfo\npinRetries\nkeyAgreement 2\ntokenByPIN 0x12 example.com\n" +
		`getAssertion {1: "example.com", 3: [{"id": h'01', "type": "public-key"}], 4: {"largeBlobKey": true}, 6: "token", 7: 2}` + "\n" +
		"largeBlobs get 960 at 0\nlargeBlobs set 960 at 0, token true\nlargeBlobs set " + strconv.Itoa(size-960) + " at 960, token true"
	if asked != want {
		t.Errorf("asked\n%s\nwant\n%s", asked, want)
	}

	read := with(list("allowCredentials", "AQ"), extensions(map[string]any{"largeBlob": map[string]any{"read": true}}))
	r, _ = signIn(t, f.client(), f, read)
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Blob == nil || *got.Blob != encodeBase64URL(data) {
		t.Errorf("largeBlob %+v", got)
	}

	// A torn array is an empty one.
	f.blobs[3] ^= 1
	r, _ = signIn(t, f.client(), f, read)
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Blob != nil {
		t.Errorf("largeBlob %+v", got)
	}

	// What has no room is not written, and the sign-in stands.
	f.info.MaxSerializedLargeBlobArray = 1024
	r, _ = signIn(t, f.client(), f, write)
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Written == nil || *got.Written {
		t.Errorf("largeBlob %+v", got)
	}

	// Neither is what belongs to a credential without a key.
	f.blobKey = nil
	r, _ = signIn(t, f.client(), f, write)
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Written == nil || *got.Written {
		t.Errorf("largeBlob %+v", got)
	}
}

// noise is n bytes that do not compress.
func noise(n int) []byte {
	var data []byte
	for sum := sha256.Sum256(nil); len(data) < n; sum = sha256.Sum256(sum[:]) {
		data = append(data, sum[:]...)
	}
	return data[:n]
}

func TestLargeBlobSupport(t *testing.T) {
	more := with(selection("residentKey", "required"), extensions(map[string]any{"largeBlob": map[string]any{"support": "preferred"}}))
	f := newFake(t)
	for name, device := range map[string]func(){
		"array":      func() { f.blobKey = blobKey },
		"credential": func() { f.unsigned = ctap.Extensions{"largeBlob": cborText(t, map[string]bool{"supported": true})} },
	} {
		f = newFake(t)
		device()
		r, _ := register(t, f.client(), f, more)
		if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Supported == nil || !*got.Supported {
			t.Errorf("%s: largeBlob %+v", name, got)
		}
	}
	f = newFake(t)
	r, _ := register(t, f.client(), f, more)
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Supported == nil || *got.Supported {
		t.Errorf("largeBlob %+v", got)
	}
}

// CTAP 2.3 carries the blob with the assertion, compressed by the client.
func TestLargeBlobInCredential(t *testing.T) {
	f := newFake(t)
	f.info.Extensions = []string{"largeBlob"}
	f.credentials = [][]byte{{1}}
	var sent ctap.LargeBlobInput
	f.seen = func(ext ctap.Extensions) {
		f.unsigned = nil
		raw, ok := ext["largeBlob"]
		if !ok {
			return
		}
		if err := cbor.Unmarshal(raw, &sent); err != nil {
			t.Fatal(err)
		}
		f.unsigned = ctap.Extensions{"largeBlob": cborText(t, ctap.LargeBlobOutput{Written: ref(true)})}
	}
	r, _ := signIn(t, f.client(), f, with(list("allowCredentials", "AQ"), extensions(map[string]any{"largeBlob": map[string]any{"write": "aGVsbG8"}})))
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Written == nil || !*got.Written {
		t.Errorf("largeBlob %+v", got)
	}
	if plain, err := ctap.InflateLargeBlob(sent.Write, *sent.OriginalSize); err != nil || string(plain) != "hello" {
		t.Errorf("sent %q, error %v", plain, err)
	}

	// What does not fit in a message is not even sent.
	sent = ctap.LargeBlobInput{}
	r, _ = signIn(t, f.client(), f, with(list("allowCredentials", "AQ"), extensions(map[string]any{"largeBlob": map[string]any{"write": encodeBase64URL(noise(1000))}})))
	if got := r.ClientExtensionResults.LargeBlob; got == nil || got.Written == nil || *got.Written || sent.Write != nil {
		t.Errorf("largeBlob %+v", got)
	}
	hello, err := ctap.DeflateLargeBlob([]byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	sent.Write = hello
	f.seen = nil
	for _, tt := range []struct {
		size uint64
		want bool
	}{{5, true}, {4, false}} {
		f.unsigned = ctap.Extensions{"largeBlob": cborText(t, ctap.LargeBlobOutput{Blob: sent.Write, OriginalSize: &tt.size})}
		r, _ = signIn(t, f.client(), f, with(list("allowCredentials", "AQ"), extensions(map[string]any{"largeBlob": map[string]any{"read": true}})))
		got := r.ClientExtensionResults.LargeBlob
		if got == nil || (got.Blob != nil) != tt.want || tt.want && *got.Blob != "aGVsbG8" {
			t.Errorf("largeBlob %+v", got)
		}
	}
}

// Any bytes are an array or none; what is put into it is found again, and the
// rest stays.
func FuzzLargeBlobArray(f *testing.F) {
	f.Add([]byte{0x80}, []byte("data"))
	f.Add([]byte{0x81, 0xA3, 1, 0x40, 2, 0x40, 3, 0}, []byte{})
	f.Fuzz(func(t *testing.T, array, data []byte) {
		l, err := ParseLargeBlobArray(array)
		if err != nil {
			return
		}
		n := l.Len()
		if err := l.Put(blobKey, data); err != nil {
			t.Fatal(err)
		}
		if got, ok := l.Find(blobKey); !ok || !bytes.Equal(got, data) || l.Len() != n+1 {
			t.Errorf("found %x, %t, in %d entries", got, ok, l.Len())
		}
	})
}
