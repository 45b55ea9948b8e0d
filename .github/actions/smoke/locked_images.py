"""Print the images of a stack.lock by their digests, one a line; nothing for a file that stackctl will refuse."""

import json
import sys
from pathlib import Path


def images(text: str) -> list[str]:
    """Return each recorded image as `repository@digest`; [] for anything that is no stack.lock."""
    try:
        lock = json.loads(text)
        digests = [(str(name), str(digest)) for name, digest in lock["digests"].items()]
        chosen = [str(one["value"]) for key, one in lock["decisions"].items() if key.endswith(".image")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    named = [(name, digest) for name, at, digest in (image.partition("@") for image in chosen) if at]
    return sorted({f"{_repository(name)}@{digest}" for name, digest in (*digests, *named)})


def _repository(name: str) -> str:
    """Return a name without its tag; a colon before the last slash is a port's."""
    return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name


if __name__ == "__main__":
    file = Path(sys.argv[1])
    for image in images(file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""):
        print(image)
