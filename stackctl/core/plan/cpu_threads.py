"""The threads that a backend on the CPU computes with."""

from math import ceil
from typing import Final

from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions, is_number
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed

_KEY: Final = "backend.threads"


def choose_threads(spec: Spec, seen: Observed, gpu: GpuRequest | None, decisions: Decisions) -> int | None:
    """Return the number of threads; None if the backend decides: on a GPU, and where the cores are not known.

    On the CPU it is one thread for each physical core that the container may use: two threads of one core share what
    computes, and slow each other down. A stack that was deployed on the CPU before stackctl chose this keeps what it
    has, so that its container is not made again; `--replan` chooses it.
    """
    if spec.backend.threads != "auto":
        return spec.backend.threads
    if gpu or not seen.read_speed:
        return None
    limit = spec.limits.backend_cpus
    cores = seen.read_speed.cores if limit == "auto" else max(1, min(seen.read_speed.cores, ceil(limit)))
    name = f"models.{spec.model.use}" if spec.model.use else "backend"
    ran_on_cpu = decisions.former(f"{name}.context", {"gpus": []}, ("gpus",)) is not None
    if ran_on_cpu and decisions.former(_KEY, {}, ()) is None:
        return None
    return decisions.decide(_KEY, {"cores": cores}, lambda: cores, known=is_number)
