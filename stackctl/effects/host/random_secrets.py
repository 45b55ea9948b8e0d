"""Chance: keys that nobody can guess."""

import secrets

from stackctl.secret import Secret

_BYTES = 32
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another, on paper or on a phone


def new_key() -> Secret:
    """A new random key, 43 characters long."""
    return Secret(secrets.token_urlsafe(_BYTES))


def new_password() -> Secret:
    """A new random password for people to type: four groups of five, 99 bits."""
    return Secret("-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4)))
