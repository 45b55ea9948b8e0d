"""The results of `models recommend` and of a deploy without a model, as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.core.fit.speed import speed
from stackctl.core.plan.memory_plan import describe, describe_speed
from stackctl.terminal import command_line

if TYPE_CHECKING:
    from stackctl.commands.models.recommend import Recommended
    from stackctl.core.advice.suggestion import Suggestion
    from stackctl.report.contract import models
    from stackctl.ui import Ui


def recommended(done: "Recommended", ui: "Ui") -> "tuple[str, models.Recommended]":
    """Return the best model with its reasons, and the others in a table."""
    best = done.best
    run = command_line("stackctl", "deploy", "--model", done.paths.get(best.name, best.source))
    lines = [*map(ui.text, proposal(best, is_here=done.is_here)), f"to run it: {run}"]
    if not done.paths:
        lines.insert(-1, f"to download it: {command_line('stackctl', 'models', 'pull', best.source)}")
    if done.others:
        rows = [["others that fit", "", "GB", "context", "speed"]]
        rows += [
            [
                one.name,
                _form(one),
                f"{one.size / 1e9:.1f}",
                str(one.context),
                speed(one.choice.tokens_per_s),
            ]
            for one in done.others
        ]
        lines += ["", ui.table(rows)]
    if done.date:
        lines += ["", f"from stackctl's catalogue of {done.date}; sizes are computed"]
    return "\n".join(lines), {
        "version": 1,
        "best": _values(best),
        "others": [_values(one) for one in done.others],
        "catalogue_date": done.date or None,
    }


def proposal(best: "Suggestion", *, is_here: bool = True) -> list[str]:
    """Return a few lines that say why this model."""
    form = _form(best)
    lines = [f"{best.name}{form and f' at {form}'}: {best.size / 1e9:.1f} GB, context {best.context}"]
    where = "this machine" if is_here else "such a machine"
    lines.append(f"  {speed(best.choice.tokens_per_s)} on {where}; {describe(best.choice)}")
    lines.append(f"  {describe_speed(best.choice)}")
    known = (
        best.licence and f"licence {best.licence}",
        best.languages and f"languages: {', '.join(best.languages)}",
        best.template and f"prompt template {best.template}",
    )
    if any(known):
        lines.append(f"  {'; '.join(one for one in known if one)}")
    return lines


def _values(one: "Suggestion") -> "models.Suggestion":
    return {
        "name": one.name,
        "source": str(one.source),
        "quantisation": one.label,
        "size_bytes": one.size,
        "context": one.context,
        "kv_cache": one.choice.settings.kv_type,
        "gpu_layers": one.choice.fit.gpu_layers,
        "licence": one.licence or None,
        "languages": list(one.languages),
        "prompt_template": one.template or None,
        "tokens_per_s": round(one.choice.tokens_per_s, 1),
    }


def _form(one: "Suggestion") -> str:
    """Return how it is quantised; "" for a local file whose name does not tell."""
    return one.form if one.form != one.name else ""
