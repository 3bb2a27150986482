"""Registering, signing in, and the person's part in both."""

import os
import threading

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import attestation
from fido2.client import ClientError, ClientData, U2fClient
from fido2.cose import CoseKey, UnsupportedKey
from fido2.ctap1 import APDU, ApduError
from fido2.ctap2.base import AttestedCredentialData
from fido2.server import Fido2Server
from fido2.utils import sha256, websafe_decode, websafe_encode

from calls import RP, UP, make, sign
from device import ERR, equal, ok, refused, true

PIN = "81479"


def info(signet):
    """getInfo decodes, and says what a FIDO_2_3 device must say."""
    data = signet.info()
    true({"FIDO_2_3", "FIDO_2_1", "FIDO_2_0", "U2F_V2"} <= set(data.versions), data.versions)
    true(2 in data.pin_uv_protocols, data.pin_uv_protocols)
    for option in ("rk", "up", "pinUvAuthToken", "credMgmt", "authnrCfg"):
        equal(data.options[option], True)
    equal(data.options["clientPin"], False)
    true(data.max_msg_size >= 1024 and data.max_creds_in_list > 0, "limits")
    for algorithm in data.algorithms:
        equal(set(algorithm), {"alg", "type"})
    ok("getInfo")


def website(signet):
    """The library's own client and server, end to end, attestation checked."""
    server = Fido2Server(
        {"id": RP, "name": "Example"}, attestation="direct", verify_attestation=verify_attestation
    )
    user = {"id": b"ann", "name": "ann@example.com", "displayName": "Ann"}
    client = signet.client()

    options, state = server.register_begin(user)
    made = client.make_credential(options["publicKey"])
    registered = server.register_complete(state, made.client_data, made.attestation_object)
    ok("register")
    options, state = server.authenticate_begin([registered.credential_data])
    answer = client.get_assertion(options["publicKey"]).get_response(0)
    server.authenticate_complete(
        state,
        [registered.credential_data],
        answer.credential_id,
        answer.client_data,
        answer.authenticator_data,
        answer.signature,
    )
    ok("sign in")

    options, state = server.register_begin(user, [registered.credential_data])
    try:
        client.make_credential(options["publicKey"])
    except ClientError as e:
        equal(e.code, ClientError.ERR.DEVICE_INELIGIBLE)
        equal(e.cause.code, ERR.CREDENTIAL_EXCLUDED)
    else:
        raise AssertionError("registered twice")
    ok("exclude a registered device")

    signet.pin().set_pin(PIN)
    client = signet.client()
    options, state = server.register_begin(user, resident_key=True, user_verification="required")
    made = client.make_credential(options["publicKey"], pin=PIN)
    registered = server.register_complete(state, made.client_data, made.attestation_object)
    ok("register a passkey with a PIN")
    options, state = server.authenticate_begin(user_verification="required")
    answer = client.get_assertion(options["publicKey"], pin=PIN).get_response(0)
    server.authenticate_complete(
        state,
        [registered.credential_data],
        answer.credential_id,
        answer.client_data,
        answer.authenticator_data,
        answer.signature,
    )
    equal(answer.user_handle, b"ann")
    ok("sign in with a passkey and a PIN")


def verify_attestation(made, client_data_hash):
    statement = attestation.Attestation.for_type(made.fmt)()
    result = statement.verify(made.att_statement, made.auth_data, client_data_hash)
    attestation.verify_x509_chain(result.trust_path)


def algorithms(signet):
    """Every advertised algorithm makes keys and signatures that others verify."""
    listed = [algorithm["alg"] for algorithm in signet.info().algorithms]
    true({-7, -8} <= set(listed), listed)
    for alg in listed:
        if CoseKey.for_alg(alg) is UnsupportedKey:
            made = make(signet, algorithms=[alg])
            verify_unknown(signet, made)
        else:
            made = make(signet, algorithms=[-999, alg])
            sign(signet, made=made)
        equal(made.key[3], alg)
        ok("COSE algorithm %d" % alg)
    refused(ERR.UNSUPPORTED_ALGORITHM, make, signet, algorithms=[-999])
    ok("unknown algorithms are refused")


CURVES = {
    -9: (ec.SECP256R1, hashes.SHA256),
    -35: (ec.SECP384R1, hashes.SHA384),
    -51: (ec.SECP384R1, hashes.SHA384),
    -36: (ec.SECP521R1, hashes.SHA512),
    -52: (ec.SECP521R1, hashes.SHA512),
    -47: (ec.SECP256K1, hashes.SHA256),
}


def verify_unknown(signet, made):
    """Signs in with a key of an algorithm that the library cannot verify itself."""
    challenge = os.urandom(32)
    answer = signet.ctap.get_assertion(RP, challenge, [made.descriptor])
    signed = answer.auth_data + challenge
    if made.key[3] == -19:
        from cryptography.hazmat.primitives.asymmetric import ed25519

        ed25519.Ed25519PublicKey.from_public_bytes(made.key[-2]).verify(answer.signature, signed)
        return
    curve, digest = CURVES[made.key[3]]
    x, y = (int.from_bytes(made.key[label], "big") for label in (-2, -3))
    key = ec.EllipticCurvePublicNumbers(x, y, curve()).public_key()
    key.verify(answer.signature, signed, ec.ECDSA(digest()))


def formats(signet):
    """Each attestation format, as asked for, is verified by the library."""
    for preferred, want in (
        (["packed"], "packed"),
        (["bogus", "packed"], "packed"),
        (["fido-u2f"], "fido-u2f"),
        (["none"], "none"),
        ([], "packed"),
    ):
        made = make(signet, formats=preferred)
        equal(made.attestation.fmt, want)
        sign(signet, made=made)
        ok("formats %s" % preferred)
    for profile, fmt, certificates in (
        ("self", "packed", 0),
        ("chain", "packed", 1),
        ("fido-u2f", "fido-u2f", 1),
        ("none", "none", 0),
    ):
        signet.profile(profile)
        made = make(signet)
        equal(made.attestation.fmt, fmt)
        chain = made.attestation.att_statement.get("x5c", [])
        equal(len(chain), certificates)
        if chain:
            attestation.verify_x509_chain(chain)
        ok("profile %s" % profile)


def accounts(signet):
    """Several passkeys of one site: newest first, names only for the verified."""
    users = [{"id": bytes([n]), "name": "user%d" % n, "displayName": "U"} for n in range(3)]
    made = [make(signet, user=user, rk=True) for user in users]
    make(signet, user=users[0], rp_id="other.example", rk=True)
    answers, challenge = sign(signet)
    equal(answers[0].number_of_credentials, 3)
    for answer, user, credential in zip(answers, reversed(users), reversed(made)):
        equal(answer.user, {"id": user["id"]})
        equal(answer.credential["id"], credential.id)
        answer.verify(challenge, credential.key)
    ok("three accounts, newest first")
    refused(ERR.NOT_ALLOWED, signet.ctap.get_next_assertion)
    ok("no fourth")
    signet.pin().set_pin(PIN)
    answers, _ = sign(signet, pin=PIN)
    equal([answer.user for answer in answers], list(reversed(users)))
    ok("names after verification")
    newer = make(signet, user=users[0], rk=True, pin=PIN)
    answers, _ = sign(signet)
    equal(len(answers), 3)
    equal(answers[0].credential["id"], newer.id)
    ok("an account is replaced, not doubled")
    refused(ERR.NO_CREDENTIALS, sign, signet, made=made[0])
    refused(ERR.NO_CREDENTIALS, sign, signet, rp_id="third.example")
    refused(ERR.NO_CREDENTIALS, sign, signet, rp_id="other.example", made=newer)
    ok("what is replaced, unknown or of another site is refused")


def silent(signet):
    """up:false asks nobody, and counters rise."""
    made = make(signet)
    counters = []
    for _ in range(3):
        (answer,), _ = sign(signet, made=made)
        equal(answer.auth_data.flags & UP, UP)
        counters.append(answer.auth_data.counter)
    true(counters == [0, 0, 0] or counters == sorted(set(counters)), counters)
    ok("counters")
    signet.person("refuse")
    (answer,), _ = sign(signet, made=made, options={"up": False})
    equal(answer.auth_data.flags & UP, 0)
    ok("silent probe")
    refused(ERR.OPERATION_DENIED, sign, signet, made=made)
    refused(ERR.OPERATION_DENIED, make, signet)
    refused(ERR.OPERATION_DENIED, signet.ctap.selection)
    refused(ERR.CREDENTIAL_EXCLUDED, make, signet, exclude=[made.descriptor])
    ok("a person who refuses")
    signet.person("approve")
    signet.ctap.selection()
    sign(signet, made=made)
    ok("a person who agrees")


def u2f(signet):
    """CTAP1: register, check, sign, with and without the library's own client."""
    equal(signet.u2f.get_version(), "U2F_V2")
    ok("VERSION")
    app, challenge = sha256(b"https://example.com"), os.urandom(32)
    registered = touched(signet.u2f.register, challenge, app)
    registered.verify(app, challenge)
    ok("REGISTER")
    handle = registered.key_handle
    apdu_refused(APDU.USE_NOT_SATISFIED, signet.u2f.authenticate, challenge, app, handle, True)
    apdu_refused(APDU.WRONG_DATA, signet.u2f.authenticate, challenge, app, os.urandom(32), True)
    apdu_refused(APDU.WRONG_DATA, signet.u2f.authenticate, challenge, bytes(32), handle, True)
    apdu_refused(APDU.WRONG_DATA, signet.u2f.authenticate, challenge, bytes(32), handle)
    ok("AUTHENTICATE, check only")
    first = touched(signet.u2f.authenticate, challenge, app, handle)
    first.verify(app, challenge, registered.public_key)
    equal(first.user_presence, 1)
    second = touched(signet.u2f.authenticate, challenge, app, handle)
    true(first.counter == second.counter == 0 or first.counter < second.counter, "counters")
    ok("AUTHENTICATE")
    signet.person("refuse")
    apdu_refused(APDU.USE_NOT_SATISFIED, signet.u2f.authenticate, challenge, app, handle)
    apdu_refused(APDU.USE_NOT_SATISFIED, signet.u2f.register, challenge, app)
    data = challenge + app + bytes([len(handle)]) + handle
    silently = signet.u2f.send_apdu(ins=2, p1=8, data=data)
    equal(silently[0] & 1, 0)
    ok("AUTHENTICATE without presence")
    signet.person("approve")
    for ins, data, status in (
        (9, b"", 0x6D00), (1, b"short", 0x6700), (2, bytes(64), 0x6700),
    ):
        apdu_refused(status, signet.u2f.send_apdu, ins=ins, data=data)
    apdu_refused(0x6E00, signet.u2f.send_apdu, cla=1, ins=3)
    ok("malformed APDUs")

    app = sha256(RP.encode())
    registered = touched(signet.u2f.register, challenge, app)
    key = AttestedCredentialData.from_ctap1(registered.key_handle, registered.public_key)
    answer = signet.ctap.get_assertion(
        RP, challenge, [{"type": "public-key", "id": key.credential_id}]
    )
    answer.verify(challenge, key.public_key)
    ok("a U2F key signs CTAP2 assertions")
    made = make(signet)
    public = b"\x04" + made.key[-2] + made.key[-3]
    touched(signet.u2f.authenticate, challenge, app, made.id).verify(app, challenge, public)
    ok("a CTAP2 key signs U2F assertions")

    client = U2fClient(signet.device, "https://example.com")
    client.poll_delay = 0.02
    app_id, challenge = "https://example.com", websafe_encode(os.urandom(32))
    made = client.register(app_id, [{"version": "U2F_V2", "challenge": challenge}], [])
    key = registered.from_b64(made["registrationData"])
    key.verify(sha256(app_id.encode()), sha256(websafe_decode(made["clientData"])))
    handle = {"version": "U2F_V2", "keyHandle": websafe_encode(key.key_handle)}
    signed = client.sign(app_id, challenge, [handle])
    first.from_b64(signed["signatureData"]).verify(
        sha256(app_id.encode()), ClientData.from_b64(signed["clientData"]).hash, key.public_key
    )
    ok("U2F client")


def touched(call, *args):
    """Calls until the touch has come; the device answers 6985 before."""
    event = threading.Event()
    for _ in range(100):
        try:
            return call(*args)
        except ApduError as e:
            equal(e.code, APDU.USE_NOT_SATISFIED)
            event.wait(0.02)
    raise AssertionError("no touch")


def apdu_refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ApduError as e:
        equal(hex(e.code), hex(code))
    else:
        raise AssertionError("success, want %04X" % code)


SCENARIOS = (info, website, algorithms, formats, accounts, silent, u2f)
