package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/seed-77d61853/signet/cmd/signet/internal/site"
)

// ceremony is what a page's script does: it fetches options from the site,
// hands them to the browser, and sends back what that returns.
func ceremony(ctx context.Context, origin, path string, browser func(context.Context, []byte) ([]byte, error)) (*site.Result, error) {
	options, err := post(ctx, origin+"/"+path+"/begin", nil)
	if err != nil {
		return nil, err
	}
	response, err := browser(ctx, options)
	if err != nil {
		return nil, err
	}
	answer, err := post(ctx, origin+"/"+path+"/finish", response)
	if err != nil {
		return nil, err
	}
	result := new(site.Result)
	if err := json.Unmarshal(answer, result); err != nil {
		return nil, fmt.Errorf("read the site's answer: %w", err)
	}
	return result, nil
}

// post sends JSON and returns the JSON of a 200 answer.
func post(ctx context.Context, url string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the site's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the site answered %s: %s", resp.Status, strings.TrimSpace(string(answer)))
	}
	return answer, nil
}
