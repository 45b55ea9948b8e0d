"""Run Docker Compose as a program, because the SDK has no Compose."""

import io
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from stackctl.core.formats.version import dotted
from stackctl.core.plan.engine_features import OLDEST_COMPOSE
from stackctl.core.start.docker_errors import version
from stackctl.effects.host.limits import tight_limits
from stackctl.errors import ConfigError, EngineError
from stackctl.ports.disk import Folder
from stackctl.terminal import command_line

# messages of Go's runtime, the C library and the system's loader
_DEATH = re.compile(
    r"fatal error:|^panic:|runtime/cgo:|pthread_create failed|Cannot allocate memory|error while loading"
)
# in the order in which Compose itself looks for them: the first one counts, as it does without stackctl
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)

_NAMES_FILES: Final = frozenset({"COMPOSE_FILE", "COMPOSE_ENV_FILES"})  # variables that name files for Compose
# variables that let Compose clone a repository or ask a registry for a file that another file includes
_FETCHES: Final = ("COMPOSE_EXPERIMENTAL_GIT_REMOTE", "COMPOSE_EXPERIMENTAL_OCI_REMOTE")


class Compose:
    """`docker compose` (or Compose v2 under the name docker-compose) for one project folder.

    The folder refuses files that we must not read, such as a link that leads root elsewhere. Compose opens each file by
    its name after that check, so a rename in between is not noticed.
    """

    def __init__(self, folder: Folder, says: Callable[[str], None]) -> None:
        self.folder, self._says = folder, says
        self._found: tuple[tuple[str, ...], tuple[int, ...]] | None = None

    def look(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return (argv, version as numbers); raise EngineError if there is no Compose, or only v1."""
        if self._found is None:
            self._found = _look()
        return self._found

    def argv(self, name: str, *words: str, also: str = "") -> tuple[str, ...]:
        """Return the command line for this project, with the user's override file; `also`: a file of ours after it."""
        file = ("-f", "compose.yml") if self.folder.has_file("compose.yml") else ()
        ours = ("-f", also) if also else ()
        return (*self.look()[0], "-p", name, *file, *self._override(), *ours, *words)

    def check(self, name: str, text: str) -> None:
        """Let Compose check a file's text (with the user's override), before anything changes."""
        override = self._override()
        head = (*self.look()[0], "-p", name, "--project-directory", ".", "-f", "-")
        done = self._run((*head, *override, "config", "-q"), text)
        if not done.returncode:
            return
        words = tuple(done.stderr.splitlines()[-5:])
        if override and not self._run((*head, "config", "-q"), text).returncode:
            raise ConfigError(
                f"Compose refuses {override[1]}: {_last(done.stderr)}",
                hint="Fix it, or move it away. Nothing was changed.",
                evidence=words,
                issue="compose-refuses-file",
            )
        raise EngineError(
            f"Compose refuses the file that was rendered: {_last(done.stderr)}",
            hint="Check for a file named .env here, which Compose reads, too. Else report this bug of stackctl.",
            evidence=words,
            issue="compose-refuses-file",
        )

    def config(self, name: str) -> str:
        """Return the result of compose.yml and the user's override, as JSON."""
        return self._run_to_its_end(self.argv(name, "config", "--format", "json"), "config")

    def foreign_config(self, file: str = "") -> str:
        """Return as JSON what Compose makes of the files that somebody else has here, profiles and .env included.

        `file`: the one that counts; "": as Compose looks for them. Nothing is fetched for it. Raises ConfigError for
        what Compose refuses.
        """
        self._override()
        argv = (*self.look()[0], *(("-f", file) if file else ()), "--profile", "*", "config", "--format", "json")
        self._says(f"+ {command_line(*argv)}")
        place = self._place()
        place["env"] = {
            **{key: value for key, value in place["env"].items() if key not in _NAMES_FILES},
            **dict.fromkeys(_FETCHES, "false"),
        }
        done: subprocess.CompletedProcess[str] = subprocess.run(
            argv, **place, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            raise ConfigError(
                f"Compose refuses the compose file in {self.folder.path}: {_last(done.stderr)}",
                hint="Fix that file, or give the folder that holds SillyTavern's data.",
                evidence=tuple(done.stderr.splitlines()[-5:]),
                issue="compose-refuses-file",
            )
        return done.stdout

    def run(self, name: str, *words: str) -> str:
        """Run a short command on everything with the project's label, and return its output.

        No file is read, so that a missing or damaged file does not keep anyone from stopping what runs.
        """
        return self._run_to_its_end(self._labelled(name, *words), words[0], has_files=False)

    def _labelled(self, name: str, *words: str) -> tuple[str, ...]:
        """Return the command line for everything with the project's label; Compose reads no file if none is named."""
        return (*self.look()[0], "-p", name, *words)

    def _run_to_its_end(self, argv: tuple[str, ...], verb: str, *, has_files: bool = True) -> str:
        self._says(f"+ {command_line(*argv)}")
        done = self._run(argv, has_files=has_files)
        if done.returncode:
            raise EngineError(
                f"docker compose {verb} failed (exit {done.returncode}): {_last(done.stderr)}",
                hint="Read its output above, and run `docker info` to see whether the engine is well.",
                evidence=tuple(done.stderr.splitlines()[-5:]),
                issue="compose-failed",
            )
        return done.stdout

    def pass_through(self, name: str, *words: str, out: Callable[[str], None], coloured: bool) -> int:
        """Pass on Compose's formatted output, line by line; return its exit code."""
        program, argv = self.look()[0], self._labelled(name, *words)
        argv = (*program, "--ansi", "always" if coloured else "never", *argv[len(program) :])
        with subprocess.Popen(
            argv, **self._place(has_files=False), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is piped
            with io.TextIOWrapper(process.stdout, "utf-8", "replace", newline="\n") as lines:
                try:
                    for line in lines:
                        out(line)
                except BaseException:  # Ctrl-C, or our output has no reader any more
                    process.terminate()
                    raise
        return process.returncode

    def hashes(self, name: str, text: str) -> dict[str, str]:
        """Return service -> the hash, for a file's text, by which Compose decides whether a container is up to date."""
        head = (*self.look()[0], "-p", name, "--project-directory", ".", "-f", "-", *self._override())
        done = self._run((*head, "config", "--hash", "*"), text)
        if done.returncode:
            hint = "Run `stackctl deploy --dry-run`."
            raise EngineError(
                f"Compose refuses the file: {_last(done.stderr)}", hint=hint, issue="compose-refuses-file"
            )
        return dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if " " in line)

    def start(self, name: str, *words: str, also: str = "") -> "subprocess.Popen[str]":
        """Start a long command, whose stdout gives its output line by line. End it with end(). `also`: as in argv()."""
        argv = self.argv(name, *words, also=also)
        self._says(f"+ {command_line(*argv)}")
        return subprocess.Popen(
            argv,
            **self._place(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that Ctrl-C reaches only us
        )

    def additions(self) -> tuple[str, ...]:
        """The user's own files that Compose reads beside ours, such as compose.override.yml and .env."""
        return tuple(file for file in (*self._override()[1:], ".env") if self.folder.has_file(file))

    @property
    def is_overridden(self) -> bool:
        """Return whether there is an override file of the user."""
        return bool(self._override())

    def _override(self) -> tuple[str, ...]:
        """Return the user's override file as words of a command line; () without one."""
        self.folder.has_file(".env")  # Compose reads this file by itself: refuse it if we must not read it
        return next((("-f", file) for file in _OVERRIDES if self.folder.has_file(file)), ())

    def _run(
        self, argv: tuple[str, ...], text: str = "", *, has_files: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            argv,
            **self._place(has_files=has_files),
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _place(self, *, has_files: bool = True) -> dict[str, Any]:
        """Return Compose's working directory, the folder or one without its files, and its environment.

        The environment is ours except PWD: if PWD leads here by a link, Compose would use the link as the path.
        """
        place = str(self.folder.path) if has_files else "/"
        hidden = () if has_files else _NAMES_FILES
        return {"cwd": place, "env": {**{k: v for k, v in os.environ.items() if k not in hidden}, "PWD": place}}


def end(process: "subprocess.Popen[str]") -> None:
    """Stop a started command and its children, and wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):  # it has just ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _look() -> tuple[tuple[str, ...], tuple[int, ...]]:
    v1 = died = ""
    missing = True
    for argv in (("docker", "compose"), ("docker-compose",)):
        try:
            done = subprocess.run((*argv, "version", "--short"), capture_output=True, text=True, check=False)
        except (FileNotFoundError, PermissionError):
            continue
        missing = False
        found = version(done.stdout)
        if done.returncode or not found:
            died = died or _last_words(done)
            continue
        if found >= OLDEST_COMPOSE:
            return argv, found
        v1 = v1 or dotted(found)
    install = "Run `stackctl setup`, or install Compose yourself: https://docs.docker.com/compose/install/linux/"
    if v1:
        raise EngineError(
            f"Docker Compose {v1} is too old; 2.20 or newer is needed", hint=install, issue="compose-too-old"
        )
    if missing:
        hint = "Run `stackctl setup`, or install Docker yourself: https://docs.docker.com/engine/install/"
        raise EngineError("the docker command is not installed", hint=hint, issue="docker-command-missing")
    limits, lift = tight_limits()
    if limits:
        raise EngineError(
            f"Docker Compose can't run within this shell's limits: {limits}",
            hint=f"Lift them with `{lift}`, then run this again.",
            evidence=(died,) if died else (),
            issue="limits-too-small",
        )
    if died:
        raise EngineError(
            f"Docker Compose can't run: {died}",
            hint="Run `docker compose version`, which fails, too, and fix that first.",
            issue="compose-failed",
        )
    raise EngineError("Docker Compose is not installed", hint=install, issue="compose-missing")


def _last_words(done: "subprocess.CompletedProcess[str]") -> str:
    """Return why the program died instead of answering; "" if it only does not know Compose."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if done.returncode < 0:
        return lines[0] if lines else f"ended by {signal.Signals(-done.returncode).name}"
    return next((line for line in lines if _DEATH.search(line)), "")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
