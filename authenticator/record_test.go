package authenticator

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"reflect"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
)

// What Source gives of a passkey makes the same one on another device.
func TestSource(t *testing.T) {
	d := moving(t, true)
	want := answers(t, d)
	to := newDevice(t, Config{Copyable: true})
	mustBe(t, "set PIN", to.setPIN(t.Context(), movingPIN), nil)
	for i, p := range passkeys(t, d, movingPIN) {
		mustBe(t, p.RPID, asOwner(t, d, func(ctx context.Context, o *Owner) error {
			s, err := o.Source(ctx, p.ID)
			if err != nil {
				return err
			}
			if i == 0 {
				s.LargeBlob = &LargeBlob{Data: []byte("compressed"), OriginalSize: 12}
			}
			s.LargeBlobKey = bytes.Repeat([]byte{byte(i)}, 32)
			record, err := s.Record()
			if err != nil {
				return err
			}
			return asOwner(t, to, func(ctx context.Context, o *Owner) error {
				if _, err := o.Import(ctx, [][]byte{record}); err != nil {
					return err
				}
				again, err := o.Source(ctx, p.ID)
				if err != nil {
					return err
				}
				s.LastUsed, s.RPIDHash = again.LastUsed, again.RPIDHash
				if !reflect.DeepEqual(again, s) {
					t.Errorf("%s is %+v, and was %+v", p.RPID, again, s)
				}
				return nil
			})
		}), nil)
	}
	same(t, answers(t, to), want)
	mustBe(t, "no such passkey", asOwner(t, to, func(ctx context.Context, o *Owner) error {
		_, err := o.Source(ctx, make([]byte, credentialIDLength))
		return err
	}), fs.ErrNotExist)
	mustBe(t, "bound passkeys", asOwner(t, moving(t, false), func(ctx context.Context, o *Owner) error {
		_, err := o.Source(ctx, make([]byte, credentialIDLength))
		return err
	}), ErrDeviceBound)
}

func TestEditLargeBlobs(t *testing.T) {
	d := moving(t, true)
	odd := errors.New("odd")
	for _, step := range []struct {
		name    string
		to      []byte
		err     error
		want    error
		present []byte // what is there before
	}{
		{"at first", []byte{0x81, 1}, nil, nil, []byte{0x80}},
		{"no change", []byte{0x81, 1}, nil, nil, []byte{0x81, 1}},
		{"refused", []byte{0x81, 2}, odd, odd, []byte{0x81, 1}},
		{"too long", make([]byte, d.profile.MaxLargeBlobArray-blobTrailer+1), nil, ctap.ErrLargeBlobStorageFull, []byte{0x81, 1}},
		{"just fits", make([]byte, d.profile.MaxLargeBlobArray-blobTrailer), nil, nil, []byte{0x81, 1}},
		{"smaller", []byte{0x80}, nil, nil, make([]byte, d.profile.MaxLargeBlobArray-blobTrailer)},
	} {
		mustBe(t, step.name, asOwner(t, d, func(ctx context.Context, o *Owner) error {
			return o.EditLargeBlobs(ctx, func(array []byte) ([]byte, error) {
				if !bytes.Equal(array, step.present) {
					t.Errorf("%s: begins with %d bytes, %.8x", step.name, len(array), array)
				}
				return step.to, step.err
			})
		}), step.want)
	}
	reply, err := d.readLargeBlobs(t.Context(), &ctap.LargeBlobsRequest{Get: ptr(uint64(100)), Offset: ptr(uint64(0))}, 100)
	mustBe(t, "read", err, nil)
	if got := reply.(*ctap.LargeBlobsResponse).Config; !bytes.Equal(got, initialLargeBlobs()) {
		t.Errorf("clients read %x", got)
	}
	p := Platform()
	mustBe(t, "no array", newDevice(t, Config{Profile: p}).AsOwner(t.Context(), nil, func(o *Owner) error {
		return o.EditLargeBlobs(t.Context(), nil)
	}), ctap.ErrInvalidCommand)
}
