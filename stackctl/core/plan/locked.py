"""Whether a deploy would bring up exactly what stack.lock records: `stackctl deploy --locked`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackctl import __version__
from stackctl.core.config.lock import FILE, Lock
from stackctl.core.plan import exposure, gpu_request, host_names, time_zone
from stackctl.core.plan.images import OWN, unpinned
from stackctl.errors import ConfigError

# where a stack lies on its machine, which has no part in what runs in it
_PLACES: Final = (host_names.KEY, time_zone.KEY, "sillytavern.port", "network.")
# how long somebody waits, and what somebody answered: no part of what runs
ANSWERS: Final = (exposure.ASKED, gpu_request.ASKED)
_NEVER_ENDS: Final = (".patience", ".start_period")
_NONE: Final = "nothing"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that would be deployed otherwise than it is recorded."""

    what: str
    was: str
    would_be: str

    def __str__(self) -> str:
        return f"{self.what} was {self.was}, would be {self.would_be}"


def model_record(files: Mapping[str, tuple[int, str]], revision: str) -> dict[str, Any]:
    """Return what stack.lock records of a model; {} for one without files.

    `files`: name -> size in bytes and sha256 ("": not known). `revision`: the commit of its repository, "" for none.
    """
    if not files:
        return {}
    listed = {name: {"bytes": size, "sha256": sha256} for name, (size, sha256) in files.items()}
    return {"files": listed, "revision": revision}


def differences(recorded: Lock, now: Lock, images: Iterable[str], *, places: bool = True) -> tuple[Difference, ...]:
    """Return every difference between what is recorded and what would be deployed.

    `images`: those of the services, as they would run. `places`: the port, the networks and the names count, too.
    """
    return (
        *_version(recorded),
        *_decisions(recorded, now, places=places),
        *_images(recorded, images),
        *_model(recorded.model, now.model),
    )


def refuse_differences(found: tuple[Difference, ...]) -> None:
    """Raise ConfigError where anything differs, with all of it, and the command that accepts it."""
    if found:
        raise ConfigError(
            f"--locked: this deploy differs from {FILE}: {'; '.join(map(str, found))}",
            hint=f"Run `stackctl deploy` without `--locked` to accept this, and commit {FILE}.",
            issue="lock-differs",
        )


def _version(recorded: Lock) -> Iterator[Difference]:
    by = recorded.rendered.get("by", _NONE)
    if by != __version__:
        yield Difference(what="stackctl", was=by, would_be=__version__)


def _decisions(recorded: Lock, now: Lock, *, places: bool) -> Iterator[Difference]:
    for key in sorted(recorded.decisions.keys() | now.decisions.keys()):
        is_place = key.startswith(_PLACES)
        if key in ANSWERS or key.endswith(_NEVER_ENDS) or (is_place and not places):
            continue
        was, would_be = (_shown(lock, key) for lock in (recorded, now))
        if was != would_be:
            yield Difference(what=key, was=was, would_be=would_be)


def _shown(lock: Lock, key: str) -> str:
    return json.dumps(lock.decisions[key].value, ensure_ascii=False) if key in lock.decisions else _NONE


def _images(recorded: Lock, images: Iterable[str]) -> Iterator[Difference]:
    """An image of which no digest is recorded: its tag may mean anything. Our own are built, and known by name."""
    for name in dict.fromkeys(images):
        if name not in OWN and "@" not in name and not recorded.digests.get(unpinned(name, recorded.digests)):
            yield Difference(what=f"the digest of {name}", was="not recorded", would_be="what its tag means")


def _model(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    before, after = was.get("files", {}), now.get("files", {})
    for name in sorted(before.keys() | after.keys()):
        if not _is_same(before.get(name), after.get(name), is_revision=_revision(was) == _revision(now)):
            yield Difference(
                what=f"the model's file {name}",
                was=_of_file(before.get(name), was),
                would_be=_of_file(after.get(name), now),
            )


def _is_same(was: Any, now: Any, *, is_revision: bool) -> bool:
    """Whether two records are of the same bytes: by sha256, else by the revision, else by the size alone."""
    if not isinstance(was, dict) or not isinstance(now, dict):
        return False
    if was.get("sha256") and now.get("sha256"):
        return bool(was["sha256"] == now["sha256"])
    return is_revision and was.get("bytes") == now.get("bytes")


def _revision(model: Mapping[str, Any]) -> str:
    return str(model.get("revision") or "")


def _of_file(file: Any, model: Mapping[str, Any]) -> str:
    if not isinstance(file, dict):
        return _NONE
    known = f"sha256:{file['sha256']}" if file.get("sha256") else f"{file.get('bytes')} bytes"
    return f"{known} of revision {_revision(model)}" if _revision(model) else known
