package ceremony

import (
	"crypto/sha256"
	"errors"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// At is an edit that cannot fail.
func At(s Stage, f func(*Ceremony)) Edit {
	return Edit{Stage: s, Apply: func(c *Ceremony) error {
		f(c)
		return nil
	}}
}

// ClientDataMember sets a member of the client data.
func ClientDataMember(name string, value any) Edit {
	return Edit{Stage: ClientData, Apply: func(c *Ceremony) error { return c.ClientData.Set(name, value) }}
}

// ClientDataBytes changes the client data's bytes.
func ClientDataBytes(f func([]byte) []byte) Edit {
	return At(ClientDataJSON, func(c *Ceremony) { c.ClientDataJSON = f(c.ClientDataJSON) })
}

// Flags sets and clears flags of the authenticator data; what they announce
// stays as it is.
func Flags(set, clear ctap.Flags) Edit {
	return At(AuthData, func(c *Ceremony) { c.AuthData.Flags = c.AuthData.Flags&^clear | set })
}

// RPID makes the rpIdHash that of another RP ID.
func RPID(id string) Edit {
	return At(AuthData, func(c *Ceremony) {
		h := sha256.Sum256([]byte(id))
		c.AuthData.RPIDHash = h[:]
	})
}

// SignCount sets the signature counter.
func SignCount(n uint32) Edit { return At(AuthData, func(c *Ceremony) { c.AuthData.SignCount = n }) }

// AuthDataRaw changes the authenticator data's bytes.
func AuthDataRaw(f func([]byte) []byte) Edit {
	return At(AuthDataBytes, func(c *Ceremony) { c.AuthenticatorData = f(c.AuthenticatorData) })
}

// Key replaces the credential by one of another algorithm, with a key that
// signs; the rest is made for it.
func Key(alg ctap.Algorithm) Edit {
	return Edit{Stage: PublicKey, Apply: func(c *Ceremony) error {
		public, sign, err := c.Other(alg)
		if err != nil {
			return err
		}
		encoded, err := ctap.MarshalPublicKey(alg, public)
		if err != nil {
			return err
		}
		if c.COSE, err = ParseMap(encoded); err != nil {
			return err
		}
		c.Alg, c.Public, c.Sign = alg, public, sign
		return nil
	}}
}

// COSE changes the credential public key's map; the key that signs stays.
func COSE(f func(*Map)) Edit {
	return Edit{Stage: PublicKey, Apply: func(c *Ceremony) error {
		if c.COSE == nil {
			return errNoKey
		}
		f(c.COSE)
		return c.COSE.Err()
	}}
}

var errNoKey = errors.New("a sign-in has no credential public key")

// PublicKeyBytes changes the credential public key's encoding.
func PublicKeyBytes(f func(*Map) []byte) Edit {
	return Edit{Stage: AuthData, Apply: func(c *Ceremony) error {
		if c.COSE == nil {
			return errNoKey
		}
		c.AuthData.PublicKey = f(c.COSE)
		return nil
	}}
}

// AAGUID makes the authenticator another model, also in the statement.
func AAGUID(f func(ctap.AAGUID) ctap.AAGUID) Edit {
	return At(AuthData, func(c *Ceremony) { c.AuthData.AAGUID = f(c.AuthData.AAGUID) })
}

// CredentialID gives the credential another ID, also in the JSON around it.
func CredentialID(id []byte) Edit {
	return At(AuthData, func(c *Ceremony) { c.AuthData.CredentialID = id })
}

// AttestAs makes the attestation statement of another format.
func AttestAs(f attest.Format) Edit { return At(Statement, func(c *Ceremony) { c.Format = f }) }

// Attest spoils the making of the attestation statement.
func Attest(e attest.Edit) Edit {
	return At(Statement, func(c *Ceremony) { c.Attestation = append(c.Attestation, e) })
}

// ObjectMap changes the attestation object's map.
func ObjectMap(f func(*Map)) Edit { return At(AttestationObject, func(c *Ceremony) { f(c.Object) }) }

// ObjectBytes changes the attestation object's bytes.
func ObjectBytes(f func([]byte) []byte) Edit {
	return At(AttestationObject, func(c *Ceremony) {
		b := c.AttestationObject
		if b == nil {
			b = c.Object.CBOR()
		}
		c.AttestationObject = f(b)
	})
}

// SignatureBytes replaces a sign-in's signature.
func SignatureBytes(b []byte) Edit { return At(Signature, func(c *Ceremony) { c.Signature = b }) }

// SignedByOther signs a sign-in by a key that is nobody's.
func SignedByOther(alg ctap.Algorithm) Edit {
	return Edit{Stage: Signature, Apply: func(c *Ceremony) (err error) {
		_, sign, err := c.Other(alg)
		if err != nil {
			return err
		}
		c.Signature, err = sign(c.Message)
		return err
	}}
}

// SignedOver signs a sign-in by the right key over another message.
func SignedOver(f func(c *Ceremony) []byte) Edit {
	return Edit{Stage: Signature, Apply: func(c *Ceremony) (err error) {
		c.Signature, err = c.Sign(f(c))
		return err
	}}
}

// Outer changes the JSON that is posted.
func Outer(f func(response map[string]any)) Edit {
	return At(Response, func(c *Ceremony) { f(c.Response) })
}

// Inner changes the JSON's member response.
func Inner(f func(response map[string]any)) Edit {
	return At(Response, func(c *Ceremony) { f(c.Response["response"].(map[string]any)) })
}

// ResponseMember sets a member of the JSON's member response.
func ResponseMember(name string, value any) Edit {
	return Inner(func(r map[string]any) { r[name] = value })
}
