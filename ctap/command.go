package ctap

import "fmt"

// Command is the first byte of a CTAP2 request (§6).
type Command byte

// Commands, §6. CommandCredentialManagementPreview is the code that
// credentialManagement had before it was standardised; clients still send it.
const (
	CommandMakeCredential              Command = 0x01
	CommandGetAssertion                Command = 0x02
	CommandGetInfo                     Command = 0x04
	CommandClientPIN                   Command = 0x06
	CommandReset                       Command = 0x07
	CommandGetNextAssertion            Command = 0x08
	CommandBioEnrollment               Command = 0x09
	CommandCredentialManagement        Command = 0x0A
	CommandSelection                   Command = 0x0B
	CommandLargeBlobs                  Command = 0x0C
	CommandConfig                      Command = 0x0D
	CommandCredentialManagementPreview Command = 0x41
)

// String gives the standard's name without its "authenticator" prefix.
func (c Command) String() string {
	switch c {
	case CommandMakeCredential:
		return "makeCredential"
	case CommandGetAssertion:
		return "getAssertion"
	case CommandGetInfo:
		return "getInfo"
	case CommandClientPIN:
		return "clientPIN"
	case CommandReset:
		return "reset"
	case CommandGetNextAssertion:
		return "getNextAssertion"
	case CommandBioEnrollment:
		return "bioEnrollment"
	case CommandCredentialManagement, CommandCredentialManagementPreview:
		return "credentialManagement"
	case CommandSelection:
		return "selection"
	case CommandLargeBlobs:
		return "largeBlobs"
	case CommandConfig:
		return "config"
	}
	return fmt.Sprintf("command 0x%02X", byte(c))
}

// Versions of the protocol, as getInfo lists them (§6.4).
const (
	VersionU2F    = "U2F_V2"
	VersionFIDO20 = "FIDO_2_0"
	VersionFIDO21 = "FIDO_2_1"
	VersionFIDO23 = "FIDO_2_3"
)

// Permissions of a pinUvAuthToken (§6.5.5.7).
const (
	PermissionMC   = 0x01 // makeCredential
	PermissionGA   = 0x02 // getAssertion
	PermissionCM   = 0x04 // credentialManagement
	PermissionBE   = 0x08 // bioEnrollment
	PermissionLBW  = 0x10 // largeBlobs, writing
	PermissionACFG = 0x20 // authenticatorConfig
	PermissionPCMR = 0x40 // credentialManagement, reading, by the persistent token
)
