"""`stackctl doctor --report FILE`: an archive for who helps, without secrets and without chats."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackctl import __version__
from stackctl.core.doctor.redaction import Redaction
from stackctl.core.doctor.report_archive import MANIFEST, TOP, Member, manifest, members, unpacked
from stackctl.errors import ConfigError, DataError
from stackctl.machine import Machine
from stackctl.steps.doctor.report_files import report_files
from stackctl.steps.doctor.report_secrets import known_secrets, personal_names
from stackctl.terminal import command_line


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report that was written. size: bytes of the archive."""

    path: Path
    size: int
    members: tuple[Member, ...]

    @property
    def says(self) -> str:
        taken = sum(sum(one.redacted.values()) for one in self.members)
        return (
            f"wrote {self.path}: {len(self.members)} files, {self.size >> 10} KiB; {taken} places were redacted. Look "
            f"through it before you share it: `{command_line('tar', '-tzvf', self.path)}` lists it, and "
            f"`{command_line('tar', '-xzOf', self.path, '--wildcards', f'*/{MANIFEST}')}` says what was taken out"
        )


def refuse_target(archive: Path) -> None:
    """Raise ConfigError where no new file can be made; before anything is looked at."""
    if archive.is_symlink() or archive.exists():
        raise ConfigError(f"{archive} is there already", hint="Name a new file with `--report`, or remove that one.")
    if not archive.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {archive.absolute().parent}", hint="Make it, or name another file.")


def write_report(machine: Machine, documents: Mapping[str, tuple[str, Any]], archive: Path) -> Report:
    """Write the archive, completely or not at all; nothing is written if a secret is still in it.

    documents: files of it -> what each is, and its content, as JSON has it. Raises DataError.
    """
    archive = archive.absolute()
    refuse_target(archive)
    machine.ui.step("Collecting the report")
    sources, names = report_files(machine, documents)
    redaction = Redaction(known_secrets(machine), personal_names(machine))
    found = tuple(members(sources, redaction, names))
    texts = {MANIFEST: manifest(found, __version__), **{one.name: one.text for one in found}}
    content = machine.storage.trees.packed(TOP, texts, machine.system.now())
    if leaks := redaction.leaks(unpacked(content)):
        raise DataError(
            f"no report was written: it would still have had a secret ({', '.join(leaks)})",
            hint="Report this: a secret in a place that stackctl does not know is a bug of stackctl.",
        )
    machine.storage.write_new(archive, content)
    return Report(path=archive, size=len(content), members=found)
