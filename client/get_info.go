package client

import (
	"context"
	"slices"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
)

// GetInfo asks what the authenticator is and can do (§6.4).
func (a *Authenticator) GetInfo(ctx context.Context) (*ctap.GetInfoResponse, error) {
	if a.inProcess != nil {
		info, err := a.inProcess.GetInfo(ctx)
		return info, during(ctap.CommandGetInfo, err)
	}
	var info ctap.GetInfoResponse
	if err := a.call(ctx, ctap.CommandGetInfo, nil, &info); err != nil {
		return nil, err
	}
	if len(info.Versions) == 0 {
		return nil, missing(ctap.CommandGetInfo, "versions")
	}
	return &info, nil
}

// Protocol returns the PIN/UV auth protocol to use with an authenticator: the
// first of its list that this package speaks, and protocol one where it gives
// no list (§6.4, member pinUvAuthProtocols).
func Protocol(info *ctap.GetInfoResponse) pinuv.Protocol {
	for _, n := range info.PinUvAuthProtocols {
		if p := pinuv.Protocol(n); p.Valid() {
			return p
		}
	}
	return pinuv.One
}

func hasExtension(info *ctap.GetInfoResponse, id string) bool {
	return slices.Contains(info.Extensions, id)
}

// requestLimit returns the longest request in bytes that the device accepts.
func requestLimit(info *ctap.GetInfoResponse) int {
	if info.MaxMsgSize < ctap.DefaultMaxMsgSize || info.MaxMsgSize > 1<<20 {
		return ctap.DefaultMaxMsgSize
	}
	return int(info.MaxMsgSize)
}
