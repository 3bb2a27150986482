"""The two commands that matter, called with what this version of the library leaves out."""

import os

from fido2.attestation import Attestation
from fido2.ctap2 import AssertionResponse, AttestationObject, Ctap2
from fido2.ctap2.pin import ClientPin
from fido2.utils import sha256

from device import equal, true

RP = "example.com"
MC = ClientPin.PERMISSION.MAKE_CREDENTIAL
GA = ClientPin.PERMISSION.GET_ASSERTION
UP, UV, AT, ED = 0x01, 0x04, 0x40, 0x80


class Made:
    """A new credential and its attestation, already verified."""

    def __init__(self, attestation, challenge):
        self.attestation = attestation
        self.data = attestation.auth_data
        self.id = self.data.credential_data.credential_id
        self.key = self.data.credential_data.public_key
        self.large_blob_key = attestation.large_blob_key
        Attestation.for_type(attestation.fmt)().verify(
            attestation.att_statement, self.data, challenge
        )

    @property
    def descriptor(self):
        return {"type": "public-key", "id": self.id}

    @property
    def extensions(self):
        return self.data.extensions or {}


def make(
    signet,
    rp_id=RP,
    user=None,
    algorithms=(-7,),
    rk=False,
    uv=False,
    pin=None,
    protocol=None,
    extensions=None,
    exclude=None,
    enterprise=None,
    formats=None,
):
    """authenticatorMakeCredential; returns what was Made."""
    challenge = os.urandom(32)
    options = {name: True for name, on in (("rk", rk), ("uv", uv)) if on}
    request = {
        1: challenge,
        2: {"id": rp_id, "name": "Example"},
        3: user or {"id": b"\x01", "name": "ann", "displayName": "Ann"},
        4: [{"type": "public-key", "alg": alg} for alg in algorithms],
        5: exclude,
        6: extensions,
        7: options or None,
        10: enterprise,
        11: formats,
    }
    if pin:
        token, proven = signet.token(pin, MC, rp_id, protocol)
        request[8] = proven.authenticate(token, challenge)
        request[9] = proven.VERSION
    request = {key: value for key, value in request.items() if value is not None}
    made = Made(
        signet.ctap.send_cbor(Ctap2.CMD.MAKE_CREDENTIAL, request, parse=AttestationObject),
        challenge,
    )
    equal(made.data.rp_id_hash, sha256(rp_id.encode()))
    true(made.data.flags & (UP | AT) == UP | AT, "UP or AT is missing")
    equal(bool(made.data.flags & UV), bool(pin or uv))
    return made


def sign(
    signet, rp_id=RP, made=None, uv=False, pin=None, protocol=None, extensions=None, options=None
):
    """authenticatorGetAssertion and all getNextAssertions.

    Returns the AssertionResponses and the challenge that they sign. With made,
    the credential is asked for by its ID and the signature is verified.
    """
    challenge = os.urandom(32)
    options = dict(options or {}, **({"uv": True} if uv else {}))
    proof, version = None, None
    if pin:
        token, proven = signet.token(pin, GA, rp_id, protocol)
        proof, version = proven.authenticate(token, challenge), proven.VERSION
    answers = signet.ctap.get_assertions(
        rp_id,
        challenge,
        [made.descriptor] if made else None,
        extensions,
        options or None,
        proof,
        version,
    )
    for answer in answers:
        true(isinstance(answer, AssertionResponse), "not an assertion")
        equal(answer.auth_data.rp_id_hash, sha256(rp_id.encode()))
        equal(bool(answer.auth_data.flags & UV), bool(pin or uv))
        equal(answer.auth_data.flags & AT, 0)
        if made:
            equal(answer.credential["id"], made.id)
            answer.verify(challenge, made.key)
    return answers, challenge
