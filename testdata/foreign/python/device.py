"""The device under test, as python3-fido2 0.9 reaches it, and the test that holds it.

The test that starts us gives a door on the command line:

    stream:PATH    a unix socket that carries whole 64-byte CTAPHID reports
    card:NAME      a card in the PC/SC reader whose name starts with NAME

Standard output and input are the line to it. "ok STEP" reports a step that
went well. "do WORDS" asks for something and waits for the answer "done":

    do restart               take the device from power and give it back
    do profile NAME          the same, as a device of another kind, empty
    do person approve        from now on the person agrees to everything,
    do person refuse         to nothing,
    do person wait           or does not answer
    do person verify PIN     the person agrees, and types the PIN when asked
"""

import socket
import sys
import time

from fido2.client import Fido2Client
from fido2.ctap import CtapError
from fido2.ctap1 import Ctap1
from fido2.ctap2 import Ctap2
from fido2.ctap2.pin import ClientPin
from fido2.hid import CtapHidDevice
from fido2.hid.base import CtapHidConnection, HidDescriptor

REPORT = 64
ERR = CtapError.ERR


class StreamConnection(CtapHidConnection):
    """CTAPHID reports over a unix socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)

    def read_packet(self):
        report = b""
        while len(report) < REPORT:
            part = self.socket.recv(REPORT - len(report))
            if not part:
                raise OSError("the device hung up")
            report += part
        return report

    def write_packet(self, data):
        self.socket.sendall(data)

    def close(self):
        self.socket.close()


def open_stream(path):
    return CtapHidDevice(HidDescriptor(path, 0, 0, REPORT, REPORT), StreamConnection(path))


def open_card(name):
    # pcscd notices a new card only when it next polls the reader.
    from fido2.pcsc import CtapPcscDevice
    from smartcard.Exceptions import CardConnectionException, NoCardException

    deadline = time.monotonic() + 20
    while True:
        try:
            return CtapPcscDevice(find_reader(name).createConnection(), name)
        except (CardConnectionException, NoCardException, LookupError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def find_reader(name):
    from smartcard.System import readers

    for reader in readers():
        if reader.name.startswith(name):
            return reader
    raise LookupError("no reader " + name)


class Signet:
    """The device, opened; what is derived from it lives until it is opened again."""

    def __init__(self, door):
        self.kind, self.address = door.split(":", 1)
        self.open()

    def open(self):
        opener = {"stream": open_stream, "card": open_card}[self.kind]
        self.device = opener(self.address)
        self.ctap = Ctap2(self.device)
        self.u2f = Ctap1(self.device)

    def client(self, origin="https://example.com"):
        return Fido2Client(self.device, origin)

    def pin(self, protocol=None):
        """The clientPIN API, with fresh getInfo data."""
        return ClientPin(Ctap2(self.device), protocol)

    def info(self):
        return self.ctap.get_info()

    def token(self, pin, permissions, rp_id=None, protocol=None):
        """A pinUvAuthToken and the protocol that authenticates with it."""
        client_pin = self.pin(protocol)
        return client_pin.get_pin_token(pin, permissions, rp_id), client_pin.protocol

    # What the test does for us.

    def restart(self):
        self.device.close()
        tell("restart")
        self.open()

    def profile(self, name):
        self.device.close()
        tell("profile", name)
        self.open()

    def person(self, *words):
        tell("person", *words)


def tell(*words):
    print("do", *words, flush=True)
    answer = sys.stdin.readline()
    if answer != "done\n":
        raise RuntimeError("asked for %r, was told %r" % (words, answer))


def ok(step):
    print("ok", step, flush=True)


def refused(code, call, *args, **kwargs):
    """Checks that a call fails, and with this status."""
    try:
        call(*args, **kwargs)
    except CtapError as e:
        if e.code != code:
            raise AssertionError("status %s, want %s" % (e.code, code)) from e
    else:
        raise AssertionError("success, want %s" % code)


def equal(got, want):
    if got != want:
        raise AssertionError("got %r, want %r" % (got, want))


def true(condition, what):
    if not condition:
        raise AssertionError(what)
