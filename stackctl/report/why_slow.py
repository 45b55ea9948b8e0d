"""`why-slow` as text and as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stackctl.terminal import command_line, hanging

if TYPE_CHECKING:
    from stackctl.commands.why_slow import WhySlow
    from stackctl.core.slow.explain import Explanation, Verdict
    from stackctl.core.slow.mean import Mean
    from stackctl.core.slow.slowdown import Gain, Slowdown
    from stackctl.report.contract import slow
    from stackctl.ui import Ui

_MEASURE = "Send a message in SillyTavern, or run `stackctl why-slow --measure`, which asks for one reply."


def why_slow(done: "WhySlow", ui: "Ui") -> "tuple[str, slow.Why]":
    """Return where a reply's time goes, the causes, the verdict, and what would help."""
    found, mean = done.found, done.found.mean
    if mean is None:
        says = ui.text(f"{done.backend}'s log shows no reply since its start, so there is nothing to explain yet")
        return f"{says}\nhint: {_MEASURE}", _values(done)
    many = f"the last {mean.replies} replies took" if mean.replies > 1 else "the last reply took"
    each = " each on average" if mean.replies > 1 else ""
    head = f"{done.backend}, {done.model}: {many} {_seconds(found.whole_s, found)}{each}"
    blocks = ["\n".join([ui.text(head), ui.table([*_parts(found, mean)], has_head=False)])]
    blocks += [_cause(number, one, found, ui) for number, one in enumerate(found.slowdowns, 1)]
    blocks += [ui.text(_verdict(found, mean))] if found.verdict != "explained" else []
    if found.gains:
        blocks.append(
            "\n".join(["what would make a reply shorter:", *(ui.text(f"- {_gain(one)}") for one in found.gains)])
        )
    blocks += ["\n".join(ui.text(f"not looked at: {one}") for one in done.seen.unseen)] if done.seen.unseen else []
    return "\n\n".join(blocks), _values(done)


def _parts(found: "Explanation", mean: "Mean") -> Iterator[tuple[str, str, str]]:
    def row(seconds: float, says: str) -> tuple[str, str, str]:
        return f"{_seconds(seconds, found):>10}", f"{100 * seconds / found.whole_s:3.0f} %", says

    if found.waited_s:
        yield row(found.waited_s, "waiting until the model was loaded again")
    if mean.again_s:
        yield row(mean.again_s, f"reading {_tokens(mean.again)} again that were read before")
    if mean.read_s:
        new = _tokens(mean.read - mean.again, "new ")
        yield row(mean.read_s - mean.again_s, f"reading {new} of a prompt of {mean.prompt:.0f}")
    known = [f"about {_rate(one)} expected" for one in (found.expected.computed,) if one]
    known += [f"{_rate(found.expected.proven)} at the last deploy"] if found.expected.proven else []
    beside = f" ({', '.join(known)})" if known else ""
    what = "writing" if mean.read_s else f"reading a prompt of {mean.prompt:.0f} tokens and writing"
    yield row(mean.written_s, f"{what} {_tokens(mean.written)}, {_rate(mean.tokens_per_s)}{beside}")


def _cause(number: int, one: "Slowdown", found: "Explanation", ui: "Ui") -> str:
    share = f"{100 * one.seconds / found.whole_s:.0f} %, {one.certainty}"
    says = f"{_seconds(one.seconds, found)} of it ({share}): {one.says}"
    lines = [*hanging(f"{number}. ", says, ui.columns)]
    for line in one.evidence:
        lines += hanging("   | ", line, ui.columns)
    lines += hanging("   hint: ", one.hint, ui.columns)
    return "\n".join([*lines, f"   more: `{command_line('stackctl', 'explain', one.issue)}`"])


def _gain(one: "Gain") -> str:
    speed = f" ({_rate(one.tokens_per_s)})" if one.tokens_per_s else ""
    return f"{one.change}: {one.effect}, about {one.times:.1f} x{speed}"


def _verdict(found: "Explanation", mean: "Mean") -> str:
    if found.verdict == "slower":
        return (
            f"it writes {found.unexplained:.1f} times slower than expected for a reason that was not seen; look again "
            "while it answers: `stackctl why-slow --measure`"
        )
    if found.expected.computed is None:
        return f"nothing that slows it down was seen; it writes {_rate(mean.tokens_per_s)}"
    return f"it is about as fast as this machine can be with this model: {_rate(mean.tokens_per_s)}"


def _seconds(seconds: float, found: "Explanation") -> str:
    """Return seconds, of a reply that took less than one to the millisecond."""
    return f"{seconds:.{1 if found.whole_s >= 1 else 3}f} s"


def _tokens(number: float, kind: str = "") -> str:
    return f"{number:.0f} {kind}token{'' if round(number) == 1 else 's'}"


def _rate(tokens_per_s: float | None) -> str:
    if tokens_per_s is None:
        return ""
    return f"{tokens_per_s:.0f} tokens/s" if tokens_per_s >= 10 else f"{tokens_per_s:.1f} tokens/s"


def _values(done: "WhySlow") -> "slow.Why":
    found = done.found
    verdicts: dict[Verdict, slow.Verdict] = {
        "explained": "explained",
        "as expected": "as_expected",
        "slower": "slower",
        "no replies": "no_replies",
    }
    return {
        "version": 1,
        "name": done.name,
        "backend": done.backend,
        "model": done.model,
        "verdict": verdicts[found.verdict],
        "reply": _reply(found, found.mean) if found.mean else None,
        "causes": [
            {
                "issue": one.issue,
                "message": one.says,
                "hint": one.hint,
                "seconds": round(one.seconds, 2),
                "share": round(one.seconds / found.whole_s, 3),
                "certainty": one.certainty,
                "evidence": list(one.evidence),
            }
            for one in found.slowdowns
        ],
        "changes": [
            {
                "change": one.change,
                "effect": one.effect,
                "times": round(one.times, 2),
                "tokens_per_s": None if one.tokens_per_s is None else round(one.tokens_per_s, 1),
            }
            for one in found.gains
        ],
        "unseen": list(done.seen.unseen),
    }


def _reply(found: "Explanation", mean: "Mean") -> "slow.Reply":
    computed, proven = found.expected.computed, found.expected.proven
    return {
        "replies": mean.replies,
        "seconds": round(found.whole_s, 2),
        "waited_s": round(found.waited_s, 2),
        "read_s": round(mean.read_s, 2) if mean.read_s else None,
        "read_again_s": round(mean.again_s, 2),
        "written_s": round(mean.written_s, 2),
        "prompt_tokens": round(mean.prompt, 1),
        "read_tokens": round(mean.read, 1),
        "read_again_tokens": round(mean.again, 1),
        "written_tokens": round(mean.written, 1),
        "tokens_per_s": round(mean.tokens_per_s, 1),
        "expected_tokens_per_s": round(computed, 1) if computed else None,
        "proven_tokens_per_s": round(proven, 1) if proven else None,
    }
