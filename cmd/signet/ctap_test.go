//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/transport/stream"
)

// ctapMain is the client of the scripts, on the stream door $SOCKET:
//
//	ctap setpin PIN
//	ctap changepin OLD NEW
//	ctap register SITE USER [PIN]    keeps the public key in the file SITE.key
//	ctap login SITE [PIN]            checks the signature with it
//	ctap wrongpin N                  tries N wrong PINs, and prints the answers
//	ctap retries
//	ctap list PIN
//	ctap reset
func ctapMain() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	channel, err := dialDoor(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ctap:", err)
		return 1
	}
	defer channel.Close()
	c := ctapClient{channel, client.New(channel)}
	if err := c.run(ctx, os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "ctap:", err)
		return 1
	}
	return 0
}

type ctapClient struct {
	device client.Device
	*client.Authenticator
}

func (c ctapClient) run(ctx context.Context, verb string, args []string) error {
	args = append(args, "", "") // what is left out is empty
	info, err := c.GetInfo(ctx)
	if err != nil {
		return err
	}
	protocol := client.Protocol(info)
	switch verb {
	case "setpin":
		return c.SetPIN(ctx, protocol, []byte(args[0]))
	case "changepin":
		return c.ChangePIN(ctx, protocol, []byte(args[0]), []byte(args[1]))
	case "register":
		return c.register(ctx, args[0], args[1], args[2])
	case "login":
		return c.login(ctx, args[0], args[1])
	case "wrongpin":
		n, err := strconv.Atoi(args[0])
		for range n {
			_, err := c.TokenByPIN(ctx, protocol, []byte("wrong pin"), ctap.PermissionGA, "example.com")
			fmt.Println(ctap.StatusOf(err).Name())
		}
		return err
	case "retries":
		retries, restart, err := c.PINRetries(ctx)
		fmt.Println(retries, "tries, restart needed:", restart)
		return err
	case "list":
		return c.list(ctx, args[0])
	case "reset":
		return c.Reset(ctx)
	}
	return fmt.Errorf("unknown verb %q", verb)
}

func (c ctapClient) browser(site, pin string) *client.Client {
	b := &client.Client{Device: c.device, Origin: "https://" + site}
	if pin != "" {
		asked := false
		b.PIN = func(context.Context, client.PINRequest) ([]byte, error) {
			if asked {
				return nil, errors.New("the PIN was wrong")
			}
			asked = true
			return []byte(pin), nil
		}
	}
	return b
}

// response is what the scripts check of a browser's answers.
type response struct {
	Response struct {
		PublicKey, ClientDataJSON, AuthenticatorData, Signature string
	} `json:"response"`
}

func (c ctapClient) register(ctx context.Context, site, user, pin string) error {
	options := fmt.Sprintf(`{
		"rp": {"id": %q, "name": "Site"},
		"user": {"id": %q, "name": %q, "displayName": %q},
		"challenge": "cmVnaXN0ZXIgYWxpY2UgaGVyZQ",
		"pubKeyCredParams": [{"type": "public-key", "alg": -7}],
		"authenticatorSelection": {"residentKey": "required", "userVerification": "preferred"}
	}`, site, base64.RawURLEncoding.EncodeToString([]byte(user)), user, user)
	answer, err := c.browser(site, pin).Create(ctx, []byte(options))
	if err != nil {
		return err
	}
	var r response
	if err := json.Unmarshal(answer, &r); err != nil {
		return err
	}
	return os.WriteFile(site+".key", []byte(r.Response.PublicKey), 0o600)
}

func (c ctapClient) login(ctx context.Context, site, pin string) error {
	options := fmt.Sprintf(`{"rpId": %q, "challenge": "c2lnbiBhbGljZSBpbiBoZXJl", "userVerification": "preferred"}`, site)
	answer, err := c.browser(site, pin).Get(ctx, []byte(options))
	if err != nil {
		return err
	}
	var r response
	if err := json.Unmarshal(answer, &r); err != nil {
		return err
	}
	key, err := os.ReadFile(site + ".key")
	if err != nil {
		return err
	}
	return verify(string(key), r)
}

// verify checks an ES256 signature as a site does.
func verify(publicKey string, r response) error {
	var parts [4][]byte
	for i, s := range []string{publicKey, r.Response.AuthenticatorData, r.Response.ClientDataJSON, r.Response.Signature} {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return err
		}
		parts[i] = b
	}
	key, err := x509.ParsePKIXPublicKey(parts[0])
	if err != nil {
		return err
	}
	clientDataHash := sha256.Sum256(parts[2])
	digest := sha256.Sum256(append(parts[1], clientDataHash[:]...))
	if !ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest[:], parts[3]) {
		return errors.New("the signature is wrong")
	}
	return nil
}

func (c ctapClient) list(ctx context.Context, pin string) error {
	info, err := c.GetInfo(ctx)
	if err != nil {
		return err
	}
	token, err := c.TokenByPIN(ctx, client.Protocol(info), []byte(pin), ctap.PermissionCM, "")
	if err != nil {
		return err
	}
	defer token.Wipe()
	sites, err := c.RelyingParties(ctx, token)
	if err != nil {
		return err
	}
	for _, site := range sites {
		credentials, err := c.Credentials(ctx, token, site.IDHash)
		if err != nil {
			return err
		}
		for _, credential := range credentials {
			fmt.Println(site.ID, credential.User.Name)
		}
	}
	return nil
}

// dialDoor goes through the stream door, or through that on TCP where the script
// sets SOCKET to nothing.
func dialDoor(ctx context.Context) (*hid.Channel, error) {
	if socket := os.Getenv("SOCKET"); socket != "" {
		return dialStream(ctx, socket)
	}
	conn, err := stream.Dial(ctx, "tcp", os.Getenv("TCP"))
	if err != nil {
		return nil, err
	}
	return hid.Connect(ctx, conn)
}
