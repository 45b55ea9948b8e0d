"""The folders of Compose projects, by labels that anyone may have written."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from stackctl.effects.docker.projects import stack_folders


def folders(label: str) -> list[str]:
    labels = {"com.docker.compose.project": "x", "com.docker.compose.project.working_dir": label}
    api = SimpleNamespace(containers=lambda **_: [{"Labels": labels}])
    return [folder for _, folder in stack_folders(SimpleNamespace(client=SimpleNamespace(api=api)))]


def test_links_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert folders(f"{tmp_path}/link") == [str(tmp_path.resolve() / "real")]


@pytest.mark.parametrize("label", ["relative", "C:\\stacks", "/a\0b", ""], ids=["relative", "windows", "zero", "empty"])
def test_what_is_no_path_here_stays_as_it_is(label: str) -> None:
    assert folders(label) == [label]


def test_a_label_is_at_most_as_long_as_a_path() -> None:
    assert len(folders("/" + "x/" * 99_000)[0]) <= 4096
