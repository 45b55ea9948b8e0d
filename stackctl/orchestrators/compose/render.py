"""Render a plan as the text of compose.yml, and parse it back before it is returned."""

import json
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from stackctl.contracts.service import Health, Mount, Service, Tmpfs
from stackctl.core.formats import yaml_text
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError
from stackctl.terminal import is_plain

FILE = "compose.yml"
MARKER = "# Rendered by stackctl from stack.toml."
if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast
_ANEW = "Fix it, or run `stackctl deploy`: it keeps the file under another name and writes a new one."


def render(plan: Plan, template: Callable[[str], str], *, folder: PurePosixPath | None = None) -> str:
    """Return compose.yml's text. With `folder`, paths below it are written absolute (for Portainer, for example)."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # slow to import, and seldom needed

    environment = Environment(
        loader=FunctionLoader(template),
        undefined=StrictUndefined,
        finalize=_as_yaml,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this is YAML, and _as_yaml writes every hole
    )
    text = environment.get_template("stack.yml.j2").render(
        name=plan.name,
        services=[_service(service, folder) for service in plan.services],
        networks=plan.networks,
    )
    parse(text)
    return text


def parse(text: str) -> dict[str, Any]:
    """Parse YAML that we rendered; refuse duplicate keys, and leave `$$` as it is."""
    return _mapping(lambda: yaml.load(text, _Strict))  # noqa: S506 - a SafeLoader


def _mapping(read: Callable[[], Any]) -> dict[str, Any]:
    try:
        loaded = read()
    except yaml.YAMLError as e:
        at = getattr(e, "problem_mark", None)
        where = f"{FILE}:{at.line + 1}" if at else FILE
        raise ConfigError(
            f"{where} is not YAML: {getattr(e, 'problem', None) or e}", hint=_ANEW, issue="own-file-damaged"
        ) from e
    if not isinstance(loaded, dict):
        raise ConfigError(f"{FILE} is not a mapping", hint=_ANEW, issue="own-file-damaged")
    return loaded


def whole(text: str) -> dict[str, Any]:
    """Parse any compose file's text as a table in which every scalar is a string; raise ConfigError."""
    return _mapping(lambda: yaml_text.texts(text))


def services(text: str) -> dict[str, dict[str, Any]]:
    """Return the services of any compose file's text, by name, all values as strings; {} for an empty file."""
    found = whole(text).get("services") if text.strip() else {}
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ConfigError(f"{FILE} has no services", hint=_ANEW, issue="own-file-damaged")
    return found


def literal(value: Any) -> Any:
    """Return a parsed value without variables as Compose reads it: `$$` is a dollar."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [literal(item) for item in value]
    if isinstance(value, dict):
        return {literal(key): literal(item) for key, item in value.items()}
    return value


def _as_yaml(value: object) -> str:
    """Return a hole's value as one line of JSON, which is YAML, with `$` doubled and unprintable characters escaped."""
    if not isinstance(value, str | int | float | bool | list | tuple):
        return str(value)  # the text of a block, macro or loop, never a hole's value
    text = json.dumps(value, ensure_ascii=False).replace("$", "$$")
    return "".join(c if _is_plain(c) else _escaped(c) for c in text)


def _is_plain(char: str) -> bool:
    return is_plain(char) and char not in "\ufeff\ufffe\uffff"


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}"


def _service(service: Service, folder: PurePosixPath | None) -> Mapping[str, object]:
    gpu = service.gpu
    return {
        "name": service.name,
        "image": service.image,
        "image_is": service.image_is,
        "entrypoint": list(service.entrypoint),
        "entrypoint_is": service.entrypoint_is,
        "command": list(service.command),
        "environment": sorted(service.environment.items()),
        "fingerprint": service.fingerprint,
        "labels": [label.split("=", 1) for label in service.labels],
        "user": str(service.user_inside or service.user or ""),
        "capabilities": list(service.capabilities),
        "read_only_root": service.read_only_root,
        "mounts": [_mount(mount, folder) for mount in service.mounts],
        "tmpfs": [_tmpfs(tmpfs) for tmpfs in service.tmpfs],
        "unpacks": any(tmpfs.executable for tmpfs in service.tmpfs),
        "networks": list(service.networks),
        "addresses": list(service.addresses.items()),
        "reaches_host": service.reaches_host,
        "publish": [f"{one.place}:{one.target}" for one in service.publish],
        "waits_for": service.waits_for,
        "health": _health(service.health),
        "grace": f"{service.grace_s}s",
        "memory": f"{service.memory_mib}m" if service.memory_mib else "",
        "cpus": service.cpus,
        "pids": service.pids,
        "gpu": {"driver": gpu.driver, "devices": list(gpu.devices)} if gpu and gpu.driver else None,
        "device_files": list(gpu.files) if gpu else [],
        "groups": list(gpu.groups) if gpu else [],
    }


def _mount(mount: Mount, folder: PurePosixPath | None) -> Mapping[str, object]:
    source = mount.source
    if folder and source.startswith("./"):
        source = str(folder / source)
    return {"source": source, "target": mount.target, "read_only": mount.read_only}


def _tmpfs(tmpfs: Tmpfs) -> str:
    options = [f"size={tmpfs.size_mib}m"]
    if tmpfs.executable:
        options.append("exec")  # Docker's default is noexec
    if tmpfs.owner:
        options += [f"uid={tmpfs.owner.uid}", f"gid={tmpfs.owner.gid}", "mode=0700"]
    else:
        options.append("mode=1777")
    return f"{tmpfs.target}:{','.join(options)}"


def _health(health: Health) -> Mapping[str, object]:
    return {
        "test": list(health.test),
        "start_period": f"{health.start_period_s}s",
        "start_interval": f"{health.start_interval_s}s" if health.start_interval_s else "",
        "interval": f"{health.interval_s}s",
        "timeout": f"{health.timeout_s}s",
        "retries": health.retries,
    }


class _Strict(_SafeLoader):
    """Refuses a mapping that has a key twice (YAML forbids it, PyYAML uses the last one)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ConfigError(
                f"{FILE}: {', '.join(map(str, sorted(twice)))} twice in one mapping (line {node.start_mark.line + 1})",
                hint="Remove one of them.",
                issue="own-file-damaged",
            )
        return super().construct_mapping(node, deep=deep)
