package main

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A turn over HTTP is so many requests, over so many connections that are kept.
const (
	requests    = 40
	connections = 4
)

// service compares get of signet serve with a handler of net/http that answers
// nothing to the same requests, and so a handler that only signs: no service that
// signs is closer to the empty one than that. Each is a process of its own, and so
// is the client, Go's or node's; what counts is the rate on all cores.
func service(ctx context.Context, dir string) ([]comparison, error) {
	gets := func(s *servers) post { return s.get }
	signatures := func(s *servers) post { return s.signature }
	all := []comparison{
		overHTTP(ctx, dir, "serve: %d gets, client in Go", gets, nil),
		overHTTP(ctx, dir, "bare: %d posts, client in Go", signatures, nil),
	}
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Println("serve, client in node: left out, there is no node")
		return all, nil
	}
	node := []string{"node", "--input-type=module", "--eval", fetchScript}
	return append(all,
		overHTTP(ctx, dir, "serve: %d gets, client in node", gets, node),
		overHTTP(ctx, dir, "bare: %d posts, client in node", signatures, node),
	), nil
}

// overHTTP is a comparison whose client is a program, or this one where none is named.
func overHTTP(ctx context.Context, dir, name string, subject func(*servers) post, program []string) comparison {
	var s servers
	send := (&ownClient{http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}}).sendAll
	return comparison{
		clock: wallTime,
		cores: true,
		name:  fmt.Sprintf(name, requests),
		prepare: func() error {
			if err := s.start(ctx, dir); err != nil || program == nil {
				return err
			}
			node, err := s.run(nil, program...)
			if err != nil {
				return err
			}
			send = node.sendAll
			return node.write(map[string]int{"connections": connections, "requests": requests})
		},
		done:      func() error { return s.stop() },
		subject:   func() error { return send(subject(&s)) },
		reference: func() error { return send(s.empty) },
	}
}

//go:embed fetch.mjs
var fetchScript string

// servers are signet serve, with a device that has a passkey, and the empty handler.
type servers struct {
	programs              []*program
	get, signature, empty post
}

func (s *servers) start(ctx context.Context, dir string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "./cmd/signet", "./bench/empty")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build servers: %w", err)
	}
	token := rand.Text()
	signet, err := s.serve([]string{"SIGNET_TOKEN=" + token}, filepath.Join(dir, "signet"), "serve", "--until-eof")
	if err != nil {
		return err
	}
	empty, err := s.serve(nil, filepath.Join(dir, "empty"))
	if err != nil {
		return err
	}
	const page = `{"origin":"https://login.example","options":%s}`
	device := signet + "/v1/devices/d1" // the first one
	for _, p := range []post{
		{signet + "/v1/devices", token, "{}"},
		{device + "/create", token, fmt.Sprintf(page, creationOptions("login.example", "required"))},
	} {
		if err := p.send(http.DefaultClient); err != nil {
			return err
		}
	}
	s.get = post{device + "/get", token, fmt.Sprintf(page, requestOptions("login.example", ""))}
	s.empty = post{empty, token, s.get.Body}
	s.signature = post{empty + "/signature", token, s.get.Body}
	return nil
}

// serve starts a server, and gives the URL that it says it has.
func (s *servers) serve(env []string, command ...string) (url string, err error) {
	p, err := s.run(env, command...)
	if err != nil {
		return "", err
	}
	var ready struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(p.output).Decode(&ready); err != nil {
		return "", fmt.Errorf("read what %s says: %w", command[0], err)
	}
	return ready.URL, nil
}

// run starts a program that ends when its standard input does.
func (s *servers) run(env []string, command ...string) (*program, error) {
	p := &program{cmd: exec.Command(command[0], command[1:]...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.output = bufio.NewReader(output)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	s.programs = append(s.programs, p)
	return p, nil
}

func (s *servers) stop() (err error) {
	for _, p := range s.programs {
		err = errors.Join(err, p.input.Close(), p.cmd.Wait())
	}
	return err
}

type program struct {
	cmd    *exec.Cmd
	input  io.WriteCloser
	output *bufio.Reader
}

func (p *program) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = p.input.Write(append(line, '\n'))
	return err
}

// sendAll has fetch.mjs send a request as often as a turn wants.
func (p *program) sendAll(r post) error {
	if err := p.write(r); err != nil {
		return err
	}
	_, err := p.output.ReadString('\n')
	return err
}

// post is a request with JSON in its body.
type post struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	Body  string `json:"body"`
}

func (p post) send(client *http.Client) error {
	r, err := http.NewRequest(http.MethodPost, p.URL, strings.NewReader(p.Body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+p.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %s", p.URL, resp.Status, answer)
	}
	return err
}

// ownClient is this process as the client.
type ownClient struct{ http.Client }

// sendAll sends a request as often as a turn wants.
func (c *ownClient) sendAll(r post) error {
	results := make(chan error, requests)
	for range connections {
		go func() {
			for range requests / connections {
				results <- r.send(&c.Client)
			}
		}()
	}
	var err error
	for range requests {
		err = errors.Join(err, <-results)
	}
	return err
}
