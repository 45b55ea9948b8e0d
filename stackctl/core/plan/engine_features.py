"""What a service asks of its engine, as far as this engine can."""

import math
from typing import Literal

from stackctl.contracts.service import Health
from stackctl.core.config.lock import Decisions
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import EngineSeen, Observed

_SLOW_DISK_MIB_S = 80  # a hard disk; assumed where nothing was measured
_START_INTERVAL_ENGINE, _START_INTERVAL_COMPOSE = (25,), (2, 21)
_ISOLATED_ENGINE = (28,)


def start_period(model: ModelSeen, name: str, decisions: Decisions) -> int:
    """Seconds that loading may take: twice the time to read the model from its disk, and some.

    `name`: what stack.toml's [models] calls it; "": it is the one at model.path.
    """
    inputs = {"model": model.name, "bytes": model.size}

    def compute() -> int:
        rate = model.read_mib_s or _SLOW_DISK_MIB_S
        return math.ceil((60 + 2 * model.size / 2**20 / rate) / 10) * 10

    return decisions.decide(f"models.{name}.start_period" if name else "backend.start_period", inputs, compute)


def patience(model: ModelSeen, name: str, start_s: int, seen: Observed, decisions: Decisions) -> int:
    """Seconds that the backend's health check waits for the model: as start_period() says, or as long as the user does.

    What was asked for once is recorded for this model: a plain deploy makes no container anew for it. Nor does asking
    for more, while the backend runs with this model.
    """
    prefix, inputs = f"models.{name}" if name else "backend", {"model": model.name, "bytes": model.size}
    recorded = decisions.standing(f"{prefix}.patience", inputs) or 0
    has_check = seen.backend_runs and decisions.standing(f"{prefix}.start_period", inputs) is not None
    if seen.patience_s > max(start_s, recorded) and not has_check:
        recorded = decisions.decide(f"{prefix}.patience", inputs, lambda: seen.patience_s, holds=lambda _: False)
    return max(start_s, recorded)


def health(test: tuple[str, ...], start_period_s: int, engine: EngineSeen | None) -> Health:
    """A health check; asked often during the start where the engine can, else a little oftener all the time."""
    knows = (
        engine is not None and engine.version >= _START_INTERVAL_ENGINE and engine.compose >= _START_INTERVAL_COMPOSE
    )
    return Health(
        test=test,
        start_period_s=start_period_s,
        interval_s=10 if knows else 5,
        start_interval_s=1 if knows else None,
    )


def isolates(engine: EngineSeen | None) -> bool:
    """Whether the engine can make an internal network in which its own machine has no address; older ones refuse it.

    https://docs.docker.com/engine/network/drivers/bridge/ (gateway mode "isolated")
    """
    return engine is not None and engine.version >= _ISOLATED_ENGINE


def cpus(wanted: float | Literal["auto"], engine: EngineSeen | None) -> float | None:
    """A limit on CPUs; None where the kernel can't hold it."""
    if wanted == "auto" or (engine and not engine.has_cpu_quota):
        return None
    return float(wanted)
