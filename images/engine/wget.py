"""Download one file, called as debootstrap calls wget: `wget [options] -O FILE URL`."""

from __future__ import annotations

import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path


def target_and_url(argv: Sequence[str]) -> tuple[str, str]:
    """Return ('FILE', 'URL'); options that only change the output are ignored."""
    words = list(argv)
    target = words[words.index("-O") + 1] if "-O" in words else ""
    url = next((word for word in words if word.startswith(("http://", "https://"))), "")
    return target, url


def main(argv: Sequence[str]) -> int:
    target, url = target_and_url(argv)
    if not target or not url:
        return 2
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, Path(target).open("wb") as file:  # noqa: S310 - http, https
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, OSError) as e:
        print(f"{url}: {e}", file=sys.stderr)
        return 8  # wget's code for an error of the server
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
