package authenticator

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// getInfo is authenticatorGetInfo (§6.4). What the device can do is read off
// the command table, the User, the root and the profile.
func (a *Authenticator) getInfo(_ context.Context, s *ctap.Session) (*ctap.GetInfoResponse, error) {
	info := &ctap.GetInfoResponse{
		Versions:                 a.Versions(),
		Extensions:               slices.Clone(a.profile.Extensions),
		AAGUID:                   bytes.Clone(a.profile.AAGUID[:]),
		Options:                  a.options(),
		MaxMsgSize:               uint64(s.RequestLimit()),
		PinUvAuthProtocols:       []uint64{uint64(pinuv.Two), uint64(pinuv.One)},
		MaxCredentialCountInList: uint64(a.profile.MaxCredentialCountInList),
		MaxCredentialIDLength:    credentialIDLength,
		Transports:               slices.Clone(a.profile.Transports),
		FirmwareVersion:          a.profile.FirmwareVersion,
		AttestationFormats:       a.attestationFormats(),
		TransportsForReset:       slices.Clone(a.profile.ResetTransports),
	}
	algorithms := a.algorithms()
	info.Algorithms = make([]ctap.PubKeyParam, 0, len(algorithms))
	for _, alg := range algorithms {
		info.Algorithms = append(info.Algorithms, ctap.PubKeyParam{Alg: alg.ID, Type: ctap.TypePublicKey})
	}
	remaining := uint64(a.profile.MaxDiscoverable) - min(a.state.Discoverable, uint64(a.profile.MaxDiscoverable))
	info.RemainingDiscoverableCredentials = &remaining
	commands, vendor := a.configCommands(), []uint64{VendorLock}
	info.AuthenticatorConfigCommands, info.VendorPrototypeConfigCommands = &commands, &vendor
	info.LongTouchForReset = new(a.state.LongTouchForReset)

	if a.profile.has(ctap.ExtLargeBlobKey) {
		info.MaxSerializedLargeBlobArray = uint64(a.profile.MaxLargeBlobArray)
	}
	if a.profile.has(ctap.ExtCredBlob) {
		info.MaxCredBlobLength = uint64(a.profile.MaxCredBlobLength)
	}
	if a.profile.has(ctap.ExtPINComplexityPolicy) {
		info.PINComplexityPolicy = new(a.state.PINComplexity)
	}
	if a.profile.ClientPIN {
		info.MinPINLength, info.MaxPINLength = a.state.MinPINLength, ctap.MaxPINBytes
		info.ForcePINChange = a.state.ForcePINChange
		rpIDs := uint64(a.profile.MaxMinPINLengthRPIDs)
		info.MaxRPIDsForSetMinPINLength = &rpIDs
	}
	if a.canVerify() {
		info.UVModality, info.PreferredPlatformUvAttempts = ctap.UVModalityPasscode, 1
		info.UVCountSinceLastPINEntry = new(a.pin.uvCount)
	}
	if !a.givesTokens() {
		return info, nil // nobody could open what follows
	}
	var err error
	if info.EncIdentifier, err = a.encrypted("encIdentifier", a.state.DeviceID); err != nil {
		return nil, err
	}
	info.EncCredStoreState, err = a.encrypted("encCredStoreState", a.state.CredStoreState)
	return info, err
}

// options is getInfo's member (§6.4, "options").
func (a *Authenticator) options() map[string]bool {
	o := map[string]bool{
		"plat": a.profile.Platform, "rk": true, "up": true, "authnrCfg": true,
		"alwaysUv": a.state.AlwaysUv, "makeCredUvNotRqd": a.profile.MakeCredUvNotRqd && !a.state.AlwaysUv,
	}
	if a.profile.ClientPIN {
		o["clientPin"] = a.pinSet
		o["noMcGaPermissionsWithClientPin"] = a.profile.NoMcGaPermissions
		o["setMinPINLength"] = true
	}
	if a.canVerify() {
		o["uv"], o["uvAcfg"] = a.uvConfigured(), true
	}
	if a.givesTokens() {
		o["pinUvAuthToken"], o["credMgmt"], o["perCredMgmtRO"] = true, true, true
	}
	if a.profile.has(ctap.ExtLargeBlobKey) {
		o["largeBlobs"] = true
	}
	if a.profile.EnterpriseRPIDs != nil {
		o["ep"] = a.state.Enterprise
	}
	return o
}

// encrypted gives 16 bytes to whoever holds the persistent token, and noise to
// all others: a fresh IV, then AES-128-CBC (§6.4, "encIdentifier").
func (a *Authenticator) encrypted(info string, value [16]byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, a.state.PersistentToken[:], make([]byte, 32), info, 16)
	if err != nil {
		return nil, fmt.Errorf("derive %s key: %w", info, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", info, err)
	}
	out := make([]byte, 2*aes.BlockSize)
	rand.Read(out[:aes.BlockSize])
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], value[:])
	return out, nil
}
