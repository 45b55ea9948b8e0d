"""Markdown as our tests read it, and stackctl's command lines in it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from stackctl.cli import main

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def fences(self) -> list[tuple[str, str]]:
        """(language, content) of every fenced block, in order."""
        return [(found[1], found[2]) for found in _FENCE.finditer(self.text)]

    @property
    def plain(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def spans(self) -> list[str]:
        """Every piece of inline code, in order."""
        return [found[1] for found in _SPAN.finditer(self.plain)]

    @property
    def links(self) -> list[str]:
        return [found[1] for found in _LINK.finditer(self.plain)]

    @property
    def headings(self) -> list[tuple[int, str]]:
        """(level, text) of every heading, in order."""
        return [(len(found[1]), found[2]) for found in _HEADING.finditer(self.plain)]

    @property
    def anchors(self) -> set[str]:
        """The headings' anchors, as GitHub makes them."""
        return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in self.headings}

    @property
    def rows(self) -> list[list[str]]:
        """The cells of every line of every table, heads and rules included."""
        lines = [line for line in self.plain.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]

    @property
    def command_lines(self) -> list[str]:
        """Every command line in shell and console blocks and in inline code."""
        found = []
        for language, content in self.fences:
            if language == "sh":
                found += [line for line in content.splitlines() if line.strip()]
            if language == "console":
                found += [line.removeprefix("$ ") for line in content.splitlines() if line.startswith("$ ")]
        return found + self.spans


def page(name: str) -> Page:
    path = ROOT / name
    return Page(path=path, text=path.read_text(encoding="utf-8"))


def calls(line: str) -> Iterator[list[str]]:
    """The words after `stackctl` of each call in a shell line; install commands name it as a package, not as a call."""
    if "stackctl" not in line:
        return
    for inside in re.findall(r"\$\(([^()]*)\)", line):
        yield from calls(inside)
    line = re.sub(r"(?<=\s)\d(?=>)", "", line)  # the stream that is redirected
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if re.fullmatch(r"[();<>|&]+", word):
            if words and words[0].rpartition("/")[2] == "stackctl":
                yield words[1:]
            words = []
        elif words or not re.fullmatch(r"\w+=.*|if|then|else|!", word):
            words.append(word)


def wrong(words: list[str]) -> str:
    """What click has against a call: a command, an option, a choice or a word too many; "" if it takes all of it.

    Words that must be there are not missed: `stackctl use` in a sentence names the command. NAME stands for any choice.
    """
    command: click.Command = main
    context = click.Context(command, info_name="stackctl", help_option_names=["-h", "--help"])
    rest = list(words)
    while True:
        try:
            values, rest, _ = command.make_parser(context).parse_args(rest)
            for one in command.params:
                if isinstance(one.type, click.Choice):
                    value = values.get(str(one.name))
                    for given in value if isinstance(value, list | tuple) else [value]:
                        if isinstance(given, str) and not given.isupper():
                            one.type.convert(given, one, context)
            if not isinstance(command, click.Group):
                return f"{command.name} takes no {rest[0]!r}" if rest else ""
            if not rest:
                return ""
            _, found, rest = command.resolve_command(context, rest)
        except click.UsageError as e:
            return e.format_message()
        assert found
        command, context = found, click.Context(found, parent=context, info_name=found.name)
