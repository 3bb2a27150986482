// Command outside is a stranger to the module: it takes only what is published,
// and registers and signs in.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
	"github.com/seed-77d61853/signet/consent"
)

const creation = `{
	"rp": {"id": "example.com", "name": "Example"},
	"user": {"id": "YWxpY2U", "name": "alice", "displayName": "Alice"},
	"challenge": "cmVnaXN0ZXIgYWxpY2UgaGVyZQ",
	"pubKeyCredParams": [{"type": "public-key", "alg": -7}],
	"authenticatorSelection": {"residentKey": "required", "userVerification": "discouraged"}
}`

const request = `{"rpId": "example.com", "challenge": "c2lnbiBhbGljZSBpbiBoZXJl", "userVerification": "discouraged"}`

func main() {
	ctx := context.Background()
	device, err := authenticator.New(ctx, authenticator.Config{User: consent.Policy{Approve: true}})
	if err != nil {
		log.Fatal(err)
	}
	defer device.Close(ctx)
	browser := &client.Client{Device: client.Local(device, nil), Origin: "https://example.com"}
	registration, err := browser.Create(ctx, []byte(creation))
	if err != nil {
		log.Fatal(err)
	}
	authentication, err := browser.Get(ctx, []byte(request))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("registered: %d bytes\nsigned in: %d bytes\n", len(registration), len(authentication))
}
