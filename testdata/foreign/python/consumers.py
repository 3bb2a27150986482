"""The requests of well-known programs, in their order and with their habits."""

import os

from fido2.ctap2.extensions import HmacSecretExtension
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2

from calls import ED, GA, MC, UP, UV, Made
from device import ERR, equal, ok, refused, true
from pins import PIN

ES256 = [{"type": "public-key", "alg": -7}]
MANY = [{"type": "public-key", "alg": alg} for alg in (-7, -8, -35, -36, -37, -257, -258, -259)]


class Client:
    """Requests to one site, under one challenge."""

    def __init__(self, signet, rp, user, algorithms):
        self.signet, self.ctap = signet, signet.ctap
        self.rp, self.user, self.algorithms = rp, user, algorithms
        self.challenge = os.urandom(32)
        self.proof = None, None

    def prove(self, permissions, protocol=None):
        """Gets a token for the site; the requests that follow carry its proof."""
        token, protocol = self.signet.token(PIN, permissions, self.rp["id"], protocol)
        self.proof = protocol.authenticate(token, self.challenge), protocol.VERSION

    def make(self, options=None, extensions=None, exclude=None):
        attestation = self.ctap.make_credential(
            self.challenge, self.rp, self.user, self.algorithms, exclude, extensions, options,
            *self.proof,
        )
        return Made(attestation, self.challenge)

    def sign(self, made=None, options=None, extensions=None, ids=()):
        allowed = [{"type": "public-key", "id": id} for id in ids] or None
        if made:
            allowed = (allowed or []) + [made.descriptor]
        answer = self.ctap.get_assertion(
            self.rp["id"], self.challenge, allowed, extensions, options, *self.proof
        )
        if made:
            answer.verify(self.challenge, made.key)
        return answer


def openssh(signet):
    """ssh-keygen and ssh: two questions, and a silent one before each."""
    ssh = Client(
        signet, {"id": "ssh:"}, {"id": bytes(32), "name": "openssh", "displayName": "openssh"}, ES256
    )
    made = ssh.make()
    equal(made.attestation.fmt, "packed")
    equal(ssh.sign(made, {"up": False}).auth_data.flags & UP, 0)
    equal(ssh.sign(made, {"up": True}).auth_data.flags & UP, UP)
    ok("ecdsa-sk")
    refused(ERR.NO_CREDENTIALS, ssh.sign, options={"up": False})
    signet.pin().set_pin(PIN)
    refused(ERR.PIN_REQUIRED, ssh.make, {"rk": True}, {"credProtect": 2})
    ssh.prove(GA)
    refused(ERR.NO_CREDENTIALS, ssh.sign, options={"up": False})
    ssh.prove(MC)
    made = ssh.make({"rk": True}, {"credProtect": 2})
    ssh.proof = None, None
    ssh.sign(made, {"up": False})
    ssh.sign(made, {"up": True})
    ok("resident")
    ssh.prove(MC)
    made = ssh.make({"rk": False}, {"credProtect": 3})
    ssh.proof = None, None
    refused(ERR.NO_CREDENTIALS, ssh.sign, made, {"up": False})
    ssh.prove(GA)
    equal(ssh.sign(made, {"up": True}).auth_data.flags & UV, UV)
    ok("verify-required")


def secret(ctap, ask, protocol):
    """One hmac-secret output of 32 bytes, through ask(extensions)."""
    extension = HmacSecretExtension(ctap, protocol)
    wanted = extension.process_get_input({"hmacGetSecret": {"salt1": b"salt" * 8}})
    answer = ask({"hmac-secret": wanted})
    return extension.process_get_output(answer.auth_data)["hmacGetSecret"]["output1"]


def disks(signet):
    """systemd-cryptenroll and age-plugin-fido2-hmac: a secret for a key file."""
    disk = Client(
        signet,
        {"id": "io.systemd.cryptsetup", "name": "Encrypted Volume"},
        {"id": b"\x01", "name": "disk", "displayName": "disk", "icon": "https://example.com/i"},
        ES256,
    )
    options = {"rk": False}
    if "uv" in signet.info().options:
        options["uv"] = False
    made = disk.make(options, {"hmac-secret": True})
    first = secret(disk.ctap, lambda wanted: disk.sign(made, {"up": True}, wanted), PinProtocolV1())
    again = secret(disk.ctap, lambda wanted: disk.sign(made, {"up": True}, wanted), PinProtocolV2())
    equal(first, again)
    ok("systemd-cryptenroll without a PIN")
    signet.pin().set_pin(PIN)
    # A device that made it without asking would give another secret at boot.
    refused(ERR.PIN_REQUIRED, disk.make, options, {"hmac-secret": True})
    disk.prove(MC, PinProtocolV1())
    made = disk.make(options, {"hmac-secret": True})
    secrets = []
    for _ in range(2):
        disk.prove(GA, PinProtocolV1())
        secrets.append(
            secret(disk.ctap, lambda wanted: disk.sign(made, None, wanted), PinProtocolV1())
        )
    equal(*secrets)
    ok("systemd-cryptenroll with a PIN")

    age = Client(signet, {"id": "age-encryption.org"}, {"id": os.urandom(32), "name": ""}, ES256)
    age.prove(MC)
    made = age.make({"rk": False}, {"hmac-secret": True})
    age.prove(GA)
    equal(len(secret(age.ctap, lambda wanted: age.sign(made, None, wanted), PinProtocolV2())), 32)
    ok("age")


def chromium(signet):
    """One token for both commands, credProtect 2 and hmac-secret on every passkey."""
    signet.pin().set_pin(PIN)
    site = Client(
        signet, {"id": "example.com", "name": "Example"},
        {"id": os.urandom(64), "name": "ann@example.com", "displayName": "Ann"}, MANY,
    )
    equal(signet.pin().get_pin_retries()[0], 8)
    site.prove(MC | GA)
    made = site.make({"rk": True}, {"credProtect": 2, "hmac-secret": True})
    equal(made.extensions, {"credProtect": 2, "hmac-secret": True})
    ok("create")
    site.prove(GA)
    answer = site.sign()
    equal(answer.user, site.user)
    answer.verify(site.challenge, made.key)
    ok("get")
    site.prove(GA)
    true(secret(site.ctap, lambda wanted: site.sign(None, None, wanted), None), "no PRF")
    ok("get with PRF")
    site.proof = None, None
    refused(ERR.NO_CREDENTIALS, site.sign)
    ok("nothing discoverable without the PIN")


def firefox(signet):
    """No names, empty extensions, and lists probed in chunks under the same token."""
    signet.pin().set_pin(PIN)
    site = Client(signet, {"id": "example.com"}, {"id": b"\x01"}, MANY)
    limit = signet.info().max_creds_in_list
    strangers = [os.urandom(64) for _ in range(limit - 1)]
    site.prove(MC | GA)
    refused(ERR.NO_CREDENTIALS, site.sign, options={"up": False}, ids=strangers)
    made = site.make({"rk": True}, {"hmac-secret": False})
    equal(made.data.flags & ED, 0)
    ok("create, after a look at the exclude list")
    site.prove(GA)
    refused(ERR.NO_CREDENTIALS, site.sign, options={"up": False}, ids=strangers, extensions={})
    equal(site.sign(made, {"up": False}, ids=strangers).credential["id"], made.id)
    site.sign(made, extensions={})
    ok("get, after a look at the allow list")
    site.prove(GA)
    equal(site.sign(None, {"up": True}, {}).user, {"id": b"\x01"})
    ok("get a passkey")


SCENARIOS = (openssh, disks, chromium, firefox)
