"""Which names of settings, variables, headers and options stand before a secret."""

import re
from itertools import pairwise
from typing import Final

_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ENDS: Final = (
    "password", "passwd", "passphrase", "secret", "secrets", "token", "apikey", "credential", "credentials", "cookie",
    "cookies", "authorization",
)  # fmt: skip
_WORDS: Final = frozenset({"auth", "pass", "pwd", "pw", "htpasswd", "hft", "sid", "csrf"})
# "key" alone is any key of a table; with one of these before it, it is a secret
_KEYS: Final = frozenset(
    {
        "api",
        "admin",
        "access",
        "private",
        "secret",
        "auth",
        "encryption",
        "account",
        "license",
        "ssh",
        "signing",
        "master",
    }
)
_NOT: Final = frozenset(
    {"file", "path", "dir", "folder", "mode", "count", "limit", "type", "name", "id", "size", "days", "sock", "socket"}
)
_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})  # a shell's own variables
_TOKENS: Final = frozenset({"eos", "bos", "eot", "eog", "pad", "unk", "sep", "mask", "cls", "special", "stop", "per"})


def is_secret_name(name: str) -> bool:
    """Return whether a name says that its value is a secret: HF_TOKEN, --api-key, basicAuthUser.password."""
    parts = [one.lower() for one in _PARTS.findall(name)]
    if not parts or name in _FOLDERS or parts[-1] in _NOT or "tokens" in parts or _TOKENS & set(parts):
        return False
    if any(one.endswith(_ENDS) for one in parts) or _WORDS & set(parts):
        return True
    return any(after == "key" and before in _KEYS for before, after in pairwise(parts))
