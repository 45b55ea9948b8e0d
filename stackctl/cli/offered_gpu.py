"""The question whether the model runs on a GPU that gpu.mode = "auto" never takes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stackctl.cli.root import chosen_on_terminal

if TYPE_CHECKING:
    from stackctl.machine import Machine


def leaves_offered_gpu(
    machine: "Machine",
    changes: dict[str, object],
    ask: Callable[[str, Sequence[str]], str | None] = chosen_on_terminal,
) -> bool:
    """Return whether the user was asked about such a GPU, and leaves it unused.

    A mode that uses it is put into `changes`. `ask`: returns the chosen one of several names, None if there is no
    terminal to ask on.
    """
    from stackctl.core.config.section import NONE
    from stackctl.steps.config_request import load_config
    from stackctl.steps.offer_gpu import offered_gpu

    if "gpu.mode" in changes or (found := offered_gpu(machine, load_config(machine, changes))) is None:
        return False
    question = (
        f"{found.name}: run the model on it, in a way that stackctl's authors have not tried? Or on the CPU (none)"
    )
    mode = ask(question, [*found.modes, NONE])
    if mode not in {None, NONE}:
        changes["gpu.mode"] = mode
    return mode == NONE
