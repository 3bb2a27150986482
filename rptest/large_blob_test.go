package rptest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/seed-77d61853/signet/rptest"
)

// noise is bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// blobResult is what a ceremony with extension largeBlob gave.
type blobResult struct {
	Supported, Written *bool
	Blob               *rptest.Bytes
}

func largeBlob(t *testing.T, response []byte) blobResult {
	t.Helper()
	var r struct {
		Results struct{ LargeBlob blobResult } `json:"clientExtensionResults"`
	}
	if err := json.Unmarshal(response, &r); err != nil {
		t.Fatal(err)
	}
	return r.Results.LargeBlob
}

// readBlob signs in by a passkey and reads its blob; "absent" where there is none.
func readBlob(t *testing.T, c *rptest.Client, id rptest.Bytes) string {
	t.Helper()
	r, err := c.Get(t.Context(), request(`,"allowCredentials":[{"type":"public-key","id":"`+id.String()+`"}],"extensions":{"largeBlob":{"read":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	if blob := largeBlob(t, r.JSON).Blob; blob != nil {
		return string(*blob)
	}
	return "absent"
}

func writeBlob(t *testing.T, c *rptest.Client, id rptest.Bytes, blob string) bool {
	t.Helper()
	r, err := c.Get(t.Context(), request(`,"allowCredentials":[{"type":"public-key","id":"`+id.String()+`"}],"extensions":{"largeBlob":{"write":"`+rptest.Bytes(blob).String()+`"}}`))
	if err != nil {
		t.Fatal(err)
	}
	written := largeBlob(t, r.JSON).Written
	return written != nil && *written
}

// TestLargeBlob takes a passkey with its blob from each way of keeping blobs to each.
func TestLargeBlob(t *testing.T) {
	ctx := t.Context()
	ways := []rptest.Personality{rptest.Phone, rptest.Hardware}
	for _, one := range ways {
		for _, other := range ways {
			t.Run(fmt.Sprintf("%s to %s", one, other), func(t *testing.T) {
				from, to := device(t, rptest.DeviceConfig{Personality: one}), device(t, rptest.DeviceConfig{Personality: other})
				made, err := from.Create(ctx, creation("alice", `,"authenticatorSelection":{"residentKey":"required"},"extensions":{"largeBlob":{"support":"required"}}`))
				if err != nil {
					t.Fatal(err)
				}
				if s := largeBlob(t, made.JSON).Supported; s == nil || !*s {
					t.Fatalf("no large blobs: %s", made.JSON)
				}
				id := parse(t, made.JSON).ID
				c := exported(t, from, id)
				if c.LargeBlob != nil {
					t.Errorf("before it was written it is %q", c.LargeBlob)
				}
				if !writeBlob(t, from, id, "by the page") {
					t.Fatal("not written")
				}
				if c = exported(t, from, id); string(c.LargeBlob) != "by the page" {
					t.Errorf("exported with %q", c.LargeBlob)
				}

				for range 2 { // the second time after it was removed
					if err := to.Device.Add(ctx, c); err != nil {
						t.Fatal(err)
					}
					if got := readBlob(t, to, id); got != "by the page" {
						t.Errorf("a page reads %q", got)
					}
					if !writeBlob(t, to, id, "by another") {
						t.Error("not written over")
					}
					if got := exported(t, to, id).LargeBlob; string(got) != "by another" {
						t.Errorf("exported again with %q", got)
					}
					if err := to.Device.Remove(ctx, id); err != nil {
						t.Fatal(err)
					}
				}
				c.LargeBlob = nil
				if err := to.Device.Add(ctx, c); err != nil {
					t.Fatal(err)
				}
				if got := readBlob(t, to, id); got != "absent" || !writeBlob(t, to, id, "first") {
					t.Errorf("added without a blob it has %q, or cannot get one", got)
				}
			})
		}
	}
}

// exported gives a passkey as JSON brings it out.
func exported(t *testing.T, c *rptest.Client, id rptest.Bytes) (got rptest.Credential) {
	t.Helper()
	one, err := c.Device.Credential(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Device.Credentials(t.Context())
	if err != nil || len(all) != 1 || string(all[0].LargeBlob) != string(one.LargeBlob) {
		t.Fatal(all, err)
	}
	data, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// A passkey that is not taken leaves the blobs of others, and no room is lost.
func TestLargeBlobKeepsOthers(t *testing.T) {
	ctx := t.Context()
	from := device(t, rptest.DeviceConfig{})
	for _, name := range []string{"alice", "bob"} {
		create(t, from, creation(name, ""))
	}
	all, err := from.Device.Credentials(ctx)
	if err != nil {
		t.Fatal(err)
	}
	to := device(t, rptest.DeviceConfig{Personality: rptest.Hardware})
	all[0].LargeBlob = noise(15_000)
	for i, c := range []rptest.Credential{all[0], all[1]} {
		if err := to.Device.Add(ctx, c); err != nil {
			t.Fatal(i, err)
		}
	}
	want := string(all[0].LargeBlob)
	for range 4 {
		again := all[0]
		again.LargeBlob = noise(20_000)
		if err := to.Device.Add(ctx, again); !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		other := all[1]
		if err := to.Device.Remove(ctx, other.CredentialID); err != nil {
			t.Fatal(err)
		}
		other.LargeBlob = noise(20_000)
		if err := to.Device.Add(ctx, other); err != nil {
			t.Fatal(err)
		}
	}
	full := all[1]
	if err := to.Device.Remove(ctx, full.CredentialID); err != nil {
		t.Fatal(err)
	}
	full.LargeBlob = noise(60_000)
	if err := to.Device.Add(ctx, full); err == nil {
		t.Error("a blob was taken for which there is no room")
	}
	if _, err := to.Device.Credential(ctx, full.CredentialID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a passkey was taken without its blob: %v", err)
	}
	if readBlob(t, to, all[0].CredentialID) != want {
		t.Error("a page reads another blob")
	}
}
