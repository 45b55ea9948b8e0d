"""plan.json: the plan of the deployed stack, for the commands that read it later.

It contains no secret, only the name of the secret's file; and no notes, which were for that deploy alone.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Any, Final, get_args

from stackctl.core.config.files import COMPOSE, STATE, Target
from stackctl.core.formats.dataclass_json import from_plain, to_plain
from stackctl.core.observed import EngineSeen
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError
from stackctl.secret import Secret

FILE: Final = f"{STATE}/plan.json"
VERSION: Final = 1
_TARGETS: Final = get_args(Target)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")  # the name of a Compose project
_FILE: Final = "file"  # the key that replaces a secret


def dump(
    plan: Plan,
    folder: PurePosixPath,
    *,
    key: str,
    password: str,
    by: str = "",
    engine: EngineSeen | None = None,
    target: str = COMPOSE,
) -> str:
    """Return the plan of the stack in `folder` as text. key, password: their files; by: stackctl's version.

    engine: the engine that the plan is for; None if none was asked. target: the orchestrator that runs it.
    """
    template = plan.template and replace(plan.template, turns=None, marks=None)  # which are in SillyTavern's settings
    table = to_plain(replace(plan, key=None, password=None, files={}, notes=(), template=template))
    table["key"] = plan.key and {_FILE: key}
    table["password"] = plan.password and {_FILE: password}
    table["files"] = {name: {_FILE: name} for name in plan.files}
    content = {"version": VERSION, "by": by, "folder": str(folder), "engine": engine and to_plain(engine)}
    content |= {"target": target} if target != COMPOSE else {}
    return json.dumps({**content, "plan": table}, indent=2) + "\n"


def parse(text: str, folder: PurePosixPath, read: Callable[[str], str]) -> Plan | None:
    """Return the plan of the stack in `folder`; None if it belongs to another folder and was moved or copied here.

    read: returns the text of a secret's file. Raise ConfigError for an unknown version, or a text that dump() did not
    write.
    """
    content: dict[str, Any] = {}
    try:
        content = json.loads(text)
        if content["version"] == VERSION:
            return _plan(content["plan"], read) if content["folder"] == str(folder) else None
        version = content["version"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        says = f"{FILE} can't be read{_writer(content)}: {e}"
        raise ConfigError(says, hint="Run `stackctl deploy`, which writes a new one.", issue="own-file-damaged") from e
    raise ConfigError(
        f"{FILE} has version {version!r:.20}{_writer(content)}, but this stackctl reads only version {VERSION}",
        hint="Use the stackctl that wrote it, or run `stackctl deploy`, which writes a new one.",
        issue="newer-stackctl",
    )


def name(text: str, folder: PurePosixPath) -> str:
    """Return the name of the stack in `folder`, from a plan of any version, even a damaged one; "" if missing."""
    try:
        content = json.loads(text)
        found = content["plan"]["name"] if content["folder"] == str(folder) else ""
        return found if _NAME.fullmatch(found) else ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def target(text: str, folder: PurePosixPath) -> str:
    """Return the orchestrator that runs the stack in `folder`; Compose if a text names none, as older ones do not."""
    try:
        content = json.loads(text)
        found = content.get("target", COMPOSE) if content["folder"] == str(folder) else COMPOSE
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return COMPOSE
    return str(found) if found in _TARGETS else COMPOSE


def engine(text: str, folder: PurePosixPath) -> EngineSeen | None:
    """Return the engine that the stack in `folder` was planned for; None if missing."""
    try:
        content = json.loads(text)
        found = content["engine"] if content["version"] == VERSION and content["folder"] == str(folder) else None
        seen: EngineSeen | None = found and from_plain(EngineSeen, found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return seen


def gateway(text: str, folder: PurePosixPath) -> str:
    """Return the gateway of the edge network of the stack in `folder`; "" if missing."""
    try:
        content = json.loads(text)
        networks = content["plan"]["networks"] if content["folder"] == str(folder) else ()
        found = next((one["gateway"] for one in networks if one["name"] == "edge"), "")
        return str(ip_address(found)) if found else ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def _writer(content: object) -> str:
    """Return the writer of an unreadable file, if the file names it."""
    by = content.get("by") if isinstance(content, dict) else None
    return f" (stackctl {by:.20} wrote it)" if isinstance(by, str) and by else ""


def _plan(table: dict[str, Any], read: Callable[[str], str]) -> Plan:
    plan: Plan = from_plain(Plan, {**table, "key": None, "password": None, "files": {}})
    key, password = table["key"], table["password"]
    return replace(
        plan,
        key=Secret(read(key[_FILE]).strip()) if key else None,
        password=Secret(read(password[_FILE]).strip()) if password else None,
        files={name: Secret(read(one[_FILE])) for name, one in table["files"].items()},
    )
