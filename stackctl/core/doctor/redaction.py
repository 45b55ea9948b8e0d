"""Takes secrets and personal data out of a text: by value where that is known, else by form and by name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stackctl.core.doctor import patterns
from stackctl.core.doctor.known_secret import Known, coded_forms, secrets_in, written_forms
from stackctl.core.doctor.patterns import MARK, Found

_LEARNT: Final = 6  # characters of a value that is a secret by its name, from which it is searched for elsewhere, too
_CODE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-")
_ROUNDS: Final = 4  # what is taken out may bring two pieces together


class Redaction:
    """Redacts texts, and counts what it took out, by kind.

    names: personal names -> what stands in their place: a home folder, a user, this machine's name.
    """

    def __init__(self, known: Iterable[Known], names: Mapping[str, str]) -> None:
        self.counts: Counter[str] = Counter()
        self._kinds: dict[str, str] = {}  # a written form -> the kind of secret
        self._coded: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._names = dict(names)
        self._pattern: re.Pattern[str] | None = None
        self.know(known)

    def know(self, known: Iterable[Known]) -> None:
        """Search for these secrets, too, from now on."""
        for one in known:
            if one.is_word:
                self._words.setdefault(one.value, one.kind)
                continue
            for form in written_forms(one.value):
                self._kinds.setdefault(form, one.kind)
            for form in coded_forms(one.value):
                self._coded.setdefault(form, one.kind)
        self._pattern = None

    def learn(self, text: str) -> None:
        """Search everywhere for the values that are secrets in this text by their name or form."""
        for found in patterns.found_in(text):
            value = text[found.begin : found.end]
            if found.is_secret and len(value.strip()) >= _LEARNT:
                self.know(secrets_in(found.kind, value))
                self.know(secrets_in(found.kind, value.rpartition(":")[2]) if found.kind == "login in a URL" else ())

    def clean(self, text: str) -> str:
        """Return the text without secrets and personal data."""
        for _ in range(_ROUNDS):
            before = text
            text = self._without(text, self._valued(text))
            text = self._without(text, patterns.found_in(text))
            if text == before:
                break
        for name, instead in sorted(self._names.items(), key=lambda one: -len(one[0])):
            text, number = re.subn(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", instead.replace("\\", r"\\"), text)
            self.counts["name of a user, a home or a machine"] += number
        return self._without(text, patterns.homes_in(text))

    def leaks(self, text: str) -> tuple[str, ...]:
        """Return the kinds of the known secrets that a text still has."""
        return tuple(sorted({one.kind for one in self._valued(text)}))

    def _valued(self, text: str) -> Iterator[Found]:
        """Give the places where a known secret stands, with all of the code around an encoded one."""
        if self._pattern is None:
            plain = [re.escape(one) for one in sorted(self._kinds, key=len, reverse=True)]
            words = [rf"(?<!\w){re.escape(one)}(?!\w)" for one in self._words]
            coded = [re.escape(one) for one in sorted(self._coded, key=len, reverse=True)]
            self._pattern = re.compile("|".join((*plain, *words, *coded)) or r"(?!)")
        for one in self._pattern.finditer(text):
            begin, end = one.span()
            kind = self._kinds.get(one[0]) or self._words.get(one[0])
            if kind is None:
                kind = self._coded[one[0]]
                while begin and text[begin - 1] in _CODE:
                    begin -= 1
                while end < len(text) and text[end] in _CODE:
                    end += 1
            yield Found(kind=kind, begin=begin, end=end)

    def _without(self, text: str, places: Iterable[Found]) -> str:
        kept, at = [], 0
        for one in sorted(places, key=lambda place: (place.begin, -place.end)):
            if one.begin < at or text.startswith(MARK, one.begin):
                at = max(at, one.end) if one.begin < at and one.end > at else at
                continue
            kept += [text[at : one.begin], f"{MARK} {one.kind}]"]
            self.counts[one.kind] += 1
            at = one.end
        return "".join(kept) + text[at:]
