"""What `stackctl why-slow` prints."""

from typing import Annotated, Literal, TypedDict

Verdict = Literal["explained", "as_expected", "slower", "no_replies"]


class Reply(TypedDict):
    """The mean of the last replies, in seconds and tokens."""

    replies: Annotated[int, "how many; without the first one after the start if there are others"]
    seconds: Annotated[float, "of a whole reply, until its end"]
    waited_s: Annotated[float, "until a model that slept was loaded again"]
    read_s: Annotated[float | None, "for reading the prompt; null: the log tells one time for all"]
    read_again_s: Annotated[float, "of that, for what had been read before"]
    written_s: Annotated[float, "for writing; with the time for reading where the log tells one time for all"]
    prompt_tokens: float
    read_tokens: float
    read_again_tokens: float
    written_tokens: float
    tokens_per_s: Annotated[float, "how fast it writes"]
    expected_tokens_per_s: Annotated[float | None, "as computed for a prompt of this length"]
    proven_tokens_per_s: Annotated[float | None, "as measured at the last deploy, for a prompt of this length"]


class Cause(TypedDict):
    """A cause that takes time of a reply."""

    issue: Annotated[str, "`stackctl explain` shows its page"]
    message: str
    hint: str
    seconds: Annotated[float, "of a mean reply, which it would not take without this; causes may overlap"]
    share: Annotated[float, "the same as a part of the reply, 0 to 1"]
    certainty: Annotated[
        Literal["measured", "computed", "likely"],
        "counted by a program; computed; seen beside a reply that is slower than expected",
    ]
    evidence: list[str]


class Change(TypedDict):
    """A change, and how much shorter it makes a reply."""

    change: str
    effect: str
    times: Annotated[float, "how many times shorter a reply becomes"]
    tokens_per_s: float | None


class Why(TypedDict):
    """Where the time of the last replies went."""

    version: Literal[1]
    name: str
    backend: str
    model: str
    verdict: Annotated[
        Verdict,
        "slower: than expected, for a reason that was not found",
    ]
    reply: Annotated[Reply | None, "null: its log shows no reply yet"]
    causes: Annotated[list[Cause], "the worst first"]
    changes: Annotated[list[Change], "the best first"]
    unseen: Annotated[list[str], "what could not be looked at"]
