package brokenrp

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
)

// Flags of authenticator data (WebAuthn §6.1).
const (
	flagUP   = 0x01
	flagRFU1 = 0x02
	flagUV   = 0x04
	flagBE   = 0x08
	flagBS   = 0x10
	flagRFU2 = 0x20
	flagAT   = 0x40
	flagED   = 0x80
)

// authData is authenticator data taken apart.
type authData struct {
	raw          []byte
	rpIDHash     []byte
	flags        byte
	counter      uint32
	aaguid       []byte
	credentialID []byte
	key          item // the credential public key
	extensions   item // a map, or nothing
}

func (d *authData) has(flag byte) bool { return d.flags&flag != 0 }

// authData parses authenticator data (WebAuthn §6.1).
func (c *ceremony) authData(raw []byte) (*authData, error) {
	raw = slices.Clip(raw)
	if err := c.first(rule{"authData.length", len(raw) >= 37}); err != nil {
		return nil, err
	}
	d := &authData{raw: raw, rpIDHash: raw[:32], flags: raw[32], counter: binary.BigEndian.Uint32(raw[33:])}
	rest := raw[37:]
	if err := c.first(rule{"at.data", !d.has(flagAT) || len(rest) > 0}); err != nil {
		return nil, err
	}
	attested := d.has(flagAT) && len(rest) > 0
	if c.kind == "register" {
		err := c.first(
			rule{"at.present", d.has(flagAT) || len(rest) > 0},
			rule{"at.flag", d.has(flagAT) || len(rest) == 0},
		)
		if err != nil {
			return nil, err
		}
		attested = true
	} else if err := c.first(rule{"attested", !attested}); err != nil {
		return nil, err
	}
	var err error
	if attested {
		if rest, err = c.attestedData(d, rest); err != nil {
			return nil, err
		}
	}
	return d, c.extensionsData(d, rest)
}

// attestedData parses attested credential data (WebAuthn §6.5.1) and returns
// what follows. It is called with less than their fixed part only if the check
// of their presence is off.
func (c *ceremony) attestedData(d *authData, rest []byte) ([]byte, error) {
	if len(rest) > 0 && len(rest) < 18 {
		return nil, errors.New("attested credential data are cut short")
	}
	d.aaguid = rest[:16]
	length := int(binary.BigEndian.Uint16(rest[16:18]))
	rest = rest[18:]
	if err := c.limit("idLength", length <= len(rest), "the credential ID is cut short"); err != nil {
		return nil, err
	}
	d.credentialID, rest = rest[:length], rest[length:]
	var err error
	d.key, rest, err = c.decode(rest)
	return rest, err
}

// extensionsData parses the extensions, which are the rest.
func (c *ceremony) extensionsData(d *authData, rest []byte) error {
	if !d.has(flagED) {
		if len(rest) == 0 {
			return nil
		}
		if it, after, err := c.decode(rest); err == nil && it.major == majorMap && len(after) == 0 && c.has("ed.flag") {
			d.extensions = it
			return c.first(rule{"ed.flag", false})
		}
		return c.first(rule{"authData.trailing", false})
	}
	if len(rest) == 0 {
		return c.first(rule{"ed.present", false})
	}
	it, after, err := c.decode(rest)
	if err != nil {
		return err
	}
	if it.major != majorMap {
		return c.refuse("ed.map", "extensions are not a map")
	}
	d.extensions = it
	if len(after) > 0 {
		return c.refuse("ed.trailing", "bytes after the extensions")
	}
	return nil
}

// checkAuthData compares what authenticator data say with what the options
// asked for: §7.1 steps 14 to 18, §7.2 steps 15 to 18.
func (c *ceremony) checkAuthData(d *authData, p *pending, r *response) error {
	want := sha256.Sum256([]byte(c.site.config.RPID))
	right := string(d.rpIDHash) == string(want[:])
	ofOrigin := slices.ContainsFunc(c.site.config.Origins, func(origin string) bool {
		hash := sha256.Sum256([]byte(origin))
		return string(d.rpIDHash) == string(hash[:])
	})
	appID := c.kind == "login" && string(r.extensions["appid"]) == "true"
	switch {
	case right:
	case appID && p.extensions["appid"] == nil && !c.on("appid"):
	case ofOrigin && c.has("rpIdHash.origin") && !c.on("rpIdHash.origin"):
	default:
		if err := c.first(rule{"rpIdHash", false}); err != nil {
			return err
		}
	}
	conditional := p.conditional && c.kind == "register"
	if conditional {
		if err := c.first(rule{"accept.up.conditional", d.has(flagUP)}); err != nil {
			return err
		}
	}
	verified := d.has(flagUV) || p.userVerification != "required"
	if err := c.alike("uv", verified); err != nil {
		return err
	}
	return c.first(
		rule{"up", d.has(flagUP) || conditional},
		rule{"accept.rfu", d.flags&(flagRFU1|flagRFU2) == 0},
		rule{"backup.flags", d.has(flagBE) || !d.has(flagBS)},
	)
}
