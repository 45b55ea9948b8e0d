"""The program that fetches a model's files on a node, and what it printed."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stackctl.contracts.host import Owner
from stackctl.terminal import shown_in_line

TOKEN: Final = "/run/secrets/stackctl-token"  # noqa: S105 - the path of the file that has it
TAIL: Final = "40"  # lines that are read of its output
MOST_BYTES: Final = 64 << 10
PART: Final = ".stackctl-part"  # at the end of a file's name, until it is whole
_MARK: Final = "stackctl-brings"
_LONGEST: Final = 300
# bash alone reads from the network here: curl, python3 and wget are each missing in one of the images. What was
# received before an interruption is kept, and the next try asks for the rest.
_PROGRAM: Final = r"""set -u
umask 022
p() { printf '%(mark)s %%s\n' "$*"; }
fail() { p "failed $*"; exit 1; }
host=$1 port=$2 owner=$3 token=$(<%(token)s)
shift 3
make() { # the folder, and those above it, for the model's owner
  local top=$1
  [ ! -d "$1" ] || return 0
  while [ ! -d "${top%%/*}" ]; do top=${top%%/*}; done
  mkdir -p "$1" && chown -R "$owner" "$top"
}
ask() {
  exec 3<>"/dev/tcp/$host/$port" || return 1
  printf 'GET /%%s HTTP/1.0\r\nAuthorization: Bearer %%s\r\nRange: bytes=%%s-\r\n\r\n' "$1" "$token" "$2" >&3
  status= line=
  IFS= read -r -t "$3" status <&3 || return 1
  while IFS= read -r -t 60 line <&3 && [ "$line" != $'\r' ]; do :; done
  case $status in *" 206 "*|*" 200 "*) return 0;; *) return 1;; esac
}
size() { stat -L -c %%s "$1" 2>/dev/null || echo 0; }
receive() { # number, part, whole size
  local before now idle=0 pid
  before=$(size "$2")
  [ "$before" -lt "$3" ] || return 0
  ask "$1" "$before" 60 || return 1
  cat <&3 >> "$2" & pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    now=$(size "$2")
    p "at $1 $now"
    if [ "$now" = "$before" ]; then idle=$((idle + 1)); else idle=0; before=$now; fi
    [ "$idle" -lt 60 ] || kill "$pid" 2>/dev/null
  done
  wait "$pid"
  exec 3>&-
}
while [ $# -ge 4 ]; do
  number=$1 target=$2 whole=$3 mode=$4
  shift 4
  part=$target%(part)s folder=${target%%/*}
  make "$folder" 2>/dev/null || fail "closed $folder"
  [ -w "$folder" ] || fail "closed $folder"
  have=$(size "$part")
  [ "$have" -le "$whole" ] || { rm -f "$part"; have=0; }
  free=$(df -Pk "$folder" | { read -r a; read -r a b c d e; echo "$d"; })
  [ $((free * 1024)) -ge $((whole - have)) ] || fail "room $((free * 1024)) $((whole - have))"
  : >> "$part" || fail "closed $folder"
  for try in 1 2 3 4 5; do
    receive "$number" "$part" "$whole" 2>/dev/null
    [ "$(size "$part")" -lt "$whole" ] || break
    sleep 2
  done
  [ "$(size "$part")" = "$whole" ] || fail "cut $(size "$part")"
  p "checks $number"
  sum=$(sha256sum < "$part"); sum=${sum%%%% *}
  ask "$number.sha256" 0 3600 2>/dev/null || fail "cut $whole"
  IFS= read -r -t 60 wanted <&3 || fail "cut $whole"
  exec 3>&-
  [ "$sum" = "$wanted" ] || { rm -f "$part"; fail "differs $number"; }
  chown "$owner" "$part" && chmod "$mode" "$part" && sync "$part" && mv -f "$part" "$target" || fail "closed $folder"
  p "done $number"
done
p end
"""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to fetch: its path inside the container, its size, and its mode in octal digits."""

    target: str
    size: int
    mode: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the program printed last. done: numbers of files that are there; at: of the current one, with its bytes."""

    done: frozenset[int] = frozenset()
    current: int = 0
    at: int = 0
    checks: bool = False
    failed: tuple[str, str] | None = None  # why, and more words
    is_whole: bool = False


def program(host: str, port: int, owner: Owner, files: Iterable[File]) -> tuple[str, ...]:
    """Return the command line. The token is no part of it. owner: of what is written, with the ids inside."""
    script = _PROGRAM % {"mark": _MARK, "token": shlex.quote(TOKEN), "part": PART}
    words = [word for number, one in enumerate(files) for word in (str(number), one.target, str(one.size), one.mode)]
    return ("/bin/bash", "-c", script, "stackctl", host, str(port), str(owner), *words)


def read_progress(text: str) -> Progress:
    """Return what the last lines of the program's output say."""
    done: set[int] = set()
    current, at, checks, is_whole = 0, 0, False, False
    failed: tuple[str, str] | None = None
    for line in text[-MOST_BYTES:].splitlines():
        mark, _, rest = line.partition(" ")
        kind, _, value = shown_in_line(rest)[:_LONGEST].partition(" ")
        numbers = [int(one[:18]) for one in value.split() if one.isascii() and one.isdecimal()]
        if mark != _MARK:
            continue
        if kind == "at" and len(numbers) == 2:
            current, at, checks = numbers[0], numbers[1], False
        elif kind == "checks" and numbers:
            current, checks = numbers[0], True
        elif kind == "done" and numbers:
            done.add(numbers[0])
        elif kind == "failed":
            why, _, more = value.partition(" ")
            failed = why, more
        elif kind == "end":
            is_whole = True
    return Progress(
        done=frozenset(done), current=current, at=at, checks=checks, failed=failed, is_whole=is_whole and not failed
    )
