"""Images: which are there, pulling them (through the SDK, layer by layer), building our own (docker build)."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stackctl.core.plan.images import BASE, HOLDS_US, OWN, repository
from stackctl.effects.docker.client import Client, engine_words, sdk_errors
from stackctl.errors import DoesNotFit, EngineError
from stackctl.terminal import command_line

_UNPACKED = 2  # size of an unpacked layer, in packed ones; 1.8 to 2.5 for CUDA images


class Images:
    """The engine's images. `progress(text)` is told what happens, as often as it changes."""

    def __init__(
        self,
        engine: Client,
        root: Callable[[], Path],
        progress: Callable[[str], None],
        free_bytes: Callable[[], int | None],
        packed_bytes: Callable[[str], int | None],
    ) -> None:
        self._engine, self._root, self._progress = engine, root, progress
        self._free_bytes, self._packed_bytes = free_bytes, packed_bytes

    def check_room(self, names: Iterable[str]) -> None:
        """Raise DoesNotFit if the images of these that are still to be pulled do not fit on the disk together.

        Where another version of one is here its layers may be shared: then the pull tells, as soon as it has begun.
        """
        free = self._free_bytes()
        missing = [name for name in dict.fromkeys(names) if name not in OWN and self.digest(name) is None]
        if free is None or not missing:
            return
        self._progress(f"asking how large {', '.join(missing)} will be")
        fresh = [name for name in missing if not self._engine.client.api.images(name=repository(name))]
        sizes = {name: packed for name in fresh if (packed := self._packed_bytes(name))}
        needed = sum(sizes.values()) * (1 + _UNPACKED)
        if needed > free:
            raise _no_room(" and ".join(sizes), needed, free)

    def packed_bytes(self, name: str) -> int | None:
        """Ask the registry how many bytes an image has as it is sent, all layers together; None: it does not say."""
        self._progress(f"asking how large {name} will be")
        return self._packed_bytes(name)

    def digest(self, name: str) -> str | None:
        """The digest that the image was pulled by, its id where it was built here; None: it is not there."""
        found = self._inspect(name)
        if found is None:
            return None
        digests = found.get("RepoDigests") or ()
        return str(digests[0].partition("@")[2] if digests else found["Id"])

    def pulled_digest(self, name: str) -> str:
        """The digest by which the image can be pulled from its own repository; "" where it was built here, or is not.

        `docker tag` gives an image a name from which no registry has it.
        """
        wanted = _familiar(repository(name))
        pairs = (one.partition("@") for one in (self._inspect(name) or {}).get("RepoDigests") or ())
        return next((digest for where, _, digest in pairs if _familiar(where) == wanted), "")

    def id(self, name: str) -> str:
        """The id of the image that a name means now (or that has this id); "": it is not there."""
        found = self._inspect(name)
        return str(found["Id"]) if found else ""

    def _inspect(self, name: str) -> dict[str, Any] | None:
        import docker.errors

        try:
            found: dict[str, Any] = self._engine.client.api.inspect_image(name)
        except docker.errors.NotFound:
            return None
        return found

    def pull(self, name: str) -> None:
        """Pull an image; raise EngineError, with the registry's own words, where it is not to be had."""
        self._progress(f"pulling {name}")
        by_digest = name.partition("@")[2]  # beside it a tag says nothing, and not every engine takes both
        where = f"{repository(name)}@{by_digest}" if by_digest else name
        layers: dict[str, tuple[int, int]] = {}
        free = self._free_bytes()
        try:
            for event in self._engine.client.api.pull(where, stream=True, decode=True):
                if "error" in event:
                    raise _not_to_be_had(name, str(event["error"]))
                self._progress(_pulled(name, layers, event))
                _check_room(name, layers, free)
        except sdk_errors() as e:
            raise _not_to_be_had(name, engine_words(e)) from e

    def build(self, name: str) -> None:
        """Build one of our own images, and what it stands on. The SDK has no BuildKit, so `docker build` does it."""
        if name != BASE:
            self.build(BASE)
        argv = ["docker", "build", "--progress", "plain", "-t", name]
        if os.environ.get("SSL_CERT_FILE"):  # behind a TLS-inspecting proxy; the image keeps nothing of it
            argv += ["--secret", f"id=ca,src={os.environ['SSL_CERT_FILE']}"]
        with _context(self._root(), OWN[name]) as context:
            self._run(name, (*argv, str(context)))

    def _run(self, name: str, argv: tuple[str, ...]) -> None:
        self._progress(f"+ {command_line(*argv)}")
        last: list[str] = []
        try:
            with subprocess.Popen(
                argv,
                env={**os.environ, "DOCKER_BUILDKIT": "1"},  # engines before 23 would take their old builder
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                for line in process.stdout or ():
                    last = [*last[-40:], line.rstrip()]
                    self._progress(f"building {name}: {line.strip()[:100]}")
        except FileNotFoundError as e:
            raise EngineError(
                "the docker command is not installed, which builds images",
                hint="install it with buildx: https://docs.docker.com/engine/install/ ; in stackctl's own image, which "
                f"has neither, bring the image from elsewhere: {command_line('docker', 'save', name)} | docker load",
            ) from e
        if process.returncode:
            raise EngineError(
                f"{name} could not be built (exit {process.returncode})",
                hint="the lines above are docker build's own; it needs a way to the distribution's packages",
                evidence=tuple(line for line in last if line)[-12:],
            )


@contextmanager
def _context(images: Path, folder: str) -> Iterator[Path]:
    """The build context: the image's folder; for the image that holds stackctl, a copy of it with stackctl beside.

    What runs now goes in, from a checkout or an installed wheel alike, laid out as the wheel is. (A named context
    would spare the copy, but BuildKit knows those only since Docker 23.)
    """
    if folder != OWN[HOLDS_US]:
        yield images / folder
        return
    with tempfile.TemporaryDirectory(prefix="stackctl-") as made:
        whole = Path(made)
        ourselves = whole / "stackctl"
        parts = {
            whole: images / folder,
            ourselves: Path(__file__).resolve().parents[2],
            **{ourselves / "_data" / "images" / one: images / one for one in OWN.values()},
            ourselves / "_data" / "compose-templates": images.with_name("compose-templates"),
        }
        for target, source in parts.items():
            skip = shutil.ignore_patterns("__pycache__", "_data")
            shutil.copytree(source, target, ignore=skip, dirs_exist_ok=True)
        yield whole


def _familiar(repository: str) -> str:
    """A repository as Docker shows it; Podman writes Docker Hub's name, too."""
    return repository.removeprefix("docker.io/").removeprefix("library/")


def _pulled(name: str, layers: dict[str, tuple[int, int]], event: dict[str, Any]) -> str:
    """One line for all layers together."""
    detail = event.get("progressDetail") or {}
    layer, status = event.get("id", ""), event.get("status", "")
    if status == "Downloading" and detail.get("total"):
        layers[layer] = (int(detail["current"]), int(detail["total"]))
    elif status in {"Download complete", "Pull complete"} and layer in layers:
        layers[layer] = (layers[layer][1], layers[layer][1])
    done, total = (sum(part[i] for part in layers.values()) for i in (0, 1))
    if not total:
        return f"pulling {name}"
    return f"pulling {name}: {done >> 20} of {total >> 20} MiB, {len(layers)} layers"


def _check_room(name: str, layers: dict[str, tuple[int, int]], free: int | None) -> None:
    """Stop a pull that the disk can't hold, as soon as the layers' sizes tell, and not when it is full."""
    needed = sum(total for _, total in layers.values()) * (1 + _UNPACKED)
    if free is not None and needed > free:
        raise _no_room(name, needed, free)


def _no_room(names: str, needed: int, free: int) -> DoesNotFit:
    return DoesNotFit(
        f"{names}: about {needed >> 20} MiB are needed (packed and unpacked); {free >> 20} MiB are free",
        hint="free some space where the engine keeps images: docker system df, docker image prune",
    )


def _not_to_be_had(name: str, words: str) -> EngineError:
    if "denied" in words or "not found" in words or "manifest unknown" in words:
        return EngineError(
            f"the registry has no image {name}: {words}",
            hint="check the name and tag (backend.image, sillytavern.image in stack.toml)",
        )
    if "no space left" in words:
        return EngineError(
            f"no disk space to pull {name}", hint="docker system df shows what can go; docker image prune"
        )
    return EngineError(
        f"the image {name} can't be pulled: {words}",
        hint='is this machine online? without a registry: images = "own" in stack.toml builds what can be built here',
    )
