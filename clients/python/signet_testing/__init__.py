"""Passkey devices for tests of sites, from `signet serve`.

    from signet_testing import serve

    with serve() as signet:
        phone = signet.device(profile="phone")
        credential = phone.create(options, origin="https://login.example")
        phone.next(mutate=["login.origin.port"])
"""

from .errors import (
    AbortError,
    ConstraintError,
    EncodingError,
    InvalidStateError,
    NotAllowedError,
    NotSupportedError,
    OptionsTypeError,
    SecurityError,
    ServiceError,
    UnknownError,
    WebAuthnError,
)
from .service import Device, Signet, connect, serve

__all__ = [
    "AbortError", "ConstraintError", "Device", "EncodingError", "InvalidStateError", "NotAllowedError",
    "NotSupportedError", "OptionsTypeError", "SecurityError", "ServiceError", "Signet", "UnknownError",
    "WebAuthnError", "connect", "serve",
]
