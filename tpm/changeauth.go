package tpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// changeAuth sends TPM2_NV_ChangeAuth, which go-tpm lacks, authorized by one
// session and with the new value encrypted by another: the first one's key
// would have to contain the old value, which is not needed here.
func changeAuth(t transport.TPM, x index, auth []byte, authorizing, encrypting tpm2.Session) error {
	sessions := []tpm2.Session{authorizing, encrypting}
	if err := begin(t, sessions); err != nil {
		return err
	}
	parms := sized(auth)
	if err := encrypting.Encrypt(parms[2:]); err != nil {
		return errors.Join(err, cleanUp(t, sessions))
	}
	names := []tpm2.TPM2BName{x.name()}
	var area []byte
	for i, s := range sessions {
		var others []byte
		if i == 0 {
			others = encrypting.NonceTPM().Buffer
		}
		a, err := s.Authorize(tpm2.TPMCCNVChangeAuth, parms, others, names, i)
		if err != nil {
			return errors.Join(err, cleanUp(t, sessions))
		}
		area = append(area, tpm2.Marshal(*a)...)
	}
	command := binary.BigEndian.AppendUint16(nil, uint16(tpm2.TPMSTSessions))
	command = binary.BigEndian.AppendUint32(command, uint32(responseHeader+4+4+len(area)+len(parms)))
	command = binary.BigEndian.AppendUint32(command, uint32(tpm2.TPMCCNVChangeAuth))
	command = binary.BigEndian.AppendUint32(command, uint32(x.handle()))
	command = append(binary.BigEndian.AppendUint32(command, uint32(len(area))), area...)
	response, err := t.Send(append(command, parms...))
	if err != nil {
		return err
	}
	if code := responseCode(response); code != tpm2.TPMRCSuccess {
		return errors.Join(code, cleanUp(t, sessions))
	}
	return validate(response, sessions, names)
}

// validate checks that the chip itself has answered.
func validate(response []byte, sessions []tpm2.Session, names []tpm2.TPM2BName) error {
	body := response[responseHeader:]
	if len(body) < 4 || binary.BigEndian.Uint32(body) != 0 {
		return errors.New("NV_ChangeAuth: answer with parameters")
	}
	rest := bytes.NewReader(body[4:])
	next := func() ([]byte, error) {
		var size uint16
		if err := binary.Read(rest, binary.BigEndian, &size); err != nil || int(size) > rest.Len() {
			return nil, errors.New("NV_ChangeAuth: answer cut short")
		}
		b := make([]byte, size)
		rest.Read(b)
		return b, nil
	}
	for i, s := range sessions {
		nonce, err := next()
		if err != nil {
			return err
		}
		attributes, err := rest.ReadByte()
		if err != nil {
			return errors.New("NV_ChangeAuth: answer cut short")
		}
		mac, err := next()
		if err != nil {
			return err
		}
		auth := bytes.Clone(sized(nonce))
		auth = append(append(auth, attributes), sized(mac)...)
		a, err := tpm2.Unmarshal[tpm2.TPMSAuthResponse](auth)
		if err != nil {
			return fmt.Errorf("NV_ChangeAuth: %w", err)
		}
		if err := s.Validate(tpm2.TPMRCSuccess, tpm2.TPMCCNVChangeAuth, nil, names, i, a); err != nil {
			return fmt.Errorf("NV_ChangeAuth: %w", err)
		}
	}
	return nil
}

// begin starts the sessions of a command of several: go-tpm, where it starts
// them itself, leaves those in the chip that it started before one that failed.
func begin(t transport.TPM, sessions []tpm2.Session) error {
	for i, s := range sessions {
		if err := s.Init(t); err != nil {
			return errors.Join(err, cleanUp(t, sessions[:i]))
		}
		if err := s.NewNonceCaller(); err != nil {
			return errors.Join(err, cleanUp(t, sessions[:i+1]))
		}
	}
	return nil
}

// sized puts a length of two bytes before b, in a copy.
func sized(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(b)), uint16(len(b))), b...)
}

// cleanUp ends the sessions of a command that failed.
func cleanUp(t transport.TPM, sessions []tpm2.Session) error {
	var errs []error
	for _, s := range sessions {
		errs = append(errs, s.CleanupFailure(t))
	}
	return errors.Join(errs...)
}
