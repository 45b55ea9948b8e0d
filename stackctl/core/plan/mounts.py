"""The host's files that the backend sees: the model's files one by one, and its program; and their reader."""

import hashlib
from collections.abc import Mapping

from stackctl.backends.contract import Backend
from stackctl.contracts.host import Owner
from stackctl.contracts.service import Mount
from stackctl.core.observed import Observed
from stackctl.errors import ModelError
from stackctl.secret import Secret
from stackctl.terminal import command_line


def reader(seen: Observed) -> Owner:
    """Return the user that reads the model: its owner, or a rootless engine's user. Raise ModelError if it can't."""
    is_rootless = seen.engine is not None and seen.engine.is_rootless
    owner = (seen.engine and seen.engine.user) or seen.owner if is_rootless else seen.model.files[0].owner
    whose = "the user that the rootless engine runs as" if is_rootless else "its model's owner, who runs the backend"
    for file in seen.model.files:
        whom, bit = _access(file.owner, owner)
        if not file.mode & bit:  # also for root, which runs without the capability to read files of others
            raise ModelError(
                f"{file.name} can't be read by user {owner.uid}, {whose}",
                hint=f"Run `{command_line('chmod', f'{whom}+r', file.host)}`.",
                issue="folder-not-readable",
            )
    return owner


def _access(of: Owner, by: Owner) -> tuple[str, int]:
    """Return (chmod's letter, the bit of a file's mode) that lets one user read another's file."""
    if of.uid == by.uid:
        return "u", 0o400
    return ("g", 0o040) if of.gid == by.gid else ("o", 0o004)


def model_mounts(seen: Observed, backend: Backend) -> tuple[Mount, ...]:
    above = backend.MODEL_DIR / seen.model.name if seen.model.is_folder else backend.MODEL_DIR
    return tuple(Mount(source=str(file.host), target=str(above / file.name)) for file in seen.model.files)


def program_mount(seen: Observed, name: str, entrypoint: tuple[str, ...]) -> tuple[Mount, ...]:
    program = seen.programs.get(name)
    return (Mount(source=str(program), target=entrypoint[0]),) if program else ()


def fingerprint(seen: Observed, files: Mapping[str, Secret]) -> str:
    """Return a hash of what is mounted, including generated texts. A key of 32 characters can't be found from it."""
    texts = sorted((name, text.reveal()) for name, text in files.items())
    content = [(file.name, file.size, file.modified_ns) for file in seen.model.files], texts
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]
