"""What the user wants: stack.toml as frozen, typed values; every mistake reported at once."""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args

import tomlkit
import tomlkit.exceptions
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from stackctl.core.toml_lines import line_of
from stackctl.errors import ConfigError

FILE = "stack.toml"
DEMO = "demo"
Auto = Literal["auto"]
ImageSource = Literal["auto", "official", "own"]
GpuMode = Literal["auto", "nvidia", "cdi", "none"]
KvCache = Literal["auto", "f16", "q8_0", "q4_0"]
Switch = Literal["auto", "on", "off"]
BackendKind = Literal[
    "koboldcpp", "text-generation-webui", "textgen", "ooba", "llamacpp", "llama.cpp"
]  # a test holds this equal to the names and aliases in stackctl.backends

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MEMORY = re.compile(r"([0-9]{1,9})(?:\.([0-9]+))? ?(MiB|GiB)")
_IMAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@+-]*")
_PLAIN = r"^[^\u0000-\u001f\u007f-\u009f]*$"  # JSON schema's words for _printable()


def _printable(value: object) -> object:
    if isinstance(value, str) and any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in value):
        raise ValueError("control characters (a newline, a tab, ...) are not allowed")
    return value


def _checked(says: str, good: Callable[[object], bool], schema: dict[str, Any]) -> tuple[Any, Any]:
    """A validator with one plain sentence as its only error, and the JSON schema to match."""

    def check(value: object) -> object:
        if _printable(value) is not None and good(value):
            return value
        raise ValueError(f"must be {says}, not {value!r}")

    return BeforeValidator(check), WithJsonSchema(schema)


def _whole(minimum: int, maximum: int, what: str) -> tuple[Any, Any]:
    return _checked(
        f'{what} from {minimum} to {maximum}, or "auto"',
        lambda v: v == "auto" or (type(v) is int and minimum <= v <= maximum),
        {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": minimum, "maximum": maximum}]},
    )


def _choice(kind: Any) -> tuple[Any, Any]:
    names = list(get_args(kind))
    says = "one of " + ", ".join(f'"{name}"' for name in names)
    return _checked(says, lambda v: v in names, {"enum": names})


def _matching(pattern: re.Pattern[str], says: str) -> tuple[Any, Any]:
    return _checked(
        f'{says}, or "auto"',
        lambda v: isinstance(v, str) and (v == "auto" or bool(pattern.fullmatch(v))),
        {"type": "string", "pattern": f"^(?:auto|{pattern.pattern})$"},
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


def _is_cpus(value: object) -> bool:
    return value == "auto" or (type(value) in {int, float} and 0.01 <= value <= 4096)  # type: ignore[operator]


def _names_something(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and "" not in value


Text = Annotated[str, BeforeValidator(_printable), Field(json_schema_extra={"pattern": _PLAIN})]
Path = Annotated[str, BeforeValidator(_printable), Field(min_length=1, json_schema_extra={"pattern": _PLAIN})]
Name = Annotated[str, *_matching(_NAME, "a-z, 0-9, - and _, at most 63, the first a letter or digit")]
Image = Annotated[str, *_matching(_IMAGE, "an image name such as ghcr.io/owner/name:tag")]
Subnet = Annotated[
    str,
    *_checked('an IPv4 network from /16 to /29 such as 10.88.1.0/24, or "auto"', _is_subnet, {"type": "string"}),
]
Address = Annotated[str, *_checked("an IP address such as 127.0.0.1", _is_address, {"type": "string"})]
Memory = Annotated[str, *_matching(_MEMORY, 'a size such as "512 MiB" or "8 GiB"')]
Devices = Annotated[
    tuple[Text, ...],
    *_checked(
        'a list of GPUs such as ["0", "1"] or ["all"]',
        _names_something,
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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)


class Model(_Section):
    path: Path = DEMO
    """The model: a .gguf file, the first part of a split one, or a folder that holds one model.
    "demo" is the built-in demo model, which knows one sentence."""


class Backend(_Section):
    kind: Annotated[BackendKind, *_choice(BackendKind)] = "llamacpp"
    """llamacpp, koboldcpp or text-generation-webui (also: textgen, ooba)."""
    image: Image = "auto"
    """The container image; auto: the pinned official one for the GPU mode."""
    program: Path = "auto"
    """koboldcpp only: the program file, a path or an http(s) URL; auto: the pinned release, fetched once."""
    context: Annotated[int | Auto, *_whole(256, 4194304, "a number of tokens")] = "auto"
    """Context size in tokens; auto: 8192, or what the model was trained for where that is less."""
    gpu_layers: Annotated[int | Auto, *_whole(0, 9999, "a number of layers")] = "auto"
    """Layers on the GPU; auto: all with a GPU, none without."""
    kv_cache: Annotated[KvCache, *_choice(KvCache)] = "auto"
    """Type of the KV cache: f16, q8_0 or q4_0; the last two save memory; auto: f16."""
    flash_attention: Annotated[Switch, *_choice(Switch)] = "auto"
    """on, off, or auto: as the backend thinks best (always on with a quantised KV cache)."""
    threads: Annotated[int | Auto, *_whole(1, 1024, "a number of threads")] = "auto"
    """CPU threads; auto: the backend decides."""
    batch: Annotated[int | Auto, *_whole(32, 16384, "a number of tokens")] = "auto"
    """Prompt tokens processed at a time; auto: the backend decides."""
    extra_args: tuple[Text, ...] = ()
    """More arguments for the program, one word per string: ["--no-mmap", "--seed", "1"]."""


class Gpu(_Section):
    mode: Annotated[GpuMode, *_choice(GpuMode)] = "auto"
    """nvidia (NVIDIA Container Toolkit), cdi (CDI device files), none (CPU), or auto: what is there."""
    devices: Devices = ("all",)
    """GPUs by index or UUID: ["0"], ["0", "1"], ["GPU-5f1c..."]; ["all"] takes every one."""


class SillyTavern(_Section):
    image: Image = "auto"
    """The container image; auto: the pinned official one."""
    port: Annotated[int | Auto, *_whole(1, 65535, "a port")] = "auto"
    """Port on this machine; auto: 8000, or the next free one."""
    bind: Address = "127.0.0.1"
    """Address on this machine that the port is opened on; only loopback for now."""
    data: Path = "sillytavern"
    """Folder for chats, characters and settings; relative to this file."""
    uid: Annotated[int | Auto, *_whole(0, 2**31 - 1, "a user id")] = "auto"
    """User that SillyTavern runs as and that owns its data; auto: the owner of this folder."""
    gid: Annotated[int | Auto, *_whole(0, 2**31 - 1, "a group id")] = "auto"
    """Group likewise."""


class Network(_Section):
    inner: Subnet = "auto"
    """Subnet between SillyTavern and the backend, without a way out; auto: a free one."""
    edge: Subnet = "auto"
    """Subnet of SillyTavern's way out and of its published port; auto: a free one."""


class Limits(_Section):
    backend_memory: Memory = "auto"
    """Most memory that the backend may use, such as "16 GiB"; auto: no limit."""
    backend_cpus: Cpus = "auto"
    """Most CPUs that the backend may use, such as 4 or 1.5; auto: no limit."""
    sillytavern_memory: Memory = "auto"
    """Most memory that SillyTavern may use, such as "1 GiB"; auto: no limit."""
    sillytavern_cpus: Cpus = "auto"
    """Most CPUs that SillyTavern may use; auto: no limit."""


class Spec(_Section):
    """stack.toml, whole."""

    name: Name = "auto"
    """Name of the stack (the Compose project); auto: this folder's name."""
    images: Annotated[ImageSource, *_choice(ImageSource)] = "auto"
    """official: pull the projects' own images; own: build ours; auto: ours where a pull fails."""
    model: Model = Model()
    backend: Backend = Backend()
    gpu: Gpu = Gpu()
    sillytavern: SillyTavern = SillyTavern()
    network: Network = Network()
    limits: Limits = Limits()


def parse(text: str, *, source: str = FILE) -> Spec:
    """Read stack.toml's text; raise one ConfigError that lists every mistake with its line."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(
            f"{source} is not TOML: {e}", hint=f"mend that line of {source}; `stackctl init` shows the form"
        ) from e
    try:
        return Spec.model_validate(_lists_to_tuples(values))
    except ValidationError as e:
        mistakes = [_mistake(detail, text) for detail in e.errors(include_url=False)]
    listed = "\n".join(
        f"  {source}:{line}: {path}: {says}" if line else f"  {source}: {path}: {says}"
        for line, path, says in sorted(mistakes)
    )
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise ConfigError(f"{count} in {source}\n{listed}", hint=f"change the lines above in {source}")


def edited(text: str, changes: Mapping[str, object]) -> str:
    """Return the text with values set by dotted key, comments and order kept. The result is not validated."""
    try:
        document = tomlkit.parse(text)
    except tomlkit.exceptions.TOMLKitError as e:
        raise ConfigError(f"{FILE} is not TOML: {e}", hint=f"mend that line of {FILE}") from e
    for dotted, value in changes.items():
        *tables, key = dotted.split(".")
        place: Any = document
        for table in tables:
            if not isinstance(place.get(table), Mapping):
                place[table] = tomlkit.table()
            place = place[table]
        place[key] = value
    written = tomlkit.dumps(document)
    return re.sub(r"(?<!\r)\n", "\r\n", written) if "\r\n" in text else written


def example(values: Mapping[str, object] | None = None) -> str:
    """The commented stack.toml: every key with its meaning, at its default or at the given value."""
    chosen = dict(values or {})
    lines = ["# The stack of this folder. `stackctl deploy` reads it; every key has a default.", ""]
    lines += _commented(Spec, "", chosen)
    for section, field in Spec.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Section):
            lines += [f"[{section}]", *_commented(kind, f"{section}.", chosen)]
    return "\n".join(lines).rstrip() + "\n"


def schema() -> dict[str, Any]:
    """The JSON schema of stack.toml, for editors."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **Spec.model_json_schema()}


def memory_mib(value: str) -> int | None:
    """Turn "8 GiB" into 8192; None for "auto"."""
    found = _MEMORY.fullmatch(value)
    if not found:
        return None
    amount = float(f"{found[1]}.{found[2] or 0}")
    return max(1, int(amount * (1024 if found[3] == "GiB" else 1)))


def _commented(section: type[BaseModel], prefix: str, chosen: Mapping[str, object]) -> list[str]:
    lines: list[str] = []
    for key, field in section.model_fields.items():
        if isinstance(field.default, _Section):
            continue
        value = chosen.get(prefix + key, field.default)
        lines += [f"# {line}" for line in (field.description or "").splitlines()]
        written = tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()
        lines += [f"{key} = {written}", ""]
    return lines


def _lists_to_tuples(value: Any) -> Any:
    """TOML arrays are lists, the frozen values hold tuples; pydantic's strict mode does not convert them."""
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _mistake(detail: ErrorDetails, text: str) -> tuple[int, str, str]:
    path = tuple(str(part) for part in detail["loc"])
    line = line_of(text, path)
    if detail["type"] == "extra_forbidden":
        return line, ".".join(path), "unknown key" + _suggestion(path)
    if detail["type"] == "model_type":
        return line, ".".join(path), "must be a table, not " + repr(detail["input"])
    says = detail["msg"].removeprefix("Value error, ")
    kinds = {
        "string_type": f"must be text in quotes, not {detail['input']!r}",
        "tuple_type": f'must be a list of texts such as ["a", "b"], not {detail["input"]!r}',
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
    }
    return line, ".".join(path), kinds.get(detail["type"], says)


def _suggestion(path: tuple[str, ...]) -> str:
    section: type[BaseModel] = Spec
    for part in path[:-1]:
        kind = section.model_fields[part].annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            section = kind
    close = difflib.get_close_matches(path[-1], section.model_fields, n=1, cutoff=0.5)
    if close:
        return f" (did you mean {close[0]}?)"
    elsewhere = [
        f"[{name}] {path[-1]}"
        for name, field in Spec.model_fields.items()
        if isinstance(field.default, _Section) and path[-1] in type(field.default).model_fields
    ]
    known = ", ".join(section.model_fields)
    return f" (it belongs under {elsewhere[0]})" if elsewhere else f" (known here: {known})"
