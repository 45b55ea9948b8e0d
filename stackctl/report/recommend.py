"""The results of `models recommend` and of a deploy without a model, as text and as JSON."""

from typing import TYPE_CHECKING, Final

from stackctl.core.fit.speed import speed
from stackctl.core.plan.memory_plan import describe, describe_speed
from stackctl.terminal import command_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stackctl.commands.models.recommend import Recommended
    from stackctl.core.advice.suggestion import Suggestion
    from stackctl.report.contract import recommend
    from stackctl.ui import Ui

LIES: Final = {
    "gpu": "wholly on the GPU",
    "experts": "with experts in RAM",
    "split": "partly on the GPU",
    "cpu": "on the CPU",
}
THINKS: Final = {"no": "no", "optional": "if asked to", "yes": "before each answer"}


def recommended(done: "Recommended", ui: "Ui") -> "tuple[str, recommend.Recommended]":
    """Return the best model with its reasons, and the others with the way to each."""
    best = done.best
    run = command_line("stackctl", "deploy", "--model", done.paths.get(best.name, best.source))
    lines = [*map(ui.text, proposal(best, is_here=done.is_here)), ui.text(f"  why: {done.why}")]
    if not done.paths:
        lines.append(f"to download it: {command_line('stackctl', 'models', 'pull', best.source)}")
    lines.append(f"to run it: {run}")
    if done.others:
        lines += ["", *(_listed(done, ui) if done.date else [_table(done, ui)])]
    if done.date:
        lines += ["", ui.text(f"from stackctl's catalogue of {done.date}; sizes and speeds are computed")]
    return "\n".join(lines), {
        "version": 1,
        "purpose": done.purpose,
        "language": done.language,
        "best": _values(best),
        "why": done.why,
        "others": [_values(one) for one in done.others],
        "catalogue_date": done.date or None,
    }


def _listed(done: "Recommended", ui: "Ui") -> "Iterator[str]":
    """Yield the other models, each with what is known of it and the command that runs it."""
    yield "others that suit it:"
    for one in done.others:
        rate = f"about {one.choice.tokens_per_s:.0f} tokens/s {LIES[one.lies]}"
        yield ui.text(f"{one.name} at {one.form}: {one.size / 1e9:.1f} GB, context {one.context}, {rate}")
        yield ui.text(f"  {_known(one)}")
        yield f"  to run it: {command_line('stackctl', 'deploy', '--model', one.source)}"


def _table(done: "Recommended", ui: "Ui") -> str:
    rows = [["others that fit", "", "GB", "context", "speed"]]
    rows += [
        [one.name, _form(one), f"{one.size / 1e9:.1f}", str(one.context), speed(one.choice.tokens_per_s)]
        for one in done.others
    ]
    return ui.table(rows)


def proposal(best: "Suggestion", *, is_here: bool = True) -> list[str]:
    """Return a few lines that say why this model."""
    form = _form(best)
    lines = [f"{best.name}{form and f' at {form}'}: {best.size / 1e9:.1f} GB, context {best.context}"]
    where = "this machine" if is_here else "such a machine"
    lines.append(f"  {speed(best.choice.tokens_per_s)} on {where}; {describe(best.choice)}")
    lines.append(f"  {describe_speed(best.choice)}")
    if known := _known(best):
        lines.append(f"  {known}")
    return lines


def _known(one: "Suggestion") -> str:
    known = (
        one.licence and f"licence {one.licence}",
        one.thinking and f"thinks: {THINKS[one.thinking]}",
        one.refuses and f"refuses: {one.refuses}",
        one.languages and f"languages: {', '.join(one.languages)}",
        one.template and f"prompt template {one.template}",
        one.released and f"released {one.released}",
    )
    return "; ".join(each for each in known if each)


def _values(one: "Suggestion") -> "recommend.Suggestion":
    return {
        "name": one.name,
        "source": str(one.source),
        "quantisation": one.label,
        "size_bytes": one.size,
        "context": one.context,
        "kv_cache": one.choice.settings.kv_type,
        "gpu_layers": one.choice.fit.gpu_layers,
        "cpu_experts": one.choice.settings.cpu_experts,
        "lies": one.lies,
        "vram_mib": one.vram_mib,
        "ram_mib": one.ram_mib,
        "family": one.family or None,
        "rank": one.rank or None,
        "thinking": one.thinking or None,
        "refuses": one.refuses or None,
        "released": one.released or None,
        "licence": one.licence or None,
        "languages": list(one.languages),
        "prompt_template": one.template or None,
        "tokens_per_s": round(one.choice.tokens_per_s, 1),
        "long_chat_tokens_per_s": round(one.tokens_per_s, 1),
    }


def _form(one: "Suggestion") -> str:
    """Return how it is quantised; "" for a local file whose name does not tell."""
    return one.form if one.form != one.name else ""
