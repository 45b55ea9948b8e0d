"""The user's arguments for the backend's program: they may not contradict the plan, except in override_args.

The backend knows what an argument means (Backend.ARGUMENTS); this module draws the consequences.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

from stackctl.backends.contract import Argument, Arguments, Backend
from stackctl.core.config.several_models import placed_changes
from stackctl.core.config.spec import Spec
from stackctl.errors import ConfigError

EXTRA, OVERRIDE = "backend.extra_args", "backend.override_args"
_JOINED = re.compile(r"(-[A-Za-z]+)([0-9].*)")  # -c32768
_NUMBER = re.compile(r"-[0-9.]+")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*\s")  # an option in one string with more words


@dataclass(frozen=True, kw_only=True)
class Given:
    """An argument of the user. words: the strings of the list that contain it."""

    name: str
    value: str
    argument: Argument
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Overridden:
    """The spec with the values of override_args, and the values that have no key in it; None if not given."""

    spec: Spec
    slots: int = 1
    cpu_experts: int | None = None
    split: tuple[float, ...] = ()  # each GPU's share of the layers
    notes: tuple[str, ...] = ()


def given_arguments(words: Sequence[str], known: Arguments, *, shortens: bool) -> Iterator[Given]:
    """Return the arguments that the plan decides, in all forms: `--name=value`, `-c32768`, several in a string."""
    tokens = [(token, at) for at, word in enumerate(words) for token in _tokens(word)]
    skip = 0
    for number, (token, at) in enumerate(tokens):
        if at < skip or (found := _argument(token, known, shortens=shortens)) is None:
            continue
        name, joined, argument = found
        after, there = tokens[number + 1] if number + 1 < len(tokens) else ("", at)
        is_value = not joined and (not after.startswith("-") or bool(_NUMBER.fullmatch(after)))
        value, until = (after, there) if is_value else (joined, at)
        if argument.is_list:
            listed = list(takewhile(lambda one: not one[0].startswith("-"), tokens[number + 1 :]))
            value, until = " ".join([joined, *(one for one, _ in listed)]).strip(), listed[-1][1] if listed else at
        if argument.inner:
            value, until = (joined, at) if joined else (" ".join(words[at + 1 : at + 2]), at + 1)
            skip = until + 1
            inside = given_arguments(_of_flags(value), argument.inner, shortens=False)
            yield from (
                Given(name=f"{one.name} in {name}", value=one.value, argument=one.argument, words=(words[at], value))
                for one in inside
            )
        else:
            yield Given(name=name, value=value, argument=argument, words=tuple(words[at : until + 1]))


def refuse_contradictions(spec: Spec, backend: Backend, format_: str, ran_with: tuple[str, ...]) -> tuple[str, ...]:
    """Raise ConfigError for an argument of extra_args that the plan decides, and name the key that decides it.

    Return warnings instead for arguments of the deployed stack. format_: the model's format.
    """
    words = spec.backend.extra_args
    found = [one for one in _decided(words, backend, format_) if not _stood(one.words, ran_with)]
    if found:
        raise _refusal([f"{EXTRA}: {one.name} {_decides(one.argument)}" for one in found], _hints(found, spec))
    for before, word in pairwise(("", *words)):
        has_inner = isinstance(one := backend.ARGUMENTS.get(before), Argument) and one.inner
        if _OPTION.match(word) and not has_inner and not _stood((word,), ran_with):
            split = ", ".join(f'"{one}"' for one in word.split())
            raise ConfigError(
                f"{EXTRA}: {word!r} are several words, which {backend.TITLE} would read as one argument",
                hint=f"Write each word as a separate string: `[{split}]`.",
            )
    warned = _decided(words, backend, format_)
    return tuple(
        f"{EXTRA}: {one.name} {_decides(one.argument)}; this stack runs with the argument, and not with the plan. "
        f"The next release refuses it. {_hints([one], spec)}"
        for one in warned
    )


def overridden(spec: Spec, backend: Backend, format_: str, blocks: int) -> Overridden:
    """Return the spec with the values of override_args; raise ConfigError for a forbidden argument or a wrong value.

    blocks: the model's number of blocks; 0 if unknown.
    """
    found = _decided(spec.backend.override_args, backend, format_)
    if fixed := [one for one in found if one.argument.fixed]:
        says = [f"{OVERRIDE}: {one.name} {_decides(one.argument)}" for one in fixed]
        raise _refusal(says, " ".join(dict.fromkeys(one.argument.hint for one in fixed)))
    values, uncounted = {}, []
    for one in found:
        if (value := _value(one)) is None:
            uncounted.append(one.name)
        else:
            values[one.argument.decides] = value
    keys = {key.removeprefix("backend."): value for key, value in values.items() if "." in key}
    experts, slots = values.get("cpu_experts"), values.get("slots", 1)
    notes = [f"{OVERRIDE} decides {', '.join(sorted(values))}"] if values else []
    if uncounted:
        notes.append(f"{OVERRIDE}: the plan does not count with {', '.join(uncounted)}")
    if slots != 1:
        notes.append(f"{OVERRIDE}: {slots} slots divide the context among them")
    return Overridden(
        spec=spec.model_copy(update={"backend": spec.backend.model_copy(update=keys)}),
        slots=int(slots),
        cpu_experts=None if experts is None else min(int(experts), blocks) if blocks else int(experts),
        split=values.get("split", ()),
        notes=tuple(notes),
    )


def _decided(words: Sequence[str], backend: Backend, format_: str) -> list[Given]:
    found = given_arguments(words, backend.ARGUMENTS, shortens=backend.SHORTENS)
    return [one for one in found if format_ == "gguf" or not one.argument.gguf_alone]


def _tokens(word: str) -> list[str]:
    """Return the words of a string: several if it begins with an option, else the whole string as one."""
    return word.split() if _OPTION.match(word) else [word]


def _argument(token: str, known: Arguments, *, shortens: bool) -> tuple[str, str, Argument] | None:
    """Return the written name, a value joined to it, and the argument; None if the plan does not decide it."""
    if not token.startswith("-"):
        return None
    name, _, joined = token.partition("=")
    plain = _plain(name)
    by_name = {_plain(one): argument for one, argument in known.items()}
    if plain in by_name:
        argument = by_name[plain]
        return (name, joined, argument) if argument else None
    if (short := _JOINED.fullmatch(token)) and (argument := by_name.get(short[1])):
        return short[1], short[2], argument
    if shortens and len(plain) > 3:
        argument = next((one for other, one in by_name.items() if one and other.startswith(plain)), None)
        return (name, joined, argument) if argument else None
    return None


def _plain(name: str) -> str:
    return name.replace("_", "-") if name.startswith("--") else name


def _of_flags(text: str) -> list[str]:
    """Return the words of text-generation-webui's --extra-flags: a command line, or "name=value,name"."""
    text = text.strip().strip("\"'").strip()
    if not text or text.startswith("-"):
        return text.split()
    parts = [one.strip() for one in text.split(",")]
    return [f"{'-' if len(one.partition('=')[0]) <= 3 else '--'}{one}" for one in parts]


def _stood(words: tuple[str, ...], ran_with: tuple[str, ...]) -> bool:
    """Return whether these words follow each other there."""
    return any(ran_with[at : at + len(words)] == words for at in range(len(ran_with)))


def _decides(argument: Argument) -> str:
    if argument.fixed:
        return argument.fixed
    return argument.why or f"is what {argument.decides} decides"


def _hints(found: Iterable[Given], spec: Spec) -> str:
    """Return the hint about all of these arguments."""
    fixed = [one.argument.hint for one in found if one.argument.fixed]
    settings = [_setting(one, spec) for one in found if "." in one.argument.decides and not one.argument.fixed]
    free = [one.name for one in found if not one.argument.fixed]
    words = [*fixed, *([f"Set {', '.join(f'`{one}`' for one in settings)} instead."] if settings else [])]
    if free:
        words.append(f"Write {', '.join(free)} into `{OVERRIDE}` if you insist on it.")
    return " ".join(dict.fromkeys(words))


def _setting(one: Given, spec: Spec) -> str:
    """Return the line of stack.toml with the same meaning; the key alone if the value is unclear."""
    value = None
    with suppress(ConfigError):  # the key's name alone is a hint, too
        value = _value(one)
    (key,) = placed_changes({one.argument.decides: value}, spec)
    return key if value is None else f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"'


def _value(one: Given) -> Any:
    read = one.argument.read
    try:
        return read(one.value) if read else None
    except ValueError as e:
        raise ConfigError(f"{OVERRIDE}: {one.name} takes {e}, not {one.value!r}", hint=f"Correct `{OVERRIDE}`.") from e


def _refusal(says: list[str], hint: str) -> ConfigError:
    return ConfigError("; ".join(says), hint=hint)
