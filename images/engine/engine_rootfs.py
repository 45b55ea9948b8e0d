"""The base image that our Dockerfiles' FROM names, made with debootstrap if it cannot be pulled."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from apt_sources import Stanza
from engine_dir import EngineDir, EngineError, run, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# folders that a slim image does not have
DOCUMENTATION = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
LEFT_OVERS = ("var/cache", "var/lib/apt/lists", "var/log")

APT_CONF = """\
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
"""


def wanted_base(dockerfile: str) -> tuple[str, str]:
    """Return the image of a Dockerfile's first FROM, and the suite in its tag (debian:SUITE-slim)."""
    words = next((line.split() for line in dockerfile.splitlines() if line.startswith("FROM ")), [])
    image = words[1] if len(words) > 1 else ""
    name, _, tag = image.partition(":")
    if name != "debian" or not tag:
        raise EngineError(f"FROM {image!r}: only debian:SUITE can be made here")
    return image, tag.removesuffix("-slim")


def debootstrap_argv(script: Path, suite: str, target: Path, mirror: str, keyring: str) -> tuple[str, ...]:
    # every suite after bookworm is set up as sid is; an older debootstrap may not know the name
    sid = script.parents[1] / "share/debootstrap/scripts/sid"
    options = ("--variant=minbase", f"--keyring={keyring}")
    return ("sh", str(script), *options, suite, str(target), mirror, str(sid))


def image_sources(stanzas: Sequence[Stanza]) -> str:
    """Return the sources for the image's apt: the machine's mirror, the image's own keyring."""
    inside = [
        Stanza(s.uris, s.suites, s.components, (("Signed-By", KEYRING), *(o for o in s.options if o[0] == "Trusted")))
        for s in stanzas
    ]
    return "\n".join(stanza.text() for stanza in inside)


def keyring_of(stanza: Stanza) -> str:
    named = dict(stanza.options).get("Signed-By", KEYRING)
    return named if named.startswith("/") else KEYRING


def slim(target: Path, sources: str) -> None:
    """Make it like debian:*-slim: copyright notices but no documentation, no caches, nothing from this machine."""
    for old in (target / "etc/apt/sources.list", *(target / "etc/apt/sources.list.d").glob("*")):
        old.unlink(missing_ok=True)
    (target / "etc/apt/sources.list.d/debian.sources").write_text(sources)
    (target / "etc/apt/apt.conf.d/image").write_text(APT_CONF)
    excluded = "".join(f"path-exclude /{folder}/*\n" for folder in DOCUMENTATION)
    (target / "etc/dpkg/dpkg.cfg.d/image").write_text(excluded + "path-include /usr/share/doc/*/copyright\n")
    for folder in (*DOCUMENTATION, *LEFT_OVERS):
        for path in (target / folder).rglob("*"):
            if path.name != "copyright" and (path.is_file() or path.is_symlink()):
                path.unlink()
    for name in ("resolv.conf", "hostname"):  # debootstrap copies the machine's file
        (target / "etc" / name).unlink(missing_ok=True)


def put_wget(tools: Path) -> None:
    """Give debootstrap a wget in Python, because a minimal machine has none."""
    tools.mkdir(exist_ok=True)
    wget = tools / "wget"
    script = Path(__file__).with_name("wget.py")
    wget.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(script)])} "$@"\n')
    wget.chmod(0o755)


def unmount_below(folder: Path) -> None:
    """Unmount the innermost first, and lazily, because a dying process may still hold one."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    points = [Path(m.replace("\\040", " ").replace("\\134", "\\")) for m in mounts]
    for point in sorted((p for p in points if p.is_relative_to(folder)), key=lambda p: -len(p.parts)):
        run(("umount", "-l", point), echo=False)


def make(where: EngineDir, prefix: Path, suite: str, stanzas: Sequence[Stanza]) -> Path:
    """Make a root file system of `suite` with only what its packages need."""
    target = where.root / "rootfs"
    if target.exists():  # left by an interrupted run
        unmount_below(target)
        shutil.rmtree(target)
    script = prefix / "usr/sbin/debootstrap"
    argv = debootstrap_argv(script, suite, target, stanzas[0].uris[0], keyring_of(stanzas[0]))
    tools = where.root / "debootstrap-tools"
    if shutil.which("wget", path=SYSTEM_PATH) is None:
        put_wget(tools)
    env = {**os.environ, "DEBOOTSTRAP_DIR": str(prefix / "usr/share/debootstrap"), "PATH": f"{tools}:{SYSTEM_PATH}"}
    say(f"  debootstrap {suite} (about a minute)")
    try:
        run(argv, env=env, echo=False)
    finally:
        unmount_below(target)
    slim(target, image_sources(stanzas))
    return target


def import_argv(docker: Sequence[str], image: str) -> tuple[str, ...]:
    return (*docker, "import", "--change", 'CMD ["bash"]', "-", image)


def import_image(docker: Sequence[str], root: Path, image: str) -> None:
    tar = ("tar", "--numeric-owner", "-C", str(root), "-c", ".")
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as archive:
        done = subprocess.run(
            import_argv(docker, image), stdin=archive.stdout, capture_output=True, text=True, check=False
        )
    if archive.returncode or done.returncode:
        raise EngineError(f"{image} cannot be imported: {done.stderr.strip()}")
