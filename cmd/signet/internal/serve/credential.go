package serve

import (
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
		return nil, refusal(http.StatusNotFound, "device %s has no credential %s", d.id, rptest.Bytes(id))
	}
	return &c, err
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
	if err := d.SetProperties(r.Context(), c.CredentialID, p); err != nil {
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
	return d.drop(w, r, *c)
}

func (s *Server) removeCredentials(w http.ResponseWriter, r *http.Request, d *device) error {
	all, err := d.Credentials(r.Context())
	if err != nil {
		return err
	}
	return d.drop(w, r, all...)
}

func (d *device) drop(w http.ResponseWriter, r *http.Request, credentials ...rptest.Credential) error {
	for _, c := range credentials {
		if err := d.Remove(r.Context(), c.CredentialID); err != nil {
			return err
		}
		d.log.add(Event{Type: "credential", Kind: "removed", CredentialID: c.CredentialID.String()})
	}
	return nothing(w)
}
