"""The secrets and personal names whose values this machine knows: none of them may be in a report."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

from stackctl.core.config.files import API_KEY, PASSWORD
from stackctl.core.doctor.known_secret import Known, secrets_in
from stackctl.core.doctor.secret_names import is_secret_name
from stackctl.core.formats import yaml_text
from stackctl.core.plan import backend_service
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config
from stackctl.steps.deployed import written_plan
from stackctl.steps.tavern_folder import shared_folder

_MOST: Final = 1 << 20  # bytes of a file that holds secrets
_MOST_VALUES: Final = 500  # secrets of one file
_MOST_USERS: Final = 50  # of one SillyTavern
_SURELY: Final = 8  # characters of a value of .env that counts as a secret whatever its name is
_DATA: Final = "sillytavern"
_LOGIN: Final = re.compile(r"://([^\s/?#@]+)@")
# users and machines that are called like a word of logs and files: to replace those would hide nothing
_COMMON: Final = frozenset(
    {"root", "user", "docker", "admin", "ubuntu", "debian", "fedora", "node", "server", "host", "localhost", "home"}
    | {"backend", "stackctl", "sillytavern", "koboldcpp", "llamacpp", "model", "models", "data", "linux", "runner"}
)


def known_secrets(machine: Machine) -> Iterator[Known]:
    """Give every secret of the stack in this folder and of this user; what can't be read gives none."""
    for part in (_of_stack, _of_env_file, _of_overrides, _of_tavern, _of_environment, _of_hub, _of_registries):
        with suppress(StackctlError, RecursionError):
            yield from part(machine)


def personal_names(machine: Machine) -> dict[str, str]:
    """Return the names of this user and this machine -> what stands in their place."""
    environment = machine.system.environment()
    users = [machine.system.user().name, environment.get("SUDO_USER", ""), environment.get("USER", "")]
    names = {f"{folder}/{one}": "~" for one in users if one for folder in ("/home", "/Users", "/var/home")}
    if (home := environment.get("HOME", "").rstrip("/")) not in {"", "/root"}:
        names[home] = "~"
    names |= {one: "USER" for one in users if len(one) > 2 and one.lower() not in _COMMON and not one.isdigit()}
    for host in machine.host.names():
        short = host.partition(".")[0]
        names |= {one: "HOST" for one in (host, short) if len(one) > 2 and one.lower() not in _COMMON}
        for quote in ('"', '\\"'):  # in a list of names also one that is short
            names |= {f"{quote}{one}{quote}": f"{quote}HOST{quote}" for one in (host, short) if 0 < len(one) <= 2}
    return names


def _of_stack(machine: Machine) -> Iterator[Known]:
    for name, kind in ((API_KEY, "API key"), (PASSWORD, "password of SillyTavern")):
        with suppress(StackctlError):
            yield from secrets_in(kind, machine.folder.read(name, errors="replace") or "")
    with suppress(StackctlError):
        plan = written_plan(machine)
        for secret, kind in ((plan and plan.key, "API key"), (plan and plan.password, "password of SillyTavern")):
            yield from secrets_in(kind, secret.reveal() if secret else "")
    with suppress(StackctlError):
        if key_file := load_config(machine, {}).spec.backend.key_file:
            path = machine.storage.locate(key_file, machine.path)
            yield from secrets_in("API key of the backend elsewhere", _text(machine, path))
    for name in machine.storage.trees.names(machine.path / backend_service.FOLDER):
        if name.startswith("."):  # git's
            continue
        with suppress(StackctlError):
            text = machine.folder.read(f"{backend_service.FOLDER}/{name}", most=_MOST, errors="replace") or ""
            yield from _named_values("secret of the backend", _parsed(text))


def _of_env_file(machine: Machine) -> Iterator[Known]:
    text = machine.folder.read(".env", most=_MOST, errors="replace") or ""
    for line in text.splitlines()[:_MOST_VALUES]:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        value = value.strip().strip("\"'")
        if equals and not name.startswith("#") and (len(value) >= _SURELY or is_secret_name(name)):
            yield from secrets_in("value of .env", value)


def _of_overrides(machine: Machine) -> Iterator[Known]:
    """Give the values of environments and labels in the user's own files for Compose, which may be secrets."""
    for name in machine.orchestrator.additions():
        if name.endswith((".yml", ".yaml")):
            text = machine.folder.read(name, most=_MOST, errors="replace") or ""
            services = _parsed(text)
            for service in _tables(services, "services"):
                build = service.get("build")
                for values in (service.get("environment"), service.get("labels"), _inside(build, "args")):
                    yield from _assigned(values, f"value of {name}")
            for table in ("configs", "secrets"):
                for one in _tables(services, table):
                    yield from secrets_in(f"value of {name}", str(one.get("content") or ""))


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _assigned(value: Any, kind: str) -> Iterator[Known]:
    """Give the values of a table, or of a list of NAME=value."""
    pairs: list[tuple[Any, ...]] = list(value.items()) if isinstance(value, dict) else []
    if isinstance(value, list):
        pairs = [tuple(str(one).partition("=")[::2]) for one in value]
    for name, one in pairs[:_MOST_VALUES]:
        if isinstance(one, str) and (len(one) >= _SURELY or is_secret_name(str(name))):
            yield from secrets_in(kind, one)


def _of_tavern(machine: Machine) -> Iterator[Known]:
    plan = None
    with suppress(StackctlError):
        plan = written_plan(machine)
    data = str(Path(plan.folders[0]).parent) if plan else _DATA
    folder = shared_folder(machine, data)
    for name in (f"{data}/config/config.yaml", f"{data}/data/cookie-secret.txt"):
        with suppress(StackctlError):
            text = folder.read(name, most=_MOST, errors="replace") or ""
            if name.endswith(".txt"):
                yield from secrets_in("cookie secret", text)
            else:
                yield from _named_values("password of SillyTavern", _parsed(text))
    for user in machine.storage.trees.names(machine.path / data / "data")[:_MOST_USERS]:
        with suppress(StackctlError):
            text = folder.read(f"{data}/data/{user}/secrets.json", most=_MOST, errors="replace") or ""
            yield from _every_value("key that SillyTavern keeps", _parsed(text))


def _of_environment(machine: Machine) -> Iterator[Known]:
    for name, value in machine.system.environment().items():
        if is_secret_name(name):
            yield from secrets_in(f"value of {name}"[:60], value)
        yield from _logins(value)


def _logins(value: str) -> Iterator[Known]:
    for login in _LOGIN.findall(value):
        yield from secrets_in("login of a proxy", login)
        yield from secrets_in("login of a proxy", login.partition(":")[2])


def _of_hub(machine: Machine) -> Iterator[Known]:
    environment, home = machine.system.environment(), _home(machine)
    cache = PurePosixPath(environment.get("HF_HOME") or home / ".cache/huggingface")
    places = [cache / "token", home / ".huggingface/token"]
    if named := environment.get("HF_TOKEN_PATH"):
        places.append(PurePosixPath(named))
    for place in places:
        yield from secrets_in("hub token", machine.system.text(place) or "")
    for line in (machine.system.text(cache / "stored_tokens") or "").splitlines()[:_MOST_VALUES]:
        yield from secrets_in("hub token", line.partition("=")[2])


def _of_registries(machine: Machine) -> Iterator[Known]:
    environment, home = machine.system.environment(), _home(machine)
    folder = PurePosixPath(environment.get("DOCKER_CONFIG") or home / ".docker")
    config = _parsed(machine.system.text(folder / "config.json") or "")
    for login in _tables(config, "auths"):
        for name, value in login.items():
            if isinstance(value, str) and name in {"auth", "password", "identitytoken", "registrytoken"}:
                yield from secrets_in("login of a registry", value)
            if isinstance(value, str) and name == "auth":
                with suppress(ValueError):
                    plain = base64.b64decode(value).decode()
                    yield from secrets_in("login of a registry", plain)
                    yield from secrets_in("login of a registry", plain.partition(":")[2])
    for proxy in _tables(config, "proxies"):
        for value in proxy.values():
            yield from _logins(str(value))
    for header in _tables({"h": [config.get("HttpHeaders")] if isinstance(config, dict) else []}, "h"):
        yield from _every_value("header for an engine", header)
    netrc = machine.system.text(home / ".netrc") or ""
    for value in re.findall(r"\bpassword\s+(\S+)", netrc)[:_MOST_VALUES]:
        yield from secrets_in("password of .netrc", value)


def _home(machine: Machine) -> PurePosixPath:
    environment, user = machine.system.environment(), machine.system.user()
    return PurePosixPath(environment.get("HOME") or ("/root" if user.uid == 0 else f"/home/{user.name}"))


def _text(machine: Machine, path: Path) -> str:
    with suppress(StackctlError):
        return machine.folder.read(str(path), most=_MOST, errors="replace") or ""
    return ""


def _parsed(text: str) -> Any:
    """Return the content of JSON or YAML; the text itself if it is neither."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    with suppress(yaml_text.Error):
        return yaml_text.texts(text)
    return text


def _tables(value: Any, name: str) -> Iterator[Mapping[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    entries = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    yield from (one for one in entries if isinstance(one, dict))


def _every_value(kind: str, value: Any) -> Iterator[Known]:
    """Give each text in a value, but the names, labels and ids beside the secrets."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in entries:
        if isinstance(one, str) and name not in {"id", "label"}:
            yield from secrets_in(kind, one)
        elif not isinstance(one, str):
            yield from _every_value(kind, one)


def _named_values(kind: str, value: Any) -> Iterator[Known]:
    """Give each text whose name says that it is a secret; of a file that is one text, the text."""
    if isinstance(value, str):
        yield from secrets_in(kind, value)
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in entries:
        if isinstance(one, str) and is_secret_name(str(name)):
            yield from secrets_in(kind, one)
        elif isinstance(one, dict | list):
            yield from _named_values(kind, one)
