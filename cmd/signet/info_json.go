package main

import (
	"encoding/base64"
	"encoding/hex"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/ctap"
)

// infoJSON is getInfo's answer under the standard's names (§6.4). Byte strings
// are in base64, but for the AAGUID, a UUID.
type infoJSON struct {
	Versions                         []string          `json:"versions"`
	Extensions                       []string          `json:"extensions,omitempty"`
	AAGUID                           string            `json:"aaguid"`
	Options                          map[string]bool   `json:"options,omitempty"`
	MaxMsgSize                       uint64            `json:"maxMsgSize,omitempty"`
	PinUvAuthProtocols               []uint64          `json:"pinUvAuthProtocols,omitempty"`
	MaxCredentialCountInList         uint64            `json:"maxCredentialCountInList,omitempty"`
	MaxCredentialIDLength            uint64            `json:"maxCredentialIdLength,omitempty"`
	Transports                       []string          `json:"transports,omitempty"`
	Algorithms                       []algorithmJSON   `json:"algorithms,omitempty"`
	MaxSerializedLargeBlobArray      uint64            `json:"maxSerializedLargeBlobArray,omitempty"`
	ForcePINChange                   bool              `json:"forcePINChange,omitempty"`
	MinPINLength                     uint64            `json:"minPINLength,omitempty"`
	FirmwareVersion                  uint64            `json:"firmwareVersion,omitempty"`
	MaxCredBlobLength                uint64            `json:"maxCredBlobLength,omitempty"`
	MaxRPIDsForSetMinPINLength       *uint64           `json:"maxRPIDsForSetMinPINLength,omitempty"`
	PreferredPlatformUvAttempts      uint64            `json:"preferredPlatformUvAttempts,omitempty"`
	UVModality                       uint64            `json:"uvModality,omitempty"`
	Certifications                   map[string]uint64 `json:"certifications,omitempty"`
	RemainingDiscoverableCredentials *uint64           `json:"remainingDiscoverableCredentials,omitempty"`
	VendorPrototypeConfigCommands    *[]uint64         `json:"vendorPrototypeConfigCommands,omitempty"`
	AttestationFormats               []string          `json:"attestationFormats,omitempty"`
	UVCountSinceLastPINEntry         *uint64           `json:"uvCountSinceLastPinEntry,omitempty"`
	LongTouchForReset                *bool             `json:"longTouchForReset,omitempty"`
	EncIdentifier                    string            `json:"encIdentifier,omitempty"`
	TransportsForReset               []string          `json:"transportsForReset,omitempty"`
	PINComplexityPolicy              *bool             `json:"pinComplexityPolicy,omitempty"`
	PINComplexityPolicyURL           string            `json:"pinComplexityPolicyURL,omitempty"`
	MaxPINLength                     uint64            `json:"maxPINLength,omitempty"`
	EncCredStoreState                string            `json:"encCredStoreState,omitempty"`
	AuthenticatorConfigCommands      *[]uint64         `json:"authenticatorConfigCommands,omitempty"`
	// Approve and Policy are the daemon's, not the standard's: who answers
	// questions, and what the administrator demands.
	Approve string `json:"approve,omitempty"`
	// InChip names the algorithms whose keys never leave a chip.
	InChip []string       `json:"in_chip,omitempty"`
	Policy *daemon.Policy `json:"policy,omitempty"`
}

type algorithmJSON struct {
	Type string `json:"type"`
	Alg  int64  `json:"alg"`
	Name string `json:"name"`
}

func newInfoJSON(i *ctap.GetInfoResponse, status *daemon.Status) infoJSON {
	j := infoJSON{
		Versions:                         i.Versions,
		Extensions:                       i.Extensions,
		AAGUID:                           formatAAGUID(i.AAGUID),
		Options:                          i.Options,
		MaxMsgSize:                       i.MaxMsgSize,
		PinUvAuthProtocols:               i.PinUvAuthProtocols,
		MaxCredentialCountInList:         i.MaxCredentialCountInList,
		MaxCredentialIDLength:            i.MaxCredentialIDLength,
		Transports:                       i.Transports,
		MaxSerializedLargeBlobArray:      i.MaxSerializedLargeBlobArray,
		ForcePINChange:                   i.ForcePINChange,
		MinPINLength:                     i.MinPINLength,
		FirmwareVersion:                  i.FirmwareVersion,
		MaxCredBlobLength:                i.MaxCredBlobLength,
		MaxRPIDsForSetMinPINLength:       i.MaxRPIDsForSetMinPINLength,
		PreferredPlatformUvAttempts:      i.PreferredPlatformUvAttempts,
		UVModality:                       i.UVModality,
		Certifications:                   i.Certifications,
		RemainingDiscoverableCredentials: i.RemainingDiscoverableCredentials,
		VendorPrototypeConfigCommands:    i.VendorPrototypeConfigCommands,
		AttestationFormats:               i.AttestationFormats,
		UVCountSinceLastPINEntry:         i.UVCountSinceLastPINEntry,
		LongTouchForReset:                i.LongTouchForReset,
		EncIdentifier:                    base64.StdEncoding.EncodeToString(i.EncIdentifier),
		TransportsForReset:               i.TransportsForReset,
		PINComplexityPolicy:              i.PINComplexityPolicy,
		PINComplexityPolicyURL:           string(i.PINComplexityPolicyURL),
		MaxPINLength:                     i.MaxPINLength,
		EncCredStoreState:                base64.StdEncoding.EncodeToString(i.EncCredStoreState),
		AuthenticatorConfigCommands:      i.AuthenticatorConfigCommands,
		Approve:                          status.Approve,
		InChip:                           status.InChip,
		Policy:                           status.Policy,
	}
	for _, p := range i.Algorithms {
		j.Algorithms = append(j.Algorithms, algorithmJSON{Type: p.Type, Alg: int64(p.Alg), Name: p.Alg.String()})
	}
	return j
}

// formatAAGUID writes 16 bytes as a UUID.
func formatAAGUID(b []byte) string {
	h := hex.EncodeToString(b)
	if len(b) != 16 {
		return h
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
