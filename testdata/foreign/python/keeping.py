"""What the device keeps, shows and forgets: passkeys, blobs, settings."""

import os

from fido2.ctap2.blob import LargeBlobs
from fido2.ctap2.config import Config
from fido2.ctap2.credman import CredentialManagement
from fido2.ctap2.pin import PinProtocolV1
from fido2.utils import sha256

from calls import MC, RP, make, sign
from device import ERR, equal, ok, refused, true
from pins import ACFG, CM, LBW, NEXT, PIN

PARAM, RESULT = CredentialManagement.PARAM, CredentialManagement.RESULT
OTHER = "other.example"


def manager(signet, rp_id=None, protocol=None):
    token, protocol = signet.token(PIN, CM, rp_id, protocol)
    return CredentialManagement(signet.ctap, protocol, token)


def management(signet):
    """credentialManagement: count, enumerate, update, delete."""
    signet.pin().set_pin(PIN)
    manage = manager(signet)
    before = manage.get_metadata()
    equal(before[RESULT.EXISTING_CRED_COUNT], 0)
    refused(ERR.NO_CREDENTIALS, manage.enumerate_rps_begin)
    equal(manage.enumerate_creds(sha256(RP.encode())), [])
    ok("an empty device")

    users = [{"id": bytes([n]), "name": "u%d" % n, "displayName": "U"} for n in range(3)]
    made = {
        user["id"]: make(
            signet, user=user, rk=True, pin=PIN, extensions={"credProtect": n + 1, "largeBlobKey": True}
        )
        for n, user in enumerate(users)
    }
    elsewhere = make(signet, rp_id=OTHER, rk=True, pin=PIN)
    make(signet, rp_id="third.example", pin=PIN)
    manage = manager(signet)
    after = manage.get_metadata()
    equal(after[RESULT.EXISTING_CRED_COUNT], 4)
    equal(after[RESULT.MAX_REMAINING_COUNT], before[RESULT.MAX_REMAINING_COUNT] - 4)
    ok("metadata")

    sites = {site[RESULT.RP]["id"]: site[RESULT.RP_ID_HASH] for site in manage.enumerate_rps()}
    equal(sites, {rp_id: sha256(rp_id.encode()) for rp_id in (RP, OTHER)})
    refused(ERR.NOT_ALLOWED, manage.enumerate_rps_next)
    ok("sites")

    found = {entry[RESULT.USER]["id"]: entry for entry in manage.enumerate_creds(sites[RP])}
    equal(set(found), set(made))
    for n, user in enumerate(users):
        entry, credential = found[user["id"]], made[user["id"]]
        equal(entry[RESULT.USER], user)
        equal(entry[RESULT.CREDENTIAL_ID], credential.descriptor)
        equal(entry[RESULT.PUBLIC_KEY], dict(credential.key))
        equal(entry[RESULT.CRED_PROTECT], n + 1)
        equal(entry[RESULT.LARGE_BLOB_KEY], credential.large_blob_key)
    refused(ERR.NOT_ALLOWED, manage.enumerate_creds_next)
    ok("passkeys")

    victim = made[b"\x01"]
    manage.update_user_info(victim.descriptor, {"id": b"\x01", "name": "new"})
    refused(
        ERR.INVALID_PARAMETER, manage.update_user_info, victim.descriptor, {"id": b"\x09", "name": "x"}
    )
    found = {entry[RESULT.USER]["id"]: entry for entry in manage.enumerate_creds(sites[RP])}
    equal(found[b"\x01"][RESULT.USER], {"id": b"\x01", "name": "new"})
    ok("update")

    manage.delete_cred(victim.descriptor)
    refused(ERR.NO_CREDENTIALS, manage.delete_cred, victim.descriptor)
    refused(ERR.NO_CREDENTIALS, sign, signet, made=victim, pin=PIN)
    manage = manager(signet)
    equal(len(manage.enumerate_creds(sites[RP])), 2)
    equal(manage.get_metadata()[RESULT.EXISTING_CRED_COUNT], 3)
    manage.delete_cred(elsewhere.descriptor)
    equal([site[RESULT.RP]["id"] for site in manage.enumerate_rps()], [RP])
    ok("delete")

    manage = manager(signet, protocol=PinProtocolV1())
    equal(manage.get_metadata()[RESULT.EXISTING_CRED_COUNT], 2)
    bound = manager(signet, OTHER)
    refused(ERR.PIN_AUTH_INVALID, bound.get_metadata)
    refused(ERR.PIN_AUTH_INVALID, bound.enumerate_rps_begin)
    refused(ERR.PIN_AUTH_INVALID, bound.delete_cred, made[b"\x00"].descriptor)
    ok("protocol 1, and tokens bound to a site")
    signet.restart()
    equal(manager(signet).get_metadata()[RESULT.EXISTING_CRED_COUNT], 2)
    ok("after a restart")


def large_blobs(signet):
    """The large-blob array: one blob per passkey.

    This version of the library writes arrays of one fragment only: it repeats
    the length with each, which the standard forbids.
    """
    equal(LargeBlobs(signet.ctap).read_blob_array(), [])
    plain = make(signet, rk=True)
    equal(plain.large_blob_key, None)
    made = [
        make(signet, user={"id": bytes([n])}, rk=True, extensions={"largeBlobKey": True})
        for n in range(2)
    ]
    keys = [credential.large_blob_key for credential in made]
    true(all(len(key) == 32 for key in keys) and keys[0] != keys[1], "largeBlobKey")
    for credential in made:
        (answer,), _ = sign(signet, made=credential, extensions={"largeBlobKey": True})
        equal(answer.large_blob_key, credential.large_blob_key)
    ok("keys")

    blobs, long = LargeBlobs(signet.ctap), os.urandom(4000)
    for key, text in zip(keys, (b"first" * 50, long)):
        blobs.put_blob(key, text)
    equal([blobs.get_blob(key) for key in keys], [b"first" * 50, long])
    ok("write and read without a PIN")

    signet.pin().set_pin(PIN)
    refused(ERR.PIN_REQUIRED, blobs.put_blob, keys[0], b"stolen")
    token, protocol = signet.token(PIN, CM)
    refused(ERR.PIN_AUTH_INVALID, LargeBlobs(signet.ctap, protocol, token).put_blob, keys[0], b"x")
    equal(blobs.get_blob(keys[0]), b"first" * 50)
    for protocol in (None, PinProtocolV1()):
        token, protocol = signet.token(PIN, LBW, None, protocol)
        guarded = LargeBlobs(signet.ctap, protocol, token)
        guarded.put_blob(keys[0], b"changed")
        equal(blobs.get_blob(keys[0]), b"changed")
        guarded.delete_blob(keys[0])
        equal(blobs.get_blob(keys[0]), None)
    equal(blobs.get_blob(keys[1]), long)
    ok("write with a PIN, protocols 2 and 1")
    signet.restart()
    equal(LargeBlobs(signet.ctap).get_blob(keys[1]), long)
    ok("after a restart")

    token, protocol = signet.token(PIN, LBW)
    guarded = LargeBlobs(signet.ctap, protocol, token)
    # Two fragments of which this library's first claims to be the whole.
    array = [os.urandom(guarded.max_fragment_length)]
    refused(ERR.INTEGRITY_FAILURE, guarded.write_blob_array, array)
    equal(LargeBlobs(signet.ctap).get_blob(keys[1]), long)
    ok("a torn array changes nothing")


def config(signet):
    """authenticatorConfig: always verify, PIN length, forced change, enterprise."""
    Config(signet.ctap).toggle_always_uv()
    equal(signet.info().options["alwaysUv"], True)
    true("U2F_V2" not in signet.info().versions, "U2F_V2 under alwaysUv")
    refused(ERR.PIN_REQUIRED, make, signet)
    Config(signet.ctap).toggle_always_uv()
    equal(signet.info().options["alwaysUv"], False)
    ok("toggleAlwaysUv without a PIN")

    signet.pin().set_pin(PIN)
    made = make(signet, pin=PIN)

    def settings(protocol=None):
        token, protocol = signet.token(PIN, ACFG, None, protocol)
        return Config(signet.ctap, protocol, token)

    settings().toggle_always_uv()
    refused(ERR.PIN_REQUIRED, sign, signet, made=made)
    sign(signet, made=made, options={"up": False})
    sign(signet, made=made, pin=PIN)
    settings(PinProtocolV1()).toggle_always_uv()
    sign(signet, made=made)
    ok("toggleAlwaysUv with a PIN")

    equal(make(signet, pin=PIN, extensions={"minPinLength": True}).extensions, {})
    settings().set_min_pin_length(4, [RP])
    made = make(signet, pin=PIN, extensions={"minPinLength": True})
    equal(made.extensions, {"minPinLength": 4})
    made = make(signet, rp_id=OTHER, pin=PIN, extensions={"minPinLength": True})
    equal(made.extensions, {})
    ok("minPinLength for listed sites")

    keep = settings()
    keep.set_min_pin_length(6)
    equal(signet.info().min_pin_length, 6)
    equal(signet.info().force_pin_change, True)
    refused(ERR.PIN_AUTH_INVALID, keep.set_min_pin_length, 6)
    refused(ERR.PIN_POLICY_VIOLATION, signet.token, PIN, MC, RP)
    refused(ERR.PIN_POLICY_VIOLATION, signet.pin().change_pin, PIN, "12345")
    signet.pin().change_pin(PIN, NEXT)
    equal(signet.info().force_pin_change, False)
    token, protocol = signet.token(NEXT, ACFG)
    keep = Config(signet.ctap, protocol, token)
    refused(ERR.PIN_POLICY_VIOLATION, keep.set_min_pin_length, 5)
    keep.set_min_pin_length(6)
    made = make(signet, pin=NEXT, extensions={"minPinLength": True})
    equal(made.extensions, {"minPinLength": 6})
    ok("setMinPINLength forces a change")

    token, protocol = signet.token(NEXT, ACFG)
    Config(signet.ctap, protocol, token).set_min_pin_length(force_change_pin=True)
    refused(ERR.PIN_POLICY_VIOLATION, signet.token, NEXT, MC, RP)
    refused(ERR.PIN_POLICY_VIOLATION, signet.pin().change_pin, NEXT, NEXT)
    signet.pin().change_pin(NEXT, "123456")
    signet.token("123456", MC, RP)
    ok("forceChangePin")
    signet.restart()
    equal(signet.info().min_pin_length, 6)
    ok("after a restart")

    signet.profile("enterprise")
    refused(ERR.INVALID_PARAMETER, make, signet, enterprise=1)
    equal(signet.info().options["ep"], False)
    Config(signet.ctap)._call(Config.CMD.ENABLE_ENTERPRISE_ATT)
    equal(signet.info().options["ep"], True)
    refused(ERR.INVALID_OPTION, make, signet, enterprise=3)
    equal(make(signet, rp_id="enterprise.example", enterprise=1).attestation.ep_att, True)
    equal(make(signet, enterprise=1).attestation.ep_att, None)
    equal(make(signet, enterprise=2).attestation.ep_att, True)
    ok("enterprise attestation")


def reset(signet):
    """Everything is gone, for good."""
    signet.pin().set_pin(PIN)
    made = make(signet, rk=True, pin=PIN, extensions={"largeBlobKey": True})
    token, protocol = signet.token(PIN, LBW)
    LargeBlobs(signet.ctap, protocol, token).put_blob(made.large_blob_key, b"text")
    token, protocol = signet.token(PIN, ACFG)
    Config(signet.ctap, protocol, token).set_min_pin_length(4, [RP])
    Config(signet.ctap, protocol, token).toggle_always_uv()
    signet.restart()
    signet.person("refuse")
    refused(ERR.OPERATION_DENIED, signet.ctap.reset)
    signet.person("approve")
    sign(signet, made=made, pin=PIN)
    ok("a person who refuses")
    signet.ctap.reset()
    for _ in range(2):
        data = signet.info()
        equal((data.options["clientPin"], data.options["alwaysUv"]), (False, False))
        equal(signet.pin().get_pin_retries()[0], 8)
        refused(ERR.NO_CREDENTIALS, sign, signet, made=made)
        refused(ERR.NO_CREDENTIALS, sign, signet)
        equal(LargeBlobs(signet.ctap).read_blob_array(), [])
        equal(make(signet, extensions={"minPinLength": True}).extensions, {})
        signet.restart()
    ok("a person who agrees")


SCENARIOS = (management, large_blobs, config, reset)
