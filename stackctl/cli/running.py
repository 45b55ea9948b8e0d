"""Commands for what runs: look at it, stop and start it, take it down."""

import os

import click

from stackctl.cli import candidates
from stackctl.cli import options as option
from stackctl.cli.root import agrees_to_change, machine_of, main, until_interrupted

_EVERY_S = 2.0  # how often what a stack holds is measured for `status --watch`


@main.command(examples=("stackctl status", "stackctl status --watch"))
@option.json
@click.option("--watch", is_flag=True, help="Show it live, in a pipe again at each change, until Ctrl-C.")
@click.pass_context
def status(ctx: click.Context, as_json: bool, watch: bool) -> None:
    """Show what runs, how well, and why something does not.

    The exit code is 7 unless the whole stack is ready.
    """
    from stackctl.commands import status as command
    from stackctl.errors import NotReady
    from stackctl.report import status_text

    machine = machine_of(ctx, as_json=as_json)
    if watch:
        machine.ui.is_stream, is_live = True, machine.ui.can_redraw
        with until_interrupted(ctx):
            for now in command.watch_status(machine, every_s=_EVERY_S if is_live else None):
                text, values = status_text.status(now, machine.ui)
                machine.ui.redraw(text) if is_live else machine.ui.result(text, values)
                if not machine.ui.is_read:
                    break
    now = command.status(machine)
    machine.ui.result(*status_text.status(now, machine.ui))
    ctx.exit(0 if now.is_ready else NotReady.exit_code)


@main.command(examples=("stackctl ls",))
@option.json
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """List all stacks of this machine, and what each one holds.

    Also those that are stopped, and those whose folder was removed.
    """
    from stackctl.commands.ls import list_stacks
    from stackctl.report.ls import stacks as text

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*text(list_stacks(machine), machine.ui))


@main.command(examples=("stackctl logs", "stackctl logs -f sillytavern"))
@option.service
@click.option("-f", "--follow", is_flag=True, help="Show new lines as they come, until Ctrl-C.")
@click.option(
    "--tail",
    "lines",
    type=option.Lines(),
    shell_complete=candidates.lines,
    default="200",
    help="The number of lines from the end [default: 200].",
)
@click.pass_context
def logs(ctx: click.Context, service: str | None, follow: bool, lines: str) -> None:
    """Show the logs of the stack or of one SERVICE.

    The API key is shown as ***.
    """
    from stackctl.commands import lifecycle

    with until_interrupted(ctx):
        ctx.exit(lifecycle.logs(machine_of(ctx), service, follow=follow, lines=lines))


@main.command(examples=("stackctl gpu", "stackctl gpu --gpu cdi"))
@option.gpu_mode
@option.json
@click.pass_context
def gpu(ctx: click.Context, mode: str | None, as_json: bool) -> None:
    """Show the GPUs, and which layer up to the model fails.

    The engine and a container are tried with an image that is here; nothing is pulled or changed. The exit code is 5 if
    there is a GPU and a layer fails.
    """
    from stackctl.commands.gpu import gpu as command
    from stackctl.report.gpu import gpu as text

    machine = machine_of(ctx, as_json=as_json)
    found = command(machine, {option.KEYS["gpu"]: mode})
    machine.ui.result(*text(found, machine.ui))
    ctx.exit(found.exit_code)


@main.command(examples=("stackctl history",))
@option.json
@click.pass_context
def history(ctx: click.Context, as_json: bool) -> None:
    """List the last 20 good deploys and what each one changed.

    The newest comes first.
    """
    from stackctl.commands.history import history as command
    from stackctl.report.history import history as text

    machine = machine_of(ctx, as_json=as_json)
    machine.ui.result(*text(command(machine), machine.ui))


@main.command(examples=("stackctl nodes", "stackctl nodes --json"))
@option.json
@click.pass_context
def nodes(ctx: click.Context, as_json: bool) -> None:
    """Look at each node of the Swarm: GPU, memory, model, stack.

    Where the backend can't run, the reason is said, and what to do. Exit code 4: it can run on no node. This is for
    target = "swarm".
    """
    from stackctl.commands import nodes as command
    from stackctl.errors import EngineError
    from stackctl.report.nodes import looked

    machine = machine_of(ctx, as_json=as_json)
    found = command.look_at_nodes(machine)
    machine.ui.result(*looked(found, machine.ui))
    ctx.exit(0 if found.passing else EngineError.exit_code)


@main.command(examples=("stackctl free", "stackctl free --wake"))
@click.option("--wake", is_flag=True, help="Load the model again, and wait until it answers.")
@option.timeout
@option.json
@click.pass_context
def free(ctx: click.Context, wake: bool, timeout_s: int | None, as_json: bool) -> None:
    """Unload the model now, and free the memory that it holds.

    The next message loads it again, with a backend that can do that; another one is stopped.
    """
    from stackctl.commands import free as command
    from stackctl.report.free import freed

    machine = machine_of(ctx, as_json=as_json)
    done = command.load_again(machine, timeout_s=timeout_s) if wake else command.free(machine)
    machine.ui.result(*freed(done))


@main.command(examples=("stackctl stop", "stackctl stop llamacpp"))
@option.service
@option.json
@click.pass_context
def stop(ctx: click.Context, service: str | None, as_json: bool) -> None:
    """Stop the stack or one SERVICE, and free its memory.

    The GPU is free then, and all data stays. `stackctl start` resumes.
    """
    from stackctl import report
    from stackctl.commands import lifecycle

    machine = machine_of(ctx, as_json=as_json)
    done = lifecycle.stop(machine, service)
    machine.ui.done(*report.stopped(done, service))


@main.command(examples=("stackctl start",))
@option.service
@option.timeout
@option.json
@click.pass_context
def start(ctx: click.Context, service: str | None, timeout_s: int | None, as_json: bool) -> None:
    """Start what was stopped, and wait until it is ready.

    Nothing is changed; containers that are missing are created.
    """
    from stackctl import report
    from stackctl.commands import lifecycle

    machine = machine_of(ctx, as_json=as_json)
    done = lifecycle.start(machine, service, again=False, timeout_s=timeout_s)
    machine.ui.result(*report.started(done))


@main.command(examples=("stackctl restart", "stackctl restart sillytavern"))
@option.service
@option.timeout
@option.json
@click.pass_context
def restart(ctx: click.Context, service: str | None, timeout_s: int | None, as_json: bool) -> None:
    """Restart the stack or a SERVICE and wait until it is ready.

    Containers that are missing are created.
    """
    from stackctl import report
    from stackctl.commands import lifecycle

    machine = machine_of(ctx, as_json=as_json)
    done = lifecycle.start(machine, service, again=True, timeout_s=timeout_s)
    machine.ui.result(*report.started(done))


@main.command(examples=("stackctl down",))
@click.option("--volumes", is_flag=True, help="Also delete named volumes; only an override file makes any.")
@option.yes
@option.json
@click.pass_context
def down(ctx: click.Context, volumes: bool, yes: bool, as_json: bool) -> None:
    """Remove the stack's containers and networks; chats stay.

    So do settings and models: the folder is not touched. `stackctl deploy` starts the stack again.
    """
    from stackctl import report
    from stackctl.commands import lifecycle

    machine = machine_of(ctx, as_json=as_json)
    question = "Delete the named volumes of this stack and all that is in them?"
    if volumes and not agrees_to_change(question, yes=yes, ui=machine.ui):
        return
    done = lifecycle.down(machine, volumes=volumes)
    machine.ui.done(*report.down(done))


@main.command(examples=("stackctl url", "stackctl url --qr"))
@click.option("--qr", "as_qr", is_flag=True, help="Also draw it as a QR code, for a phone.")
@option.json
@click.pass_context
def url(ctx: click.Context, as_qr: bool, as_json: bool) -> None:
    """Print the address of SillyTavern's page.

    It is one that other devices can open, if the stack is open to them: `stackctl deploy --expose lan` opens it.
    """
    from stackctl import report
    from stackctl.commands import url as command

    machine = machine_of(ctx, as_json=as_json)
    found = command.url(machine)
    if as_qr and not machine.ui.has_symbols:
        machine.ui.warn("the QR code is left out: its characters are not in this terminal's encoding")
        as_qr = False
    machine.ui.result(*report.address(found, as_qr=as_qr))


@main.command("open", examples=("stackctl open",))
@option.json
@click.pass_context
def open_(ctx: click.Context, as_json: bool) -> None:
    """Open SillyTavern's page in this machine's browser.

    Over SSH it prints how to reach the page instead.
    """
    from stackctl import report
    from stackctl.commands.url import open_page

    machine, ssh = machine_of(ctx, as_json=as_json), os.environ.get("SSH_CONNECTION", "")
    machine.ui.result(*report.opened(open_page(machine, is_remote=bool(ssh)), ssh))
