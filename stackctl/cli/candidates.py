"""What the Tab key offers for an argument: read from files alone, with bounds, and nothing where that fails.

No engine and no network is asked, and nothing is written or printed.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackctl.cli.session import session_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _names(look: Callable[[click.Context], Iterable[object]]) -> Complete:
    """Offer the names that `look` finds and that begin as what was typed, but for those that were typed before."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        from stackctl.errors import StackctlError
        from stackctl.terminal import is_plain

        typed = (ctx.params.get(str(param.name)) or ()) if param.nargs == -1 else ()
        try:
            found = [name for name in look(ctx) if isinstance(name, str) and is_plain(name)]
        except (StackctlError, OSError, ValueError, RecursionError):
            return []
        return [CompletionItem(name) for name in found if name.startswith(incomplete) and name not in typed]

    return complete


def _words(*known: str) -> Complete:
    return _names(lambda _: known)


def _text(ctx: click.Context, name: str) -> str:
    """A file of the stack's folder; "" where there is none."""
    from stackctl.effects.storage import Folder, owner_of

    place = session_of(ctx).stack_folder.absolute()
    return Folder(place, owner_of(place)).read(name) or ""


def _models(ctx: click.Context) -> Iterable[object]:
    """The models that stack.toml names."""
    import tomllib

    models = tomllib.loads(_text(ctx, "stack.toml")).get("models")
    return models if isinstance(models, dict) else ()


def _services(ctx: click.Context) -> Iterable[object]:
    """The services of the stack, as it was planned."""
    import json

    from stackctl.core.config.files import STATE

    content = json.loads(_text(ctx, f"{STATE}/plan.json"))
    plan = content.get("plan") if isinstance(content, dict) else None
    services = plan.get("services") if isinstance(plan, dict) else None
    return [one.get("name") for one in services if isinstance(one, dict)] if isinstance(services, list) else ()


def _pulled(_: click.Context) -> Iterable[object]:
    """The models that were pulled."""
    from stackctl.core.hub.store import FOLDER
    from stackctl.effects.storage import data_home
    from stackctl.effects.storage.model_library import Library

    return [str(one.place) for one in Library(data_home() / FOLDER).kept()]


models, services, pulled = _names(_models), _names(_services), _names(_pulled)
# the words that an option takes beside numbers, addresses and names
automatic, exposures, templates = _words("auto"), _words("none", "lan"), _words("auto", "none")
layers, lines = _words("all", "auto"), _words("all")


def model(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Offer the demo model to whoever began to type its name, and files to others."""
    from click.shell_completion import CompletionItem

    is_demo = incomplete and "demo".startswith(incomplete)
    return [CompletionItem("demo")] if is_demo else [CompletionItem(incomplete, type="file")]


def explained(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Offer the issues to whoever began to type the name of one, and files to others."""
    from click.shell_completion import CompletionItem

    from stackctl.issues import ISSUES

    begun = [one for one in ISSUES if incomplete and one.startswith(incomplete)]
    return [CompletionItem(one) for one in begun] or [CompletionItem(incomplete, type="file")]


def stacks(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Offer the folders beside each other that hold a stack; where none does, all folders."""
    from click.shell_completion import CompletionItem

    head, _, begun = incomplete.rpartition("/")
    above = f"{head}/" if "/" in incomplete else ""
    try:
        beside = sorted(os.scandir(Path(above or ".").expanduser()), key=lambda one: one.name)
        found = [one.name for one in beside if one.name.startswith(begun) and _is_stack(one)]
    except (OSError, RuntimeError):  # the latter: the home of an unknown user
        found = []
    return [CompletionItem(above + name) for name in found] or [CompletionItem(incomplete, type="dir")]


def _is_stack(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir() and any(os.path.lexists(f"{entry.path}/{name}") for name in ("stack.toml", ".stackctl"))


def commands(ctx: click.Context, _param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Offer the commands below the words that were typed, for `stackctl help`."""
    from click.shell_completion import CompletionItem

    command: click.Command | None = ctx.find_root().command
    for word in ctx.params.get("words") or ():
        command = command.commands.get(word) if isinstance(command, click.Group) else None
    below = command.commands if isinstance(command, click.Group) else {}
    found = [(name, one.get_short_help_str()) for name, one in below.items() if name.startswith(incomplete)]
    return [CompletionItem(name, help=says) for name, says in found]
