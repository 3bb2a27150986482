package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-77d61853/signet/cmd/signet/internal/daemon"
	"github.com/seed-77d61853/signet/cmd/signet/internal/store"
	"github.com/seed-77d61853/signet/ctap/hid"
	"github.com/seed-77d61853/signet/transport/pcsc"
	"github.com/seed-77d61853/signet/transport/stream"
)

// This file belongs to wire.go: it puts the doors together.

// Doors.
const (
	doorStream = "stream"
	doorTCP    = "tcp"
	doorPCSC   = "pcsc"
)

// defaultVPCD is where vsmartcard's vpcd listens.
const defaultVPCD = pcsc.DefaultAddress

// openDoors opens the stream door, and the others where their addresses are not
// empty. Clients are let in once the doors' Serve is called.
func (d *device) openDoors(socket, tcp, vpcd string) (doors []daemon.Door, err error) {
	unix, err := stream.ListenUnix(socket)
	if err != nil {
		return nil, fmt.Errorf("open door stream: %w", err)
	}
	doors = append(doors, d.streamDoor(doorStream, unix,
		"you alone (mode 0600, and each client's user is checked)",
		"any client that speaks CTAPHID, 64 bytes a report; signet info is one"))
	if tcp != "" {
		loopback, err := stream.ListenTCP(tcp)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open door tcp: %w", err), unix.Close())
		}
		doors = append(doors, d.streamDoor(doorTCP, loopback,
			"EVERY user and program of this machine",
			"as the socket, over TCP"))
	}
	if vpcd != "" {
		doors = append(doors, d.cardDoor(vpcd))
	}
	return doors, nil
}

func (d *device) cardDoor(vpcd string) daemon.Door {
	r := &reader{known: make(chan struct{})}
	card := &pcsc.Card{Address: vpcd, Log: d.log, Reader: r.note}
	return daemon.Door{
		Name:    doorPCSC,
		Address: vpcd,
		Reach:   "every user that pcscd lets in",
		Use:     "any smart-card client, once vpcd and pcscd run; pcsc_scan shows the card",
		Look:    r.waiting,
		Serve:   func(ctx context.Context) error { return card.Serve(ctx, d.engine) },
	}
}

// A reader knows whether vpcd is there.
type reader struct {
	there atomic.Bool
	known chan struct{} // closed once there is an answer
	once  sync.Once
}

func (r *reader) note(there bool) {
	r.there.Store(there)
	r.once.Do(func() { close(r.known) })
}

// firstLook is how long the first try to reach vpcd may take before it counts
// as away.
const firstLook = time.Second

func (r *reader) waiting(ctx context.Context) string {
	select {
	case <-r.known:
	case <-time.After(firstLook):
	case <-ctx.Done():
	}
	if r.there.Load() {
		return ""
	}
	return "waiting for vpcd"
}

// errNotLoopback tells that a door was to be opened to other machines.
var errNotLoopback = stream.ErrNotLoopback

func (d *device) streamDoor(name string, l *stream.Listener, reach, use string) daemon.Door {
	l.Log = d.log
	return daemon.Door{
		Name:    name,
		Address: l.Addr(),
		Reach:   reach,
		Use:     use,
		Serve: func(ctx context.Context) error {
			return l.Serve(ctx, d.engine, hid.Options{Transport: d.transport(), Door: name})
		},
	}
}

// transport is how clients of the stream doors reach the device, as getInfo
// spells it.
func (d *device) transport() string {
	if d.store.Profile == store.ProfilePlatform {
		return "internal"
	}
	return "usb"
}

// dialStream opens a CTAPHID channel through a stream door.
func dialStream(ctx context.Context, socket string) (*hid.Channel, error) {
	conn, err := stream.Dial(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	return hid.Connect(ctx, conn)
}
