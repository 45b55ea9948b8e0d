"""The result of `models search` as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.terminal import command_line

if TYPE_CHECKING:
    from stackctl.commands.models.search import Found
    from stackctl.core.advice.hits import Judged
    from stackctl.core.advice.suggestion import Suggestion
    from stackctl.report.contract import search as contract
    from stackctl.ui import Ui

_LIES = {"gpu": "on the GPU", "experts": "on the GPU, some experts in RAM", "cpu": "on the CPU"}
# what a verdict says before its reason
_NOT = {
    "too_large": "too large: ",
    "not_loadable": "can't be loaded: ",
    "not_chat": "not a chat model: ",
    "not_judged": "not judged: ",
}


def found(done: "Found", ui: "Ui") -> "tuple[str, contract.Found]":
    """Return a row per hit, those that run first, and the command that runs the best one."""
    lines = []
    if runs := [_row(one.best, _name(one, done)) for one in done.judged if one.best]:
        lines.append(ui.table([["runs here", "quantisation", "GB", "context", "tokens/s", "where"], *runs]))
    if others := [[_name(one, done), _why(one)] for one in done.judged if not one.best]:
        lines += [*[""][: len(lines)], ui.table([["the others", "why not"], *others])]
    lines += map(ui.text, _remarks(done))
    best = done.best
    if best:
        lines += ["", f"to run the best of them: {command_line('stackctl', 'deploy', '--model', best.source)}"]
    values: contract.Found = {
        "version": 1,
        "words": done.query.words,
        "sort": done.query.sort,
        "hits": [_values(one, done) for one in done.judged],
        "left_out": done.left_out,
        "best": str(best.source) if best else None,
        "rate_limit": {"wait_s": done.stopped.wait_s or None, "message": done.stopped.message}
        if done.stopped
        else None,
    }
    return "\n".join(lines), values


def _remarks(done: "Found") -> list[str]:
    lines = []
    about = f" for {done.query.words}" if done.query.words else ""
    if not done.judged:
        none = f"none of {done.left_out} hits runs on this machine" if done.left_out else "Hugging Face has no GGUF"
        lines.append(f"{none}{about}")
    elif done.left_out:
        lines.append(f"left out: {done.left_out} hits that do not run, or that are not judged")
    if done.stopped:
        lines += ["", done.stopped.message, done.stopped.hint]
    if done.judged:
        tried = "`stackctl models recommend` names models of its catalogue."
        lines += ["", f"Found by Hugging Face's search, not tried by stackctl; speeds are computed. {tried}"]
    return lines


def _name(one: "Judged", done: "Found") -> str:
    return f"{one.hit.name} (in the catalogue)" if one.hit.name in done.in_catalogue else one.hit.name


def _why(one: "Judged") -> str:
    return f"{_NOT.get(one.verdict, '')}{one.why_not}"


def _row(best: "Suggestion", name: str) -> list[str]:
    speed = f"{best.choice.tokens_per_s:.0f}" if best.choice.tokens_per_s >= 10 else f"{best.choice.tokens_per_s:.1f}"
    return [name, best.form, f"{best.size / 1e9:.1f}", str(best.context), speed, _place(best)]


def _place(best: "Suggestion") -> str:
    found = best.choice.fit
    return _LIES.get(best.lies, f"{found.gpu_layers} of {found.blocks + 1} layers on the GPU")


def _values(one: "Judged", done: "Found") -> "contract.Hit":
    best = one.best
    return {
        "name": one.hit.name,
        "verdict": one.verdict,
        "problem": one.why_not or None,
        "in_catalogue": one.hit.name in done.in_catalogue,
        "gated": one.hit.is_gated,
        "downloads": one.hit.downloads,
        "likes": one.hit.likes,
        "created_on": one.hit.created or None,
        "source": str(best.source) if best else None,
        "quantisation": best.label if best else None,
        "size_bytes": best.size if best else None,
        "context": best.context if best else None,
        "kv_cache": best.choice.settings.kv_type if best else None,
        "gpu_layers": best.choice.fit.gpu_layers if best else None,
        "place": best.lies if best else None,
        "tokens_per_s": round(best.choice.tokens_per_s, 1) if best else None,
    }
