"""The layers through which a GPU reaches the backend, and the verdict on each."""

from dataclasses import dataclass
from typing import Final, Literal

from stackctl.errors import StackctlError

# the machine's driver, the engine that passes the GPU on, the container that gets it, the program that computes on it
Layer = Literal["driver", "engine", "container", "program"]
LAYERS: Final[tuple[Layer, ...]] = ("driver", "engine", "container", "program")
State = Literal["works", "fails", "not tried"]


@dataclass(frozen=True, kw_only=True)
class LayerVerdict:
    """The verdict on one layer. says: a clause on what was seen; hint: the command that repairs it, "" if it works."""

    layer: Layer
    state: State
    says: str
    hint: str = ""
    issue: str = ""  # the id of the page that explains a fault
    evidence: tuple[str, ...] = ()  # the words of the driver, engine or program that show it


def failing(layer: Layer, error: StackctlError) -> LayerVerdict:
    """Return the verdict on a layer that fails by an error."""
    return LayerVerdict(
        layer=layer, state="fails", says=error.message, hint=error.hint, issue=error.issue, evidence=error.evidence
    )


def first_fault(verdicts: tuple[LayerVerdict, ...]) -> LayerVerdict | None:
    """Return the verdict on the lowest layer that fails; None if none does. The layers above it depend on it."""
    return next((one for layer in LAYERS for one in verdicts if one.layer == layer and one.state == "fails"), None)
