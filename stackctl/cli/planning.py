"""Commands that plan: deploy, and what shows or writes what it would do."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackctl.cli import options as option
from stackctl.cli.command_line import typed_command
from stackctl.cli.offered_gpu import leaves_offered_gpu
from stackctl.cli.root import agrees_on_terminal, ask_which, machine_of, main, sits_elsewhere
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.core.advice.menu import Offer
    from stackctl.machine import Machine

_PROPOSES = "No model yet. For this machine stackctl proposes:"
_LATER = (
    "Run `stackctl deploy` to choose later, `stackctl deploy --model MODEL` for another model, or "
    "`stackctl deploy --model demo` for the built-in one."
)


@main.command(
    examples=(
        "stackctl deploy",
        "stackctl deploy --model demo",
        "stackctl deploy --model ~/models/my-model.gguf",
        "stackctl deploy --backend koboldcpp --context 16384",
        "stackctl deploy --expose lan",
    )
)
@option.config_options
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@click.option("--show", is_flag=True, help="With --dry-run: print the compose file instead.")
@option.replan
@option.new_images
@click.option("--locked", is_flag=True, help="Refuse everything that differs from stack.lock.")
@option.timeout
@option.no_proof
@click.option("--trust-first-download", is_flag=True, help="Accept a program of unknown checksum, and record it.")
@click.option(
    "--force",
    is_flag=True,
    help="Start the model even if it does not fit into memory, or the backend does not know it.",
)
@option.no_rollback
@option.yes
@option.json
@click.pass_context
def deploy(
    ctx: click.Context,
    *,
    flags: option.ConfigFlags,
    dry_run: bool,
    show: bool,
    replan: bool,
    new_images: bool,
    locked: bool,
    timeout_s: int | None,
    no_proof: bool,
    trust_first_download: bool,
    force: bool,
    no_rollback: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Start the stack, wait for the model, and test a reply.

    In an empty folder stack.toml is created; options that name a setting are written into it. Without --model, a menu
    proposes models that suit this machine, and the one whose key you press is fetched; --yes takes the first. --model
    demo is built in: it answers with one fixed sentence.
    """
    from stackctl import report
    from stackctl.commands.deploy import Options
    from stackctl.commands.deploy import deploy as run
    from stackctl.report.failure import declined

    _refuse_contradictions(show=show, dry_run=dry_run, locked=locked, replan=replan, new_images=new_images)
    machine = machine_of(ctx, as_json=as_json)
    changes = flags.changes(machine)
    leaves_gpu = not (dry_run or locked or yes or as_json) and leaves_offered_gpu(machine, changes)
    answer = {} if locked else _ask_for_model(machine, changes, yes=yes or dry_run)
    if answer is None:
        machine.ui.done(f"nothing was changed. {_LATER}", declined())
        return
    changes |= answer
    opened, is_worth_saying = (None, False) if dry_run else _ask_to_open(machine, changes, yes=yes or as_json)
    options = Options(
        dry_run=dry_run,
        replan=replan,
        new_images=new_images,
        locked="all" if locked else "",
        prove=not no_proof,
        timeout_s=timeout_s,
        trust_first_download=trust_first_download,
        force=force,
        rollback=not no_rollback,
        opened=opened,
        leaves_gpu=leaves_gpu,
    )
    done = run(machine, changes, options)
    if dry_run:
        also = {"yes"} if "model.source" in answer else ()
        command = typed_command(ctx, without={"dry_run", "show", "as_json"}, also=also)
        machine.ui.result(*report.dry_run(done, command=command, shows_file=show))
        return
    ssh, as_qr = os.environ.get("SSH_CONNECTION", ""), bool(opened) and machine.ui.has_symbols
    machine.ui.result(*report.deployed(done, ssh, as_qr=as_qr, can_open=is_worth_saying))


def _refuse_contradictions(*, show: bool, dry_run: bool, locked: bool, replan: bool, new_images: bool) -> None:
    if show and not dry_run:
        raise click.UsageError("--show needs --dry-run.")
    if locked and (replan or new_images):
        raise click.UsageError(f"--locked and {'--replan' if replan else '--new-images'} exclude each other.")


def _ask_for_model(machine: "Machine", changes: dict[str, object], *, yes: bool) -> dict[str, object] | None:
    """Return the keys of stack.toml for the model that the user chose now; None if the user declined.

    {} if there is no question, or no user to answer it: the deploy itself then reports what is missing.
    """
    from stackctl.cli.models.recommend import reader
    from stackctl.commands.models.published import published_source
    from stackctl.commands.propose import proposal
    from stackctl.report.recommend import proposal as lines
    from stackctl.steps.config_request import load_config
    from stackctl.steps.first_model import is_open

    wanted = load_config(machine, changes)
    names = sorted(wanted.written.models)
    if not is_open(machine, wanted) or len(names) == 1:
        return {}
    if names:
        name = None if yes else ask_which("stack.toml has several models. Which one runs?", names, machine.ui)
        return {"model.use": name} if name else {}
    found = proposal(machine, wanted.spec, language=reader())
    if yes:
        machine.ui.step(_PROPOSES)
        for line in lines(found.best):
            machine.ui.note(line)
        number: int | None = 1
    else:
        number = _ask_which_offer(machine.ui, found.offers)
    if number is None:
        return {}
    if not number:
        return None
    return {"model.path": "auto", "model.source": str(published_source(machine, found, found.offers[number - 1].model))}


def _ask_which_offer(ui: Ui, offers: "tuple[Offer, ...]") -> int | None:
    from stackctl.cli.menu import chosen_number
    from stackctl.report.menu import menu

    ui.menu([_PROPOSES, *menu(offers)])
    explanation = "A number downloads that model and starts it; Enter takes the first; q changes nothing."
    return chosen_number(len(offers), ui, explanation=explanation, later=_LATER, takes_enter=True)


def _ask_to_open(machine: "Machine", changes: dict[str, object], *, yes: bool) -> tuple[bool | None, bool]:
    """Return whether the user opens the stack to other devices, and whether to show the command for that.

    A yes is added to `changes`. None if there is no question, or no terminal to ask on. `yes`: ask nothing, and open
    nothing.
    """
    from stackctl.core.config.section import LAN, NONE
    from stackctl.steps.config_request import load_config
    from stackctl.steps.open_to_others import may_open

    if "sillytavern.expose" in changes:
        return changes["sillytavern.expose"] != NONE, False
    if not sits_elsewhere(os.environ) or not may_open(machine, load_config(machine, changes)):
        return None, False
    answer = None if yes else agrees_on_terminal("Open it to other devices of this network, with a password?")
    if answer:
        changes["sillytavern.expose"] = LAN
    return answer, answer is None


@main.command(
    examples=(
        "stackctl render --stdout",
        "stackctl render --paths absolute",
        "stackctl render --archive stack.tar",
    )
)
@option.config_options
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the file; write nothing.")
@click.option(
    "--paths",
    type=click.Choice(("relative", "absolute")),
    default="relative",
    help="How to write paths below the folder; absolute: for Portainer.",
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Pack the folder and its model into a tar FILE that runs anywhere.",
    metavar="FILE",
)
@option.replan
@option.new_images
@option.json
@click.pass_context
def render(
    ctx: click.Context,
    *,
    flags: option.ConfigFlags,
    to_stdout: bool,
    paths: str,
    archive: Path | None,
    replan: bool,
    new_images: bool,
    as_json: bool,
) -> None:
    """Write compose.yml and what it mounts, without an engine.

    SillyTavern's first settings come from its image: they are written where an engine has it. The last line names what
    is missing.
    """
    from stackctl import report
    from stackctl.commands.render import render as run

    if archive and (to_stdout or paths == "absolute"):
        raise click.UsageError("--archive packs a folder with relative paths: leave out --stdout and --paths absolute.")
    machine = machine_of(ctx, as_json=as_json)
    done = run(
        machine,
        flags.changes(machine),
        to_stdout=to_stdout,
        absolute=paths == "absolute",
        replan=replan,
        new_images=new_images,
        archive=archive and archive.absolute(),
    )
    if as_json:
        machine.ui.result("", report.rendered(done))
    elif to_stdout:
        machine.ui.raw(done.text)


@main.command(examples=("stackctl diff", "stackctl diff --context 16384"))
@option.config_options
@option.replan
@option.new_images
@option.json
@click.pass_context
def diff(ctx: click.Context, *, flags: option.ConfigFlags, replan: bool, new_images: bool, as_json: bool) -> None:
    """Show what a deploy would change.

    The changed lines of compose.yml come first, then the containers that would be recreated.
    """
    from stackctl import report
    from stackctl.commands.diff import diff as run

    machine = machine_of(ctx, as_json=as_json)
    changes = flags.changes(machine)
    machine.ui.result(*report.difference(run(machine, changes, replan=replan, new_images=new_images)))


@main.command(examples=("stackctl init", "stackctl init --model ~/models/my-model.gguf"))
@option.config_options
@option.json
@click.pass_context
def init(ctx: click.Context, flags: option.ConfigFlags, as_json: bool) -> None:
    """Write stack.toml, with every key explained.

    A .gitignore is written, too.
    """
    from stackctl.commands.init import init as run

    machine = machine_of(ctx, as_json=as_json)
    path = run(machine, flags.changes(machine))
    if as_json:
        machine.ui.result("", {"version": 1, "path": path})


@main.command(examples=("stackctl schema > stack.schema.json",))
def schema() -> None:
    """Print the JSON schema of stack.toml, for editors."""
    import json

    from stackctl.core.config import stack_toml

    Ui().raw(json.dumps(stack_toml.schema(), indent=2) + "\n")
