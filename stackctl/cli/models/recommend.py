"""`stackctl models recommend`."""

import os
from pathlib import Path

import click

from stackctl.cli import options as option
from stackctl.cli.models.group import models
from stackctl.cli.root import machine_of


def reader(environment: "os._Environ[str]" = os.environ) -> str:
    """The user's language by the locale, as two letters."""
    name = next((value for key in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(key))), "")
    code = name.partition("_")[0].partition(".")[0].lower()
    return code if len(code) == 2 and code.isalpha() else "en"


@models.command()
@click.option("--repo", default="", metavar="hf:OWNER/NAME", help="Choose among a repository's quantisations.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Choose among its files.")
@click.option("--language", metavar="CODE", help="Language of the chats, such as ja [default: the locale's].")
@click.option("--context", type=click.IntRange(256, 4194304), help="Context size in tokens that is wanted.")
@click.option("--backend", type=option.OWN_KINDS, default="llamacpp", help="Which backend.")
@option.json
@click.pass_context
def recommend(
    ctx: click.Context,
    repo: str,
    folder: Path | None,
    language: str | None,
    context: int | None,
    backend: str,
    as_json: bool,
) -> None:
    """Name the largest, least quantised model for roleplay that fits this machine now."""
    from stackctl.commands.models.recommend import Asked
    from stackctl.commands.models.recommend import recommend as run
    from stackctl.report.recommend import recommended

    if repo and folder:
        raise click.UsageError("--repo and --folder are two places to choose from")
    machine = machine_of(ctx, as_json=as_json)
    asked = Asked(language=language or reader(), context=context, backend=backend, folder=folder, repo=repo)
    machine.ui.result(*recommended(run(machine, asked), machine.ui))
