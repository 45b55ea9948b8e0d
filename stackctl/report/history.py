"""The history of a stack as a table and as JSON."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from stackctl.commands.history import Past
    from stackctl.core.history import FileUsed, GpuUsed, Record
    from stackctl.report.contract import stack
    from stackctl.ui import Ui

_GPU = 6  # the column that is left out where no deploy has anything in it


def history(found: "tuple[Past, ...]", ui: "Ui") -> "tuple[str, stack.History]":
    """Return one row per deploy, the newest first."""
    values: stack.History = {"version": 1, "deploys": [_values(one) for one in found]}
    if not found:
        return "no deploy is recorded in this folder yet", values
    rows = [("N", "WHEN", "STACKCTL", "BACKEND", "MODEL", "CONTEXT", "GPU", "TOKENS/S", "CHANGED"), *map(_row, found)]
    if not any(_gpu(one.record) for one in found):
        rows = [(*row[:_GPU], *row[_GPU + 1 :]) for row in rows]
    return ui.table(rows), values


def _row(past: "Past") -> tuple[str, ...]:
    one, changes = past.record, past.changes
    speed = "-" if one.tokens_per_s is None else f"{one.tokens_per_s:.1f}"
    changed = "-" if changes is None else ", ".join(changes) or "nothing"
    context = str(one.context)
    return (
        str(past.number),
        one.time,
        one.stackctl,
        one.backend,
        one.model or "-",
        context,
        _gpu(one) or "-",
        speed,
        changed,
    )


def _gpu(one: "Record") -> str:
    """Return the layers on the GPU, and its memory as the driver saw it and as planned; "" if unknown."""
    words = [] if one.layers_on_gpu is None else [f"{one.layers_on_gpu}/{one.layers} layers"]
    for used in one.gpus:
        if used.seen_mib is not None:
            planned = "" if used.planned_mib is None else f"/{used.planned_mib}"
            words.append(f"{max(0, used.seen_mib)}{planned} MiB")
    return ", ".join(words)


def _values(past: "Past") -> "stack.PastDeploy":
    one = past.record
    return {
        "number": past.number,
        "deployed_at": one.time,
        "stackctl": one.stackctl,
        "inputs_hash": one.inputs,
        "backend": one.backend,
        "model": one.model or None,
        "context": one.context,
        "kv_cache": one.kv_cache,
        "gpu_layers": int(one.gpu_layers) if one.gpu_layers.isdecimal() else "auto" if one.gpu_layers else None,
        "port": one.port,
        "images": [
            {"service": used.service, "name": used.name, "id": used.id or None, "digest": used.digest or None}
            for used in one.images
        ],
        "model_files": [_file(used) for used in one.model_files],
        "program": _file(one.program) if one.program else None,
        "ready_s": one.ready_s,
        "first_token_s": one.first_token_s,
        "tokens_per_s": one.tokens_per_s,
        "layers_on_gpu": one.layers_on_gpu,
        "layers": one.layers,
        "gpus": [_used(used) for used in one.gpus],
        "changes": None if past.changes is None else list(past.changes),
    }


def _used(used: "GpuUsed") -> "stack.GpuUsed":
    by: Literal["process", "free memory"] = "process" if used.is_by_process else "free memory"
    return {
        "uuid": used.uuid,
        "name": used.name,
        "planned_mib": used.planned_mib,
        "seen_mib": used.seen_mib,
        "seen_by": None if used.seen_mib is None else by,
    }


def _file(used: "FileUsed") -> "stack.FileUsed":
    from datetime import UTC, datetime

    modified = datetime.fromtimestamp(used.modified_ns // 10**9, UTC)
    return {
        "path": used.path,
        "size_bytes": used.size,
        "modified_at": modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sha256": used.sha256 or None,
    }
