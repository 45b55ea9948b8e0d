"""What the user wants: stack.toml as frozen, typed values; every mistake reported at once."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stackctl.core.values import (
    Address,
    Auto,
    BackendKind,
    Cpus,
    Devices,
    GpuMode,
    Image,
    ImageSource,
    KvCache,
    Memory,
    Name,
    Path,
    Subnet,
    Switch,
    Text,
    choice,
    whole,
)
from stackctl.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE = "stack.toml"
DEMO = "demo"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Model(_Section):
    path: Path = Field(
        DEMO,
        description=(
            "The model: a .gguf file, the first part of a split one, or a folder that holds one model.\n"
            '"demo" is the built-in demo model, which knows one sentence.'
        ),
    )


class Backend(_Section):
    kind: Annotated[BackendKind, *choice(BackendKind)] = Field(
        "llamacpp", description="llamacpp, koboldcpp or text-generation-webui (also: textgen, ooba)."
    )
    image: Image = Field("auto", description="The container image; auto: the pinned official one for the GPU mode.")
    program: Path = Field(
        "auto",
        description=(
            "koboldcpp only: the program file, a path or an http(s) URL; auto: the pinned release, fetched once."
        ),
    )
    context: Annotated[int | Auto, *whole(256, 4194304, "a number of tokens")] = Field(
        "auto", description="Context size in tokens; auto: 8192, or what the model was trained for where that is less."
    )
    gpu_layers: Annotated[int | Auto, *whole(0, 9999, "a number of layers")] = Field(
        "auto", description="Layers on the GPU; auto: as many as the backend thinks fit, none without a GPU."
    )
    kv_cache: Annotated[KvCache, *choice(KvCache)] = Field(
        "auto", description="Type of the KV cache: f16, q8_0 or q4_0; the last two save memory; auto: f16."
    )
    flash_attention: Annotated[Switch, *choice(Switch)] = Field(
        "auto", description="on, off, or auto: as the backend thinks best (always on with a quantised KV cache)."
    )
    threads: Annotated[int | Auto, *whole(1, 1024, "a number of threads")] = Field(
        "auto", description="CPU threads; auto: the backend decides."
    )
    batch: Annotated[int | Auto, *whole(32, 16384, "a number of tokens")] = Field(
        "auto", description="Prompt tokens processed at a time; auto: the backend decides."
    )
    extra_args: tuple[Text, ...] = Field(
        (), description='More arguments for the program, one word per string: ["--no-mmap", "--seed", "1"].'
    )


class Gpu(_Section):
    mode: Annotated[GpuMode, *choice(GpuMode)] = Field(
        "auto",
        description="nvidia (NVIDIA Container Toolkit), cdi (CDI device files), none (CPU), or auto: what is there.",
    )
    devices: Devices = Field(
        ("all",), description='GPUs by index or UUID: ["0"], ["0", "1"], ["GPU-5f1c..."]; ["all"] takes every one.'
    )


class SillyTavern(_Section):
    image: Image = Field("auto", description="The container image; auto: the pinned official one.")
    port: Annotated[int | Auto, *whole(1, 65535, "a port")] = Field(
        "auto", description="Port on this machine; auto: 8000, or the next free one."
    )
    bind: Address = Field(
        "127.0.0.1", description="Address on this machine that the port is opened on; only loopback for now."
    )
    data: Path = Field("sillytavern", description="Folder for chats, characters and settings; relative to this file.")
    uid: Annotated[int | Auto, *whole(0, 2**31 - 1, "a user id")] = Field(
        "auto", description="User that SillyTavern runs as and that owns its data; auto: the owner of this folder."
    )
    gid: Annotated[int | Auto, *whole(0, 2**31 - 1, "a group id")] = Field("auto", description="Group likewise.")


class Network(_Section):
    inner: Subnet = Field(
        "auto", description="Subnet between SillyTavern and the backend, without a way out; auto: a free one."
    )
    edge: Subnet = Field(
        "auto", description="Subnet of SillyTavern's way out and of its published port; auto: a free one."
    )


class Limits(_Section):
    backend_memory: Memory = Field(
        "auto", description='Most memory that the backend may use, such as "16 GiB"; auto: no limit.'
    )
    backend_cpus: Cpus = Field(
        "auto", description="Most CPUs that the backend may use, such as 4 or 1.5; auto: no limit."
    )
    sillytavern_memory: Memory = Field(
        "auto", description='Most memory that SillyTavern may use, such as "1 GiB"; auto: no limit.'
    )
    sillytavern_cpus: Cpus = Field("auto", description="Most CPUs that SillyTavern may use; auto: no limit.")


class Spec(_Section):
    """stack.toml, whole."""

    name: Name = Field("auto", description="Name of the stack (the Compose project); auto: this folder's name.")
    images: Annotated[ImageSource, *choice(ImageSource)] = Field(
        "auto", description="official: pull the projects' own images; own: build ours; auto: ours where a pull fails."
    )
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
    import tomlkit  # slow to load, and only an edit or a mistake needs it
    import tomlkit.exceptions

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


def _commented(section: type[BaseModel], prefix: str, chosen: Mapping[str, object]) -> list[str]:
    lines: list[str] = []
    for key, field in section.model_fields.items():
        if isinstance(field.default, _Section):
            continue
        value = chosen.get(prefix + key, field.default)
        lines += [f"# {line}" for line in (field.description or "").splitlines()]
        lines += [f"{key} = {_as_toml(value)}", ""]
    return lines


def _as_toml(value: object) -> str:
    """A text, number or list of texts: in JSON's form, which TOML shares but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lists_to_tuples(value: Any) -> Any:
    """TOML arrays are lists, the frozen values hold tuples; pydantic's strict mode does not convert them."""
    if isinstance(value, dict):
        return {key: _lists_to_tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _mistake(detail: "ErrorDetails", text: str) -> tuple[int, str, str]:
    from stackctl.core.toml_lines import line_of

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
    import difflib

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
