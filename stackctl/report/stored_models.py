"""The results of `models pull`, `list` and `verify`, as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.core.hub.labels import find_label
from stackctl.terminal import command_line

if TYPE_CHECKING:
    from stackctl.commands.models.stored import Entry, Verified
    from stackctl.core.hub.cached import CachedModel
    from stackctl.report.contract import stored_models as contract
    from stackctl.steps.models.pull import Pulled
    from stackctl.ui import Ui


def pulled(done: "Pulled") -> "tuple[str, contract.Pulled]":
    """Return where the model is now."""
    how = f"in {done.took_s:.0f} s" if done.took_s else "it was already here"
    text = f"{done.path}\n{done.size / 1e9:.2f} GB, {how}, checksum verified"
    values: contract.Pulled = {
        "version": 1,
        "path": str(done.path),
        "source": done.source,
        "size_bytes": done.size,
        "licence": done.licence or None,
        "files": [{"name": one.name, "size_bytes": one.size, "sha256": one.sha256} for one in done.files],
    }
    return f"{text}\nlicence: {done.licence}" if done.licence else text, values


def listed(
    entries: "tuple[Entry, ...]", elsewhere: "tuple[CachedModel, ...]", ui: "Ui"
) -> "tuple[str, contract.Stored]":
    """Return a row per model, and one for each that another program has fetched."""
    rows = [["model", "quantisation", "GB", "pulled", "used by"]]
    for one in entries:
        used = "?" if one.users is None else ", ".join(one.users) or "-"
        state = "" if one.is_whole else " (files are missing)"
        size = f"{one.kept.size / 1e9:.2f}"
        rows.append([one.name + state, one.quantisation, size, one.kept.pulled, used])
    values: list[contract.StoredModel] = [
        {
            "name": one.name,
            "path": str(one.path),
            "source": one.kept.source,
            "quantisation": one.quantisation,
            "size_bytes": one.kept.size,
            "licence": one.kept.licence or None,
            "pulled_on": one.kept.pulled,
            "complete": one.is_whole,
            "used_by": None if one.users is None else list(one.users),
        }
        for one in entries
    ]
    none = "no models were pulled yet; to pull one:\nstackctl models pull hf:OWNER/NAME:Q4_K_M"
    lines = [ui.table(rows) if entries else none]
    if elsewhere:
        others = [["in other programs' caches", "quantisation", "GB", "program"]]
        others += [[one.name, find_label(one.name), f"{one.size / 1e9:.2f}", one.program] for one in elsewhere]
        lines += ["", ui.table(others)]
        lines += ["", f"to run one where it lies: {command_line('stackctl', 'deploy', '--model', elsewhere[0].path)}"]
    return "\n".join(lines), {
        "version": 1,
        "models": values,
        "elsewhere": [
            {
                "program": one.program,
                "name": one.name,
                "path": one.path,
                "quantisation": find_label(one.name) or None,
                "size_bytes": one.size,
            }
            for one in elsewhere
        ],
    }


def verified(done: "tuple[Verified, ...]") -> "tuple[str, contract.Verified]":
    """Return a line per model."""
    lines = [f"{one.name}: {'WRONG: ' + ', '.join(one.wrong) if one.wrong else 'right'}" for one in done]
    return "\n".join(lines) or "no models were pulled yet", {
        "version": 1,
        "intact": not any(one.wrong for one in done),
        "models": [{"name": one.name, "damaged_files": list(one.wrong)} for one in done],
    }


def removed(entry: "Entry", freed: int) -> "tuple[str, contract.Removed]":
    """Return what was deleted. `freed`: bytes."""
    text = f"removed {entry.name}: {freed / 1e9:.2f} GB are free again"
    return text, {"version": 1, "name": entry.name, "freed_bytes": freed}
