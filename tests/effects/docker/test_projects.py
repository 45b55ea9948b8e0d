"""The folders of stacks, of Compose and of Swarm, by labels that anyone may have written."""

from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.effects.docker.engine import Engine
from stackctl.effects.docker.projects import stack_folders
from stackctl.errors import ConfigError


class Played(Engine):
    """An engine whose SDK is this one; a manager of a swarm if `services` is given."""

    def __init__(
        self, containers: list[Any], services: list[Any] | None = None, node: dict[str, str] | None = None
    ) -> None:
        def listed(*, filters: dict[str, Any], **_: Any) -> list[Any]:
            wanted = [one.partition("=") for one in filters["label"]]
            found = services or []
            has = [one["Spec"]["Labels"] for one in found]
            return [
                one
                for one, own in zip(found, has, strict=True)
                if all(name in own and (not is_value or own[name] == value) for name, is_value, value in wanted)
            ]

        swarm = {} if services is None else {"Swarm": {"NodeID": "n", "ControlAvailable": True}}
        api = SimpleNamespace(
            containers=lambda **_: containers,
            services=listed,
            inspect_node=lambda name: {"Spec": {"Labels": node or {}}} if name == "n" else {},
        )
        self._client = SimpleNamespace(api=api, info=lambda: swarm)

    @property
    def client(self) -> Any:
        return self._client


def service(stack: str, folder: str) -> dict[str, Any]:
    return {"Spec": {"Labels": {"com.docker.stack.namespace": stack, "stackctl.folder": folder}}}


HERE = {"stackctl.chat.data": "true"}


def folders(label: str) -> list[str]:
    labels = {"com.docker.compose.project": "x", "com.docker.compose.project.working_dir": label}
    return [folder for _, folder in stack_folders(Played([{"Labels": labels}]))]


def test_links_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert folders(f"{tmp_path}/link") == [str(tmp_path.resolve() / "real")]


@pytest.mark.parametrize("label", ["relative", "C:\\stacks", "/a\0b", ""], ids=["relative", "windows", "zero", "empty"])
def test_what_is_no_path_here_stays_as_it_is(label: str) -> None:
    assert folders(label) == [label]


def test_a_label_is_at_most_as_long_as_a_path() -> None:
    assert len(folders("/" + "x/" * 99_000)[0]) <= 4096


def test_a_stack_in_swarm_is_among_them_where_its_data_is() -> None:
    swarm = [service("chat", "/srv/chat"), service("chat", "/srv/chat"), service("other", "/srv/other")]
    assert stack_folders(Played([], swarm, HERE)) == {("chat", "/srv/chat")}


def test_one_whose_data_is_on_another_node_is_none_of_this_machine() -> None:
    assert stack_folders(Played([], [service("chat", "/srv/chat")], {})) == frozenset()


def test_services_that_stackctl_did_not_make_are_none() -> None:
    others = [{"Spec": {"Labels": {"com.docker.stack.namespace": "chat"}}}, {"Spec": {"Labels": {}}}]
    assert stack_folders(Played([], others, HERE)) == frozenset()


def test_a_name_that_a_stack_in_swarm_has_for_another_folder_is_refused() -> None:
    engine = Played([], [service("chat", "/srv/chat")])
    with pytest.raises(ConfigError, match="the name 'chat' belongs to the stack in /srv/chat; a second one"):
        engine.refuse_foreign("chat", PurePosixPath("/srv/another"))
    engine.refuse_foreign("chat", PurePosixPath("/srv/chat"))
    engine.refuse_foreign("free", PurePosixPath("/srv/another"))
