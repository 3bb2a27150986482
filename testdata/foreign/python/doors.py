"""What each door has of its own: CTAPHID over the stream, APDUs to the card."""

import os
import threading

from fido2.ctap import STATUS
from fido2.ctap2 import Ctap2
from fido2.hid import CTAPHID

from calls import RP, make, sign
from device import ERR, equal, ok, open_stream, refused, true


def hid(signet):
    """The commands of CTAPHID itself."""
    equal(signet.device.version, 2)
    for size in (0, 1, 57, 58, 7609):
        ping = os.urandom(size)
        equal(signet.device.ping(ping), ping)
    ok("PING")
    signet.device.wink()
    signet.device.lock(1)
    signet.device.lock(0)
    refused(ERR.INVALID_PARAMETER, signet.device.lock, 11)
    ok("WINK and LOCK")
    refused(ERR.INVALID_COMMAND, signet.device.call, 0x22)
    refused(ERR.INVALID_LENGTH, signet.device.call, CTAPHID.CBOR)
    refused(ERR.INVALID_LENGTH, signet.device.call, CTAPHID.INIT, bytes(7))
    signet.info()
    ok("errors")


def cancel(signet):
    """A request that waits for a person says so, and can be taken back."""
    made = make(signet)
    signet.person("wait")
    requests = {
        "makeCredential": lambda **how: signet.ctap.make_credential(
            os.urandom(32), {"id": RP}, {"id": b"\x02"},
            [{"type": "public-key", "alg": -7}], **how
        ),
        "getAssertion": lambda **how: signet.ctap.get_assertion(
            RP, os.urandom(32), [made.descriptor], **how
        ),
        "selection": signet.ctap.selection,
        "reset": signet.ctap.reset,
    }
    for name, call in requests.items():
        event, seen = threading.Event(), []

        def keepalive(status):
            seen.append(status)
            if status == STATUS.UPNEEDED:
                event.set()

        refused(ERR.KEEPALIVE_CANCEL, call, event=event, on_keepalive=keepalive)
        true(STATUS.UPNEEDED in seen, seen)
        ok("cancel " + name)
    signet.person("approve")
    sign(signet, made=made)
    ok("and go on")


def sessions(signet):
    """Clients do not get in each other's way, nor at each other's state."""
    for n in range(2):
        make(signet, user={"id": bytes([n])}, rk=True)
    second = Ctap2(open_stream(signet.address))
    first = signet.ctap.get_assertion(RP, os.urandom(32))
    equal(first.number_of_credentials, 2)
    second.get_info()
    refused(ERR.NOT_ALLOWED, second.get_next_assertion)
    signet.ctap.get_next_assertion()
    ok("getNextAssertion belongs to its session")

    signet.person("wait")
    event, asked, ended = threading.Event(), threading.Event(), []

    def select():
        try:
            signet.ctap.selection(event, lambda status: asked.set())
        except Exception as e:
            ended.append(e)

    waiting = threading.Thread(target=select)
    waiting.start()
    true(asked.wait(5), "no keepalive")
    second.get_info()
    made = second.get_assertion(RP, os.urandom(32), options={"up": False})
    equal(made.number_of_credentials, 2)
    ok("a question to the person holds up nobody else")
    event.set()
    waiting.join(5)
    equal([e.code for e in ended], [ERR.KEEPALIVE_CANCEL])
    second.device.close()
    ok("only its own client cancels it")

    third = Ctap2(open_stream(signet.address))
    threading.Thread(target=lambda: hang_up(third), daemon=True).start()
    signet.person("approve")
    signet.ctap.selection()
    ok("a client that hangs up takes its question with it")


def hang_up(ctap):
    def leave(status):
        ctap.device.close()

    try:
        ctap.selection(on_keepalive=leave)
    except (OSError, AttributeError):
        pass


def apdu(signet):
    """Short and extended APDUs, chained and whole."""
    exchange = signet.device.apdu_exchange
    select = b"\x00\xa4\x04\x00\x08\xa0\x00\x00\x06\x47\x2f\x00\x01"
    for apdu in (select, select + b"\x00"):
        equal(exchange(apdu), (b"U2F_V2", 0x90, 0x00))
    ok("SELECT")
    equal(exchange(b"\x00\x03\x00\x00\x00"), (b"U2F_V2", 0x90, 0x00))
    equal(exchange(b"\x00\x77\x00\x00\x00")[1:], (0x6D, 0x00))
    equal(exchange(b"\x00\xa4\x04\x00\x08" + bytes(8))[1:], (0x6A, 0x82))
    equal(exchange(select + b"\x00"), (b"U2F_V2", 0x90, 0x00))
    ok("other instructions and applications")

    blob = os.urandom(signet.info().max_cred_blob_length)
    excluded = [{"type": "public-key", "id": os.urandom(64)} for _ in range(8)]
    made = make(signet, rk=True, extensions={"credBlob": blob}, exclude=excluded)
    sign(signet, made=made)
    ok("chained")
    # The library leaves Le out of extended APDUs, as many readers' drivers do.
    signet.device.use_ext_apdu = True
    signet.ctap = Ctap2(signet.device)
    made = make(signet, rk=True, extensions={"credBlob": blob}, exclude=excluded)
    sign(signet, made=made)
    equal(signet.u2f.get_version(), "U2F_V2")
    ok("extended")


def nfcctap(signet):
    """NFCCTAP_MSG and NFCCTAP_GETRESPONSE: wait for a person, and cancel."""
    exchange = signet.device.apdu_exchange
    signet.person("wait")
    equal(exchange(b"\x80\x10\x80\x00\x01\x0b\x00")[1:], (0x91, 0x00))
    poll = b"\x80\x11\x00\x00\x00"
    for _ in range(50):
        data, *sw = exchange(poll)
        equal(sw, [0x91, 0x00])
        if data == bytes([STATUS.UPNEEDED]):
            break
    else:
        raise AssertionError("status %s" % data.hex())
    ok("a person is asked")
    equal(exchange(b"\x80\x11\x11\x00\x00"), (bytes([ERR.KEEPALIVE_CANCEL]), 0x90, 0x00))
    equal(exchange(poll)[1:], (0x69, 0x85))
    ok("and no longer")
    signet.person("approve")
    signet.ctap.selection()
    make(signet)
    ok("and go on")


STREAM = (hid, cancel, sessions)
CARD = (apdu, nfcctap)
