package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest"
	"github.com/seed-77d61853/signet/rptest/attest"
)

// many is how many passkeys a device has that is full.
const many = 100_000

// browsers compares a sign-in by a browser, options in JSON to response in JSON,
// with the bare signature.
func browsers(ctx context.Context, _ string) ([]comparison, error) {
	signature, one, err := onePasskey(ctx)
	if err != nil {
		return nil, err
	}
	return []comparison{
		{
			clock:     processorTime,
			name:      "browser: get, discoverable",
			subject:   func() error { return one.get(ctx, one.discoverable) },
			reference: signature,
		},
		{
			clock:     processorTime,
			name:      "browser: get, allowCredentials",
			subject:   func() error { return one.get(ctx, one.listed) },
			reference: signature,
		},
	}, nil
}

// onePasskey is the bare signature, and a phone that has one passkey to sign with.
func onePasskey(ctx context.Context) (signature func() error, one *phone, err error) {
	if signature, err = bareSignature(); err != nil {
		return nil, nil, err
	}
	one, err = newPhone(ctx, 1)
	return signature, one, err
}

// crowds compares a sign-in on a device with many passkeys with the bare signature,
// and with one on a device with one. They come last: memory that was in use stays
// slow for a while.
func crowds(ctx context.Context, _ string) ([]comparison, error) {
	signature, one, err := onePasskey(ctx)
	if err != nil {
		return nil, err
	}
	var full *phone
	fill := func() (err error) {
		if full == nil {
			full, err = newPhone(ctx, many)
		}
		return err
	}
	return append([]comparison{
		{
			clock:     processorTime,
			name:      fmt.Sprintf("browser: get, 1 of %d", many),
			prepare:   fill,
			subject:   func() error { return full.get(ctx, full.listed) },
			reference: signature,
		},
		{
			clock:     processorTime,
			name:      fmt.Sprintf("browser: 1 of %d beside 1", many),
			prepare:   fill,
			done:      func() error { full = nil; return nil }, // it is the last that needs it
			subject:   func() error { return full.get(ctx, full.listed) },
			reference: func() error { return one.get(ctx, one.listed) },
		},
	}, fullVirtual(signature)), nil
}

// phone is a synced phone, and two ways to ask for its passkey at one site.
type phone struct {
	browser              rptest.Client
	discoverable, listed []byte
}

// newPhone makes a phone with passkeys of so many sites.
func newPhone(ctx context.Context, passkeys int) (*phone, error) {
	device, err := rptest.NewDevice(rptest.DeviceConfig{Personality: rptest.Phone})
	if err != nil {
		return nil, err
	}
	p := &phone{browser: rptest.Client{Device: device}}
	for i := range passkeys {
		rpID := fmt.Sprintf("site%d.example", i)
		browser := rptest.Client{Device: device, Origin: "https://" + rpID}
		made, err := browser.Create(ctx, creationOptions(rpID, "required"))
		if err != nil {
			return nil, fmt.Errorf("register at %s: %w", rpID, err)
		}
		if i != passkeys/2 {
			continue
		}
		var response struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(made.JSON, &response); err != nil {
			return nil, fmt.Errorf("read response: %w", err)
		}
		p.browser = browser
		p.discoverable, p.listed = requestOptions(rpID, ""), requestOptions(rpID, response.ID)
	}
	return p, nil
}

func (p *phone) get(ctx context.Context, options []byte) error {
	_, err := p.browser.Get(ctx, options)
	return err
}

// registrations compares a registration by a browser, options in JSON to response
// in JSON, with makeCredential alone, bytes in to bytes out with the same
// attestation; and so a new device with its first registration, which is also set
// beside one on a device that is there already.
func registrations(ctx context.Context, _ string) ([]comparison, error) {
	req, err := creation("login.example", false)
	if err != nil {
		return nil, err
	}
	options := creationOptions("login.example", "discouraged")
	var all []comparison
	for _, kind := range []struct {
		personality rptest.Personality
		format      attest.Format
		bare        authenticator.Attestation
	}{
		{rptest.Phone, attest.None, authenticator.NoAttestation},
		{rptest.Platform, attest.PackedSelf, authenticator.PackedSelf},
	} {
		newBrowser := func() (*rptest.Client, error) {
			// Of credentials that are not discoverable each is one more, whoever the
			// user is.
			device, err := rptest.NewDevice(rptest.DeviceConfig{Personality: kind.personality, NoDiscoverable: true})
			return &rptest.Client{Device: device, Origin: "https://login.example"}, err
		}
		register := everyThousand(newBrowser, func(browser *rptest.Client) error {
			_, err := browser.Create(ctx, options)
			return err
		})
		first := func() error {
			browser, err := newBrowser()
			if err != nil {
				return err
			}
			_, err = browser.Create(ctx, options)
			return err
		}
		bare := bareRegistration(ctx, kind.bare, req)
		all = append(all, comparison{
			clock:     processorTime,
			name:      fmt.Sprintf("browser: create, %s", kind.format),
			subject:   register,
			reference: bare,
		}, comparison{
			clock:     processorTime,
			name:      fmt.Sprintf("new device and create, %s", kind.format),
			subject:   first,
			reference: bare,
		}, comparison{
			clock:     processorTime,
			name:      fmt.Sprintf("new device beside old, %s", kind.format),
			subject:   first,
			reference: register,
		})
	}
	return all, nil
}

// everyThousand takes turns on what make gives, and makes it anew every now and
// then: the memory of many thousand credentials would be a burden to both sides.
func everyThousand[D any](make func() (D, error), turn func(D) error) func() error {
	var device D
	turns := 0
	return func() (err error) {
		if turns%1000 == 0 {
			if device, err = make(); err != nil {
				return err
			}
		}
		turns++
		return turn(device)
	}
}

// bareRegistration is makeCredential.
func bareRegistration(ctx context.Context, attestation authenticator.Attestation, req []byte) func() error {
	profile := authenticator.Platform()
	profile.Attestation, profile.AlwaysUv = attestation, false
	session := &ctap.Session{Transport: "internal"}
	return everyThousand(func() (*authenticator.Authenticator, error) {
		return authenticator.New(ctx, authenticator.Config{Profile: profile, User: willing{}})
	}, func(device *authenticator.Authenticator) error {
		if status := ctap.Status(device.ServeCTAP(ctx, session, req)[0]); status != ctap.StatusOK {
			return status
		}
		return nil
	})
}

func creationOptions(rpID, residentKey string) []byte {
	return fmt.Appendf(nil, `{"rp":{"id":%q,"name":"Bench"},"user":{"id":"dXNlcg","name":"user","displayName":"User"},`+
		`"challenge":"cmVnaXN0ZXIgYWxpY2U","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],`+
		`"authenticatorSelection":{"residentKey":%q,"userVerification":"preferred"},"attestation":"direct"}`, rpID, residentKey)
}

// requestOptions asks for the passkey of an ID; for any where it is empty.
func requestOptions(rpID, id string) []byte {
	allowed := ""
	if id != "" {
		allowed = fmt.Sprintf(`,"allowCredentials":[{"type":"public-key","id":%q}]`, id)
	}
	return fmt.Appendf(nil, `{"rpId":%q,"challenge":"cmVnaXN0ZXIgYWxpY2U","userVerification":"preferred"%s}`, rpID, allowed)
}
