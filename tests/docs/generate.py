"""Write the pages that the code itself knows best: python -m tests.docs.generate."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click

from stackctl.cli import main
from stackctl.cli.options import KEYS
from stackctl.core.config import stack_toml
from stackctl.errors import ConfigError, DataError, Exposed, ModelError
from tests.docs import issue_pages, json_page, json_schemas, messages, recommendations
from tests.docs.messages import Message
from tests.docs.prose import Page

DOCS = Path(__file__).parents[2] / "docs"
WIDTH = 100
RECOMMENDATIONS = "recommendations.md"
_OTHERS = """\
## Other messages

Each with the hint that it comes with.
"""
_LOG, _HINT = "Read its log: `stackctl logs SERVICE`", "Do what its hint says"
_QUOTE = re.compile(r"`([^`]+)`")
_CAUSE_HEAD = ("message", "line of the log", "exit code", "what to do")
_WHOSE = {
    "backends/command_line.py": "Every backend",
    "backends/koboldcpp.py": "KoboldCpp",
    "backends/koboldcpp_failures.py": "KoboldCpp",
    "backends/koboldcpp_log.py": "KoboldCpp",
    "backends/llama_arguments_refused.py": "llama.cpp",
    "backends/llama_causes.py": "Models in llama.cpp, KoboldCpp and text-generation-webui",
    "backends/llama_devices.py": "The GPU in llama.cpp, KoboldCpp and text-generation-webui",
    "backends/llama_failures.py": "Models in llama.cpp, KoboldCpp and text-generation-webui",
    "backends/llama_signatures.py": "Models in llama.cpp, KoboldCpp and text-generation-webui",
    "backends/llama_starts.py": "Models in llama.cpp, KoboldCpp and text-generation-webui",
    "backends/llamacpp_log.py": "llama.cpp",
    "backends/program_signatures.py": "Any program",
    "backends/textgen_failures.py": "text-generation-webui",
    "backends/textgen_log.py": "text-generation-webui",
    "orchestrators/swarm/log.py": "Docker Swarm",
    "core/engine/containers.py": "The engine and containers",
    "core/engine/daemon.py": "The engine and containers",
    "core/engine/images.py": "Images and registries",
    "core/engine/limits.py": "The engine and containers",
    "core/engine/log.py": "The engine and containers",
    "core/tavern/request_signatures.py": "SillyTavern",
    "core/tavern/signatures.py": "SillyTavern",
    "orchestrators/compose/log.py": "Compose",
    "backends/llama_offload.py": "The GPU in llama.cpp, KoboldCpp and text-generation-webui",
    "backends/llamacpp.py": "llama.cpp",
    "backends/textgen.py": "text-generation-webui",
    "gpus/device_files.py": "Every backend",
    "gpus/nvidia.py": "Every backend",
    "core/start/readiness.py": "Every service",
    "core/tavern/log.py": "SillyTavern",
}  # file of the program -> whose words it knows
_HEAD = ("key", "default", "values", "meaning", "option")
MADE = "<!-- Generated from the code: python -m tests.docs.generate -->\n"
_STACK = """\
# stack.toml

One file per stack, in the stack's folder. Every key has a default, so an empty file is a valid one. An unknown key or a
wrong value is an error; all of them are reported at once, each with its line. `stackctl init` writes the file below.

An option of the command line that names a setting is written into the file, comments kept. To go back to `auto`, edit
the file.

What `auto` decided is recorded in `stack.lock` and stays until what it was decided from changes, or until
`stackctl deploy --replan`.

In an editor that knows JSON schema for TOML (Taplo, Even Better TOML): `stackctl schema > stack.schema.json`, and
`#:schema ./stack.schema.json` as the first line of `stack.toml`. The schema is here, too:
[stack.schema.json](stack.schema.json).
"""
_CLI = """\
# The command line

Every command with its `--help`; `stackctl help COMMAND` prints the same. `-C`, `-v`, `--json` and `--yes` may stand
before or after the command: `stackctl -C FOLDER status` is `stackctl status -C FOLDER`. `up`, `ps` and `version` are
understood as well, and so are `ls`, `rm` and `show` for models; for other words of Docker and Ollama the error names
the command.
Exit codes are in the [README](../README.md#read-an-error).

The Tab key completes commands, options and values, models, services and folders of stacks, once it is switched on:

| shell | line | file |
|---|---|---|
| bash 4.4 or newer | `eval "$(stackctl completion bash)"` | `~/.bashrc` |
| zsh | `eval "$(stackctl completion zsh)"` | `~/.zshrc`, below `compinit` |
| fish | `stackctl completion fish \\| source` | `~/.config/fish/config.fish` |
"""
_LOGS = """\
## What services and Docker say

These errors name the service first: `llamacpp: the model file is damaged or cut short`. The lines with `|` below are
from the log; `stackctl logs SERVICE` shows all of it, and `stackctl explain` reads it ([explain.md](explain.md)):
some of these causes it alone names, from logs that it is given.
"""


def names() -> tuple[str, ...]:
    """The name of each page, without its text, which takes time to make."""
    plain = ("stack.md", "stack.schema.json", "cli.md", "troubleshooting.md", "json.md")
    return (*plain, *(f"schemas/{name}" for name in json_schemas.names()), *issue_pages.names())


@cache
def pages() -> Mapping[str, str]:
    """File name below docs/ -> its text, as the code has it now."""
    return {
        "stack.md": stack_page(),
        "stack.schema.json": schema_text(),
        "cli.md": cli_page(),
        "troubleshooting.md": troubleshooting_page(),
        "json.md": json_page.page((DOCS / "json.md").read_text(encoding="utf-8")),
        **{f"schemas/{name}": text for name, text in json_schemas.schemas().items()},
        **issue_pages.pages(MADE),
    }


def recommendations_page() -> str:
    """What is proposed for usual machines, which takes half a minute."""
    return MADE + recommendations.page()


def schema_text() -> str:
    """What `stackctl schema` prints."""
    return json.dumps(stack_toml.schema(), indent=2) + "\n"


def stack_page() -> str:
    """Every key of stack.toml as a table per section, then the commented file."""
    parts = [MADE, _STACK]
    for section, keys in sections().items():
        parts.append(f"## {f'`[{section}]`' if section else 'Top level'}\n")
        parts.append(_table(_HEAD, [_row(key, f"{section}.{key}".lstrip("."), one) for key, one in keys.items()]))
    parts.append(f"## The file, with every default\n\n```toml\n{stack_toml.example()}```\n")
    return "\n".join(parts)


def cli_page() -> str:
    """A table of all commands, and the help of each."""
    parts = [MADE, _CLI]
    lines: list[tuple[str, ...]] = [
        (f"[`{name}`](#{name.replace(' ', '-')})", command.get_short_help_str(limit=200))
        for name, command in commands().items()
        if not isinstance(command, click.Group)
    ]
    parts.append(_table(("command", "what it does"), lines))
    parts += [f"## {name}\n\n```text\n{command_help(name, command)}\n```\n" for name, command in commands().items()]
    return "\n".join(parts)


def troubleshooting_page() -> str:
    """The page as it is up to the mark; then a row for each cause that a service's log or Docker's words have."""
    by_hand = (DOCS / "troubleshooting.md").read_text(encoding="utf-8").partition(MADE)[0]
    causes: dict[str, list[Message]] = {}
    for one in messages.causes():
        causes.setdefault(_WHOSE[one.file], []).append(one)
    causes["Docker and Compose"] = messages.table("core/start/docker_errors.py")
    causes["A GPU that the engine refuses"] = messages.table("core/gpu/refusals.py")
    parts = [by_hand + MADE, _LOGS]
    parts += [f"### {title}\n\n{_table(_CAUSE_HEAD, _cause_rows(found))}" for title, found in causes.items()]
    quotes = [quote for row in Page(path=DOCS, text=by_hand).rows for quote in _QUOTE.findall(row[0])]
    parts.append(_OTHERS)
    for error in (ConfigError, ModelError, DataError, Exposed):
        said = {one.shown: one for one in messages.raised(error) if not messages.has_entry(one.text, quotes)}
        rows: list[tuple[str, ...]] = [(f"`{shown}`", one.advice or _HINT) for shown, one in sorted(said.items())]
        parts.append(f"### Others with exit code {error.exit_code}\n\n{_table(('message', 'what to do'), rows)}")
    return "\n".join(parts)


def _cause_rows(found: Iterable[Message]) -> list[tuple[str, ...]]:
    rows = {}
    for one in found:
        lines = ", ".join(f"`{' '.join(piece.split())}`" for mark in one.marks for piece in _pieces(mark))
        rows[one.shown, lines] = (f"`{one.shown}`", lines, str(one.exit_code), one.advice or _LOG)
    return list(rows.values())


def _pieces(pattern: str) -> list[str]:
    """The alternatives of a pattern as one reads them."""
    plain = re.sub(r"\\(\W)", r"\1", pattern.replace(".*", " ... "))
    return re.split(r"\|(?![^(]*\))", plain)


@cache
def sections() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Section of stack.toml ("" for the top level) -> key -> its JSON schema."""
    schema = stack_toml.schema()
    top = {key: one for key, one in schema["properties"].items() if not {"$ref", "patternProperties"} & one.keys()}
    found: dict[str, Mapping[str, Mapping[str, Any]]] = {"": top}
    for key, one in schema["properties"].items():
        if "$ref" in one:
            keys = schema["$defs"][one["$ref"].rpartition("/")[2]]["properties"]
            found[key] = {name: about for name, about in keys.items() if "$ref" not in about}
            nested = {name: about["$ref"].rpartition("/")[2] for name, about in keys.items() if "$ref" in about}
            found |= {f"{key}.{name}": schema["$defs"][kind]["properties"] for name, kind in nested.items()}
        elif "patternProperties" in one:  # a table of tables, whose names are the user's
            (entry,) = one["patternProperties"].values()
            found[f"{key}.NAME"] = schema["$defs"][entry["$ref"].rpartition("/")[2]]["properties"]
    return found


@cache
def flags() -> Mapping[str, str]:
    """Dotted key of stack.toml -> the option of `stackctl deploy` that writes it."""
    keys = {f"{section}.{key}".lstrip(".") for section, found in sections().items() for key in found}
    options = {str(one.name): one.opts[0] for one in main.commands["deploy"].params}
    return {key: options[name] for name, key in KEYS.items() if key in keys}


def commands(group: click.Group = main, above: str = "stackctl") -> dict[str, click.Command]:
    """Full name -> command, groups included, in the order of the help."""
    found: dict[str, click.Command] = {above: group}
    for name, command in group.commands.items():
        full = f"{above} {name}"
        found |= commands(command, full) if isinstance(command, click.Group) else {full: command}
    return found


def command_help(name: str, command: click.Command) -> str:
    """As `--help` prints it on a wide terminal."""
    # what the group gives to the context of each of its commands, which we make ourselves here
    with command.context_class(
        command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=["-h", "--help"]
    ) as context:
        return command.get_help(context)


def _row(key: str, dotted: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    option = f"`{flags()[dotted]}`" if dotted in flags() else ""
    default = f"`{json.dumps(one['default'])}`" if "default" in one else "(needed)"
    return f"`{key}`", default, ", ".join(_forms(one)), " ".join(one["description"].split()), option


def _forms(one: Mapping[str, Any]) -> Iterator[str]:
    if "const" in one:
        yield f"`{json.dumps(one['const'])}`"
    elif "enum" in one:
        yield from (f"`{json.dumps(value)}`" for value in one["enum"])
    elif "anyOf" in one:
        for form in one["anyOf"]:
            yield from _forms(form)
    elif one["type"] in {"integer", "number"}:
        kind = "whole number" if one["type"] == "integer" else "number"
        yield f"{kind} from {one['minimum']}" + (f" to {one['maximum']}" if "maximum" in one else "")
    elif one["type"] == "array":
        yield "list of texts"
    elif str(one.get("pattern", "")).startswith("^(?:auto|"):
        yield '`"auto"`'
        yield "text"
    else:
        yield "text"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    for name, text in {**pages(), RECOMMENDATIONS: recommendations_page()}.items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")
