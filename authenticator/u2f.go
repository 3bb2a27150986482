package authenticator

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// ServeU2F answers one CTAP1/U2F APDU (§7; U2F Raw Message Formats).
func (a *Authenticator) ServeU2F(ctx context.Context, s *ctap.Session, apdu []byte) []byte {
	data, err := a.dispatchU2F(ctx, s, apdu)
	var sw ctap.StatusWord
	switch {
	case err == nil:
		sw = ctap.SWNoError
	case errors.As(err, &sw):
	default:
		a.log.Error("U2F request failed", "error", err)
		sw = ctap.SWInternal
	}
	return sw.Append(data)
}

func (a *Authenticator) dispatchU2F(ctx context.Context, s *ctap.Session, raw []byte) ([]byte, error) {
	apdu, err := ctap.ParseAPDU(raw)
	if err != nil {
		return nil, err
	}
	if apdu.CLA != 0 {
		return nil, ctap.SWClaNotSupported
	}
	if !a.profile.U2F {
		return nil, ctap.SWInsNotSupported
	}
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.closed {
		return nil, ctap.SWCommandNotAllowed
	}
	if err := a.finishReset(ctx); err != nil {
		return nil, err
	}
	if a.pending.session == s {
		a.pending.drop()
	}
	switch apdu.INS {
	case ctap.U2FVersion:
		if len(apdu.Data) != 0 {
			return nil, ctap.SWWrongLength
		}
		return []byte(ctap.VersionU2F), nil
	case ctap.U2FRegister:
		return a.u2fRegister(ctx, s, apdu)
	case ctap.U2FAuthenticate:
		return a.u2fAuthenticate(ctx, s, apdu)
	}
	return nil, ctap.SWInsNotSupported
}

// u2fRegister is U2F Raw Message Formats §4.
func (a *Authenticator) u2fRegister(ctx context.Context, s *ctap.Session, apdu *ctap.APDU) ([]byte, error) {
	if len(apdu.Data) != 64 {
		return nil, ctap.SWWrongLength
	}
	if a.state.AlwaysUv {
		return nil, ctap.SWCommandNotAllowed
	}
	challenge, application := apdu.Data[:32], append([]byte{}, apdu.Data[32:]...)
	if a.checkSite("", [32]byte(application)) != nil {
		return nil, ctap.SWCommandNotAllowed
	}
	if err := a.touched(s, apdu, Prompt{Operation: Register, RPIDHash: [32]byte(application)}); err != nil {
		return nil, err
	}
	id, err := a.newID(ctx, application, challenge)
	if err != nil {
		return nil, err
	}
	c := &credential{
		ID: id, RPIDHash: application, Alg: ctap.ES256, CredProtect: ctap.CredProtectOptional,
	}
	key, err := a.createKey(ctx, c)
	if err != nil {
		return nil, err
	}
	key.Close()
	certificate, signature, err := a.signU2FRegistration(c, challenge)
	if err != nil {
		return nil, err
	}
	point, err := c.point()
	if err != nil {
		return nil, err
	}
	if err := a.add(ctx, c); err != nil {
		return nil, err
	}
	reply := append([]byte{0x05}, point...)
	reply = append(reply, byte(len(c.ID)))
	reply = append(reply, c.ID...)
	reply = append(reply, certificate...)
	return append(reply, signature...), nil
}

// u2fAuthenticate is U2F Raw Message Formats §5.
func (a *Authenticator) u2fAuthenticate(ctx context.Context, s *ctap.Session, apdu *ctap.APDU) ([]byte, error) {
	if len(apdu.Data) < 65 || len(apdu.Data) != 65+int(apdu.Data[64]) {
		return nil, ctap.SWWrongLength
	}
	if a.state.AlwaysUv {
		return nil, ctap.SWCommandNotAllowed
	}
	challenge, application, id := apdu.Data[:32], apdu.Data[32:64], append([]byte{}, apdu.Data[65:]...)
	c, err := a.find(ctx, id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Somebody else's handle, another site's, or one that needs more than a
	// touch: all are unknown here.
	if err != nil || !constantTimeEqual(c.RPIDHash, application) || c.Alg != ctap.ES256 || c.CredProtect == ctap.CredProtectRequired {
		return nil, ctap.SWWrongData
	}
	if a.restriction(c) != Unrestricted {
		return nil, ctap.SWWrongData
	}
	presence := byte(0)
	switch apdu.P1 {
	case ctap.U2FCheckOnly:
		return nil, ctap.SWConditionsNotSatisfied
	case ctap.U2FEnforceUP:
		prompt := Prompt{Operation: SignIn, RPID: c.RPID, RPIDHash: [32]byte(application), Accounts: []Account{c.account()}}
		if err := a.touched(s, apdu, prompt); err != nil {
			return nil, err
		}
		presence = 1
	case ctap.U2FDontEnforce:
	default:
		return nil, ctap.SWWrongData
	}
	key, err := a.openKey(ctx, c)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	count, err := a.next(ctx, c)
	if err != nil {
		return nil, err
	}
	reply := []byte{presence, byte(count >> 24), byte(count >> 16), byte(count >> 8), byte(count)}
	signature, err := sign(ctx, key, c.Alg, application, reply, challenge)
	if err != nil {
		return nil, err
	}
	a.used(c)
	return append(reply, signature...), nil
}

// touch is one question to the person behind the polling of a U2F client,
// which cannot wait: it asks again until the answer is there.
//
//	       request            person agrees            same request
//	none ----------> asking ----------------> granted --------------> none (used)
//	  ^                |  person refuses           |
//	  |                +-----------> refused       |
//	  +--- 10 s without the request, another request, session closed ---+
type touch struct {
	request [32]byte
	cancel  context.CancelFunc
	idle    *time.Timer
	granted bool
}

const touchLimit = 10 * time.Second

// touched uses up the person's agreement to this request: nil, or
// SWConditionsNotSatisfied while there is none yet.
func (a *Authenticator) touched(s *ctap.Session, apdu *ctap.APDU, p Prompt) error {
	request := sum([]byte{apdu.INS, apdu.P1}, apdu.Data)
	t := a.touches[s]
	if t != nil && t.request == request {
		if t.granted {
			a.dropTouch(s)
			return nil
		}
		t.idle.Reset(touchLimit)
		return ctap.SWConditionsNotSatisfied
	}
	a.dropTouch(s)
	p.Transport, p.Peer = cmp.Or(s.Door, s.Transport), s.Peer
	ctx, cancel := context.WithCancel(context.Background())
	t = &touch{request: request, cancel: cancel}
	t.idle = time.AfterFunc(touchLimit, func() {
		a.turn.Lock()
		defer a.turn.Unlock()
		if a.touches[s] == t {
			a.dropTouch(s)
		}
	})
	a.touches[s] = t
	go a.awaitTouch(ctx, t, p)
	return ctap.SWConditionsNotSatisfied
}

// awaitTouch asks, in its turn among the questions.
func (a *Authenticator) awaitTouch(ctx context.Context, t *touch, p Prompt) {
	select {
	case a.asking <- struct{}{}:
	case <-ctx.Done():
		return
	}
	_, err := a.answer(ctx, p)
	<-a.asking
	a.turn.Lock()
	defer a.turn.Unlock()
	t.granted = err == nil
}

// dropTouch takes a session's question away.
func (a *Authenticator) dropTouch(s *ctap.Session) {
	if t := a.touches[s]; t != nil {
		t.cancel()
		t.idle.Stop()
		delete(a.touches, s)
	}
}

// point gives the public key as U2F does: an uncompressed P-256 point, 65 bytes.
func (c *credential) point() ([]byte, error) {
	_, pub, err := ctap.UnmarshalPublicKey(c.PublicKey)
	if err != nil {
		return nil, err
	}
	key, ok := pub.(interface{ Bytes() ([]byte, error) })
	if !ok || c.Alg != ctap.ES256 {
		return nil, ctap.ErrUnsupportedAlgorithm
	}
	return key.Bytes()
}
