"""The types of values in stack.toml, each with one plain sentence for a wrong value."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from stackctl.core.hub import pasted, source
from stackctl.errors import ConfigError

Auto = Literal["auto"]
ImageSource = Literal["auto", "official", "own"]
Switch = Literal["auto", "on", "off"]

_NAMED = "a name of a-z, 0-9, - and _, at most 63, the first a letter or digit"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MEMORY = re.compile(r"([0-9]{1,9})(?:\.([0-9]+))? ?(MiB|GiB)")
_DURATION = re.compile(r"([1-9][0-9]{0,4}) ?(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_IMAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@+-]*")
_URL = re.compile(
    r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(?:[/?#][!-~]*)?"
)
ALL_GPUS, FREE, NOT_DISPLAY = "all", "free", "not-display"  # kinds of GPUs; and of "count:2" the number
COUNT = re.compile(r"count:([1-9][0-9]{0,2})")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_DOCKER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LABEL = re.compile(r"[A-Za-z0-9._/-]+=[ -~]*")
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_HOSTS = re.compile(rf"\.?{_HOST.pattern}")
_PLACE = r"^(?:|(?:[0-9.]+|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4})$"
_PLAIN = r"^[^\u0000-\u001f\u007f-\u009f]*$"  # _printable() as a JSON schema


def _printable(value: object) -> object:
    if isinstance(value, str) and any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in value):
        raise ValueError("control characters (a newline, a tab, ...) are not allowed")
    if isinstance(value, str) and any(
        0xD800 <= ord(c) < 0xE000 for c in value
    ):  # Python's mark for an undecodable byte
        raise ValueError("must be UTF-8 text; rename what it names")
    return value


def _checked(says: str, good: Callable[[object], bool], schema: dict[str, Any]) -> tuple[Any, Any]:
    """Return a validator with one plain sentence as its only error, and the matching JSON schema."""

    def check(value: object) -> object:
        if _printable(value) is not None and good(value):
            return value
        raise ValueError(f"must be {says}, not {list(value) if isinstance(value, tuple) else value!r}")

    return BeforeValidator(check), WithJsonSchema(schema)


def whole(minimum: int, maximum: int, what: str) -> tuple[Any, Any]:
    return _checked(
        f'{what} from {minimum} to {maximum}, or "auto"',
        lambda v: v == "auto" or (type(v) is int and minimum <= v <= maximum),
        {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": minimum, "maximum": maximum}]},
    )


def either(*names: str) -> str:
    """Return names as a text: "a", "a or b", "a, b or c"."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def choice(kind: Any) -> tuple[Any, Any]:
    """Return a type that accepts the names of a tuple or a Literal."""
    names = list(kind if isinstance(kind, tuple) else get_args(kind))
    says = "one of " + ", ".join(f'"{name}"' for name in names)
    return _checked(says, lambda v: v in names, {"enum": names})


def _matching(pattern: re.Pattern[str], says: str, *, unset: str = "auto") -> tuple[Any, Any]:
    return _checked(
        f'{says}, or "{unset}"',
        lambda v: isinstance(v, str) and (v == unset or bool(pattern.fullmatch(v))),
        {"type": "string", "pattern": f"^(?:{unset}|{pattern.pattern})$"},
    )


def _is_subnet(value: object) -> bool:
    if value == "auto":
        return True
    try:
        return isinstance(value, str) and 16 <= ipaddress.IPv4Network(value).prefixlen <= 29
    except ValueError:
        return False


def _is_address(value: object) -> bool:
    try:
        return isinstance(value, str) and "%" not in value and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def _is_place(value: object) -> bool:
    if value == "":
        return True
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    is_six = host.startswith("[") and host.endswith("]")
    address = host[1:-1] if is_six else host
    is_port = port.isascii() and port.isdigit() and not port.startswith("0") and 1 <= int(port) <= 65535
    return is_port and _is_address(address) and is_six == (":" in address)


def _source(value: object) -> object:
    """Return a source as the rest of the program reads it, of any way to write its name."""
    if _printable(value) == "":
        return value
    try:
        # stack.lock knows the file of a source by the text: one that can be read as it is stays so
        if isinstance(value, str):
            return value if source.parse(value) else pasted.read_source(value)
    except ConfigError as e:
        raise ValueError(f"{e.message}. {e.hint}") from e
    raise ValueError(f'must be hf:OWNER/NAME:Q4_K_M, hf:OWNER/NAME/FILE, an http(s) address, or "", not {value!r}')


def _is_cpus(value: object) -> bool:
    return value == "auto" or (type(value) in {int, float} and 0.01 <= value <= 4096)  # type: ignore[operator] # the type was just checked


def is_host_name(value: object) -> bool:
    """Return whether the value is a host name, or one with a leading dot, which stands for all its subdomains."""
    return isinstance(value, str) and bool(_HOSTS.fullmatch(value))


def _are_devices(value: object) -> bool:
    if not isinstance(value, tuple) or not value or "" in value:
        return False
    if not any(one in {ALL_GPUS, FREE, NOT_DISPLAY} or str(one).startswith("count:") for one in value):
        return True
    alone = [one for one in value if one != NOT_DISPLAY]
    is_kind = all(one in {ALL_GPUS, FREE} or COUNT.fullmatch(one) for one in alone)
    return is_kind and len(alone) <= 1 and len(value) - len(alone) <= 1


Text = Annotated[str, BeforeValidator(_printable), Field(json_schema_extra={"pattern": _PLAIN})]
Path = Annotated[str, BeforeValidator(_printable), Field(min_length=1, json_schema_extra={"pattern": _PLAIN})]
Name = Annotated[str, *_matching(_NAME, "a-z, 0-9, - and _, at most 63, the first a letter or digit")]
ModelName = Annotated[
    str,
    *_checked(
        _NAMED,
        lambda v: isinstance(v, str) and bool(_NAME.fullmatch(v)),
        {"type": "string", "pattern": f"^{_NAME.pattern}$"},
    ),
]
NameOrNone = Annotated[
    str,
    *_checked(
        f'{_NAMED}, or ""',
        lambda v: isinstance(v, str) and (not v or bool(_NAME.fullmatch(v))),
        {"type": "string", "pattern": f"^(?:{_NAME.pattern})?$"},
    ),
]
Image = Annotated[str, *_matching(_IMAGE, "an image name such as ghcr.io/owner/name:tag")]
Url = Annotated[str, *_matching(_URL, "a URL such as http://192.168.1.20:5001", unset="")]
Origin = Annotated[
    str,
    BeforeValidator(_source),
    WithJsonSchema({"type": "string", "pattern": r"^(?:|.*/.*)$"}),
]
Mac = Annotated[str, *_matching(_MAC, "a MAC address such as 01:23:45:67:89:ab", unset="")]
Subnet = Annotated[
    str,
    *_checked('an IPv4 network from /16 to /29 such as 10.88.1.0/24, or "auto"', _is_subnet, {"type": "string"}),
]
Address = Annotated[
    str,
    *_checked(
        'a loopback address such as "127.0.0.1" (expose = "lan" opens SillyTavern to other devices)',
        _is_address,
        {"type": "string"},
    ),
]
Labels = Annotated[
    tuple[str, ...],
    *_checked(
        'a list of labels such as ["traefik.enable=true"]',
        lambda v: isinstance(v, tuple) and all(isinstance(one, str) and _LABEL.fullmatch(one) for one in v),
        {"type": "array", "items": {"type": "string", "pattern": f"^{_LABEL.pattern}$"}},
    ),
]
Hosts = Annotated[
    tuple[str, ...],
    *_checked(
        'a list of host names such as ["chat.example.org"]',
        lambda v: isinstance(v, tuple) and all(isinstance(one, str) and _HOST.fullmatch(one) for one in v),
        {"type": "array", "items": {"type": "string", "pattern": f"^{_HOST.pattern}$"}},
    ),
]
HostNames = Annotated[
    tuple[str, ...],
    *_checked(
        'a list of host names, without ports, such as ["chat.lan", ".example.org"]',
        lambda v: isinstance(v, tuple) and all(is_host_name(one) for one in v),
        {"type": "array", "items": {"type": "string", "pattern": f"^{_HOSTS.pattern}$"}},
    ),
]
DockerName = Annotated[str, *_matching(_DOCKER_NAME, "a name as Docker has it", unset="")]
Place = Annotated[
    str,
    *_checked(
        'an address and a port such as "127.0.0.1:5001" or "[::1]:5001", or ""',
        _is_place,
        {"type": "string", "pattern": _PLACE},
    ),
]
Exposure = Annotated[
    str,
    *_checked(
        '"none", "lan", an IP address or the name of an interface',
        lambda v: _is_address(v) or (isinstance(v, str) and bool(_INTERFACE.fullmatch(v))),
        {"type": "string", "pattern": rf"^(?:{_INTERFACE.pattern}|[0-9A-Fa-f:.]+)$"},
    ),
]
Memory = Annotated[str, *_matching(_MEMORY, 'a size such as "512 MiB" or "8 GiB"')]
Idle = Annotated[str, *_matching(_DURATION, 'a time such as "20 min", "2 h" or "90 s"', unset="off")]
Reserve = Annotated[
    str,
    *_checked(
        'a size such as "512 MiB" or "1.5 GiB"',
        lambda v: isinstance(v, str) and bool(_MEMORY.fullmatch(v)),
        {"type": "string", "pattern": f"^{_MEMORY.pattern}$"},
    ),
]
Devices = Annotated[
    tuple[Text, ...],
    *_checked(
        'a list of GPUs such as ["0", "1"], or one of "all", "free" and "count:2", with or without "not-display"',
        _are_devices,
        {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1, "pattern": _PLAIN}},
    ),
]
Cpus = Annotated[
    float | Auto,
    *_checked(
        'a number of CPUs such as 1.5, or "auto"',
        _is_cpus,
        {"anyOf": [{"const": "auto"}, {"type": "number", "minimum": 0.01}]},
    ),
]


def memory_mib(value: str) -> int | None:
    """Return the MiB of a text: 8192 for "8 GiB"; None for "auto"."""
    found = _MEMORY.fullmatch(value)
    if not found:
        return None
    amount = float(f"{found[1]}.{found[2] or 0}")
    return max(1, int(amount * (1024 if found[3] == "GiB" else 1)))


def seconds(value: str) -> int:
    """Return the seconds of a text: 1200 for "20 min"; 0 for "off"."""
    found = _DURATION.fullmatch(value)
    return int(found[1]) * _SECONDS[found[2]] if found else 0


def duration(seconds: int) -> str:
    """Return seconds as stack.toml has them, in the largest whole unit: "20 min"; "off" for 0."""
    for unit, size in reversed(_SECONDS.items()):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return "off"
