package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/godbus/dbus/v5"
)

const (
	loginName    = "org.freedesktop.login1"
	loginPath    = "/org/freedesktop/login1"
	loginManager = loginName + ".Manager"
	sleepMember  = "PrepareForSleep"
)

// watchSleep locks the device before the machine sleeps. Where the system has no
// login manager to say so, watchClock notices afterwards.
func watchSleep(ctx context.Context, log *slog.Logger, lock func(context.Context)) error {
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		log.Debug("the system does not tell when it sleeps", "error", err)
		return nil
	}
	defer bus.Close()
	if err := lockBeforeSleep(ctx, bus, lock); err != nil {
		log.Debug("the system does not tell when it sleeps", "error", err)
	}
	return nil
}

// lockBeforeSleep listens to the login manager until ctx ends. It asks it to
// wait with each sleep until the device is locked.
func lockBeforeSleep(ctx context.Context, bus *dbus.Conn, lock func(context.Context)) error {
	signals := make(chan *dbus.Signal, 4)
	bus.Signal(signals)
	if err := bus.AddMatchSignalContext(ctx, dbus.WithMatchSender(loginName), dbus.WithMatchInterface(loginManager), dbus.WithMatchMember(sleepMember)); err != nil {
		return fmt.Errorf("listen to the login manager: %w", err)
	}
	wait := delaySleep(ctx, bus)
	defer func() { release(wait) }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case s, ok := <-signals:
			if !ok {
				return fmt.Errorf("listen to the login manager: %w", dbus.ErrClosed)
			}
			if s.Name != loginManager+"."+sleepMember || len(s.Body) != 1 {
				continue
			}
			if s.Body[0] == true {
				lock(ctx)
				release(wait)
				wait = nil
			} else if wait == nil {
				wait = delaySleep(ctx, bus)
			}
		}
	}
}

// delaySleep makes the login manager wait until the file is closed; nil where it
// does not do so.
func delaySleep(ctx context.Context, bus *dbus.Conn) *os.File {
	var fd dbus.UnixFD
	err := bus.Object(loginName, loginPath).CallWithContext(ctx, loginManager+".Inhibit", 0,
		"sleep", "signet", "shut the PIN gate", "delay").Store(&fd)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "sleep inhibitor")
}

func release(f *os.File) {
	if f != nil {
		f.Close()
	}
}
