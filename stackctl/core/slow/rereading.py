"""Prompts that were read again although most of them had been read before."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from stackctl.core.slow.mean import Mean
from stackctl.core.slow.observation import Observation
from stackctl.core.slow.replies import Reply, Why, counted
from stackctl.core.slow.slowdown import Slowdown

_LEAST: Final = 0.05  # of a reply
_SAYS: Final[dict[Why, str]] = {
    "cant go back": "the model's memory can't be cut back to the place where the prompt changed (a sliding window or "
    "a recurrent state), so that all of it is read again",
    "not kept": "nothing of the prompt before is kept: it begins with another word, or the program keeps no prompts",
    "context full": "the chat is longer than the context: each time its oldest messages are left out, all that follows "
    "them is read again",
    "beginning": "the beginning of the prompt is another one each time",
    "middle": "something changes within the prompt, and all that follows it is read again",
    "asleep": "the model was unloaded in between, and with it what had been read",
}
_HINTS: Final[dict[Why, str]] = {
    "cant go back": "Add `--swa-full` to `backend.extra_args` for a model with a sliding window, which takes more "
    "memory, or choose a model without one: of a recurrent model the whole prompt is read whenever it changes.",
    "not kept": "Remove `--no-cache-prompt` and `--cache-ram 0` from `backend.extra_args` if they are there, and let "
    "no other program use this backend between two messages.",
    "context full": "Start a new chat, or summarise or hide old messages in SillyTavern. A larger `backend.context` "
    "delays it; llama.cpp keeps more of the prompt with `--cache-reuse 256` in `backend.extra_args`.",
    "beginning": "Look in SillyTavern for what changes at the top: macros such as {{time}}, {{random}} or {{roll}} in "
    "the system prompt or the character, a summary or data bank entries placed before it, an extension that asks this "
    "backend something else in between.",
    "middle": "Look in SillyTavern at what is inserted there: lorebook entries that come and go, an author's note, a "
    "summary, vector storage. Inserted at a depth of 4 or less they stand near the end, and little is read again.",
    "asleep": "Raise `backend.idle_unload`, or leave it off.",
}


def rereading(seen: Observation, mean: Mean) -> Iterator[Slowdown]:
    """Yield the cause that the replies' prompts were read again for, if that took time."""
    found = [one for one in counted(seen.replies) if one.again]
    if not found or mean.again_s < _LEAST * mean.whole_s:
        return
    why, _ = Counter(one.why for one in found if one.why).most_common(1)[0]
    many = f"{len(found)} of the last {mean.replies} prompts" if mean.replies > 1 else "in the last prompt"
    yield Slowdown(
        issue="prompt-reprocessed",
        says=f"{_SAYS[why]} ({round(mean.again)} of {round(mean.prompt)} tokens, {many})",
        hint=_HINTS[why],
        seconds=mean.again_s,
        certainty="measured",
        evidence=tuple(_evidence(found[-1])),
    )


def _evidence(one: Reply) -> Iterator[str]:
    yield (
        f"the last such prompt has {one.prompt} tokens: {one.kept or 0} were kept, {one.read or 0} read in "
        f"{one.read_s or 0.0:.1f} s, {one.again} of them again"
    )
    if one.why == "middle" and one.kept and one.prompt:
        yield f"it changes {100 * one.kept // one.prompt} % of the way from its beginning"
    if one.shifted:
        yield f"the program left {one.shifted} tokens out of the middle to keep the rest"
