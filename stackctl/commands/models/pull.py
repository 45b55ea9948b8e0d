"""`stackctl models pull`: fetch a model, and say before that if it is not a chat model, or if no backend loads it."""

from dataclasses import replace
from pathlib import Path

from stackctl.core.advice import can_load
from stackctl.core.hub.source import Source
from stackctl.core.model.not_chat import refuse_for_chat
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.pull import Download, Pulled, offered_download
from stackctl.steps.models.pull import pull as fetch
from stackctl.steps.models.remote import describe_remote
from stackctl.terminal import command_line


def pull(machine: Machine, source: Source, to: Path | None) -> Pulled:
    """Fetch a model after reading its header. `to`: a folder of the user's instead of the store.

    What is not a chat model is fetched if its file was named, with a note; else ModelError is raised, as it is for a
    chat model that no backend loads. Raises as steps.models.pull.pull() does, too.
    """
    offer = offered_download(machine, source, to)
    _judge(machine, source, offer)
    return fetch(machine, offer)


def _judge(machine: Machine, source: Source, offer: Download) -> None:
    first = offer.files[0].name
    if not offer.is_folder and not first.lower().endswith(".gguf"):
        return
    model = describe_remote(machine, offer).model
    if not model.header.purpose:
        can_load.refuse_unknown(model.header, model.name)
    try:
        refuse_for_chat(model.name, model.header.purpose)
    except ModelError as e:
        if source.url or source.file == first:
            machine.ui.note(e.message)
            return
        if offer.is_folder:
            raise
        command = command_line("stackctl", "models", "pull", str(replace(source, quant="", file=first)))
        raise ModelError(
            e.message,
            hint=f"Name the chat model, or use `{command}` to fetch this file all the same.",
            issue=e.issue,
        ) from e
