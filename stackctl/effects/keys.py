"""Chance: keys that nobody can guess."""

import secrets

from stackctl.core.secret import Secret

_BYTES = 32


def new() -> Secret:
    """A new random key, 43 characters long."""
    return Secret(secrets.token_urlsafe(_BYTES))
