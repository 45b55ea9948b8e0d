"""Writing compose.yml and stack.lock: ours, somebody else's, another version's."""

import json
from pathlib import Path

from stackctl.commands.render import render
from tests.commands.machines import Quiet, quiet


def rendered(here: Quiet, *, replan: bool = False, **flags: object) -> str:
    return render(here.machine, flags, to_stdout=False, absolute=False, replan=replan)


def test_rendering_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    first = rendered(here)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    assert rendered(here) == first
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before
    assert set(before) == {"compose.yml", "stack.lock", "stack.toml", ".gitignore", "stackctl-demo.gguf"}


def test_an_edited_compose_file_is_kept_aside_and_said(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    text = rendered(here)
    (tmp_path / "compose.yml").write_text(text + "# mine\n")
    assert rendered(here) == text
    assert (tmp_path / "compose.yml.kept-1").read_text() == text + "# mine\n"
    assert "compose.yml.kept-1" in here.said.getvalue()


def test_a_foreign_compose_file_is_kept_aside_too(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text("services: {}\n")
    here = quiet(tmp_path)
    rendered(here)
    assert (tmp_path / "compose.yml.kept-1").read_text() == "services: {}\n"


def test_a_newer_stackctl_leaves_what_an_older_one_wrote_until_replan_or_a_change(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    rendered(here)
    # as an older version would have written it: other text, recorded as its own
    older = (tmp_path / "compose.yml").read_text().replace("10m", "9m")
    (tmp_path / "compose.yml").write_text(older)
    lock = json.loads((tmp_path / "stack.lock").read_text())
    lock["rendered"] |= {"by": "0.0.1", "sha256": here.machine.folder.sha256("compose.yml")}
    (tmp_path / "stack.lock").write_text(json.dumps(lock))
    here.said.truncate(0)

    assert rendered(here) == older
    assert "as stackctl 0.0.1 wrote it" in here.said.getvalue()
    assert (tmp_path / "compose.yml").read_text() == older
    assert "10m" in rendered(here, replan=True)
    assert not list(tmp_path.glob("*.kept-*"))


def test_what_is_a_matter_of_security_a_newer_stackctl_does_not_leave_as_it_was_and_says_so(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    rendered(here)
    older = (
        (tmp_path / "compose.yml").read_text().replace('HOSTWHITELIST_ENABLED": "true"', 'HOSTWHITELIST_SCAN": "true"')
    )
    (tmp_path / "compose.yml").write_text(older)
    lock = json.loads((tmp_path / "stack.lock").read_text())
    lock["rendered"] = {"by": "0.0.1", "inputs": "of another kind", "sha256": here.machine.folder.sha256("compose.yml")}
    (tmp_path / "stack.lock").write_text(json.dumps(lock))

    here.said.truncate(0)
    assert "HOSTWHITELIST_ENABLED" in rendered(here)
    said = here.said.getvalue()
    assert "note: new, for security: each container has a limit" in said
    assert "to no other name" in said
    assert json.loads((tmp_path / "stack.lock").read_text())["rendered"]["security"].split()[0] == "host-names"
    here.said.truncate(0)
    rendered(here)
    assert "note:" not in here.said.getvalue()


def test_paths_can_be_written_absolute(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    text = render(here.machine, {}, to_stdout=True, absolute=True, replan=False)
    assert f'source: "{tmp_path}/sillytavern/data"' in text
    assert list(tmp_path.iterdir()) == []
