"""Signs a catalogue of models with the project's key: `make sign-catalogue CATALOGUE=... KEY=...`.

It refuses what `stackctl models update` would refuse, and writes the signature beside the file, as FILE.sig: the 64
bytes of Ed25519 in base64. The key is a PEM file of `openssl genpkey -algorithm ed25519`.
"""

import sys
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from stackctl.core.catalogue.parse import parse
from stackctl.core.catalogue.update_source import MOST_BYTES


def signature(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return what lies beside a catalogue."""
    return b64encode(key.sign(content)) + b"\n"


def main(catalogue: str, key_file: str) -> None:
    content = Path(catalogue).read_bytes()
    assert len(content) <= MOST_BYTES
    found = parse(content.decode())
    key = load_pem_private_key(Path(key_file).read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    target = Path(f"{catalogue}.sig")
    target.write_bytes(signature(content, key))
    print(f"{target}: signed {len(found.entries)} models of {found.date}")


if __name__ == "__main__":
    main(*sys.argv[1:])
