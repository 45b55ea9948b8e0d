"""Somebody else's compose file: its services and their mounts, as Compose reads it, or as its text alone says."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from stackctl.contracts.json_table import parse_table, table_or_empty
from stackctl.core.adoption.mounted import APP, Mount, Service
from stackctl.core.formats import yaml_nodes
from stackctl.errors import StackctlError

# as Compose looks for them itself: the first that is there
FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_NAMES_FILE: Final = re.compile(r"^\s*(?:export\s+)?COMPOSE_FILE\s*=", re.MULTILINE)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")


def names_file(env: str) -> bool:
    """Whether a .env's text names the compose file, which may have any name then."""
    return bool(_NAMES_FILE.search(env))


def services(config: str) -> tuple[Service, ...]:
    """Return the services of what `docker compose config --format json` printed."""
    found = parse_table(config)
    volumes, project = table_or_empty(found.get("volumes")), str(found.get("name", ""))
    return tuple(
        Service(
            name=name,
            container=str(one.get("container_name") or f"{project}-{name}-1"),
            image=str(one.get("image") or ""),
            mounts=tuple(_mounts(one, volumes, project)),
            environment=tuple(sorted(table_or_empty(one.get("environment")))),
            ports=tuple(
                str(port["published"]) for port in one.get("ports") or () if table_or_empty(port).get("published")
            ),
        )
        for name, one in table_or_empty(found.get("services")).items()
        if isinstance(one, Mapping)
    )


def _mounts(service: Mapping[str, Any], volumes: Mapping[str, Any], project: str) -> Iterator[Mount]:
    for one in map(table_or_empty, service.get("volumes") or ()):
        target, source = str(one.get("target", "")), str(one.get("source") or "")
        if one.get("type") == "bind":
            yield Mount(target=target, source=source)
        elif one.get("type") == "volume":
            named = table_or_empty(volumes.get(source))
            volume = str(named.get("name") or f"{project}_{source}") if source else ""
            below = str(table_or_empty(one.get("volume")).get("subpath") or "")
            yield Mount(target=target, volume=volume, below=below)


def mounts_by_text(text: str, env: str, folder: PurePosixPath) -> tuple[tuple[str, str], ...]:
    """Return (source, target) of all that a compose file's text mounts into SillyTavern; () for what is no YAML.

    Variables get the values of .env; the source of a bind is absolute, that of a volume "the volume NAME".
    """
    try:
        root = yaml_nodes.root(text, "", hint="")
    except StackctlError:
        return ()
    values = dict(line.split("=", 1) for line in env.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    values = {key.strip().removeprefix("export ").strip(): one.strip().strip("\"'") for key, one in values.items()}
    said = ((_filled(source, values), _filled(target, values)) for source, target in _pairs(root))
    return tuple(
        (str(folder / source) if source.startswith(("/", ".")) else f"the volume {source}", target)
        for source, target in said
        if PurePosixPath(target).is_relative_to(APP)
    )


def _pairs(root: Any) -> Iterator[tuple[str, str]]:
    """(source, target) of each service's volumes, in their short and their long form."""
    import yaml

    for _, service in _items(_child(root, "services")):
        volumes = _child(service, "volumes")
        for one in volumes.value if isinstance(volumes, yaml.SequenceNode) else ():
            if isinstance(one.value, str):  # host:container[:mode]; a variable may hold a colon
                parts = re.split(r":(?![-?+])", one.value)
                if len(parts) > 1:
                    yield parts[0], parts[1]
            else:
                said = {key: node.value for key, node in _items(one) if isinstance(node.value, str)}
                yield said.get("source", said.get("src", "")), said.get("target", said.get("dst", ""))


def _items(node: Any) -> Iterable[tuple[str, Any]]:
    import yaml

    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return [(key.value, value) for key, value in pairs if isinstance(key.value, str)]


def _child(node: Any, name: str) -> Any:
    return dict(_items(node)).get(name)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[3]) or found[2] or found[0], text)
