package authenticator

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-77d61853/signet/ctap"
)

// moody is a person who mostly agrees, types the PIN mostly right, chooses any
// account and takes a moment for it.
type moody struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (u *moody) n(n int) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rng.IntN(n)
}

func (u *moody) CanVerify() bool { return true }

func (u *moody) Ask(ctx context.Context, p Prompt) (Consent, error) {
	select {
	case <-time.After(time.Duration(u.n(200)) * time.Microsecond):
	case <-ctx.Done():
		return Consent{}, ctx.Err()
	}
	c := Consent{Present: u.n(8) > 0}
	if len(p.Accounts) > 1 {
		c.Choice = u.n(len(p.Accounts))
	}
	if p.Verify != nil && u.n(20) > 0 {
		c.Verified = p.Verify(ctx, []byte("1234")) == nil
	}
	return c, nil
}

// TestConcurrentSessions lets several clients, the owner and the clock at a
// device at once. Run under the race detector it finds unguarded state; anywhere,
// that nothing fails, no counter is given out twice, and that all is at rest and
// agrees in the end.
func TestConcurrentSessions(t *testing.T) {
	for _, profile := range []Profile{SecurityKey(), Platform()} {
		t.Run(profile.Name, func(t *testing.T) {
			profile.AlwaysUv = false
			d := newDevice(t, Config{Profile: profile, User: &moody{rng: rand.New(rand.NewPCG(1, 2))}})
			mustBe(t, "set PIN", d.setPIN(t.Context(), "1234"), nil)
			c := &crowd{counts: map[string]bool{}}
			var clients sync.WaitGroup
			for i := range 6 {
				clients.Go(func() { c.client(t, d, rand.New(rand.NewPCG(3, uint64(i)))) })
			}
			clients.Wait()
			c.settled(t, d)
		})
	}
}

// crowd is what the clients have seen together.
type crowd struct {
	mu     sync.Mutex
	counts map[string]bool // credential ID and counter
	ids    [][]byte
}

func (c *crowd) saw(t *testing.T, id []byte, count uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprintf("%x %d", id, count)
	if c.counts[key] {
		t.Errorf("counter %d was given out twice", count)
	}
	c.counts[key] = true
}

func (c *crowd) client(t *testing.T, d *device, rng *rand.Rand) {
	mine := d.elsewhere()
	for range 60 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if rng.IntN(8) == 0 {
			time.AfterFunc(time.Duration(rng.IntN(300))*time.Microsecond, cancel)
		}
		if err := c.step(ctx, t, mine, rng); ctap.StatusOf(err) == ctap.ErrOther {
			t.Errorf("the device failed: %v", err)
		}
		cancel()
		if rng.IntN(20) == 0 {
			d.Closed(mine.session)
			mine = d.elsewhere()
		}
	}
	d.Closed(mine.session)
}

// step does one thing that a client may do.
func (c *crowd) step(ctx context.Context, t *testing.T, d *device, rng *rand.Rand) error {
	user := fmt.Sprint("user", rng.IntN(4))
	verified := ctap.Options{"uv": rng.IntN(2) == 0}
	var token []byte
	if rng.IntN(3) == 0 {
		token, _ = d.pinToken(ctx, "1234", ctap.PermissionMC|ctap.PermissionGA|ctap.PermissionCM, rpID)
		verified = nil
	}
	switch rng.IntN(10) {
	case 0, 1:
		made, err := d.register(ctx, rpID, user, token, func(r *ctap.MakeCredentialRequest) {
			r.Options = ctap.Options{"rk": rng.IntN(3) > 0}
			if verified["uv"] {
				r.Options["uv"] = true
			}
			r.Extensions = ctap.Extensions{ctap.ExtCredProtect: {byte(1 + rng.IntN(3))}}
		})
		if err == nil {
			c.saw(t, made.CredentialID, made.SignCount)
			c.mu.Lock()
			c.ids = append(c.ids, made.CredentialID)
			c.mu.Unlock()
		}
		return err
	case 2, 3, 4:
		reply, err := d.login(ctx, rpID, token, func(r *ctap.GetAssertionRequest) { r.Options = verified })
		for err == nil {
			data, parseErr := ctap.ParseAuthData(reply.AuthData)
			mustBe(t, "authData", parseErr, nil)
			c.saw(t, reply.Credential.ID, data.SignCount)
			reply = new(ctap.GetAssertionResponse)
			err = d.send(ctx, ctap.CommandGetNextAssertion, nil, reply)
		}
		return err
	case 5:
		return d.deleteSome(ctx, c, token, rng)
	case 6:
		return d.AsOwner(ctx, []byte("1234"), func(o *Owner) error {
			return o.Passkeys(ctx, func(Passkey) error { return nil })
		})
	case 7:
		challenge := bytes.Repeat([]byte{byte(rng.IntN(3))}, 32)
		apdu := slices.Concat([]byte{0, ctap.U2FRegister, 0, 0, 0, 0, 64}, challenge, sumOf(rpID), []byte{0, 0})
		if reply := d.ServeU2F(ctx, d.session, apdu); bytes.HasSuffix(reply, []byte{0x6F, 0x00}) {
			t.Error("U2F failed")
		}
		return nil
	case 8:
		if rng.IntN(4) == 0 {
			d.Lock(ctx)
		}
		_ = d.Versions()
		_, err := d.AttestationRoot(t.Context())
		return err
	}
	return d.send(ctx, ctap.CommandGetInfo, nil, nil)
}

func (d *device) deleteSome(ctx context.Context, c *crowd, token []byte, rng *rand.Rand) error {
	c.mu.Lock()
	var id []byte
	if len(c.ids) > 0 {
		id = c.ids[rng.IntN(len(c.ids))]
	}
	c.mu.Unlock()
	if id == nil || token == nil {
		return nil
	}
	_, err := d.manage(ctx, token, ctap.CredsDelete, &ctap.CredentialManagementParams{CredentialID: &ctap.Descriptor{ID: id, Type: ctap.TypePublicKey}})
	return err
}

// settled checks that nothing is left of the crowd but its passkeys.
func (c *crowd) settled(t *testing.T, d *device) {
	d.Lock(t.Context())
	d.turn.Lock()
	defer d.turn.Unlock()
	if d.verifying != 0 || len(d.touches) != 0 || d.pending.kind != pendingNothing || d.opened {
		t.Errorf("%d verify, %d touches, pending %d, gate open %v", d.verifying, len(d.touches), d.pending.kind, d.opened)
	}
	found, err := d.Authenticator.vault.discoverable(t.Context(), sumOf(rpID))
	mustBe(t, "list", err, nil)
	if len(c.counts) < 20 {
		t.Errorf("the crowd has used %d passkeys only", len(c.counts))
	}
	if uint64(len(found)) != d.state.Discoverable {
		t.Errorf("%d passkeys, %d counted", len(found), d.state.Discoverable)
	}
}
