"""Images: find them, pull them (by the SDK, layer by layer), build our own (by `docker build`)."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stackctl.core.plan.images import BASE, HOLDS_US, OWN, repository
from stackctl.effects.docker.client import Client, engine_words, sdk_errors, translate_errors
from stackctl.errors import DoesNotFit, EngineError
from stackctl.terminal import command_line

_UNPACKED = 2  # size of an unpacked layer divided by its packed size; 1.8 to 2.5 for CUDA images


class Images:
    """The engine's images. `progress(text)` is called at each change."""

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
        """Raise DoesNotFit if those of these images that must still be pulled do not fit on the disk together.

        An image of which another version is here may share its layers: then the pull itself checks the room.
        """
        free = self._free_bytes()
        missing = [name for name in dict.fromkeys(names) if name not in OWN and self.digest(name) is None]
        if free is None or not missing:
            return
        self._progress(f"asking for the size of {', '.join(missing)}")
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
        """Return the digest by which the image was pulled, its id if it was built here; None if it is missing."""
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
        """Return the id of the image that has this name (or id) now; "" if it is missing."""
        found = self._inspect(name)
        return str(found["Id"]) if found else ""

    def architecture(self, name: str) -> str:
        """Return the kind of processor that an image is for; "" if it is missing."""
        found = self._inspect(name)
        return str(found.get("Architecture") or "unknown") if found else ""

    def _inspect(self, name: str) -> dict[str, Any] | None:
        import docker.errors

        with translate_errors(f"docker image inspect {name} failed"):
            try:
                found: dict[str, Any] = self._engine.client.api.inspect_image(name)
            except docker.errors.NotFound:
                return None
        return found

    def pull(self, name: str) -> None:
        """Pull an image; raise EngineError, with the registry's message, if it can't be pulled."""
        self._progress(f"pulling {name}")
        by_digest = name.partition("@")[2]  # the digest alone counts, and not every engine takes both
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

    def remove(self, name: str) -> None:
        """Take a name from an image; the image goes with its last one, unless a container has it."""
        import docker.errors

        hint = f"Run `{command_line('docker', 'image', 'ls', repository(name))}` to see what is left of it."
        with translate_errors(f"the image {name} could not be removed", hint), suppress(docker.errors.NotFound):
            self._engine.client.api.remove_image(name)

    def build(self, name: str) -> None:
        """Build one of our images, and its base image. The SDK has no BuildKit, so `docker build` does it."""
        if name != BASE:
            self.build(BASE)
        argv = ["docker", "build", "--progress", "plain", "-t", name]
        if os.environ.get("SSL_CERT_FILE"):  # for a TLS-inspecting proxy; the image does not keep it
            argv += ["--secret", f"id=ca,src={os.environ['SSL_CERT_FILE']}"]
        with _context(self._root(), OWN[name]) as context:
            self._run(name, (*argv, str(context)))

    def _run(self, name: str, argv: tuple[str, ...]) -> None:
        self._progress(f"+ {command_line(*argv)}")
        last: list[str] = []
        try:
            with subprocess.Popen(
                argv,
                env={**os.environ, "DOCKER_BUILDKIT": "1"},  # engines before 23 would use their old builder
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
                "the docker command, which builds images, is not installed",
                hint="Install it with buildx: https://docs.docker.com/engine/install/ . In stackctl's own image, which "
                f"has neither, take it from another machine: `{command_line('docker', 'save', name)} | docker load`.",
                issue="docker-command-missing",
            ) from e
        if process.returncode:
            raise EngineError(
                f"{name} could not be built (exit {process.returncode})",
                hint="Check the lines above, from docker build: it needs access to the distribution's packages.",
                evidence=tuple(line for line in last if line)[-12:],
                issue="image-not-built",
            )


@contextmanager
def _context(images: Path, folder: str) -> Iterator[Path]:
    """Give the build context: the image's folder; for the image that holds stackctl, a copy of it with stackctl added.

    The code that runs now is copied, from a checkout or an installed wheel, in the wheel's layout. (A named context
    would save the copy, but BuildKit has those only since Docker 23.)
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
    """Return one line for all layers together."""
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
    """Raise DoesNotFit as soon as the layers' sizes show that the disk can't hold the image."""
    needed = sum(total for _, total in layers.values()) * (1 + _UNPACKED)
    if free is not None and needed > free:
        raise _no_room(name, needed, free)


def _no_room(names: str, needed: int, free: int) -> DoesNotFit:
    return DoesNotFit(
        f"{names}: about {needed >> 20} MiB are needed (packed and unpacked); {free >> 20} MiB are free",
        hint="Free some space where the engine keeps images: see `docker system df` and `docker image prune`.",
        issue="disk-full",
    )


def _not_to_be_had(name: str, words: str) -> EngineError:
    if "denied" in words or "not found" in words or "manifest unknown" in words:
        return EngineError(
            f"the registry has no image {name}: {words}",
            hint="Check the name and tag (backend.image, sillytavern.image in stack.toml).",
            issue="image-unknown",
        )
    if "no space left" in words:
        return EngineError(
            f"no disk space to pull {name}",
            hint="Run `docker system df` to see what can go, then `docker image prune`.",
            issue="disk-full",
        )
    return EngineError(
        f"the image {name} can't be pulled: {words}",
        hint="Check whether this machine is online. Without a registry, "
        'images = "own" in stack.toml builds the images that can be built here.',
        issue="image-not-pulled",
    )
