"""Debian packages of any suite, unpacked into a private prefix, with the machine's apt configuration.

The machine's sources are only read: a copy with the suite's name replaced goes into a separate folder, and the
lists, the cache and the (empty) package status are private too. Nothing is installed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine_dir import EngineError, run, say

POCKETS = ("", "-updates", "-security")
ROLES = ("stable", "testing", "unstable", "sid", "oldstable")  # what sources may have instead of a codename


@dataclass(frozen=True)
class Stanza:
    """One `Types: deb` entry of deb822."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()  # e.g. ("Signed-By", "/usr/share/keyrings/...")

    def text(self) -> str:
        fields = [
            ("Types", "deb"),
            ("URIs", " ".join(self.uris)),
            ("Suites", " ".join(self.suites)),
            ("Components", " ".join(self.components)),
            *self.options,
        ]
        return "".join(f"{name}: {value}\n" for name, value in fields)


def parse_deb822(text: str) -> list[Stanza]:
    """The binary entries of a .sources file; disabled ones are left out."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace():
                fields[name] += "\n" + line
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false"):
            continue
        if any(word not in fields for word in ("uris", "suites", "components")):
            continue  # flat repositories have no distribution
        kept = [(key.title(), fields[key]) for key in ("signed-by", "trusted", "architectures") if key in fields]
        found.append(
            Stanza(
                tuple(fields["uris"].split()),
                tuple(fields["suites"].split()),
                tuple(fields["components"].split()),
                tuple(kept),
            )
        )
    return found


def parse_one_line(text: str) -> list[Stanza]:
    """The binary entries of a sources.list file."""
    names = {"signed-by": "Signed-By", "trusted": "Trusted", "arch": "Architectures"}
    found = []
    for line in text.splitlines():
        match = re.match(r"^\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if match is None:
            continue
        options = dict(word.split("=", 1) for word in (match[1] or "").split() if "=" in word)
        kept = tuple((names[key], value.replace(",", " ")) for key, value in options.items() if key in names)
        found.append(Stanza((match[2],), (match[3],), tuple(match[4].split()), kept))
    return found


def for_suite(stanzas: Sequence[Stanza], codename: str, suite: str) -> list[Stanza]:
    """The entries of the machine's own suite, with its name exchanged for `suite`.

    Its own suite keeps the updates and security pockets; another one has its main archive alone, since sid has no
    pockets and what we take from other suites is unpacked for a test engine, not installed. A vendor's archive may
    use the distribution's suite names, but it will have no other suite under them: it is left out by its components.
    """
    for name in (codename, *ROLES):
        if suite == codename:
            found = exchanged(stanzas, {name + pocket: name + pocket for pocket in POCKETS})
        else:
            found = exchanged([s for s in stanzas if "main" in s.components], {name: suite})
        if found:
            return found
    return []


def exchanged(stanzas: Iterable[Stanza], wanted: dict[str, str]) -> list[Stanza]:
    found = []
    for stanza in stanzas:
        suites = tuple(wanted[name] for name in stanza.suites if name in wanted)
        if suites:
            found.append(Stanza(stanza.uris, suites, stanza.components, stanza.options))
    return found


def machine_stanzas(etc_apt: Path = Path("/etc/apt")) -> list[Stanza]:
    """Return the machine's whole apt configuration."""
    parts = etc_apt / "sources.list.d"
    lists = [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]
    found = [stanza for path in sorted(parts.glob("*.sources")) for stanza in parse_deb822(path.read_text())]
    return found + [stanza for path in lists if path.exists() for stanza in parse_one_line(path.read_text())]


def apt_conf(folder: Path) -> str:
    """Return the settings that make apt work on `folder` only; read after the machine's (proxy, certificates)."""
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": folder / "sources",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": folder / "none",
        "Dir::State": folder / "state",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Acquire::Check-Valid-Until": "false",  # a snapshot mirror has an expired Release file
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",  # the user _apt need not reach this folder
    }
    # what the machine runs after an update (cleaning its cache, telling a desktop) is for its own lists
    cleared = "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
    return cleared + "".join(f'{name} "{value}";\n' for name, value in settings.items())


def update_argv() -> tuple[str, ...]:
    return ("apt-get", "-q", "update")


def download_argv(debs: Path, packages: Sequence[str]) -> tuple[str, ...]:
    return ("env", "-C", str(debs), "apt-get", "-q", "download", *packages)


def unpack_argv(deb: Path, prefix: Path) -> tuple[str, ...]:
    return ("dpkg", "-x", str(deb), str(prefix))


def lay_out(folder: Path, stanzas: Sequence[Stanza], etc_apt: Path = Path("/etc/apt")) -> dict[str, str]:
    """Write the private configuration; return the environment that makes apt use it."""
    for name in ("conf", "sources", "none", "state", "lists/partial", "cache/archives/partial", "debs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources" / "machine.sources").write_text("\n".join(stanza.text() for stanza in stanzas))
    parts = etc_apt / "apt.conf.d"
    for part in parts.iterdir() if parts.exists() else ():
        shutil.copyfile(part, folder / "conf" / part.name)
    (folder / "conf" / "zz-private").write_text(apt_conf(folder))
    (folder / "apt.conf").write_text(f'Dir::Etc::Parts "{folder / "conf"}";\n')
    return {**os.environ, "APT_CONFIG": str(folder / "apt.conf")}


def fetch(folder: Path, codename: str, suite: str, packages: Sequence[str]) -> Path:
    """Download and unpack what is missing; return the prefix. The next run continues an interrupted one."""
    prefix, done = folder / "prefix", folder / "done"
    missing = [name for name in packages if not (done / name).exists()]
    if not missing:
        return prefix
    stanzas = for_suite(machine_stanzas(), codename, suite)
    if not stanzas:
        raise EngineError(f"apt has no source for {codename} to take {suite} from", "Check /etc/apt/sources.list.d.")
    env = lay_out(folder, stanzas)
    say(f"  {suite}: {' '.join(missing)}")
    complaint = ""
    try:
        run(update_argv(), env=env, echo=False)
    except EngineError as e:  # one vendor's archive may fail while all that we need is available
        complaint = e.message
    try:
        run(download_argv(folder / "debs", missing), env=env, echo=False)
    except EngineError as e:
        raise EngineError(f"{e.message}\n{complaint}".strip(), "Run this again: it continues where it stopped.") from e
    done.mkdir(exist_ok=True)
    for name in missing:
        for deb in (folder / "debs").glob(f"{name}_*.deb"):
            run(unpack_argv(deb, prefix), echo=False)
            deb.unlink()
        (done / name).touch()
    return prefix


def shell_wrapper(program: Path, variables: dict[str, str], name: str | None = None) -> str:
    """Return a script that runs `program` with its prefix's libraries, under the name `name`."""
    lines = [f"export {key}={shlex.quote(value)}" for key, value in variables.items()]
    words = [str(program), *([name] if name else [])]
    return "#!/bin/sh\n" + "\n".join(lines) + f'\nexec {shlex.join(words)} "$@"\n'
