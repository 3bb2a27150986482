"""The PIN: setting, changing, guessing; tokens and what they are good for."""

import os

from fido2.ctap2.blob import LargeBlobs
from fido2.ctap2.config import Config
from fido2.ctap2.credman import CredentialManagement
from fido2.ctap2.pin import ClientPin, PinProtocolV1, PinProtocolV2
from fido2.utils import sha256

from calls import GA, MC, RP, make, sign
from device import ERR, equal, ok, refused, true

CM = ClientPin.PERMISSION.CREDENTIAL_MGMT
LBW = ClientPin.PERMISSION.LARGE_BLOB_WRITE
ACFG = ClientPin.PERMISSION.AUTHENTICATOR_CFG
BE = ClientPin.PERMISSION.BIO_ENROLL

PIN, NEXT = "4711", "größer 0815"


def pin(signet):
    """Set, use and change, through both protocols."""
    for protocol in (PinProtocolV1(), PinProtocolV2()):
        version = protocol.VERSION
        api = signet.pin(protocol)
        refused(ERR.PIN_NOT_SET, api.change_pin, PIN, NEXT)
        refused(ERR.PIN_POLICY_VIOLATION, api.set_pin, "9" * 64)
        equal(signet.info().options["clientPin"], False)
        api.set_pin(PIN)
        equal(signet.info().options["clientPin"], True)
        equal(api.get_pin_retries()[0], 8)
        ok("protocol %d: set" % version)
        refused(ERR.PIN_AUTH_INVALID, api.set_pin, PIN)
        refused(ERR.PIN_REQUIRED, make, signet)
        sign(signet, made=make(signet, pin=PIN, protocol=protocol), pin=PIN, protocol=protocol)
        ok("protocol %d: use" % version)
        refused(ERR.PIN_INVALID, api.get_pin_token, "0000", MC, RP)
        refused(ERR.PIN_INVALID, api.change_pin, "0000", NEXT)
        equal(api.get_pin_retries()[0], 6)
        ok("protocol %d: wrong PINs cost tries" % version)
        refused(ERR.PIN_POLICY_VIOLATION, api.change_pin, PIN, "9" * 64)
        equal(api.get_pin_retries()[0], 8)
        api.change_pin(PIN, NEXT)
        equal(api.get_pin_retries()[0], 8)
        refused(ERR.PIN_INVALID, api.get_pin_token, PIN, MC, RP)
        make(signet, pin=NEXT, protocol=protocol)
        equal(api.get_pin_retries()[0], 8)
        ok("protocol %d: change" % version)
        api._supports_permissions = False
        true(len(api.get_pin_token(NEXT)) == 32, "token length")
        ok("protocol %d: token without permissions" % version)
        signet.restart()
        make(signet, pin=NEXT, protocol=protocol)
        ok("protocol %d: after a restart" % version)
        signet.ctap.reset()


def pin_lengths(signet):
    """Four code points are enough, however long; 63 bytes are the most."""
    refused(ERR.PIN_POLICY_VIOLATION, set_padded, signet, "123")
    refused(ERR.PIN_POLICY_VIOLATION, set_padded, signet, "ßßß")
    signet.pin().set_pin("\U0001f511" * 4)
    signet.pin().change_pin("\U0001f511" * 4, "8" * 63)
    make(signet, pin="8" * 63)
    ok("shortest and longest")


def set_padded(signet, pin):
    """Sets a PIN that the library itself would refuse."""
    api = signet.pin()
    key_agreement, secret = api._get_shared_secret()
    encrypted = api.protocol.encrypt(secret, pin.encode().ljust(64, b"\0"))
    signet.ctap.client_pin(
        api.protocol.VERSION,
        ClientPin.CMD.SET_PIN,
        key_agreement=key_agreement,
        new_pin_enc=encrypted,
        pin_uv_param=api.protocol.authenticate(secret, encrypted),
    )


def lockout(signet):
    """Three misses need a restart, eight a reset."""
    signet.pin().set_pin(PIN)
    for left in (5, 2):
        for tries in (left + 2, left + 1):
            refused(ERR.PIN_INVALID, signet.pin().get_pin_token, "0000", MC, RP)
            equal(signet.pin().get_pin_retries()[0], tries)
        refused(ERR.PIN_AUTH_BLOCKED, signet.pin().get_pin_token, "0000", MC, RP)
        equal(signet.pin().get_pin_retries(), (left, True))
        refused(ERR.PIN_AUTH_BLOCKED, signet.pin().get_pin_token, PIN, MC, RP)
        refused(ERR.PIN_AUTH_BLOCKED, signet.pin().change_pin, PIN, NEXT)
        equal(signet.pin().get_pin_retries(), (left, True))
        signet.restart()
        true(not signet.pin().get_pin_retries()[1], "powerCycleState after a restart")
        ok("three misses, %d tries left" % left)
    refused(ERR.PIN_INVALID, signet.pin().get_pin_token, "0000", MC, RP)
    refused(ERR.PIN_BLOCKED, signet.pin().get_pin_token, "0000", MC, RP)
    refused(ERR.PIN_BLOCKED, signet.pin().get_pin_token, PIN, MC, RP)
    equal(signet.pin().get_pin_retries()[0], 0)
    ok("eight misses")
    signet.restart()
    refused(ERR.PIN_BLOCKED, signet.pin().get_pin_token, PIN, MC, RP)
    refused(ERR.PIN_BLOCKED, signet.pin().change_pin, PIN, NEXT)
    ok("blocked after a restart, too")
    signet.ctap.reset()
    equal(signet.info().options["clientPin"], False)
    signet.pin().set_pin(NEXT)
    equal(signet.pin().get_pin_retries()[0], 8)
    ok("reset")


def three_tries(signet):
    """A right PIN gives the tries back and clears the misses."""
    signet.pin().set_pin(PIN)
    for _ in range(4):
        refused(ERR.PIN_INVALID, signet.pin().get_pin_token, "0000", MC, RP)
        refused(ERR.PIN_INVALID, signet.pin().get_pin_token, "0000", MC, RP)
        signet.pin().get_pin_token(PIN, MC, RP)
        equal(signet.pin().get_pin_retries()[0], 8)
    ok("two misses and a hit, four times")


def permissions(signet):
    """A token opens what it was given for, once, for one site."""
    signet.pin().set_pin(PIN)
    refused(ERR.UNAUTHORIZED_PERMISSION, signet.token, PIN, BE)
    refused(ERR.MISSING_PARAMETER, signet.token, PIN, MC)
    refused(ERR.INVALID_PARAMETER, signet.token, PIN, 0)
    ok("permissions that cannot be had")

    challenge = os.urandom(32)
    request = (challenge, {"id": RP}, {"id": b"\x01"}, [{"type": "public-key", "alg": -7}])

    def create(token, protocol):
        proof = protocol.authenticate(token, challenge)
        return signet.ctap.make_credential(
            *request, pin_uv_param=proof, pin_uv_protocol=protocol.VERSION
        )

    refused(ERR.PIN_AUTH_INVALID, create, *signet.token(PIN, GA, RP))
    refused(ERR.PIN_AUTH_INVALID, create, *signet.token(PIN, CM))
    refused(ERR.PIN_AUTH_INVALID, create, *signet.token(PIN, MC, "other.example"))
    token, protocol = signet.token(PIN, MC | GA, RP)
    refused(ERR.PIN_AUTH_INVALID, create, os.urandom(32), protocol)
    create(token, protocol)
    ok("makeCredential takes mc for its site")
    refused(ERR.PIN_AUTH_INVALID, create, token, protocol)
    ok("once")
    token, protocol = signet.token(PIN, MC | CM | LBW, RP)
    create(token, protocol)
    LargeBlobs(signet.ctap, protocol, token).write_blob_array([])
    manage = CredentialManagement(signet.ctap, protocol, token)
    refused(ERR.PIN_AUTH_INVALID, manage.enumerate_creds_begin, sha256(RP.encode()))
    ok("and leaves large blobs alone to be written")
    old, protocol = signet.token(PIN, MC, RP)
    signet.token(PIN, MC, RP)
    refused(ERR.PIN_AUTH_INVALID, create, old, protocol)
    ok("a new token ends the old")
    old, protocol = signet.token(PIN, MC, RP, PinProtocolV1())
    signet.token(PIN, MC, RP, PinProtocolV2())
    refused(ERR.PIN_AUTH_INVALID, create, old, protocol)
    ok("also that of the other protocol")

    token, protocol = signet.token(PIN, GA, RP)
    manage = CredentialManagement(signet.ctap, protocol, token)
    refused(ERR.PIN_AUTH_INVALID, manage.get_metadata)
    refused(ERR.PIN_AUTH_INVALID, Config(signet.ctap, protocol, token).toggle_always_uv)
    refused(ERR.PIN_REQUIRED, Config(signet.ctap).toggle_always_uv)
    ok("management takes its own")
    proof = protocol.authenticate(token, challenge)
    made = make(signet, pin=PIN)
    token, protocol = signet.token(PIN, GA, RP)
    proof = protocol.authenticate(token, challenge)
    for up in (False, False, True):
        answer = signet.ctap.get_assertion(
            RP, challenge, [made.descriptor], None, {"up": up}, proof, protocol.VERSION
        )
        answer.verify(challenge, made.key)
    ok("silent probes leave the token")
    refused(
        ERR.PIN_AUTH_INVALID, signet.ctap.get_assertion,
        RP, challenge, [made.descriptor], None, None, proof, protocol.VERSION,
    )
    ok("a sign-in does not")
    token, protocol = signet.token(PIN, MC, RP)
    signet.restart()
    refused(ERR.PIN_AUTH_INVALID, create, token, protocol)
    ok("nor does a restart")


def touch_probe(signet):
    """Platforms find out which device is touched by an empty pinUvAuthParam."""
    request = (
        sha256(b""), {"id": "localhost"}, {"id": b"\x01"}, [{"type": "public-key", "alg": -7}]
    )

    def probe():
        signet.ctap.make_credential(*request, pin_uv_param=b"", pin_uv_protocol=1)

    refused(ERR.PIN_NOT_SET, probe)
    signet.person("refuse")
    refused(ERR.OPERATION_DENIED, probe)
    signet.person("approve")
    signet.pin().set_pin(PIN)
    refused(ERR.PIN_INVALID, probe)
    ok("an empty pinUvAuthParam asks for a touch only")
    equal(signet.pin().get_pin_retries()[0], 8)
    token, protocol = signet.token(PIN, CM)
    equal(CredentialManagement(signet.ctap, protocol, token).get_metadata()[1], 0)
    ok("and leaves no trace")


SCENARIOS = (pin, pin_lengths, lockout, three_tries, permissions, touch_probe)
