package serve

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/seed-77d61853/signet/client"
)

// signalBody is what a page tells of its passkeys (WebAuthn §5.1.10), with the
// page's origin.
type signalBody struct {
	Origin       string   `json:"origin"`
	TopOrigin    string   `json:"topOrigin"`
	CrossOrigin  bool     `json:"crossOrigin"`
	RPID         string   `json:"rpId"`
	CredentialID string   `json:"credentialId"`
	UserID       string   `json:"userId"`
	AcceptedIDs  []string `json:"allAcceptedCredentialIds"`
	Name         string   `json:"name"`
	DisplayName  string   `json:"displayName"`
}

// signal is one of PublicKeyCredential's signal methods.
func (s *Server) signal(w http.ResponseWriter, r *http.Request, d *device) error {
	kind := r.PathValue("kind")
	var b signalBody
	if err := decode(r, &b); err != nil {
		return err
	}
	var err error
	if b.Origin, err = d.admit(r, b.Origin); err != nil {
		return err
	}
	ctx := r.Context()
	page := &client.Client{Origin: b.Origin, RelatedOrigins: d.relatedOrigins()}
	if err := page.Claim(ctx, b.RPID); err != nil {
		return err
	}
	if err := d.signalled(ctx, kind, &b); err != nil {
		return err
	}
	d.log.add(Event{Type: "signal", Kind: kind, Origin: b.Origin, CredentialID: b.CredentialID})
	return nothing(w)
}

// signalled does what a page that signals may expect.
func (d *device) signalled(ctx context.Context, kind string, b *signalBody) error {
	name, id := "userId", b.UserID
	switch kind {
	case "unknownCredential":
		name, id = "credentialId", b.CredentialID
	case "allAcceptedCredentials", "currentUserDetails":
	default:
		return refusal(http.StatusNotFound, "signal %q is none of unknownCredential, allAcceptedCredentials, currentUserDetails", kind)
	}
	of, err := identifier(name, id)
	if err != nil {
		return err
	}
	accepted := make([][]byte, len(b.AcceptedIDs))
	for i, id := range b.AcceptedIDs {
		if accepted[i], err = identifier("allAcceptedCredentialIds", id); err != nil {
			return err
		}
	}
	switch kind {
	case "unknownCredential":
		return d.SignalUnknownCredential(ctx, b.RPID, of)
	case "allAcceptedCredentials":
		return d.SignalAllAcceptedCredentials(ctx, b.RPID, of, accepted)
	}
	return d.SignalCurrentUserDetails(ctx, b.RPID, of, b.Name, b.DisplayName)
}

// identifier decodes base64url as a browser does for the signal methods.
func identifier(name, s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, exception(client.TypeError, name+" is missing, or not base64url without padding")
	}
	return b, nil
}
