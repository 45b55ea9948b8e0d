"""The program that a look runs on each node, and what it printed, which is read strictly: an image may lie."""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Final

from stackctl.contracts.host import Cpu, Gpu
from stackctl.contracts.node import FileSeen
from stackctl.terminal import shown_in_line

HEAD_BYTES: Final = 1 << 20
MOST_BYTES: Final = 256 << 10  # of a node's output
_MARK: Final = "stackctl-sees"  # begins each line of ours
_LISTING_S: Final = 30  # nvidia-smi wakes each GPU
_MOST_GPUS: Final = 64
_MOST_SUBNETS: Final = 256
_MOST_TEXT: Final = 200
_QUERY: Final = "index,uuid,name,memory.total,memory.free,driver_version,compute_cap"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_UUID: Final = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z./-]{1,80}")
_VERSION: Final = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){0,3}")
_HEX: Final = re.compile(r"[0-9A-F]{8}")


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a look printed on one node. None: it did not say. is_whole: it came to its end."""

    files: tuple[FileSeen, ...] = ()
    free_bytes: int | None = None
    total_mib: int | None = None
    free_mib: int | None = None
    cpu: Cpu | None = None
    gpus: tuple[Gpu, ...] = ()
    devices: tuple[str, ...] = ()  # device files of NVIDIA GPUs
    faults: tuple[str, ...] = ()  # what nvidia-smi said instead of a list
    resources: dict[str, str] = field(default_factory=dict)  # DOCKER_RESOURCE_* variables
    subnets: tuple[str, ...] = ()  # those that the node has a route to
    is_whole: bool = False


def script(files: Iterable[str], *, asks_gpu: bool) -> str:
    """Return the program, for a shell. files: their paths inside the container, in the order of the answer."""
    paths = list(files)
    lines = [f"p() {{ printf '{_MARK} %s\\n' \"$*\"; }}", *_file_lines(paths)]
    if paths:
        folder = shlex.quote(paths[0].rpartition("/")[0] or "/")
        lines.append(f'df -Pk {folder} 2>/dev/null | {{ read -r a; read -r a b c d e; p free "$d"; }}')
    lines += [
        (
            'while read -r k v e; do case $k in MemTotal:) p total "$v";; MemAvailable:) p available "$v";; esac; done'
            " < /proc/meminfo"
        ),
        'p machine "$(uname -m)"',
        'while read -r k v; do case $k in flags) p flags "$v"; break;; esac; done < /proc/cpuinfo',
        'while read -r i d g f r u m k e; do p route "$d" "$k"; done < /proc/net/route',
        'env | while IFS= read -r v; do case $v in DOCKER_RESOURCE_*) p variable "$v";; esac; done',
    ]
    if asks_gpu:
        lines += [
            'for f in /dev/nvidia[0-9]* /dev/nvidiactl /dev/dxg; do [ -e "$f" ] && p device "$f"; done',
            "if command -v nvidia-smi >/dev/null 2>&1; then",
            (
                f"  timeout {_LISTING_S} nvidia-smi --query-gpu={_QUERY} --format=csv,noheader,nounits 2>&1 |"
                ' while IFS= read -r v; do p gpu "$v"; done'
            ),
            "fi",
        ]
    return "\n".join([*lines, "p end"])


def _file_lines(paths: list[str]) -> Iterator[str]:
    for number, path in enumerate(paths):
        at = shlex.quote(path)
        head = f'"$(head -c {HEAD_BYTES} {at} 2>/dev/null | sha256sum)"'
        yield f"if [ ! -e {at} ]; then p file {number} missing"
        yield f'elif [ -r {at} ]; then p file {number} "$(stat -L -c %s {at})" {head}'
        yield f'else p file {number} "$(stat -L -c %s {at})" closed; fi'


def read_printed(text: str, paths: Iterable[str]) -> Printed:
    """Return what a look printed. paths: the files' paths on the node, in the order in which they were asked for."""
    said: dict[str, list[str]] = {}
    for line in text[:MOST_BYTES].splitlines():
        mark, _, rest = line.partition(" ")
        kind, _, value = rest.partition(" ")
        if mark == _MARK:
            said.setdefault(kind, []).append(shown_in_line(value.strip()))
    rows = [[part.strip() for part in line.split(",")] for line in said.get("gpu", [])[:_MOST_GPUS]]
    gpus = tuple(gpu for row in rows if (gpu := _gpu(row)))
    return Printed(
        files=tuple(_files(said.get("file", []), list(paths))),
        free_bytes=_times(said.get("free"), 1024),
        total_mib=_mib(said.get("total")),
        free_mib=_mib(said.get("available")),
        cpu=_cpu(said),
        gpus=gpus,
        devices=tuple(one[:_MOST_TEXT] for one in said.get("device", [])[:_MOST_GPUS] if one.startswith("/dev/")),
        faults=() if gpus else tuple(one[:_MOST_TEXT] for one in said.get("gpu", [])[:3] if one),
        resources=dict(_variables(said.get("variable", []))),
        subnets=tuple(dict.fromkeys(_subnets(said.get("route", [])[:_MOST_SUBNETS]))),
        is_whole="end" in said,
    )


def _files(lines: list[str], paths: list[str]) -> Iterator[FileSeen]:
    """Yield each file that was answered once, as it was asked for."""
    for line in lines:
        number, size, head = [*line.split(" ", 2), "", ""][:3]
        if not number.isdecimal() or int(number) >= len(paths):
            continue
        path, digest = paths[int(number)], head[:64]
        if size == "missing":
            yield FileSeen(path=path)
        elif size.isdecimal():
            yield FileSeen(path=path, size=int(size[:18]), head=digest if _SHA256.fullmatch(digest) else "")


def _gpu(row: list[str]) -> Gpu | None:
    """Return a GPU of nvidia-smi's list; None for a line that is none."""
    if len(row) != len(_QUERY.split(",")):
        return None
    index, uuid, name, total, free, driver, compute = row
    if not index.isdecimal() or not _UUID.fullmatch(uuid):
        return None
    return Gpu(
        index=int(index[:4]),
        uuid=uuid,
        name=name[:_MOST_TEXT] or "GPU",
        total_mib=_number(total),
        free_mib=min(_number(free), _number(total)),
        driver=driver if _VERSION.fullmatch(driver) else "",
        compute=tuple(map(int, compute.split("."))) if _VERSION.fullmatch(compute) else (),
    )


def _cpu(said: dict[str, list[str]]) -> Cpu | None:
    machine, flags = said.get("machine", [""])[0][:40], said.get("flags", [""])[0].split()
    if not re.fullmatch(r"[a-z0-9_]+", machine):
        return None
    if not flags:
        return Cpu(architecture=machine)
    return Cpu(architecture=machine, avx="avx" in flags, avx2="avx2" in flags)


def _variables(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines[:_MOST_GPUS]:
        name, _, value = line.partition("=")
        yield name[:_MOST_TEXT], value[:_MOST_TEXT]


def _subnets(lines: list[str]) -> Iterator[str]:
    """Yield the networks of /proc/net/route, whose numbers are hexadecimal, the last byte first."""
    for line in lines:
        target, _, mask = line.partition(" ")
        if not (_HEX.fullmatch(target) and _HEX.fullmatch(mask)) or int(mask, 16) == 0:
            continue
        address, bits = (int.from_bytes(bytes.fromhex(one), "little") for one in (target, mask))
        if (~bits & 0xFFFFFFFF) & ((~bits & 0xFFFFFFFF) + 1):
            continue  # no mask: its ones are not in front
        yield str(IPv4Network((address & bits, bits.bit_count())))


def _number(text: str) -> int:
    return int(text[:12]) if text.isdecimal() else 0


def _times(lines: list[str] | None, factor: int) -> int | None:
    text = lines[0] if lines else ""
    return int(text[:18]) * factor if text.isdecimal() else None


def _mib(lines: list[str] | None) -> int | None:
    kib = _times(lines, 1)
    return None if kib is None else kib >> 10
