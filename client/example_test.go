package client_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/client"
)

// A page registers a passkey on a device in memory, whose person agrees.
func ExampleClient() {
	ctx := context.Background()
	device, err := authenticator.New(ctx, authenticator.Config{User: &person{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer device.Close(ctx)
	browser := &client.Client{Device: client.Local(device, nil), Origin: "https://login.example.com"}
	response, err := browser.Create(ctx, []byte(`{
		"rp": {"id": "example.com", "name": "Example"},
		"user": {"id": "YWxpY2U", "name": "alice", "displayName": "Alice"},
		"challenge": "cmVnaXN0ZXIgYWxpY2U",
		"pubKeyCredParams": [{"type": "public-key", "alg": -7}],
		"authenticatorSelection": {"residentKey": "required"},
		"extensions": {"credProps": true}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var r struct {
		Type                   string
		ClientExtensionResults json.RawMessage
	}
	if err := json.Unmarshal(response, &r); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Type, string(r.ClientExtensionResults))

	_, err = browser.Create(ctx, []byte(`{"rp": {"id": "example.com"}}`))
	fmt.Println(err)
	// Output:
	// public-key {"credProps":{"rk":true}}
	// TypeError: rp.name is required
}
