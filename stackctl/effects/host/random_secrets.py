"""Random keys and passwords."""

import secrets

from stackctl.secret import Secret

_BYTES = 32
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without letters that are easily confused, on paper or on a phone


def new_key() -> Secret:
    """Return a new random key, 43 characters long."""
    return Secret(secrets.token_urlsafe(_BYTES))


def new_password() -> Secret:
    """Return a new random password that is easy to type: four groups of five letters, 99 bits."""
    return Secret("-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4)))
