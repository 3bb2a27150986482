package authenticator_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"testing/synctest"
	"time"
)

// U2F, which is CTAP1 (§7 of the U2F raw message formats).

// Status words.
const (
	noError         = 0x9000
	noTouch         = 0x6985 // conditions of use not satisfied
	wrongData       = 0x6a80
	wrongLength     = 0x6700
	wrongClass      = 0x6e00
	wrongCommand    = 0x6d00
	notAllowedByU2F = 0x6986
)

// u2fCommand is a command with extended lengths.
func u2fCommand(ins, p1 byte, data []byte) []byte {
	c := []byte{0, ins, p1, 0, 0}
	if len(data) > 0 {
		c = append(binary.BigEndian.AppendUint16(c, uint16(len(data))), data...)
	}
	return append(c, 0, 0)
}

func u2fRegister(application string) []byte {
	return u2fCommand(1, 0, slices.Concat(clientData, hash(application)))
}

// u2fAuthenticate asks about a key handle: control 0x07 whether it is known,
// 0x03 for a signature with presence, 0x08 for one without.
func u2fAuthenticate(control byte, application string, handle []byte) []byte {
	return u2fCommand(2, control, slices.Concat(clientData, hash(application), []byte{byte(len(handle))}, handle))
}

// u2f sends a command and splits the status word off the reply.
func (b *bench) u2f(command []byte) (data []byte, word int) {
	b.Helper()
	reply := b.line.u2f(command)
	if len(reply) < 2 {
		b.Fatalf("U2F command %x: reply %x", command, reply)
	}
	n := len(reply) - 2
	return reply[:n], int(binary.BigEndian.Uint16(reply[n:]))
}

// u2fExpect fails unless the status word is the one given.
func (b *bench) u2fExpect(want int, command []byte) []byte {
	b.Helper()
	data, word := b.u2f(command)
	if word != want {
		b.Errorf("U2F command %x: status word %04x, want %04x", command, word, want)
	}
	if word != noError && len(data) != 0 {
		b.Errorf("U2F command %x: %d bytes with status word %04x", command, len(data), word)
	}
	return data
}

// u2fTouch repeats a command, as clients do, until the person has touched.
func (b *bench) u2fTouch(command []byte) []byte {
	b.Helper()
	for range 20 {
		if data, word := b.u2f(command); word != noTouch {
			if word != noError {
				b.Fatalf("U2F command %x: status word %04x", command, word)
			}
			return data
		}
		time.Sleep(200 * time.Millisecond)
	}
	b.Fatalf("U2F command %x: the touch is not noticed", command)
	return nil
}

// u2fRegister registers, checks the signature and returns the key handle.
func (b *bench) u2fRegister(application string) (handle []byte) {
	b.Helper()
	handle, _ = b.u2fRegisterKey(application)
	return handle
}

func (b *bench) u2fRegisterKey(application string) (handle []byte, key *ecdsa.PublicKey) {
	b.Helper()
	data := b.u2fTouch(u2fRegister(application))
	if len(data) < 67 || data[0] != 5 || len(data) < 67+int(data[66]) {
		b.Fatalf("registration %x", data)
	}
	point, handle := data[1:66], data[67:67+int(data[66])]
	var der asn1.RawValue
	signature, err := asn1.Unmarshal(data[67+len(handle):], &der)
	if err != nil {
		b.Fatalf("registration: certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(der.FullBytes)
	if err != nil {
		b.Fatalf("registration: certificate: %v", err)
	}
	signed := slices.Concat([]byte{0}, hash(application), clientData, handle, point)
	if err := cert.CheckSignature(x509.ECDSAWithSHA256, signed, signature); err != nil {
		b.Errorf("registration: %v", err)
	}
	if key, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err != nil {
		b.Fatalf("registration: public key: %v", err)
	}
	return handle, key
}

// u2fSigned checks an authentication and returns its presence byte and counter.
func (b *bench) u2fSigned(application string, key *ecdsa.PublicKey, data []byte) (presence byte, count uint32) {
	b.Helper()
	if len(data) < 6 {
		b.Fatalf("authentication %x", data)
	}
	signed := slices.Concat(hash(application), data[:5], clientData)
	if !ecdsa.VerifyASN1(key, sum256(signed), data[5:]) {
		b.Errorf("the authentication's signature does not verify")
	}
	return data[0], binary.BigEndian.Uint32(data[1:])
}

// credentialPoint is the public key of an ES256 credential.
func (b *bench) credentialPoint(c credential) *ecdsa.PublicKey {
	b.Helper()
	point := slices.Concat([]byte{4}, member[[]byte](b, c.key, -2), member[[]byte](b, c.key, -3))
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		b.Fatalf("public key: %v", err)
	}
	return key
}

var u2fBehaviours = []behaviour{
	{270, securityKey, everyDoor, "the version is U2F_V2", func(b *bench) {
		b.equal("version", b.u2fExpect(noError, u2fCommand(3, 0, nil)), []byte("U2F_V2"))
	}},
	{271, securityKey, everyDoor, "registering waits for a touch by being asked again", func(b *bench) {
		b.person.is(waits)
		for range 3 {
			b.u2fExpect(noTouch, u2fRegister("application"))
			time.Sleep(200 * time.Millisecond)
		}
		b.wants("questions", b.person.questions(), 1)
		b.person.is(approves)
		synctest.Wait()
		b.u2fRegister("application")
		b.wants("questions", b.person.questions(), 1)
		b.person.is(waits)
		b.u2fExpect(noTouch, u2fRegister("application"))
		b.person.is(refuses)
		synctest.Wait()
		b.u2fExpect(noTouch, u2fRegister("application"))
	}},
	{272, securityKey, everyDoor, "whether a key handle is known is told without a touch", func(b *bench) {
		handle := b.u2fRegister("application")
		before := b.person.questions()
		b.u2fExpect(noTouch, u2fAuthenticate(0x07, "application", handle))
		b.u2fExpect(wrongData, u2fAuthenticate(0x07, "another", handle))
		other := bytes.Clone(handle)
		other[0] ^= 1
		b.u2fExpect(wrongData, u2fAuthenticate(0x07, "application", other))
		b.u2fExpect(wrongData, u2fAuthenticate(0x03, "application", other))
		b.u2fExpect(wrongData, u2fAuthenticate(0x03, "another", handle))
		b.wants("questions", b.person.questions(), before)
	}},
	{273, securityKey, everyDoor, "a signature takes a touch, and counts", func(b *bench) {
		handle, key := b.u2fRegisterKey("application")
		b.person.is(waits)
		ask := u2fAuthenticate(0x03, "application", handle)
		b.u2fExpect(noTouch, ask)
		b.u2fExpect(noTouch, ask)
		b.person.is(approves)
		synctest.Wait()
		presence, first := b.u2fSigned("application", key, b.u2fTouch(ask))
		b.wants("presence", presence&1, byte(1))
		_, second := b.u2fSigned("application", key, b.u2fTouch(ask))
		if second <= first {
			b.Errorf("counter %d after %d", second, first)
		}
		before := b.person.questions()
		data := b.u2fExpect(noError, u2fAuthenticate(0x08, "application", handle))
		presence, _ = b.u2fSigned("application", key, data)
		b.wants("presence", presence&1, byte(0))
		b.wants("questions", b.person.questions(), before)
	}},
	{274, securityKey, everyDoor, "commands that are none", func(b *bench) {
		b.u2fExpect(wrongLength, u2fCommand(1, 0, make([]byte, 63)))
		b.u2fExpect(wrongLength, u2fCommand(1, 0, make([]byte, 65)))
		b.u2fExpect(wrongLength, u2fCommand(2, 0x03, make([]byte, 64)))
		short := u2fAuthenticate(0x03, "application", make([]byte, 32))
		short[6]-- // one byte of data less than there is
		b.u2fExpect(wrongLength, short)
		class := u2fCommand(3, 0, nil)
		class[0] = 0x01
		b.u2fExpect(wrongClass, class)
		b.u2fExpect(wrongCommand, u2fCommand(9, 0, nil))
	}},
	{275, securityKey, everyDoor, "U2F cannot verify, so not under alwaysUv", func(b *bench) {
		handle := b.u2fRegister("application")
		b.ok(configure(token{}, 2, nil))
		b.u2fExpect(notAllowedByU2F, u2fRegister("application"))
		b.u2fExpect(notAllowedByU2F, u2fAuthenticate(0x03, "application", handle))
	}},
	{276, securityKey, everyDoor, "U2F and CTAP2 share credentials, save the protected", func(b *bench) {
		c := b.register(extension("credProtect", 3))
		b.u2fExpect(wrongData, u2fAuthenticate(0x03, site, c.id))
		b.u2fExpect(wrongData, u2fAuthenticate(0x07, site, c.id))
		c = b.register()
		_, count := b.u2fSigned(site, b.credentialPoint(c), b.u2fTouch(u2fAuthenticate(0x03, site, c.id)))
		handle, key := b.u2fRegisterKey(site)
		a := b.signIn(listing(handle))
		if !ecdsa.VerifyASN1(key, sum256(slices.Concat(a.data.raw, clientData)), a.signature) {
			b.Errorf("the assertion does not verify under the U2F key")
		}
		if again := b.signIn(listing(c.id)); again.data.count <= count {
			b.Errorf("counter %d after %d", again.data.count, count)
		}
		eddsa := b.register(using(-8))
		b.u2fExpect(wrongData, u2fAuthenticate(0x07, site, eddsa.id))
	}},
}
