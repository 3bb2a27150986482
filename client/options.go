package client

import "github.com/seed-77d61853/signet/ctap"

// Values of residentKey and userVerification (WebAuthn §5.4.6, §5.8.6).
const (
	discouraged = "discouraged"
	preferred   = "preferred"
	required    = "required"
)

// Values of attestation (WebAuthn §5.4.7).
const (
	attestationNone       = "none"
	attestationEnterprise = "enterprise"
)

// Values of authenticatorAttachment (WebAuthn §5.4.5).
const (
	attachmentPlatform      = "platform"
	attachmentCrossPlatform = "cross-platform"
)

// creationOptions is PublicKeyCredentialCreationOptionsJSON (WebAuthn §5.1.9).
type creationOptions struct {
	rpID               *string
	rpName             string
	user               ctap.User
	challenge          []byte
	params             []ctap.PubKeyParam
	timeout            *uint32 // milliseconds
	exclude            []ctap.Descriptor
	attachment         *string
	residentKey        string
	userVerification   string
	attestation        string
	attestationFormats []string
	extensions         extensionInputs
}

// requestOptions is PublicKeyCredentialRequestOptionsJSON (WebAuthn §5.1.10).
type requestOptions struct {
	challenge        []byte
	timeout          *uint32 // milliseconds
	rpID             *string
	allow            []ctap.Descriptor
	userVerification string
	extensions       extensionInputs
}

// publicKey finds the options, which may also be given as they are passed to
// navigator.credentials: as the value of member publicKey.
func publicKey(data []byte) dictionary {
	d := newDictionary(data)
	if _, ok := d.find("challenge"); ok {
		return d
	}
	if inner, ok := d.findNode("publicKey"); ok {
		if d.node = inner; !d.document.is(inner, '{') {
			d.node = none
			d.fail(TypeError, "", "is not an object")
		}
	}
	return d
}

// parseCreationOptions converts JSON: a TypeError where WebIDL finds one, an
// EncodingError for what is not base64url.
func parseCreationOptions(data []byte) (*creationOptions, error) {
	d := publicKey(data)
	o := &creationOptions{}
	rp, _ := d.object("rp", true)
	o.rpName = rp.text("name", true)
	o.rpID = rp.optional("id")
	user, _ := d.object("user", true)
	o.user.ID = user.bytes("id", true)
	o.user.Name = user.text("name", true)
	o.user.DisplayName = user.text("displayName", true)
	o.challenge = d.bytes("challenge", true)
	d.objects("pubKeyCredParams", true, func(item dictionary) {
		o.params = append(o.params, ctap.PubKeyParam{
			Alg:  ctap.Algorithm(item.long("alg", true)),
			Type: item.text("type", true),
		})
	})
	o.timeout = timeout(&d)
	o.exclude = descriptors(&d, "excludeCredentials")
	selection, _ := d.object("authenticatorSelection", false)
	o.attachment = selection.optional("authenticatorAttachment")
	o.residentKey = residentKey(&selection)
	o.userVerification = selection.enum("userVerification", preferred, discouraged, preferred, required)
	o.attestation = d.enum("attestation", attestationNone,
		attestationNone, "indirect", "direct", attestationEnterprise)
	o.attestationFormats = d.texts("attestationFormats")
	d.texts("hints") // they choose among authenticators; there is one here
	o.extensions = parseExtensions(&d)
	if d.document.err == nil && (len(o.user.ID) == 0 || len(o.user.ID) > ctap.MaxUserIDLength) {
		d.fail(TypeError, "user.id", "is not 1 to 64 bytes")
	}
	if d.document.err != nil {
		return nil, d.document.err
	}
	return o, nil
}

// parseRequestOptions converts JSON; errors are those of parseCreationOptions.
func parseRequestOptions(data []byte) (*requestOptions, error) {
	d := publicKey(data)
	o := &requestOptions{
		challenge:        d.bytes("challenge", true),
		timeout:          timeout(&d),
		rpID:             d.optional("rpId"),
		allow:            descriptors(&d, "allowCredentials"),
		userVerification: d.enum("userVerification", preferred, discouraged, preferred, required),
	}
	d.texts("hints")
	o.extensions = parseExtensions(&d)
	if d.document.err != nil {
		return nil, d.document.err
	}
	return o, nil
}

func timeout(d *dictionary) *uint32 {
	if _, ok := d.find("timeout"); !ok {
		return nil
	}
	return ref(d.unsignedLong("timeout", false))
}

// descriptors converts a list of credential descriptors. Those of other types
// than public-key are dropped: this client knows no other (WebAuthn §5.8.3).
func descriptors(d *dictionary, member string) (list []ctap.Descriptor) {
	d.objects(member, false, func(item dictionary) {
		c := ctap.Descriptor{
			ID:         item.bytes("id", true),
			Type:       item.text("type", true),
			Transports: item.texts("transports"),
		}
		if c.Type == ctap.TypePublicKey {
			list = append(list, c)
		}
	})
	return list
}

// residentKey resolves the old member requireResidentKey, which counts where
// residentKey is absent (WebAuthn §5.4.4).
func residentKey(selection *dictionary) string {
	old := discouraged
	if selection.boolean("requireResidentKey") {
		old = required
	}
	return selection.enum("residentKey", old, discouraged, preferred, required)
}
