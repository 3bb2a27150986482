"""Extensions, verification built into the device, and input that nobody should send."""

import os
import random

from fido2 import cbor
from fido2.ctap2 import Ctap2
from fido2.ctap2.extensions import HmacSecretExtension
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2
from fido2.hid import CTAPHID

from calls import GA, MC, RP, make, sign
from device import ERR, equal, ok, refused, true
from pins import PIN


def hmac_secret(signet):
    """Two secrets per credential: with and without verification."""
    client = signet.client()
    made = make(signet, rk=True, extensions={"hmac-secret": True})
    equal(made.extensions, {"hmac-secret": True})
    other = make(signet, user={"id": b"\x02"}, rk=True, extensions={"hmac-secret": True})
    salts = os.urandom(32), os.urandom(32)

    def secrets(credential, salt1, salt2=b"", protocol=None, pin=None):
        extension = HmacSecretExtension(signet.ctap, protocol or PinProtocolV2())
        asked = {"hmacGetSecret": {"salt1": salt1, "salt2": salt2}}
        wanted = {"hmac-secret": extension.process_get_input(asked)}
        (answer,), _ = sign(signet, made=credential, pin=pin, extensions=wanted)
        return extension.process_get_output(answer.auth_data)["hmacGetSecret"]

    one = secrets(made, salts[0])["output1"]
    equal(len(one), 32)
    equal(secrets(made, salts[0]), {"output1": one})
    both = secrets(made, *salts)
    equal(both["output1"], one)
    true(both["output2"] != one, "outputs")
    equal(secrets(made, salts[1], salts[0], PinProtocolV1()),
          {"output1": both["output2"], "output2": one})
    true(secrets(other, salts[0])["output1"] != one, "another credential")
    ok("one salt and two, protocols 2 and 1")
    options = {
        "rpId": RP, "challenge": os.urandom(32), "allowCredentials": [made.descriptor],
        "extensions": {"hmacGetSecret": {"salt1": salts[0]}},
    }
    answer = client.get_assertion(options).get_response(0)
    equal(answer.extension_results, {"hmacGetSecret": {"output1": one}})
    ok("through the client")
    signet.pin().set_pin(PIN)
    verified = secrets(made, *salts, pin=PIN)
    true(not {one, both["output2"]} & set(verified.values()), "same secret with verification")
    equal(secrets(made, *salts, PinProtocolV1(), pin=PIN), verified)
    equal(secrets(made, *salts), both)
    signet.restart()
    equal(secrets(made, *salts), both)
    equal(secrets(made, *salts, pin=PIN), verified)
    ok("other secrets after verification, both lasting")
    false = make(signet, pin=PIN, extensions={"hmac-secret": False})
    equal(false.extensions, {})
    make(signet, pin=PIN, extensions={})
    ok("hmac-secret:false and empty extension maps")


def cred_protect(signet):
    """Three levels of hiding."""
    signet.pin().set_pin(PIN)
    made = {}
    for level in (1, 2, 3):
        made[level] = make(
            signet, user={"id": bytes([level])}, rk=True, pin=PIN, extensions={"credProtect": level}
        )
        equal(made[level].extensions, {"credProtect": level})
    answers, _ = sign(signet)
    equal([answer.credential["id"] for answer in answers], [made[1].id])
    answers, _ = sign(signet, pin=PIN)
    equal(len(answers), 3)
    sign(signet, made=made[2])
    refused(ERR.NO_CREDENTIALS, sign, signet, made=made[3])
    sign(signet, made=made[3], pin=PIN)
    ok("signing in")
    refused(ERR.CREDENTIAL_EXCLUDED, make, signet, pin=PIN, exclude=[made[3].descriptor])
    ok("excluding")


def cred_blob(signet):
    """A few bytes kept with a passkey."""
    limit = signet.info().max_cred_blob_length
    true(limit >= 32, limit)
    blob = os.urandom(limit)
    made = make(signet, rk=True, extensions={"credBlob": blob})
    equal(made.extensions, {"credBlob": True})
    (answer,), _ = sign(signet, made=made, extensions={"credBlob": True})
    equal(answer.auth_data.extensions, {"credBlob": blob})
    ok("kept")
    user = {"id": b"\x02"}
    made = make(signet, user=user, rk=True, extensions={"credBlob": blob + b"x"})
    equal(made.extensions, {"credBlob": False})
    (answer,), _ = sign(signet, made=made, extensions={"credBlob": True})
    equal(answer.auth_data.extensions, {"credBlob": b""})
    ok("too long")


def platform(signet):
    """The other profile: the device itself verifies the person and lets them choose."""
    signet.profile("platform")
    signet.person("verify", PIN)
    data = signet.info()
    equal(data.options["plat"], True)
    equal(data.options["alwaysUv"], True)
    refused(ERR.PIN_REQUIRED, make, signet)
    ok("always verifies, so a PIN must be set")
    signet.pin().set_pin(PIN)
    equal(signet.info().options["uv"], True)
    made = [make(signet, user={"id": bytes([n])}, rk=True, uv=True) for n in range(2)]
    (answer,), challenge = sign(signet, uv=True)
    equal((answer.user_selected, answer.number_of_credentials), (True, None))
    chosen = {credential.id: credential for credential in made}[answer.credential["id"]]
    answer.verify(challenge, chosen.key)
    ok("built-in verification and a choice of accounts")
    for protocol in (PinProtocolV1(), PinProtocolV2()):
        api = signet.pin(protocol)
        token = api.get_uv_token(MC, RP)
        challenge = os.urandom(32)
        signet.ctap.make_credential(
            challenge, {"id": RP}, {"id": b"\x07"}, [{"type": "public-key", "alg": -7}],
            pin_uv_param=protocol.authenticate(token, challenge), pin_uv_protocol=protocol.VERSION,
        )
        equal(api.get_uv_retries()[0], 8)
    ok("tokens by verification, protocols 1 and 2")
    client = signet.client()
    options = {
        "rpId": RP, "challenge": os.urandom(32), "userVerification": "required",
    }
    response = client.get_assertion(options).get_response(0)
    true(response.authenticator_data.is_user_verified(), "UV")
    ok("the library's client")
    signet.person("verify", "0000")
    refused(ERR.UV_INVALID, signet.pin().get_uv_token, GA, RP)
    true(signet.pin().get_pin_retries()[0] < 8, "a wrong PIN costs a try of the one counter")
    ok("a wrong PIN at the prompt")


def bad_input(signet):
    """Bytes that no client should send are answered, and the device goes on."""
    made = make(signet, rk=True)

    def send(message):
        reply = signet.device.call(CTAPHID.CBOR, message)
        true(len(reply) >= 1, "empty reply")
        return reply

    for message, want in (
        (b"\x05", ERR.INVALID_COMMAND),
        (b"\x3f\xa0", ERR.INVALID_COMMAND),
        (b"\x09\xa0", ERR.INVALID_COMMAND),
        (b"\x01\xa0", ERR.MISSING_PARAMETER),
        (b"\x02\xa1\x01", ERR.INVALID_CBOR),
        (b"\x02\xbf\xff", ERR.INVALID_CBOR),
        (b"\x06\xa1\x02\x18\x01", ERR.INVALID_CBOR),
        (b"\x06\xa2\x02\x01\x01\x01", ERR.INVALID_CBOR),
        (b"\x06\xa2\x02\x01\x02\x01", ERR.INVALID_CBOR),
        (b"\x06\xa1\x02\x01\x00", ERR.INVALID_CBOR),
        (b"\x06\xa1\x02\x61\x31", ERR.CBOR_UNEXPECTED_TYPE),
        (b"\x06\xa1\x02\x18\x55", ERR.INVALID_SUBCOMMAND),
        (b"\x0a\xa1\x01\x01", ERR.PIN_REQUIRED),
        (b"\x0c\xa1\x01\x01", ERR.INVALID_PARAMETER),
        (b"\x0d\xa0", ERR.MISSING_PARAMETER),
    ):
        equal((message.hex(), send(message)), (message.hex(), bytes([want])))
    ok("malformed messages")
    for options, want in (
        ({"up": False}, ERR.INVALID_OPTION),
        ({"uv": True}, ERR.INVALID_OPTION),
        ({"rk": 1}, ERR.CBOR_UNEXPECTED_TYPE),
    ):
        request = (os.urandom(32), {"id": RP}, {"id": b"\x01"}, [{"type": "public-key", "alg": -7}])
        refused(want, signet.ctap.make_credential, *request, options=options)
    refused(ERR.UNSUPPORTED_OPTION, sign, signet, made=made, options={"rk": True})
    refused(ERR.LIMIT_EXCEEDED, signet.ctap.get_assertion, RP, os.urandom(32),
            [{"type": "public-key", "id": b"x"}] * (signet.info().max_creds_in_list + 1))
    ok("options and limits")

    # Junk that looks like a request, the same on every run.
    rng = random.Random(23)
    requests = [cbor.encode(value) for value in (
        {1: bytes(32), 2: {"id": RP}, 3: {"id": b"\x01"}, 4: [{"type": "public-key", "alg": -7}]},
        {1: RP, 2: bytes(32), 3: [made.descriptor]},
        {1: 2, 2: 9, 3: {1: 2, 3: -25, -1: 1, -2: bytes(32), -3: bytes(32)}, 6: bytes(32), 9: 1},
        {1: 2, 2: {1: bytes(32)}, 3: 2, 4: bytes(32)},
        {2: bytes(17), 3: 0, 4: 17},
    )]
    for _ in range(400):
        body = bytearray(rng.choice(requests))
        for _ in range(rng.randrange(4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        command = rng.choice([c for c in Ctap2.CMD if c not in SETTINGS])
        reply = send(bytes([command]) + bytes(body))
        if reply[0]:
            equal(len(reply), 1)
    for size in (0, 1, 57, 64, 500, 1023):
        send(bytes([rng.randrange(1, 7)]) + rng.randbytes(size))
    sign(signet, made=made)
    ok("junk")


# What would change the device for the rest of the scenario, unauthorised as it is.
SETTINGS = (Ctap2.CMD.RESET, Ctap2.CMD.CONFIG)

SCENARIOS = (hmac_secret, cred_protect, cred_blob, platform, bad_input)
