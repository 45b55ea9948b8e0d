"""Where file systems are mounted, from /proc/self/mountinfo."""

import re
from collections.abc import Iterator
from typing import Final

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")  # a blank, a tab, a line's end and a backslash


def mount_points(mountinfo: str) -> Iterator[str]:
    """Give the place of each mount; source: man 5 proc_pid_mountinfo."""
    for line in mountinfo.splitlines():
        words = line.split(" ")
        if len(words) > 4:
            yield _ESCAPED.sub(lambda found: chr(int(found[1], 8)), words[4])
