"""Which images are ours, and which stay because others use them or gave them a name."""

import pytest

from stackctl.core.tavern import container as tavern
from stackctl.core.uninstall.content import ContainerHere, EngineContent, ImageHere, is_marked
from stackctl.core.uninstall.inventory import Item, image_items

DIGEST = f"sha256:{'a' * 64}"
PAGE = "ghcr.io/sillytavern/sillytavern"


def image(*tags: str, digests: tuple[str, ...] = (), id_: str = "sha256:1") -> ImageHere:
    return ImageHere(id=id_, tags=tags, digests=digests, size=7)


def items(
    *images: ImageHere, named: tuple[str, ...] = (), users: tuple[ContainerHere, ...] = (), going: tuple[str, ...] = ()
) -> list[Item]:
    return [*image_items(EngineContent(images=images, containers=users), named, frozenset(going))]


def user(project: str = "", name: str = "theirs") -> ContainerHere:
    return ContainerHere(id="c", name=name, image="x", image_id="sha256:1", state="exited", project=project)


@pytest.mark.parametrize(
    "named",
    [f"{PAGE}:1.19.0@{DIGEST}", f"{PAGE}:1.19.0", f"{PAGE}@{DIGEST}", f"docker.io/{PAGE}:1.19.0"],
)
def test_an_image_that_a_plan_names_is_ours_by_each_of_its_names(named: str) -> None:
    seen = image(f"{PAGE}:1.19.0", digests=(f"{PAGE}@{DIGEST}",))
    (found,) = items(seen, named=(named,))
    assert found.keys[-1] == f"{PAGE}@{DIGEST}"
    assert not found.stays


def test_images_that_stackctl_builds_are_ours_whatever_names_them() -> None:
    (found,) = items(image(tavern.OWN_IMAGE), image("postgres:17", id_="sha256:2"))
    assert found.keys == (tavern.OWN_IMAGE,)


def test_another_version_of_an_image_that_a_plan_names_is_not_ours() -> None:
    assert not items(
        image(f"{PAGE}:1.18.0", digests=(f"{PAGE}@sha256:{'b' * 64}",)), named=(f"{PAGE}:1.19.0@{DIGEST}",)
    )


def test_an_image_that_another_container_uses_stays_even_a_stopped_one() -> None:
    (found,) = items(image(f"{PAGE}:1"), named=(f"{PAGE}:1",), users=(user(),))
    assert found.stays == "used by theirs"


def test_a_container_of_a_stack_that_goes_keeps_no_image() -> None:
    (found,) = items(image(f"{PAGE}:1"), named=(f"{PAGE}:1",), users=(user("mine"),), going=("mine",))
    assert not found.stays
    (found,) = items(image(f"{PAGE}:1"), named=(f"{PAGE}:1",), users=(user("mine"),))
    assert found.stays


def test_a_name_that_somebody_gave_an_image_stays_with_it() -> None:
    (found,) = items(image(f"{PAGE}:1", "backup/tavern:mine"), named=(f"{PAGE}:1",))
    assert found.keys == (f"{PAGE}:1",)
    assert "backup/tavern:mine" in found.place


def test_the_command_of_our_sillytavern_is_known_in_a_listing() -> None:
    assert is_marked(" ".join(tavern.entrypoint("http://x/y", "", 10, "koboldcpp")))
    assert not is_marked("tini -- ./docker-entrypoint.sh")
