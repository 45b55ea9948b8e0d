"""The keys and values of stack.yml that stackctl applies: a file that a person edited may have others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackctl.errors import ConfigError
from stackctl.orchestrators.swarm.cluster import FILE
from stackctl.terminal import shown_in_line

_MOST: Final = 60  # characters of a value in a message


@dataclass(frozen=True)
class Text:
    """A text, number or switch that `pattern` fits."""

    pattern: str = r"(?s:.*)"
    says: str = "a text"


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    least: int = 0


@dataclass(frozen=True)
class Flag:
    """True or false."""


@dataclass(frozen=True)
class Every:
    """A list, or a table whose keys are names; each value has the same shape."""

    of: "Shape"
    is_table: bool = False
    least: int = 0
    most: int = 10_000


Keys = Mapping[str, "Shape"]  # a table with these keys; one with ! must be there
Shape = Text | Whole | Flag | Every | Keys

TIME: Final = Text(r"(\d+(\.\d+)?(ms|s|m|h))+", "a time such as 30s")
SIZE: Final = Text(r"\d+\s*[kmgKMG]?[bB]?", "a size such as 512M")
_ONE: Final = Text(r"\d*\.?\d+", "a number such as 1.5")
_WORDS: Final = Every(Text())
_TABLE: Final = Every(Text(), is_table=True)
_BIND: Final[Keys] = {
    "type!": Text("bind|volume|tmpfs", "bind, volume or tmpfs"),
    "source": Text(),
    "target!": Text("/.*", "an absolute path"),
    "read_only": Flag(),
    "tmpfs": {"size!": Whole()},
}
_FILE_USE: Final[Keys] = {
    "source!": Text(),
    "target!": Text(),
    "uid": Text(r"\d+", "a user's number"),
    "gid": Text(r"\d+", "a group's number"),
    "mode!": Whole(),
}
_RESOURCE: Final[Keys] = {"discrete_resource_spec!": {"kind!": Text(), "value!": Whole(1)}}
_DEPLOY: Final[Keys] = {
    "replicas!": Text("[01]", "0 or 1"),
    "endpoint_mode!": Text("dnsrr", "dnsrr"),
    "labels": _TABLE,
    "placement!": {"constraints!": _WORDS},
    "restart_policy!": {"condition!": Text("any|on-failure|none", "any, on-failure or none"), "delay!": TIME},
    "update_config!": {
        "order!": Text("stop-first", "stop-first: two of a service would share its data"),
        "failure_action!": Text("rollback|pause|continue", "rollback, pause or continue"),
        "monitor!": TIME,
    },
    "resources!": {
        "limits!": {"pids!": Whole(1), "memory": SIZE, "cpus": _ONE},
        "reservations": {"generic_resources!": Every(_RESOURCE)},
    },
}
_SERVICE: Final[Keys] = {
    "image!": Text("(?s:.+)"),
    "entrypoint": _WORDS,
    "command": _WORDS,
    "environment": _TABLE,
    "user": Text(),
    "cap_drop": _WORDS,
    "cap_add": _WORDS,
    "x-stackctl": {"no_new_privileges": Flag(), "executable_tmpfs": Every(Whole(), is_table=True)},
    "read_only": Flag(),
    "healthcheck!": {
        "test!": Every(Text(), least=1),
        "start_period!": TIME,
        "start_interval": TIME,
        "interval!": TIME,
        "timeout!": TIME,
        "retries!": Whole(1),
    },
    "init": Flag(),
    "sysctls": _TABLE,
    "stop_grace_period!": TIME,
    "logging!": {"driver!": Text(), "options": _TABLE},
    "volumes": Every(_BIND),
    "secrets": Every(_FILE_USE),
    "configs": Every(_FILE_USE),
    "networks!": _WORDS,
    "ports": Every(
        {"target!": Whole(1), "published!": Whole(1), "mode!": Text("host", "host: the mesh hides clients' addresses")},
        most=1,
    ),
    "labels": _TABLE,
    "deploy!": _DEPLOY,
}
_NETWORK: Final[Keys] = {
    "name": Text(),
    "external": Flag(),
    "driver": Text("overlay", "overlay"),
    "internal": Flag(),
    "attachable": Flag(),
    "ipam": {"config!": Every({"subnet!": Text()})},
}
_CARRIED: Final[Keys] = {"name!": Text(), "file!": Text()}
STACK: Final[Keys] = {
    "services!": Every(_SERVICE, is_table=True, least=1),
    "networks": Every(_NETWORK, is_table=True),
    "secrets": Every(_CARRIED, is_table=True),
    "configs": Every(_CARRIED, is_table=True),
    "volumes": Every({}, is_table=True),
}


def refuse_other(value: Any, shape: Shape = STACK, where: str = "") -> None:
    """Raise ConfigError, with the place, for a key or value that stackctl does not apply as the file has it."""
    match shape:
        case Text():
            if isinstance(value, dict | list) or value is None or not re.fullmatch(shape.pattern, _text(value)):
                raise _wrong(where, value, f"must be {shape.says}")
            if isinstance(value, str) and "$" in value.replace("$$", ""):
                raise _wrong(where, value, "names a variable, and stackctl replaces none: a dollar is written $$")
        case Whole():
            if type(value) is not int or value < shape.least:
                raise _wrong(
                    where, value, "must be a whole number" + (f" from {shape.least} on" if shape.least else "")
                )
        case Flag():
            if not isinstance(value, bool):
                raise _wrong(where, value, "must be true or false")
        case Every():
            _refuse_in_every(value, shape, where)
        case _:
            _refuse_in_keys(value, shape, where)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refuse_in_every(value: Any, shape: Every, where: str) -> None:
    if not isinstance(value, dict if shape.is_table else list):
        raise _wrong(where, value, f"must be a {'table' if shape.is_table else 'list'}")
    if not shape.least <= len(value) <= shape.most:
        raise _wrong(where, value, f"must have at least {shape.least} and at most {shape.most} parts")
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) and not isinstance(key, str):
            raise _wrong(where, key, "is a key that is no text; put it into quotes")
        refuse_other({} if one is None and shape.of == {} else one, shape.of, f"{where}.{key}".lstrip("."))


def _refuse_in_keys(value: Any, shape: Keys, where: str) -> None:
    if not isinstance(value, dict):
        raise _wrong(where, value, "must be a table")
    shapes = {key.removesuffix("!"): one for key, one in shape.items()}
    for key, one in value.items():
        place = f"{where}.{key}".lstrip(".")
        if key not in shapes:
            raise error(f"{FILE} has {shown_in_line(place)[:_MOST]}, which stackctl does not apply")
        refuse_other(one, shapes[key], place)
    for key in shape:
        if key.endswith("!") and key[:-1] not in value:
            raise error(f"{FILE} lacks {shown_in_line(f'{where}.{key[:-1]}'.lstrip('.'))[:_MOST]}")


def _wrong(where: str, value: object, says: str) -> ConfigError:
    return error(f"{FILE}: {shown_in_line(where)[:_MOST]} = {shown_in_line(repr(value))[:_MOST]} {says}")


def error(says: str) -> ConfigError:
    """Return the error for a stack.yml that can't be applied."""
    return ConfigError(
        says,
        hint=f"Change it in {FILE}, or run `stackctl deploy`, which writes a new file and keeps yours under another "
        "name.",
        issue="own-file-damaged",
    )
