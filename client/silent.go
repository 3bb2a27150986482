package client

import (
	"bytes"
	"context"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
)

// descriptorOverhead bounds in bytes what a descriptor adds to its credential ID
// in a request, and requestOverhead what the rest of the request takes.
const (
	descriptorOverhead = 32
	requestOverhead    = 512
)

// batches splits a credential list so that each part fits the device, and drops
// what no credential of the device's can be. Transports are hints for clients
// and are not sent.
func (y *ceremony) batches(list []ctap.Descriptor) [][]ctap.Descriptor {
	most := max(int(y.info.MaxCredentialCountInList), 1)
	room := requestLimit(y.info) - requestOverhead
	longest := int(y.info.MaxCredentialIDLength)
	var all [][]ctap.Descriptor
	var part []ctap.Descriptor
	size := 0
	for _, d := range list {
		n := len(d.ID) + descriptorOverhead
		if len(d.ID) == 0 || longest > 0 && len(d.ID) > longest || len(d.ID) > ctap.MaxCredentialIDLength {
			continue
		}
		if len(part) > 0 && (len(part) == most || size+n > room) {
			all = append(all, part)
			part, size = nil, 0
		}
		if part == nil {
			part = make([]ctap.Descriptor, 0, min(len(list), most))
		}
		part = append(part, ctap.Descriptor{ID: d.ID, Type: d.Type})
		size += n
	}
	if len(part) > 0 {
		all = append(all, part)
	}
	return all
}

// find asks the device, without a touch, for a credential of a list, and returns
// what to send in the list's place: the one that it has. It returns nothing
// where the device has none of them. The token is of rpID, or nil.
func (y *ceremony) find(ctx context.Context, rpID string, token *Token, batches [][]ctap.Descriptor) ([]ctap.Descriptor, error) {
	for _, part := range batches {
		req := &ctap.GetAssertionRequest{
			RPID:           rpID,
			ClientDataHash: make([]byte, 32), // nobody else shall sign in with the answer
			AllowList:      part,
			Options:        map[string]bool{"up": false},
		}
		req.PinUvAuthParam, req.PinUvAuthProtocol = token.param(req.ClientDataHash)
		resp, err := y.authenticator.GetAssertion(ctx, req)
		switch {
		case errors.Is(err, ctap.ErrNoCredentials), errors.Is(err, ctap.ErrInvalidCredential):
			continue
		case err != nil:
			return nil, err
		case resp.Credential == nil:
			return part, nil
		}
		for _, d := range part {
			if bytes.Equal(d.ID, resp.Credential.ID) {
				return []ctap.Descriptor{d}, nil
			}
		}
		return nil, missing(ctap.CommandGetAssertion, "listed credential")
	}
	return nil, nil
}
