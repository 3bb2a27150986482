package authenticator_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/seed-77d61853/signet/authenticator"
	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// Statuses, by their bytes (§8.2).
const (
	success                byte = 0x00
	invalidCommand         byte = 0x01
	invalidParameter       byte = 0x02
	invalidLength          byte = 0x03
	invalidSeq             byte = 0x04
	unexpectedType         byte = 0x11
	invalidCBOR            byte = 0x12
	missingParameter       byte = 0x14
	limitExceeded          byte = 0x15
	largeBlobStorageFull   byte = 0x18
	credentialExcluded     byte = 0x19
	unsupportedAlgorithm   byte = 0x26
	operationDenied        byte = 0x27
	keyStoreFull           byte = 0x28
	unsupportedOption      byte = 0x2b
	invalidOption          byte = 0x2c
	keepaliveCancel        byte = 0x2d
	noCredentials          byte = 0x2e
	userActionTimeout      byte = 0x2f
	notAllowed             byte = 0x30
	pinInvalid             byte = 0x31
	pinBlocked             byte = 0x32
	pinAuthInvalid         byte = 0x33
	pinAuthBlocked         byte = 0x34
	pinNotSet              byte = 0x35
	puatRequired           byte = 0x36
	pinPolicyViolation     byte = 0x37
	requestTooLarge        byte = 0x39
	uvBlocked              byte = 0x3c
	integrityFailure       byte = 0x3d
	invalidSubcommand      byte = 0x3e
	uvInvalid              byte = 0x3f
	unauthorizedPermission byte = 0x40
)

// A bench is one device on the table, with a client at one of its doors and a
// person beside it.
type bench struct {
	*testing.T
	config authenticator.Config
	open   opener

	device *authenticator.Authenticator
	port   port
	line   line
	person *person
	pin    string // as last set; empty: none
}

// An opener puts a client's end on a device's door.
type opener func(t *testing.T, device ctap.Handler) port

// A port is a door where clients come and go.
type port interface {
	connect() line
	close()
}

// A line is one client's connection.
type line interface {
	// ask sends a CTAP2 request and waits for its reply.
	ask(request []byte) (reply []byte)
	// cancel ends the ask that is under way in another goroutine.
	cancel()
	// u2f sends a CTAP1 command, extended, and waits for its reply.
	u2f(command []byte) (reply []byte)
	hangUp()
}

func newBench(t *testing.T, p profiles, open opener) *bench {
	b := &bench{T: t, open: open, person: newPerson()}
	b.config = authenticator.Config{Profile: authenticator.SecurityKey(), User: b.person}
	if p == platform {
		b.config.Profile, b.config.User = authenticator.Platform(), owner{b.person}
	}
	b.fresh()
	t.Cleanup(b.stop)
	return b
}

// fresh puts a new device on the table, made like the last but for the changes.
func (b *bench) fresh(changes ...func(*authenticator.Config)) {
	b.Helper()
	if b.device != nil {
		b.stop()
	}
	for _, change := range changes {
		change(&b.config)
	}
	b.config.Root, b.config.Vault = memory.NewRoot(nil), memory.NewVault()
	b.pin = ""
	b.start()
	if b.verifiesItself() {
		b.setPIN("1234")
	}
}

// profiled is a change of the profile.
func profiled(change func(*authenticator.Profile)) func(*authenticator.Config) {
	return func(c *authenticator.Config) { change(&c.Profile) }
}

func (b *bench) verifiesItself() bool {
	_, ok := b.config.User.(owner)
	return ok
}

func (b *bench) start() {
	b.Helper()
	device, err := authenticator.New(b.Context(), b.config)
	if err != nil {
		b.Fatalf("start the device: %v", err)
	}
	b.device = device
	b.port = b.open(b.T, device)
	b.line = b.port.connect()
}

func (b *bench) stop() {
	b.port.close()
	if err := b.device.Close(b.Context()); err != nil {
		b.Errorf("stop the device: %v", err)
	}
}

// restart switches the device off and on.
func (b *bench) restart() {
	b.Helper()
	b.stop()
	b.start()
}

// kill takes the power away without warning, and gives it back.
func (b *bench) kill() {
	b.Helper()
	b.port.close()
	b.start()
}

// reconnect hangs up and comes back as another client.
func (b *bench) reconnect() {
	b.line.hangUp()
	b.line = b.port.connect()
}

// elsewhere does something as a second client, while the first stays.
func (b *bench) elsewhere(do func()) {
	first := b.line
	b.line = b.port.connect()
	do()
	b.line.hangUp()
	b.line = first
}

// A reply is a status and, on success, what came with it.
type reply struct {
	status byte
	body   dict
	size   int // in bytes, the status included
}

// ask sends a request and judges the reply's form, whatever it says.
func (b *bench) ask(r request) reply {
	b.Helper()
	return b.askRaw(r.bytes())
}

func (b *bench) askRaw(request []byte) reply {
	b.Helper()
	return b.judge(request, b.line.ask(request))
}

func (b *bench) judge(request, answer []byte) reply {
	b.Helper()
	if len(answer) == 0 {
		b.Fatalf("%s\nempty reply", show(request))
	}
	r := reply{status: answer[0], size: len(answer)}
	if len(answer) == 1 {
		return r
	}
	if r.status != success {
		b.Fatalf("%s\nstatus %#02x came with %d bytes", show(request), r.status, len(answer)-1)
	}
	v, err := decode(answer[1:])
	body, ok := v.(dict)
	if err != nil || !ok || len(body) == 0 {
		b.Fatalf("%s\nreply %x is not a canonical map with members: %v", show(request), answer[1:], err)
	}
	r.body = body
	return r
}

// expect asks, and fails unless the status is the one given.
func (b *bench) expect(status byte, r request) reply {
	b.Helper()
	return b.expectRaw(status, r.bytes())
}

func (b *bench) expectRaw(status byte, request []byte) reply {
	b.Helper()
	got := b.askRaw(request)
	b.status(request, got, status)
	return got
}

// status fails unless a reply has one of the statuses.
func (b *bench) status(request []byte, got reply, want ...byte) {
	b.Helper()
	if bytes.IndexByte(want, got.status) >= 0 {
		return
	}
	report := b.Errorf
	if want[0] == success {
		report = b.Fatalf // what follows needs what the reply would hold
	}
	report("%s\nstatus %#02x, want %#02x", show(request), got.status, want)
}

// ok asks for what must succeed.
func (b *bench) ok(r request) reply {
	b.Helper()
	return b.expect(success, r)
}

// expectOneOf allows what the standard leaves open.
func (b *bench) expectOneOf(statuses []byte, r request) {
	b.Helper()
	b.status(r.bytes(), b.ask(r), statuses...)
}

// expectSilently is expect where nobody may be asked.
func (b *bench) expectSilently(status byte, r request) reply {
	b.Helper()
	before := b.person.questions()
	got := b.expect(status, r)
	if n := b.person.questions() - before; n != 0 {
		b.Errorf("%s\nthe person was asked %d times, want none", show(r.bytes()), n)
	}
	return got
}

// expectAsking is expect where the person must be asked once.
func (b *bench) expectAsking(status byte, r request) reply {
	b.Helper()
	before := b.person.questions()
	got := b.expect(status, r)
	if n := b.person.questions() - before; n != 1 {
		b.Errorf("%s\nthe person was asked %d times, want once", show(r.bytes()), n)
	}
	return got
}

// cancelled asks, and cancels while the person is still being asked.
func (b *bench) cancelled(r request) reply {
	b.Helper()
	b.person.is(waits)
	defer b.person.is(approves)
	answer := make(chan []byte, 1)
	line := b.line
	go func() { answer <- line.ask(r.bytes()) }()
	synctest.Wait()
	line.cancel()
	return b.judge(r.bytes(), <-answer)
}

func show(request []byte) string {
	if len(request) > 300 {
		return fmt.Sprintf("request %x... (%d bytes)", request[:300], len(request))
	}
	return fmt.Sprintf("request %x", request)
}

// equal fails unless two byte strings are the same.
func (b *bench) equal(what string, got, want []byte) {
	b.Helper()
	if !bytes.Equal(got, want) {
		b.Errorf("%s is %x, want %x", what, got, want)
	}
}
