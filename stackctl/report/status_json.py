"""`status` as JSON."""

from typing import TYPE_CHECKING

from stackctl.report.trouble import trouble_values

if TYPE_CHECKING:
    from stackctl.commands.status import BackendElsewhere, Status
    from stackctl.core.plan.model_run import ModelRun
    from stackctl.report.contract import stack
    from stackctl.steps.memory_now import GpuNow, MemoryNow


def status_values(now: "Status") -> "stack.Status":
    """What runs, how well, and why something does not."""
    troubles = {one.service: one for one in now.troubles}
    services: list[stack.Service] = [
        {
            "name": one.name,
            "state": one.state,
            "health": one.health or None,
            "restarts": one.restarts,
            "image": one.image or None,
            "machine": one.machine or None,
            "problem": troubles[one.name].problem if one.name in troubles else None,
            "hint": troubles[one.name].hint if one.name in troubles else None,
            "issue": troubles[one.name].issue if one.name in troubles else None,
        }
        for one in now.services
    ]
    services += [
        {
            "name": name,
            "state": "missing",
            "health": None,
            "restarts": None,
            "image": None,
            "machine": None,
            "problem": None,
            "hint": None,
            "issue": None,
        }
        for name in now.missing
    ]
    unfinished = troubles.get("")
    return {
        "version": 1,
        "name": now.name,
        "ready": now.is_ready,
        "url": now.url or None,
        "services": services,
        "backend": _backend(now.backend) if now.backend else None,
        "unfinished": trouble_values(unfinished.problem, unfinished.hint, unfinished.issue) if unfinished else None,
        "state": now.state,
        "asleep": now.is_asleep,
        "urls": list(now.urls),
        "model": model_values(now.run) if now.run else None,
        "memory": _memory(now.memory),
        "tokens_per_s": now.proof.tokens_per_s if now.proof else None,
        "proven_at": now.proof.time if now.proof else None,
        "next": now.next_step or None,
    }


def _backend(found: "BackendElsewhere") -> "stack.Elsewhere":
    return {
        "title": found.title,
        "url": found.url,
        "model": found.model or None,
        "problem": found.problem or None,
        "hint": found.hint or None,
        "issue": found.issue or None,
    }


def model_values(run: "ModelRun") -> "stack.ModelRun":
    """What a stack's model is, and where its layers are."""
    return {
        "name": run.name,
        "quantisation": run.quantisation or None,
        "context": run.context or None,
        "gpu_layers": run.gpu_layers,
        "layers": run.layers,
        "cpu_experts": run.cpu_experts,
        "reported": run.is_reported,
    }


def _memory(memory: "MemoryNow") -> "stack.MemoryNow":
    error = memory.gpu_error
    return {
        "gpus": [_gpu(one) for one in memory.gpus],
        "gpu_problem": trouble_values(error.message, error.hint, error.issue) if error else None,
        "ram_own_mib": memory.ram_mib,
        "ram_free_mib": memory.ram.free_mib if memory.ram else None,
        "ram_total_mib": memory.ram.total_mib if memory.ram else None,
    }


def _gpu(one: "GpuNow") -> "stack.GpuNow":
    read = one.reading
    is_known = bool(read.total_mib) and not read.is_suspended
    return {
        "name": read.name or None,
        "uuid": read.uuid or None,
        "suspended": read.is_suspended,
        "total_mib": read.total_mib if is_known else None,
        "free_mib": read.free_mib if is_known else None,
        "own_mib": None if read.is_suspended else one.own_mib,
        "others": [{"pid": other.pid, "name": other.name or None, "mib": other.mib or None} for other in one.others],
        "utilisation_percent": read.utilisation,
        "temperature_c": read.temperature_c,
        "power_w": read.power_w,
    }
