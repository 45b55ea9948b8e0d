"""A word that is no command and an option that is not there lead to the right one; some words run it."""

import pytest
from click.testing import CliRunner

from stackctl.cli import main, synonyms
from tests.cli.tree import parse, tree

COMMANDS = {path for path, context in tree().items() if not hasattr(context.command, "commands")}


def refused(*words: str) -> str:
    """The error as it is shown, in one line."""
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == 2
    assert done.stdout == ""
    return " ".join(done.stderr.partition("Error: ")[2].split())


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("stackctl up", "stackctl deploy"),
        ("stackctl up --model demo", "stackctl deploy"),
        ("stackctl ps", "stackctl status"),
        ("stackctl log -f", "stackctl logs"),
        ("stackctl stacks", "stackctl ls"),
        ("stackctl models ls", "stackctl models list"),
        ("stackctl models rm a.gguf", "stackctl models remove"),
        ("stackctl models show a.gguf", "stackctl models inspect"),
        ("stackctl images ls", "stackctl images list"),
    ],
)
def test_a_word_of_docker_or_ollama_runs_the_command_that_does_the_same(line: str, path: str) -> None:
    assert parse(line).command_path == path


def test_the_version_is_a_command_too() -> None:
    said = [CliRunner().invoke(main, [word]) for word in ("version", "--version")]
    assert [(one.exit_code, one.stdout) for one in said] == [(0, said[1].stdout)] * 2


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("rm",), ("stackctl down", "stackctl models remove MODEL")),
        (("remove",), ("stackctl down", "stackctl models remove MODEL")),
        (("pull",), ("stackctl models pull SOURCE", "fetches the images")),
        (("run", "llama3"), ("stackctl deploy --model MODEL", "stackctl use NAME")),
        (("list",), ("stackctl ls", "stackctl models list", "stackctl images list", "stackctl status")),
        (("rmi",), ("stackctl models remove MODEL", "docker image rm IMAGE")),
        (("exec",), ("docker compose exec",)),
        (("config",), ("stackctl render --stdout",)),
        (("top",), ("stackctl status",)),
        (("update",), ("upgrade stackctl", "stackctl deploy")),
        (("upgrade",), ("upgrade stackctl", "stackctl deploy")),
        (("install",), ("stackctl deploy", "stackctl models pull SOURCE")),
        (("images", "pull"), ("stackctl deploy",)),
        (("images", "rm"), ("docker image rm IMAGE",)),
        (("models", "use"), ("stackctl use",)),
        (("build",), ("stackctl images build",)),
        (("fit",), ("stackctl models fit",)),
        (("verify", "a.gguf"), ("stackctl models verify",)),
        (("models", "status"), ("stackctl status",)),
    ],
)
def test_a_word_of_several_meanings_runs_nothing_and_names_the_commands(
    words: tuple[str, ...], named: tuple[str, ...]
) -> None:
    said = refused(*words)
    assert all(one in said for one in named), said


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("deply",), "`stackctl deploy`"),
        (("Status",), "`stackctl status`"),
        (("recomend",), "`stackctl models recommend`"),
        (("models", "recomend"), "`stackctl models recommend`"),
        (("models", "depoy"), "`stackctl deploy`"),
        (("images", "biuld"), "`stackctl images build`"),
        (("deploy", "--contxt", "1"), "--context"),
        (("models", "fit", "--contxt", "1"), "--context"),
        (("--verbos", "status"), "--verbose"),
    ],
)
def test_the_nearest_one_is_named(words: tuple[str, ...], nearest: str) -> None:
    assert f"The nearest one is {nearest}." in refused(*words)


@pytest.mark.parametrize("words", [("xyzzy",), ("models", "xyzzy"), ("deploy", "--xyzzy"), ("--xyzzy",)])
def test_where_nothing_is_near_the_help_is_named(words: tuple[str, ...]) -> None:
    *group, _ = words
    assert f"`{' '.join(('stackctl', *group))} --help` lists its" in refused(*words)


@pytest.mark.parametrize(
    ("words", "owner"),
    [
        (("status", "--tail", "5"), "It is an option of `stackctl logs`."),
        (("deploy", "--qr"), "It is an option of `stackctl url`."),
        (("stop", "--timeout", "5"), "`stackctl start`"),
        (("models", "list", "--language", "ja"), "It is an option of `stackctl models recommend`."),
        (("--gpu", "none", "deploy"), "Write it after the command that has it: `stackctl deploy`"),
        (("models", "--batch", "5", "fit"), "Write it after the command that has it: `stackctl models fit`."),
        (("-f", "logs"), "Write it after the command that has it: `stackctl logs`."),
    ],
)
def test_an_option_of_another_command_names_that(words: tuple[str, ...], owner: str) -> None:
    assert owner in refused(*words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("up", "-d"), "the stack runs on"),
        (("up", "--detach"), "the stack runs on"),
        (("logs", "-n", "5"), "--tail"),
        (("deploy", "-ngl", "99"), "--gpu-layers"),
        (("deploy", "-hf", "o/n:Q4_K_M"), "--model hf:OWNER/NAME:Q4_K_M"),
        (("models", "fit", "--hf-repo", "o/n"), "hf:OWNER/NAME:Q4_K_M"),
        (("deploy", "--ctx-size", "5"), "--context"),
        (("deploy", "--ctx-size=5"), "--context"),
        (("deploy", "--host", "lan"), "--expose lan"),
        (("-V",), "--version"),
    ],
)
def test_an_option_of_docker_or_a_backend_names_ours(words: tuple[str, ...], says: str) -> None:
    assert says in refused(*words)


def test_words_behind_a_command_that_takes_none_are_quoted() -> None:
    assert refused("status", "now") == "`stackctl status` takes no argument: leave out 'now'."
    assert "leave out b. " not in refused("logs", "a", "b")
    assert "A model is named by --model." in refused("deploy", "my model.gguf")


def test_every_pointer_names_a_command_and_options_that_are_there() -> None:
    for rows in [rows for words in synonyms.POINTERS.values() for rows in words.values()]:
        for line, says in rows:
            assert not says.endswith(".")
            if line.startswith("stackctl"):
                path = next(p for p in sorted(COMMANDS, key=len, reverse=True) if f"{line} ".startswith(f"{p} "))
                parse(line)
                assert path


def test_where_a_word_leads_fits_a_narrow_terminal() -> None:
    done = CliRunner().invoke(main, ["rm"], env={"COLUMNS": "60"})
    assert max(map(len, done.stderr.splitlines())) <= 60


def test_no_word_runs_one_command_and_points_to_another() -> None:
    groups = {
        path.partition(" ")[2]: set(one.command.commands)
        for path, one in tree().items()
        if hasattr(one.command, "commands")
    }
    for group, words in synonyms.ALIASES.items():
        assert set(words.values()) <= groups[group]
        assert not words.keys() & (synonyms.POINTERS[group].keys() | groups[group])
    for group, pointers in synonyms.POINTERS.items():
        assert not pointers.keys() & groups[group]
