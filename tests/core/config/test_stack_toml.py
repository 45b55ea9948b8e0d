import contextlib
import tomllib
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stackctl.backends import BACKENDS
from stackctl.core.config.spec import EXTERNAL, OneModel, Spec
from stackctl.core.config.stack_toml import edited, example, parse, schema
from stackctl.core.config.values import memory_mib
from stackctl.errors import ConfigError

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
DEVICES = 'a list of GPUs such as ["0", "1"], or one of "all", "free" and "count:2", with or without "not-display"'
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)


def mistakes(text: str) -> list[str]:
    """The listed mistakes, as "LINE: path: what"."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.exit_code == 3
    head, *listed = caught.value.message.splitlines()
    assert head.startswith("1 mistake " if len(listed) == 1 else f"{len(listed)} mistakes ")
    return [line.strip().removeprefix("stack.toml:") for line in listed]


def leaves(of: BaseModel, prefix: str = "") -> dict[str, object]:
    """Every key of stack.toml with its value, by dotted name."""
    found: dict[str, object] = {}
    for key in type(of).model_fields:
        value = getattr(of, key)
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, BaseModel) else {prefix + key: value}
    return found


def test_an_empty_file_is_all_defaults() -> None:
    assert parse("") == Spec()


def test_the_example_parses_to_the_defaults() -> None:
    assert parse(example()) == Spec()


def test_the_example_names_every_key() -> None:
    written = tomllib.loads(example())
    assert all(f"# {key} = " in example() for key in OneModel.model_fields)
    for dotted in leaves(Spec()).keys() - {"models"}:
        *tables, key = dotted.split(".")
        place = written
        for table in tables:
            place = place[table]
        assert key in place, dotted


def test_the_example_explains_every_key() -> None:
    lines = example().splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line


def test_the_example_takes_chosen_values() -> None:
    text = example({"name": "chat", "model.path": 'a "b" $c', "backend.context": 4096, "gpu.devices": ("0", "1")})
    got = parse(text)
    assert (got.name, got.model.path, got.backend.context, got.gpu.devices) == ("chat", 'a "b" $c', 4096, ("0", "1"))


def test_the_kinds_are_the_names_and_aliases_of_the_backends_and_the_place_elsewhere() -> None:
    names = {name for backend in BACKENDS.values() for name in (backend.NAME, *backend.ALIASES)}
    assert set(schema()["$defs"]["Backend"]["properties"]["kind"]["enum"]) == {*names, EXTERNAL}


def test_an_external_backend_needs_its_url() -> None:
    with pytest.raises(ConfigError, match=r'stack.toml:2: backend: kind = "external" needs a url'):
        parse('name = "x"\n[backend]\nkind = "external"\n')


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ('modle = "x"', ["1: modle: unknown key (did you mean model?)"]),
        ("[backend]\ncontxt = 1", ["2: backend.contxt: unknown key (did you mean context?)"]),
        ("port = 3", ["1: port: unknown key (it belongs under [sillytavern] port)"]),
        ("[models]\npath = 1", ["2: models.path: must be a table, not 1"]),
        ("[models.a]\ncontext = 4096", ["1: models.a: a model needs a path or a source"]),
        ('[models.a]\npath = "x"\ncontxt = 1', ["3: models.a.contxt: unknown key (did you mean context?)"]),
        ("[gpu]\nzzz = 1", ["2: gpu.zzz: unknown key (known here: mode, devices, reserve)"]),
        ("backend = 3", ["1: backend: must be a table, not 3"]),
        ("[model]\npath = 3", ["2: model.path: must be text in quotes, not 3"]),
        ('[model]\npath = ""', ["2: model.path: must not be empty"]),
        ("[gpu]\ndevices = []", [f"2: gpu.devices: must be {DEVICES}, not []"]),
        ("[gpu]\ndevices = ['all', '0']", [f"2: gpu.devices: must be {DEVICES}, not ['all', '0']"]),
        ("[gpu]\ndevices = ['free', 'count:2']", [f"2: gpu.devices: must be {DEVICES}, not ['free', 'count:2']"]),
        ("[gpu]\ndevices = ['count:0']", [f"2: gpu.devices: must be {DEVICES}, not ['count:0']"]),
        ("[gpu]\ndevices = ['not-display', '0']", [f"2: gpu.devices: must be {DEVICES}, not ['not-display', '0']"]),
        (
            '[backend]\nextra_args = "-x"',
            ["2: backend.extra_args: must be a list of texts such as [\"a\", \"b\"], not '-x'"],
        ),
        (
            "[model]\nsource = 3",
            ['2: model.source: must be hf:OWNER/NAME:Q4_K_M, hf:OWNER/NAME/FILE, an http(s) address, or "", not 3'],
        ),
        (
            "[gpu]\nmode = 1",
            ['2: gpu.mode: must be one of "auto", "nvidia", "cdi", "rocm", "vulkan", "none", not 1'],
        ),
        (
            '[model]\npath = """a\nb"""',
            ["2: model.path: control characters (a newline, a tab, ...) are not allowed"],
        ),
        ("[sillytavern]\nport = 0", ["2: sillytavern.port: must be a port from 1 to 65535, or \"auto\", not 0"]),
        ("[sillytavern]\nport = true", ["2: sillytavern.port: must be a port from 1 to 65535, or \"auto\", not True"]),
        ("[sillytavern]\nport = 1.5", ["2: sillytavern.port: must be a port from 1 to 65535, or \"auto\", not 1.5"]),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_line_and_a_way_out(text: str, listed: list[str]) -> None:
    assert mistakes(text) == listed


EVERYWHERE = [
    pytest.param('name = "x"\nbackend.contxt = 3\nbackend.kind = "a"\n', [2, 3], id="dotted keys"),
    pytest.param('\n\nbackend = { kind = "x", contxt = 3 }\n', [3, 3], id="an inline table"),
    pytest.param('name = "x"\n[[backend]]\nkind = "a"\n[[backend]]\nkind = "b"\n', [2], id="arrays of tables"),
    pytest.param(
        "[model]\npath = '''\n\n\n'''\n# x\n[backend]\nkind = \"no\"\n", [2, 8], id="after a multi-line string"
    ),
    pytest.param('[backend]\nextra_args = [\n "a",\n 1,\n]\nkind = "no"\n', [2, 6], id="inside and after an array"),
    pytest.param(
        'name = "X"\r\n\r\n[backend]\r\nkind = "no"\r\n\r\n# c\r\n[gpu]\r\nmode = "x"\r\n', [1, 4, 8], id="CRLF"
    ),
    pytest.param('\n\n[backend]\n\n\n[gpu]\n\nmode = "x"\n[network]\ninner = "z"\n', [8, 10], id="empty lines"),
    pytest.param(
        '  \n   [backend]\n   kind = "no" # c\n\n   # [gpu]\n   contxt = 1\n', [3, 6], id="indentation and comments"
    ),
    pytest.param('["backend"]\n"kind" = "no"\n\'contxt\' = 1\n', [2, 3], id="quoted keys"),
    pytest.param(
        '[backend]\nkind = "no"\n[gpu]\nmode = "x"\n[backend.foo]\na = 1\n[network]\ninner = "x"\n',
        [2, 4, 5, 8],
        id="a table split in two",
    ),
    pytest.param('[gpu.foo]\nx = 1\n[backend.a.b]\ny = 1\n', [1, 3], id="tables below tables"),
    pytest.param("name = 2020-01-01\n[limits]\nbackend_cpus = nan\n", [1, 3], id="dates and nan"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), EVERYWHERE)
def test_every_mistake_is_reported_at_once_with_its_line(text: str, lines: list[int]) -> None:
    assert [int(one.split(":")[0]) for one in mistakes(text)] == lines


@given(st.lists(st.sampled_from(["# c", "", "  # [gpu]"]), max_size=6), st.booleans())
def test_a_mistake_keeps_its_line_however_much_stands_above_it(above: list[str], crlf: bool) -> None:
    text = "\n".join([*above, "[backend]", *above, 'kind = "no"', ""])
    listed = mistakes(text.replace("\n", "\r\n") if crlf else text)
    assert [one.split(":")[0] for one in listed] == [str(2 * len(above) + 2)]


@pytest.mark.parametrize(
    "text", ["name = ", "[backend", "name = 'a'\nname = 'b'", "\ufeffname = 'x'", "name = 'a\x00'"]
)
def test_what_is_not_toml_is_a_config_error_that_says_where(text: str) -> None:
    with pytest.raises(ConfigError, match=r"stack\.toml is not TOML: .*(line \d|end of document)"):
        parse(text)


ACCEPTED: list[tuple[str, object]] = [
    ("name", "a"), ("name", "0_-" + "x" * 60), ("images", "own"),
    ("model.path", "~/a b/\u3042 $x.gguf"), ("backend.kind", "llama.cpp"), ("backend.context", 256),
    ("backend.image", "ghcr.io/x/y:1.2@sha256:" + "a" * 64), ("backend.gpu_layers", 0),
    ("backend.extra_args", ("", "--x", "\u2028")), ("gpu.devices", ("0", "GPU-5")), ("sillytavern.bind", "::1"),
    ("network.inner", "10.0.0.0/29"), ("network.edge", "10.9.0.0/16"), ("limits.backend_memory", "1.5 GiB"),
    ("limits.backend_memory", "512MiB"), ("limits.backend_cpus", 1), ("limits.sillytavern_cpus", 0.5),
    ("gpu.reserve", "0 MiB"), ("sillytavern.uid", 0), ("backend.url", "http://192.168.1.20:5001"), ("backend.url", "https://[fd00::1]"),
    ("backend.url", "http://a_b.example:65535/v1?x=$y#z"), ("backend.wake", "01-23-45-67-89-aB"),
    ("backend.publish", "0.0.0.0:5001"), ("backend.publish", "[fd00::5]:65535"), ("sillytavern.expose", "br0.5"),
    ("sillytavern.proxy.hosts", ("chat.example.org",)), ("sillytavern.proxy.labels", ("a.b/c=",)),
    ("sillytavern.host_names", ()), ("sillytavern.host_names", ("Chat.lan", ".example.org", "b-1")),
]  # fmt: skip
REFUSED: list[tuple[str, object]] = [
    ("name", ""), ("name", "A"), ("name", "-a"), ("name", "x" * 64), ("name", "\u00fc"), ("name", 1),
    ("images", "other"), ("model.path", ""), ("model.path", "a\tb"), ("model.path", "a\x85b"), ("model.path", ("a",)),
    ("backend.kind", "ollama"), ("backend.context", 255), ("backend.context", "8k"), ("backend.context", True),
    ("backend.image", "a b"), ("backend.image", "$x"), ("backend.image", ":x"), ("backend.gpu_layers", -1),
    ("backend.kv_cache", "q5_1"), ("backend.flash_attention", True), ("backend.batch", 31),
    ("backend.extra_args", "--x"), ("backend.extra_args", ("a\nb",)), ("backend.extra_args", (1,)),
    ("gpu.mode", "opencl"), ("gpu.devices", ()), ("gpu.devices", ("",)), ("sillytavern.port", 65536),
    ("sillytavern.uid", -1), ("limits.backend_memory", "8 GB"), ("limits.backend_memory", "-1 GiB"),
    ("gpu.reserve", "auto"), ("gpu.reserve", 512), ("gpu.reserve", "0.5 GB"),
    ("limits.backend_memory", "\u0663 GiB"), ("limits.backend_cpus", 0), ("limits.backend_cpus", "4"),
    ("unknown", 1), ("backend.unknown", 1), ("backend.url", "192.168.1.20:5001"), ("backend.url", "ftp://x"),
    ("backend.url", "http://user:word@host"), ("backend.url", "http://host:0"), ("backend.url", "http://host:65536"),
    ("backend.url", "http://ho st"), ("backend.url", "http://"), ("backend.wake", "01:23:45:67:89"),
    ("backend.wake", "auto"), ("backend.publish", "5001"), ("backend.publish", "fd00::5:5001"),
    ("backend.publish", "127.0.0.1:0"), ("backend.publish", "localhost:5001"), ("sillytavern.expose", "a b"),
    ("sillytavern.proxy.hosts", ("a b",)), ("sillytavern.proxy.labels", ("a",)), ("sillytavern.proxy.hosts", "a"),
    ("sillytavern.host_names", "a"), ("sillytavern.host_names", ("a:8000",)), ("sillytavern.host_names", ("",)),
    ("sillytavern.host_names", ("http://a",)), ("sillytavern.host_names", ("*.a",)), ("sillytavern.host_names", (".",)),
    ("sillytavern.host_names", ("a.",)), ("sillytavern.host_names", ("..a",)), ("sillytavern.host_names", ("a b",)),
    ("sillytavern.host_names", ("::1",)), ("sillytavern.host_names", (1,)), ("sillytavern.host_names", ("\u00fc.de",)),
]  # fmt: skip
BEYOND_THE_SCHEMA: list[tuple[str, object]] = [
    ("sillytavern.bind", "localhost"), ("sillytavern.bind", "::1%lo"), ("network.inner", "10.0.0.1/24"),
    ("network.inner", "10.0.0.0/8"), ("network.inner", "fd00::/64"), ("limits.backend_cpus", float("inf")),
    ("model.path", "/srv/\udcff"), ("backend.extra_args", ("\udcff",)),
]  # fmt: skip


def as_json(dotted: str, value: object) -> dict[str, Any]:
    plain = list(value) if isinstance(value, tuple) else value
    *table, key = dotted.split(".")
    content: dict[str, Any] = {key: plain}
    for one in reversed(table):
        content = {one: content}
    return content


@pytest.mark.parametrize(("dotted", "value"), ACCEPTED)
def test_a_good_value_is_accepted_by_parse_and_by_the_schema(dotted: str, value: object) -> None:
    assert leaves(parse(edited("", {dotted: value})))[dotted] == value
    jsonschema.validate(as_json(dotted, value), schema())


@pytest.mark.parametrize(("dotted", "value"), [*REFUSED, *BEYOND_THE_SCHEMA])
def test_a_bad_value_is_refused_and_named(dotted: str, value: object) -> None:
    listed = mistakes(edited("", {dotted: value}))
    assert len(listed) == 1
    assert f" {dotted}" in listed[0]


@pytest.mark.parametrize(("dotted", "value"), REFUSED)
def test_the_schema_refuses_what_parse_refuses(dotted: str, value: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json(dotted, value), schema())


def test_the_schema_is_one_and_accepts_the_example() -> None:
    jsonschema.validators.validator_for(schema()).check_schema(schema())
    jsonschema.validate(tomllib.loads(example()), schema())


def test_the_schema_explains_every_key() -> None:
    definitions = schema()["$defs"]
    for name, section in [("Spec", schema()), *definitions.items()]:
        for key, about in section["properties"].items():
            assert "description" in about or "$ref" in about, (name, key)


@pytest.mark.parametrize(
    ("text", "mib"), [("auto", None), ("512 MiB", 512), ("8 GiB", 8192), ("1.5 GiB", 1536), ("0 MiB", 1)]
)
def test_memory_is_read_in_mib(text: str, mib: int | None) -> None:
    assert memory_mib(text) == mib


OWN_HAND = """\
# Meins \u00fc \u3042
name = "chat"   # so hei\u00dft es

[gpu]           # vor dem Backend
mode = "none"

# das Backend
[backend]
  kind = 'llamacpp' # gut
  extra_args = [ # eins
    "a", # zwei
  ]
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_edit_keeps_comments_order_and_line_ends(newline: str) -> None:
    text = OWN_HAND.replace("\n", newline)
    changed = edited(text, {"backend.kind": "koboldcpp"})
    assert changed == text.replace("'llamacpp'", '"koboldcpp"')


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_edit_adds_what_is_missing_and_loses_nothing(newline: str) -> None:
    text = OWN_HAND.replace("\n", newline)
    changed = edited(text, {"images": "own", "backend.context": 4096, "model.path": "x", "limits.backend_cpus": 1.5})
    got = parse(changed)
    assert (got.images, got.backend.context, got.model.path, got.limits.backend_cpus) == ("own", 4096, "x", 1.5)
    assert (got.name, got.gpu.mode, got.backend.extra_args) == ("chat", "none", ("a",))
    assert [line for line in text.split(newline) if line not in changed.split(newline)] == []
    assert changed.count("\n") == changed.count(newline)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'backend.kind = "llamacpp"\n',
        'backend = {kind = "llamacpp"}\n',
        "backend = 3\n",
        '[backend]\n[gpu]\nmode="none"',
        "[[backend]]\n",
        'gpu.mode = "none"\n[model]\npath = "y"',
    ],
)
def test_an_edit_works_however_the_table_is_written(text: str) -> None:
    got = parse(edited(text, {"name": "z", "backend.context": 4096, "gpu.devices": ("1", "2")}))
    assert (got.name, got.backend.context, got.gpu.devices) == ("z", 4096, ("1", "2"))


@given(ANY_TEXT, ANY_TEXT, st.sampled_from(["", example(), OWN_HAND, "[model]\r\npath = 'x' # c\r\n", "model = {}\n"]))
def test_any_text_that_is_written_reads_back_the_same(path: str, word: str, text: str) -> None:
    written = tomllib.loads(edited(text, {"model.path": path, "backend.extra_args": (path, word)}))
    assert written["model"]["path"] == path
    assert written["backend"]["extra_args"] == [path, word]


@given(PRINTABLE, st.lists(PRINTABLE, min_size=1, max_size=3))
def test_any_printable_text_goes_through_parse_unchanged(path: str, words: list[str]) -> None:
    spec = parse(edited(example(), {"model.path": path, "gpu.devices": tuple(words), "backend.extra_args": (path,)}))
    assert (spec.model.path, spec.gpu.devices, spec.backend.extra_args) == (path, tuple(words), (path,))


@given(st.text(max_size=200))
def test_whatever_the_text_parse_answers_with_a_spec_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse(text)


def test_an_edit_of_what_is_not_toml_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="not TOML"):
        edited("name = ", {"name": "x"})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("hf.co/o/n:Q4_K_M", "hf:o/n:Q4_K_M"),
        ("o/n", "hf:o/n"),
        ("o/n/sub/x.gguf", "hf:o/n/sub/x.gguf"),
        ("HF:o/n", "hf:o/n"),
        ("https://huggingface.co/o/n", "https://huggingface.co/o/n"),  # stack.lock knows its file by this text
    ],
)
def test_a_source_is_understood_however_it_is_named(written: str, read: str) -> None:
    assert parse(f'[model]\nsource = "{written}"').model.source == read


def test_a_source_that_stackctl_can_not_fetch_from_is_reported_with_the_way_on() -> None:
    with pytest.raises(ConfigError) as caught:
        parse('[model]\nsource = "mistral:7b"')
    assert "2: model.source: 'mistral:7b' is a model of Ollama's library" in caught.value.message
    assert "stackctl models recommend" in caught.value.message
