package serve

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"

	"github.com/seed-77d61853/signet/rptest"
)

func (s *Server) listCredentials(w http.ResponseWriter, r *http.Request, d *device) error {
	all, err := d.Credentials(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, append([]rptest.Credential{}, all...))
}

func (s *Server) addCredential(w http.ResponseWriter, r *http.Request, d *device) error {
	var c rptest.Credential
	if err := decode(r, &c); err != nil {
		return err
	}
	if err := d.Add(r.Context(), c); err != nil {
		return refusal(http.StatusBadRequest, "%v", err)
	}
	d.log.add(Event{Type: "credential", Kind: "added", CredentialID: c.CredentialID.String()})
	added, err := d.find(r, c.CredentialID)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, added)
}

// find gives the device's credential of an ID.
func (d *device) find(r *http.Request, id []byte) (*rptest.Credential, error) {
	c, err := d.Credential(r.Context(), id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, d.lacks(id)
	}
	return &c, err
}

// lacks says that the device has no credential of an ID.
func (d *device) lacks(id []byte) *Error {
	return refusal(http.StatusNotFound, "device %s has no credential %s", d.id, rptest.Bytes(id))
}

// named gives the credential that the path names.
func (d *device) named(r *http.Request) (*rptest.Credential, error) {
	id, err := base64.RawURLEncoding.DecodeString(r.PathValue("credential"))
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the credential %q is not base64url without padding", r.PathValue("credential"))
	}
	return d.find(r, id)
}

func (s *Server) getCredential(w http.ResponseWriter, r *http.Request, d *device) error {
	c, err := d.named(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, c)
}

func (s *Server) setProperties(w http.ResponseWriter, r *http.Request, d *device) error {
	c, err := d.named(r)
	if err != nil {
		return err
	}
	var p rptest.Properties
	if err := decode(r, &p); err != nil {
		return err
	}
	if err := d.SetProperties(r.Context(), c.CredentialID, p); errors.Is(err, fs.ErrNotExist) { // since it was found
		return d.lacks(c.CredentialID)
	} else if err != nil {
		return refusal(http.StatusBadRequest, "%v", err)
	}
	d.log.add(Event{Type: "credential", Kind: "changed", CredentialID: c.CredentialID.String()})
	if c, err = d.named(r); err != nil {
		return err
	}
	return answer(w, http.StatusOK, c)
}

func (s *Server) removeCredential(w http.ResponseWriter, r *http.Request, d *device) error {
	c, err := d.named(r)
	if err != nil {
		return err
	}
	if err := d.remove(r.Context(), c.CredentialID); errors.Is(err, fs.ErrNotExist) { // since it was found
		return d.lacks(c.CredentialID)
	} else if err != nil {
		return err
	}
	return nothing(w)
}

// removeCredentials removes those that there are; others may remove some meanwhile.
func (s *Server) removeCredentials(w http.ResponseWriter, r *http.Request, d *device) error {
	all, err := d.Credentials(r.Context())
	if err != nil {
		return err
	}
	for _, c := range all {
		if err := d.remove(r.Context(), c.CredentialID); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nothing(w)
}

// remove removes a credential, and has the log tell of it.
func (d *device) remove(ctx context.Context, id rptest.Bytes) error {
	if err := d.Remove(ctx, id); err != nil {
		return err
	}
	d.log.add(Event{Type: "credential", Kind: "removed", CredentialID: id.String()})
	return nil
}
