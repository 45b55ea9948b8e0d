"""The signature of a catalogue: Ed25519 (RFC 8032) over the file's bytes, by the key of who publishes it."""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Final

from stackctl.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_PEM: Final = "-----BEGIN "
GIVE_KEY: Final = "Give an Ed25519 public key: 32 bytes in base64, a PEM text, or the path of a file that holds one."


def is_key(text: str) -> bool:
    """Return whether a text is meant as a key itself, not as the path of one."""
    return text.strip().startswith(_PEM) or len(_decoded(text)) == _KEY_BYTES


def public_key(text: str) -> "Ed25519PublicKey":
    """Return the key of a text: PEM (SubjectPublicKeyInfo), or its 32 bytes in base64; raise ConfigError for others."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if "PRIVATE KEY" in text:
        raise ConfigError(
            "the key that is given is a private one; a signature is checked with the public one",
            hint="Give what `openssl pkey -in KEY -pubout` prints, and keep the private key secret.",
        )
    if not text.strip().startswith(_PEM):
        if len(raw := _decoded(text)) != _KEY_BYTES:
            raise ConfigError("the key is no Ed25519 public key", hint=GIVE_KEY)
        return Ed25519PublicKey.from_public_bytes(raw)
    try:
        found = load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as e:
        raise ConfigError("the key is a damaged PEM text, or of an unknown kind", hint=GIVE_KEY) from e
    if not isinstance(found, Ed25519PublicKey):
        raise ConfigError("the key is a public key, but of another kind than Ed25519", hint=GIVE_KEY)
    return found


def verify(content: bytes, signature: bytes, key: "Ed25519PublicKey", where: str) -> None:
    """Raise ModelError unless `signature`, 64 bytes or their base64, is the key's over `content`."""
    from cryptography.exceptions import InvalidSignature

    raw = signature if len(signature) == _SIGNATURE_BYTES else _decoded(signature.decode("ascii", "replace"))
    if len(raw) != _SIGNATURE_BYTES:
        raise ModelError(
            f"the catalogue at {where} is not signed: what lies beside it is no Ed25519 signature",
            hint="Check the address. The catalogue in use stays.",
            issue="catalogue-refused",
        )
    try:
        key.verify(raw, content)
    except InvalidSignature as e:
        raise ModelError(
            f"the catalogue at {where} was not signed with this key, or was changed since",
            hint="Check the address and the key. The catalogue in use stays.",
            issue="catalogue-refused",
        ) from e


def _decoded(text: str) -> bytes:
    """Return the bytes of a base64 text; b"" if it is none."""
    try:
        return b64decode("".join(text.split()).encode(), validate=True)
    except Base64Error:
        return b""
