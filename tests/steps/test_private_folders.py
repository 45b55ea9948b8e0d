"""What `git add -A` takes of a stack, with real git: nothing private, whatever .gitignore there was before."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands import adopt, undo_adopt
from stackctl.commands.render import render
from stackctl.errors import DataError
from stackctl.machine import Machine
from tests.commands import folders
from tests.commands.machines import Quiet, quiet
from tests.commands.test_adopt import BreakingFolder, Pulled

SECRET = "nobody else may read this"
FILES: dict[str, str | bytes] = {
    "data/default-user/secrets.json": SECRET,
    "data/default-user/secrets.json.kept-1": SECRET,
    "data/default-user/chats/Alice/2026-1-1 @10h.jsonl": SECRET,
    "data/default-user/backups/chat_alice.jsonl": SECRET,
    "data/_storage/account": SECRET,
    "config/config.yaml": SECRET,
    "adopted.json": SECRET,
}  # fmt: skip
BY_HAND = "[backend]\ncontext = 2048\n"


def git(folder: Path, *words: str) -> str:
    argv = ("git", "-C", str(folder), "-c", "core.excludesFile=", *words)
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def rendered(folder: Path, **flags: object) -> Quiet:
    here = quiet(folder)
    render(here.machine, flags, to_stdout=False, absolute=False, replan=False)
    return here


def taken(top: Path) -> set[str]:
    """What the index holds after `git add -A`; none of it may be private."""
    git(top, "add", "-A")
    names = set(filter(None, git(top, "ls-files", "-z").split("\0")))
    keys = {path.read_text().strip() for path in top.rglob(".stackctl/api-key")}
    for name in names:
        if not (top / name).is_symlink():
            content = (top / name).read_bytes()
            assert SECRET.encode() not in content, name
            assert not [key for key in keys if key.encode() in content], name
    return names


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """An empty repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


# -- the user's own .gitignore, or none


@pytest.mark.parametrize("mine", [None, "", "node_modules/\n", "!*\n!/.stackctl/**\n!/backend/**\n!/sillytavern/**\n"])
@pytest.mark.parametrize("toml", [None, BY_HAND])
def test_git_takes_nothing_private_whatever_the_stacks_own_gitignore_says(
    top: Path, mine: str | None, toml: str | None
) -> None:
    files = {".gitignore": mine, "stack.toml": toml}
    folders.write(top, {name: text for name, text in files.items() if text is not None})
    rendered(top)
    folders.write(top / "sillytavern", FILES)
    assert {"stack.toml", "compose.yml", "stack.lock"} <= taken(top)
    assert mine is None or (top / ".gitignore").read_text() == mine


def test_each_private_folder_leaves_itself_out_and_that_is_said_once(top: Path) -> None:
    said = rendered(top).said.getvalue()
    for name in (".stackctl", "backend", "sillytavern"):
        assert (top / name / ".gitignore").read_text() == "*\n"
    assert "git now ignores .stackctl/, backend/, sillytavern/" in said
    assert "git takes" not in rendered(top).said.getvalue()


def test_the_gitignore_is_there_before_the_key(top: Path) -> None:
    here = quiet(top).machine
    here.folder = BreakingFolder(here.folder, 2)  # stack.toml, .gitignore, the key
    with pytest.raises(Pulled, match="api-key"):
        render(here, {}, to_stdout=False, absolute=False, replan=False)
    assert all((top / name / ".gitignore").is_file() for name in (".stackctl", "backend", "sillytavern"))


def test_a_stack_of_an_older_version_is_closed_although_its_compose_file_stays(top: Path) -> None:
    folders.write(top, {"stack.toml": BY_HAND, "sillytavern.kept-2/data/default-user/chats/a.jsonl": SECRET})
    rendered(top)
    folders.write(top / "sillytavern", FILES)
    folders.write(top / ".sillytavern.adopting", FILES)
    for path in top.rglob(".gitignore"):
        path.unlink()
    lock = (top / "stack.lock").read_text()
    (top / "stack.lock").write_text(lock.replace('"by": "', '"by": "0.0.'))
    said = rendered(top).said.getvalue()
    assert "kept compose.yml as stackctl 0.0." in said
    assert "sillytavern/, .sillytavern.adopting/, sillytavern.kept-2/: the .gitignore in there says *" in said
    assert taken(top) == {"stack.toml", "stack.lock", "compose.yml", "stackctl-demo.gguf"}


# -- wherever SillyTavern's folder is


def test_data_in_another_folder_of_the_repository_is_left_out(top: Path) -> None:
    for number, data in enumerate(("private/chat data", "../elsewhere", str(top / "absolute"))):
        stack = top / f"stack-{number}"
        stack.mkdir()
        rendered(stack, **{"sillytavern.data": data})
        folders.write(stack / data, FILES)
        assert (stack / data / ".gitignore").read_text() == "*\n"
    assert len([name for name in taken(top) if name.endswith("stack.toml")]) == 3


def test_a_link_to_the_data_closes_the_real_folder(top: Path) -> None:
    folders.write(top / "real", FILES)
    (top / "sillytavern").symlink_to("real")
    rendered(top)
    assert "sillytavern" in taken(top)
    assert (top / "real/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("data", [".", ".."])
def test_data_around_the_stack_hides_nothing_else_of_the_repository(top: Path, data: str) -> None:
    stack = top / "stack"
    folders.write(stack, {"notes.txt": "mine"})
    assert "/config, /data, /adopted.json" in rendered(stack, **{"sillytavern.data": data}).said.getvalue()
    folders.write(stack / data, FILES)
    assert {f"stack/{name}" for name in ("stack.toml", "compose.yml", "notes.txt")} <= taken(top)
    assert "gitignore" not in rendered(stack).said.getvalue()
    assert (stack / data / ".gitignore").read_text().endswith("\n/config\n/data\n/adopted.json\n")


def test_a_folder_that_the_user_keeps_other_things_in_leaves_out_the_secrets_alone(top: Path) -> None:
    folders.write(top / "shared", FILES | {"notes.txt": "mine", "plugins/mine/index.js": "//"})
    rendered(top, **{"sillytavern.data": "shared"})
    assert {"shared/notes.txt", "shared/plugins/mine/index.js", "shared/.gitignore"} <= taken(top)


# -- a .gitignore in the private folder


@pytest.mark.parametrize(
    "mine",
    [
        "!secrets.json\n",
        "!*\n",
        "# sillytavern's own\nnode_modules/\n/data/\n!/data/\n!/data/**\n",
        "*\n!/data\n!/config\n!config.yaml",
        "*\r\n!*\r\n",
        "*.log\r",
        "/themes/\n/data\\ \n#*",
    ],
)
def test_lines_that_are_there_stay_and_take_nothing_back(top: Path, mine: str) -> None:
    folders.write(top, {"stack.toml": BY_HAND, "sillytavern/data/default-user/.gitignore": "!*\n!secrets.json\n"})
    for name in ("sillytavern", ".stackctl", "backend"):
        folders.write(top / name, {".gitignore": mine})
    said = rendered(top).said.getvalue()
    folders.write(top / "sillytavern", FILES)
    taken(top)
    assert "added to sillytavern/.gitignore: /config, /data, /adopted.json" in said
    assert "git now ignores .stackctl/, backend/: the .gitignore in there says *" in said
    before = folders.sums(top)
    for name in ("sillytavern", ".stackctl", "backend"):
        assert (top / name / ".gitignore").read_bytes().startswith(mine.encode())
    assert "gitignore" not in rendered(top).said.getvalue()
    assert folders.sums(top) == before


def test_lines_that_leave_all_out_but_the_file_itself_are_left_alone(top: Path) -> None:
    folders.write(top, {"stack.toml": BY_HAND, "sillytavern/.gitignore": "*\n!.gitignore\n"})
    said = rendered(top).said.getvalue()
    folders.write(top / "sillytavern", FILES)
    assert [name for name in taken(top) if name.startswith("sillytavern")] == ["sillytavern/.gitignore"]
    assert "added to" not in said
    assert "sillytavern/.gitignore" not in said
    assert "sillytavern/:" not in said


def test_a_line_that_takes_all_back_later_is_answered_by_the_next_deploy(top: Path) -> None:
    rendered(top)
    folders.write(top / "sillytavern", FILES)
    for path in top.glob("*/.gitignore"):
        path.write_text(path.read_text() + "!*\n")
    rendered(top)
    taken(top)


def test_a_gitignore_that_git_would_not_follow_is_refused_in_a_repository_alone(top: Path, tmp_path: Path) -> None:
    for folder in (top, tmp_path / "no repository"):
        (folder / "sillytavern").mkdir(parents=True)
        (folder / "sillytavern/.gitignore").symlink_to(tmp_path / "target")
    (tmp_path / "target").write_text("*\n")
    with pytest.raises(DataError, match="is a link"):
        rendered(top)
    assert not (top / ".stackctl/api-key").exists()
    rendered(tmp_path / "no repository")
    assert (tmp_path / "target").read_text() == "*\n"


# -- what git tracks already


def test_files_that_git_tracks_are_named_with_the_command_that_takes_them_out(top: Path) -> None:
    stack = top / "my $(touch x) [stack]"
    folders.write(stack, {"stack.toml": BY_HAND, "sillytavern/data/default-user/secrets.json": SECRET})
    folders.write(stack, {".stackctl/api-key": "k" * 43, "sillytavern/.gitignore": "themes/\n"})
    git(top, "add", "-A")
    folders.write(stack, {"sillytavern/data/default-user/secrets.json": SECRET + " since then"})
    said = rendered(stack).said.getvalue()
    assert f"git tracks private files: {stack.name}/.stackctl/api-key, {stack.name}/sillytavern/data/" in said
    command = next(line for line in said.splitlines() if "git -C" in line).partition("disk: ")[2]
    subprocess.run(command, shell=True, check=True, cwd="/", capture_output=True)  # noqa: S602 - as a user pastes it
    assert {f"{stack.name}/stack.toml", f"{stack.name}/sillytavern/.gitignore"} <= taken(top)
    assert (stack / "sillytavern/data/default-user/secrets.json").read_text() == SECRET + " since then"
    assert "git tracks" not in rendered(stack).said.getvalue()


def test_of_many_tracked_files_some_are_named_and_the_command_takes_their_folders(top: Path) -> None:
    chats: dict[str, str | bytes] = {f"sillytavern/data/default-user/chats/{n}.jsonl": SECRET for n in range(9)}
    folders.write(top, {"stack.toml": BY_HAND, "sillytavern/plugins/mine.js": "//", **chats})
    git(top, "add", "-A")
    said = rendered(top).said.getvalue()
    assert "chats/4.jsonl and 4 more; " in said
    assert f"git -C {top} rm -r -f --cached -- sillytavern/data\n" in said


def test_a_repository_of_the_chats_themselves_is_looked_into_too(top: Path) -> None:
    folders.write(top / "sillytavern", FILES)
    git(top / "sillytavern/data", "init", "-q")
    git(top / "sillytavern/data", "add", "-A")
    said = rendered(top).said.getvalue()
    assert "default-user/secrets.json" in said
    assert f"git -C {top}/sillytavern/data rm -r -f --cached -- " in said


@pytest.mark.parametrize("inner", ["data", "data/default-user"])
def test_a_repository_within_the_data_takes_chats_and_no_key(tmp_path: Path, inner: str) -> None:
    user = tmp_path / "sillytavern/data/default-user"
    folders.write(user, {"secrets.json": SECRET, "secrets.json.kept-1": SECRET, "chats/Alice/1.jsonl": "hello"})
    git(tmp_path / "sillytavern" / inner, "init", "-q")
    here = rendered(tmp_path)
    names = taken(tmp_path / "sillytavern" / inner)
    assert {Path(name).name for name in names} == {".gitignore", "1.jsonl"}
    assert "/secrets.json" in here.said.getvalue()
    git(tmp_path / "sillytavern" / inner, "add", "-f", str(user / "secrets.json"))
    assert "rm -r -f --cached" in rendered(tmp_path).said.getvalue()


def test_git_is_not_asked_where_no_repository_is(tmp_path: Path) -> None:
    def asked(*_: object) -> dict[str, tuple[str, ...]]:
        raise AssertionError

    here = quiet(tmp_path).machine
    here.storage.tracked = asked  # type: ignore[method-assign,assignment]  # asked, it fails
    render(here, {}, to_stdout=False, absolute=False, replan=False)
    assert (tmp_path / "sillytavern/.gitignore").read_text() == "*\n"


# -- adoptions


@pytest.fixture
def stack(top: Path) -> Machine:
    """A stack of an older version in a repository, with a .gitignore of the user's."""
    folders.write(top, {"stack.toml": BY_HAND, ".gitignore": "mine\n"})
    folders.write(top / "sillytavern", {name: text for name, text in FILES.items() if name != "adopted.json"})
    return quiet(top).machine


def test_what_is_adopted_what_is_put_aside_and_what_comes_back_is_left_out(
    top: Path, tmp_path: Path, stack: Machine
) -> None:
    source = folders.compose(tmp_path / "st")
    folders.write(source, {".gitignore": "!*\n", "data/.gitignore": "!*\n", **FILES})
    (source / "adopted.json").unlink()
    done = adopt.adopt(stack, adopt.prepare(stack, source))
    assert done.aside == top / "sillytavern.kept-1"
    assert taken(top) == {"stack.toml", ".gitignore"}
    chat = "data/default-user/chats/Alice/2026-1-1 @10h.jsonl"
    (top / "sillytavern" / chat).write_text(SECRET + " and more")
    undone = undo_adopt.undo(stack, undo_adopt.prepare(stack))
    assert undone.replaced
    assert (source / chat).read_text() == SECRET + " and more"
    assert taken(top) == {"stack.toml", ".gitignore"}


@pytest.mark.parametrize("make", [folders.compose, folders.native, folders.old])
def test_an_interrupted_copy_is_left_out(
    top: Path, tmp_path: Path, stack: Machine, make: Callable[[Path], Path]
) -> None:
    source = make(tmp_path / "st")
    copied = 0

    class Breaking(type(stack.ui)):  # type: ignore[misc]
        def progress(self, text: str) -> None:
            nonlocal copied
            copied += 1
            if copied == 7:
                raise Pulled(text)

    with pytest.raises(Pulled):
        adopt.adopt(replace(stack, ui=Breaking()), adopt.prepare(stack, source))
    assert len(os.listdir(top / ".sillytavern.adopting")) > 1  # noqa: PTH208 - names alone
    assert taken(top) == {"stack.toml", ".gitignore"}
