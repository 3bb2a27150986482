package tpm

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/go-tpm/tpm2"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
	"github.com/seed-77d61853/signet/keystore/file"
)

// The root's file is
//
//	"signet tpm root" ‖ version (1) ‖ CBOR of a record ‖
//	HMAC-SHA256 under the Installation secret ‖ SHA-256 of all before
//
// It changes at set-up and reset only, and nothing in it depends on the PIN: a
// copy from before a PIN change opens with today's PIN and with no other. The
// hash tells damage from forgery; the HMAC is zero until there is an
// Installation secret, in a file whose set-up is not finished.
const (
	magic   = "signet tpm root"
	version = 1
	macSize = sha256.Size
	maxSize = 1 << 16
)

// stage says how far set-up or reset has come.
type stage int

const (
	settingUp stage = 1 // nothing but our own indices may have been made
	ready     stage = 2
	resetting stage = 3 // Old is the gate of before, and OldDevice its device secret's check value
)

// record is what the file holds.
type record struct {
	Stage        stage          `cbor:"1,keyasint"`
	Parent       tpm2.TPMHandle `cbor:"2,keyasint"`
	ParentPublic []byte         `cbor:"3,keyasint"` // TPMT_PUBLIC
	// Auth is the authorization value of the device and counter indices and of
	// the sealed Installation secret: what is heard on the bus is of no use
	// without the file.
	Auth    []byte         `cbor:"4,keyasint"`
	Device  tpm2.TPMHandle `cbor:"5,keyasint"`
	Counter tpm2.TPMHandle `cbor:"6,keyasint"`
	Scratch tpm2.TPMHandle `cbor:"7,keyasint"` // of the self-test
	// FreeRead tells that the chip passed the self-test, so that everyone may
	// read the count of tries.
	FreeRead bool  `cbor:"9,keyasint"`
	InChip   []int `cbor:"10,keyasint"` // COSE algorithms that the chip has

	InstallationPublic  []byte `cbor:"11,keyasint"`
	InstallationPrivate []byte `cbor:"12,keyasint"`
	InstallationCheck   []byte `cbor:"13,keyasint"`
	DeviceCheck         []byte `cbor:"14,keyasint"`

	Gate      gateRecord `cbor:"15,keyasint"`
	Old       gateRecord `cbor:"16,keyasint,omitzero"`
	OldDevice []byte     `cbor:"17,keyasint,omitempty"`
	// Again tells that the device secret of before was of a reset that was cut
	// short: nothing is to be saved by going back.
	Again bool `cbor:"21,keyasint,omitempty"`

	AttestationPublic  []byte   `cbor:"18,keyasint"`
	AttestationPrivate []byte   `cbor:"19,keyasint"`
	Chain              [][]byte `cbor:"20,keyasint"` // certificates: the attestation key's, then the installation's
}

// gateRecord is what is known of a gate without the PIN.
type gateRecord struct {
	Tries  tpm2.TPMHandle `cbor:"1,keyasint"`
	Secret tpm2.TPMHandle `cbor:"2,keyasint"`
	Key    []byte         `cbor:"3,keyasint"` // of tries' policy: a point, X9.62
	Public []byte         `cbor:"4,keyasint"` // to which Gated things are sealed
	Check  []byte         `cbor:"5,keyasint"` // of the gate secret
}

// empty tells that the gate was not made yet.
func (g *gateRecord) empty() bool { return len(g.Key) == 0 }

// check makes a value that tells a secret from others and says nothing of it.
func check(s *keystore.Secret) []byte { return mac(s, "check")[:16] }

func mac(s *keystore.Secret, label string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, s[:])
	m.Write(append([]byte("signet TPM root, "+label), 0))
	for _, p := range parts {
		m.Write(p)
	}
	sum := m.Sum(nil)
	m.Write(make([]byte, sha256.BlockSize)) // over a PIN's hash, whose end it keeps
	return sum
}

// encode makes a file of a record; installation is nil while there is none.
func (r *record) encode(installation *keystore.Secret) ([]byte, error) {
	body, err := ctap.Marshal(r)
	if err != nil {
		return nil, err
	}
	data := append(append([]byte(magic), version), body...)
	sum := make([]byte, macSize)
	if installation != nil {
		sum = mac(installation, "file", data)
	}
	data = append(data, sum...)
	hash := sha256.Sum256(data)
	return append(data, hash[:]...), nil
}

// parse decodes a file. It is authentic only after verify.
func parse(data []byte) (*record, error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(rest) == 0 {
		return nil, fmt.Errorf("not a TPM root file: %w", keystore.ErrCorrupt)
	}
	if rest[0] > version {
		return nil, fmt.Errorf("version %d, this program knows %d: %w", rest[0], version, keystore.ErrNewerSchema)
	}
	end := len(data) - sha256.Size
	if rest[0] != version || end < len(magic)+1+macSize {
		return nil, fmt.Errorf("cut off, or changed: %w", keystore.ErrCorrupt)
	}
	if hash := sha256.Sum256(data[:end]); !bytes.Equal(hash[:], data[end:]) {
		return nil, fmt.Errorf("cut off, or changed: %w", keystore.ErrCorrupt)
	}
	r := new(record)
	if err := ctap.Unmarshal(data[len(magic)+1:end-macSize], r); err != nil {
		return nil, fmt.Errorf("%w: %w", keystore.ErrCorrupt, err)
	}
	if r.Stage < settingUp || r.Stage > resetting || len(r.Auth) != 32 ||
		r.Stage != settingUp && len(r.Gate.Public) != 32 {
		return nil, fmt.Errorf("fields out of range: %w", keystore.ErrCorrupt)
	}
	return r, nil
}

// verify tells whether a file that parses is ours.
func verify(data []byte, installation *keystore.Secret) error {
	end := len(data) - sha256.Size - macSize
	if end < 0 || !hmac.Equal(mac(installation, "file", data[:end]), data[end:end+macSize]) {
		return fmt.Errorf("changed by someone else: %w", keystore.ErrCorrupt)
	}
	return nil
}

// read reads a file that is ours, or the system's, alone.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, missing(err)
	}
	defer f.Close()
	if err := file.CheckPrivate(f, path); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}

// missing says what to do about a file that is not there.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the passkeys cannot be used without it; bring it back from a backup: %w", err)
	}
	return err
}

// write puts a record in the place of the file's.
func (r *record) write(path string, installation *keystore.Secret) error {
	data, err := r.encode(installation)
	if err != nil {
		return fmt.Errorf("write TPM root file %s: %w", path, err)
	}
	if err := file.Replace(path, data); err != nil {
		return fmt.Errorf("write TPM root file %s: %w", path, err)
	}
	return nil
}

// parent returns the storage key of the record, which has to be one that no chip
// lets out: the owner password goes in sessions that are salted to it.
func (r *record) parent() (*parent, error) {
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](r.ParentPublic)
	if err != nil {
		return nil, fmt.Errorf("storage key: %w: %w", keystore.ErrCorrupt, err)
	}
	if !fitParent(public) {
		return nil, fmt.Errorf("storage key: %w", keystore.ErrCorrupt)
	}
	name, err := tpm2.ObjectName(public)
	if err != nil {
		return nil, fmt.Errorf("storage key: %w: %w", keystore.ErrCorrupt, err)
	}
	return &parent{r.Parent, *name, public}, nil
}
