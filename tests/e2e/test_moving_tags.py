"""A tag that moves, on the real engine and with a registry: what is recorded runs, here and on another machine."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl import backends
from tests.e2e.conftest import Stack
from tests.e2e.registry import Registry, registry_at

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
LLAMACPP = backends.BACKENDS["llamacpp"].OWN_IMAGES["cpu"]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    place = tmp_path / "registry"
    place.mkdir()
    with registry_at(place) as one:
        yield one


def push(stack: Stack, image: str, label: str) -> str:
    """Build llama.cpp's image with a label, push it; the digest by which it can be pulled."""
    argv = ["docker", "build", "-q", "-t", image, "--label", f"of-the-test={label}", "-"]
    subprocess.run(argv, input=f"FROM {LLAMACPP}\n", text=True, check=True, capture_output=True)
    stack.docker("push", "-q", image)
    (found,) = json.loads(stack.docker("image", "inspect", "--format", "{{json .RepoDigests}}", image))
    return str(found.partition("@")[2])


def runs(stack: Stack) -> dict[str, str]:
    """Service -> its container."""
    return {service: stack.container(service) for service in ("llamacpp", "sillytavern")}


def label(stack: Stack) -> str:
    return str(stack.inspect("llamacpp")["Config"]["Labels"]["of-the-test"])


def test_a_tag_that_moves_changes_nothing_until_new_images_takes_it(stack: Stack, registry: Registry) -> None:
    image = f"{registry.host}/{stack.name}/llamacpp:latest"
    try:
        first = push(stack, image, "first")
        stack.docker("rmi", image)
        (stack.folder / "stack.toml").write_text(f'[backend]\nimage = "{image}"\n')
        stack.deploy("--gpu", "none", "--no-proof")
        assert json.loads((stack.folder / "stack.lock").read_text())["digests"] == {image: first}
        assert f'image: "{image}@{first}"' in (stack.folder / "compose.yml").read_text()
        before = runs(stack)

        second = push(stack, image, "second")  # which moves the tag on this machine, too
        assert second != first
        said = stack.run("deploy", "--locked", "--no-proof").stderr
        assert f"points to another image (was {first}, is {second})" in said
        assert (runs(stack), label(stack)) == (before, "first")
        assert "no container would be touched" in stack.run("diff").stdout
        stack.docker("compose", "-f", str(stack.folder / "compose.yml"), "up", "-d")  # by hand, as well
        assert runs(stack) == before

        stack.run("down")
        stack.docker("rmi", f"{image}@{first}")
        stack.run("deploy", "--locked", "--no-proof")  # on another machine
        assert (label(stack), registry.pulled[-1]) == ("first", first)

        stack.run("deploy", "--replan", "--no-proof")
        assert label(stack) == "first"
        said = stack.run("deploy", "--new-images", "--no-proof").stderr
        assert f"another image for llamacpp: {image}@{first} -> {image}" in said
        assert label(stack) == "second"
    finally:
        stack.clean()
        for one in stack.docker("images", "-q", "--no-trunc", f"{registry.host}/{stack.name}/llamacpp").split():
            stack.docker("rmi", "-f", one)


def test_an_image_that_was_loaded_from_a_file_needs_its_manifest_alone(stack: Stack, registry: Registry) -> None:
    """What a job of CI keeps: `docker save`, and `docker load` in the next job's engine."""
    image, saved = f"{registry.host}/{stack.name}/llamacpp:latest", stack.folder / "images.tar"
    try:
        digest = push(stack, image, "saved")
        stack.docker("save", "-o", str(saved), f"{registry.host}/{stack.name}/llamacpp@{digest}")
        stack.docker("rmi", "-f", image)
        stack.docker("load", "-q", "-i", str(saved))
        for blob in registry.folder.iterdir():
            if blob.stat().st_size > 100_000:
                blob.unlink()  # no layer can be pulled any more
        stack.docker("pull", "-q", f"{registry.host}/{stack.name}/llamacpp@{digest}")
    finally:
        for one in stack.docker("images", "-q", "--no-trunc", f"{registry.host}/{stack.name}/llamacpp").split():
            stack.docker("rmi", "-f", one)
