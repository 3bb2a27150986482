"""What goes wrong: in a page's eyes, or in the service's."""


class ServiceError(Exception):
    """A request that is wrong in itself: an unknown profile, say."""

    def __init__(self, status, name, message):
        super().__init__(message)
        self.status = status
        self.name = name


class WebAuthnError(Exception):
    """What a page would see: a DOMException, or a TypeError, by its name."""

    name = ""

    def __init__(self, message, name=None):
        super().__init__(message)
        self.name = name or type(self).name


class AbortError(WebAuthnError):
    name = "AbortError"


class ConstraintError(WebAuthnError):
    name = "ConstraintError"


class EncodingError(WebAuthnError):
    name = "EncodingError"


class InvalidStateError(WebAuthnError):
    name = "InvalidStateError"


class NotAllowedError(WebAuthnError):
    name = "NotAllowedError"


class NotSupportedError(WebAuthnError):
    name = "NotSupportedError"


class SecurityError(WebAuthnError):
    name = "SecurityError"


class UnknownError(WebAuthnError):
    name = "UnknownError"


class OptionsTypeError(WebAuthnError, TypeError):
    """JavaScript's TypeError: the options are not of the right form."""

    name = "TypeError"


def of(name, message):
    """The exception with a name."""
    for kind in WebAuthnError.__subclasses__():
        if kind.name == name:
            return kind(message)
    return WebAuthnError(message, name)
