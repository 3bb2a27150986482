package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"
)

const (
	busName        = "org.freedesktop.secrets"
	busPath        = "/org/freedesktop/secrets"
	serviceMember  = "org.freedesktop.Secret.Service."
	collectionType = "org.freedesktop.Secret.Collection"
)

// collections are where the key is looked for: the first that is there.
var collections = []dbus.ObjectPath{busPath + "/collection/login", busPath + "/aliases/default"}

// Available tells whether there is an OS keyring, without waking or unlocking
// it: nil, or ErrNoService.
func Available(ctx context.Context) error {
	// A connection of our own ends with the context, whatever the bus does.
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("%w (%v)", ErrNoService, err)
	}
	defer bus.Close()
	for _, method := range []string{"ListNames", "ListActivatableNames"} {
		var names []string
		if err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus."+method, 0).Store(&names); err != nil {
			return fmt.Errorf("%w (%v)", ErrNoService, err)
		}
		if slices.Contains(names, busName) {
			return nil
		}
	}
	return ErrNoService
}

// Locked tells whether the OS keyring is locked, so that a person would be asked
// for its password, and asks nobody. Where that cannot be known it is false.
func Locked(ctx context.Context) bool {
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return false
	}
	defer bus.Close()
	for _, path := range collections {
		var locked bool
		err := bus.Object(busName, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, collectionType, "Locked").Store(&locked)
		if err == nil {
			return locked
		}
	}
	return false
}

// hasNoDefault tells whether the Secret Service has no keyring that new items
// go to. Where it cannot be asked it is taken to have one.
func hasNoDefault(ctx context.Context) bool {
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return false
	}
	defer bus.Close()
	var path dbus.ObjectPath
	err = bus.Object(busName, busPath).CallWithContext(ctx, serviceMember+"ReadAlias", 0, "default").Store(&path)
	return err == nil && path == "/"
}

// explainBus tells what an error of D-Bus means, nil where that is not known.
func explainBus(err error) error {
	if errors.Is(err, dbus.ErrClosed) {
		return ErrNoService
	}
	var busErr dbus.Error
	if !errors.As(err, &busErr) {
		return nil
	}
	switch busErr.Name {
	case "org.freedesktop.Secret.Error.IsLocked":
		return ErrLocked
	case "org.freedesktop.Secret.Error.NoSuchObject":
		return ErrKeyLost
	case "org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.NoReply",
		"org.freedesktop.DBus.Error.Disconnected",
		"org.freedesktop.DBus.Error.Spawn.ExecFailed",
		"org.freedesktop.DBus.Error.Spawn.ChildExited",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotFound":
		return ErrNoService
	}
	return nil
}
