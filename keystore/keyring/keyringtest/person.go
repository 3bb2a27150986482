package keyringtest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	prompterName = "org.gnome.keyring.SystemPrompter"
	prompterPath = "/org/gnome/keyring/Prompter"
	prompterType = "org.gnome.keyring.internal.Prompter"
)

// A Person stands before the window in which gnome-keyring asks for a password,
// and dismisses each question, or is not there.
type Person struct {
	prompter prompter
}

// Asked is how many questions there were.
func (p *Person) Asked() int { return int(p.prompter.asked.Load()) }

// Person has questions asked, until the test ends: they are dismissed, or never
// answered. Before, there is nobody to ask.
func (s *Session) Person(t testing.TB, dismisses bool) *Person {
	t.Helper()
	p := &Person{prompter{bus: s.bus, dismisses: dismisses}}
	err := s.bus.Export(&p.prompter, prompterPath, prompterType)
	reply, nameErr := s.bus.RequestName(prompterName, dbus.NameFlagDoNotQueue)
	if err := errors.Join(err, nameErr); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(fmt.Errorf("own %s: %v, %w", prompterName, reply, err))
	}
	t.Cleanup(func() { s.bus.ReleaseName(prompterName) })
	return p
}

// A prompter is the window, as gnome-keyring calls it.
type prompter struct {
	bus       *dbus.Conn
	dismisses bool
	asked     atomic.Int32
}

// tell calls back once the call that it answers has returned: what comes before
// is not heard.
func (p *prompter) tell(to dbus.Sender, path dbus.ObjectPath, method string, args ...any) {
	time.AfterFunc(100*time.Millisecond, func() {
		p.bus.Object(string(to), path).Go(prompterType+".Callback."+method, dbus.FlagNoReplyExpected, nil, args...)
	})
}

func (p *prompter) BeginPrompting(from dbus.Sender, callback dbus.ObjectPath) *dbus.Error {
	p.tell(from, callback, "PromptReady", "", map[string]dbus.Variant{}, "")
	return nil
}

func (p *prompter) PerformPrompt(from dbus.Sender, callback dbus.ObjectPath, _ string, _ map[string]dbus.Variant, exchange string) *dbus.Error {
	p.asked.Add(1)
	if p.dismisses {
		p.tell(from, callback, "PromptReady", "no", map[string]dbus.Variant{}, exchange)
	}
	return nil
}

func (p *prompter) StopPrompting(from dbus.Sender, callback dbus.ObjectPath) *dbus.Error {
	p.tell(from, callback, "PromptDone")
	return nil
}
