"""Whatever stands in a string of stack.toml, or in a model's name, arrives literally in the compose file."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stackctl.backends import BACKENDS, find_backend
from stackctl.contracts.service import Service
from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.core.config.stack_toml import edited, schema
from stackctl.core.config.stack_toml import parse as parse_toml
from stackctl.core.plan.plan import plan
from stackctl.core.plan.stack import Plan
from stackctl.orchestrators.compose.render import parse, render
from stackctl.orchestrators.rendering import literal
from tests.core.samples import PROGRAMS, backend_of, engine, model_file, seen, template
from tests.core.samples import model as a_model

NASTY = (
    "$", "$$", "${X}", "$${X:-y}", "$HOME", "$(id)", "'", '"', "''", '"x"', "a'\"b\\", "\\", "\\n", "\\u0041",
    "#", " # x", "a #b", ": ", "a: b", ":", "- x", "?", "!", "!!python/x", "&a", "*a", "|", ">", "%", "@", "`",
    "{", "}", "[x]", "{a: b}", "{{ x }}", "{% if x %}", "{# x #}", "<<", "=", ".", "..", "-", "--", "---", "...",
    "null", "~", "true", "no", "0x1f", "1e3", "1_000", "0o17", "12:30:45", "2020-01-01", "-x", "--name", "a,b",
    "\u00fc", "u\u0308", "\u3042\u3099", "\u3050", "\U0001f999", "\u200b", "\u202e", "\u2028", "\u2029", "\ufeff",
    "\ufffe", "\uffff", "\U0010ffff", "\u00a0", " ", "  ", " x", "x ", "x\u3000", "a b\u2028c", "~/x", "a=b", "a;b",
    "x" * 3000, "\u00fc" * 2000, "'" * 70, "$" * 70, " " * 200, "x" * 70 + " " + "y" * 70,
)  # fmt: skip
# stack.toml refuses control characters (test_stack_toml.py), so they are not among them
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY[:60]), max_size=4).map("".join),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
)
FILE_NAME = TEXT.map(lambda text: text.replace("/", "_")).filter(lambda text: text not in {"", ".", ".."})
PATH = TEXT.filter(bool)
WORD = TEXT.filter(lambda text: not text.startswith("-"))  # an option may be refused
IMAGE = st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9_-]{1,8}){0,2}(:[A-Za-z0-9_.-]{1,9})?", fullmatch=True)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True),
    "target": st.sampled_from(["compose", "swarm"]),  # in Swarm's file: tests/orchestrators/swarm/test_hostile_text.py
    "images": st.sampled_from(["auto", "official"]),
    "model.path": PATH,
    "model.source": st.sampled_from(["", "hf:a/b:Q4_K_M", "hf:a/b/x 'y\" ${Z}.gguf", "https://[::1]:1/x?$y=#{{z}}"]),
    "model.use": st.just(
        ""
    ),  # what an entry of [models] holds arrives by the same ways: tests/core/config/test_several_models.py
    "backend.kind": st.sampled_from([name for b in BACKENDS.values() for name in (b.NAME, *b.ALIASES)]),
    "backend.url": st.sampled_from(["", "http://[::1]:5001", "https://a-b.example/v1?$x=#'{{y}}"]),
    "backend.key_file": TEXT,
    "backend.publish": st.sampled_from(["", "127.0.0.1:5001", "[::1]:5001"]),
    "backend.wake": st.sampled_from(["", "01:23:45:67:89:ab"]),
    "backend.image": st.one_of(st.just("auto"), IMAGE),
    "backend.build": st.just("auto"),  # any other must be one of the backend's builds
    "backend.program": PATH,
    "backend.extra_args": st.lists(WORD, max_size=3).map(tuple),
    "backend.override_args": st.lists(WORD, max_size=2).map(tuple),
    "backend.kv_cache": st.sampled_from(["auto", "f16", "q8_0"]),
    "backend.flash_attention": st.sampled_from(["auto", "on"]),
    "backend.idle_unload": st.sampled_from(["off", "20 min", "1h"]),
    "gpu.mode": st.sampled_from(["none", "nvidia"]),
    "gpu.devices": st.lists(PATH, min_size=1, max_size=3).map(tuple),
    "gpu.reserve": st.sampled_from(["0.5 GiB", "512 MiB"]),
    "sillytavern.image": st.one_of(st.just("auto"), IMAGE),
    "sillytavern.bind": st.sampled_from(["127.0.0.1", "127.9.8.7", "::1"]),
    "sillytavern.expose": st.just("none"),  # another one must be an address of this machine
    "sillytavern.host_names": st.lists(st.sampled_from(["a.b", ".A-b"]), unique=True).map(tuple),
    "sillytavern.host_access": st.sampled_from(["auto", "on", "off"]),
    "sillytavern.template": PATH,
    "sillytavern.thinking": st.sampled_from(["auto", "on", "off"]),
    "sillytavern.data": PATH.filter(lambda text: not text.startswith("~")),  # refused
    "sillytavern.proxy.network": st.just(""),
    "sillytavern.proxy.container": st.just(""),
    "sillytavern.proxy.hosts": st.just(()),
    "sillytavern.proxy.labels": st.lists(st.sampled_from(["a.b=$x", "c='#\""]), unique=True).map(tuple),
    "network.inner": st.sampled_from(["auto", "10.88.1.0/24"]),
    "network.edge": st.sampled_from(["auto", "10.88.2.0/29"]),
    "swarm.nodes": st.lists(TEXT, max_size=2).map(tuple),
    "swarm.gpu_resource": PATH,
    "swarm.models": PATH,
    "limits.backend_memory": st.sampled_from(["auto", "16 GiB"]),
    "limits.sillytavern_memory": st.sampled_from(["auto", "1.5GiB", "512 MiB"]),
}
FREE = {
    "model.path",
    "backend.key_file",
    "backend.build",
    "backend.program",
    "backend.extra_args",
    "backend.override_args",
    "gpu.devices",
    "sillytavern.data",
    "sillytavern.template",
    "swarm.nodes",
    "swarm.gpu_resource",
    "swarm.models",
}


def text_fields() -> Iterator[str]:
    """Every key of stack.toml whose value can be text, by its schema; a number or "auto" is no text."""
    whole = schema()
    tables = {key: about["$ref"].rsplit("/", 1)[-1] for key, about in whole["properties"].items() if "$ref" in about}
    yield from (key for key, one in whole["properties"].items() if not {"$ref", "patternProperties"} & one.keys())
    for table, name in tables.items():
        for key, about in whole["$defs"][name]["properties"].items():
            if "$ref" in about:
                yield from (
                    f"{table}.{key}.{one}" for one in whole["$defs"][about["$ref"].rsplit("/", 1)[-1]]["properties"]
                )
            elif not {"integer", "number"} & {one.get("type") for one in about.get("anyOf", [])}:
                yield f"{table}.{key}"


def takes(dotted: str, text: str) -> bool:
    *table, key = dotted.split(".")
    for value in (text, (text,)):
        try:
            content: dict[str, Any] = {key: value}
            for one in reversed(table):
                content = {one: content}
            Spec.model_validate(content)
        except ValidationError:
            continue
        return True
    return False


def test_every_key_that_holds_text_is_among_the_values_below() -> None:
    assert set(text_fields()) == set(VALUES)


def test_every_key_that_takes_any_text_is_given_any_text() -> None:
    assert {dotted for dotted in text_fields() if takes(dotted, "any $x: #'\" {{ text }}")} == FREE


WISHES = st.fixed_dictionaries(VALUES)
PLAIN = {
    "name": "a", "target": "compose", "images": "auto", "model.path": "x", "model.use": "", "backend.kind": "koboldcpp",
    "backend.url": "", "backend.key_file": "", "backend.wake": "", "backend.publish": "",
    "backend.image": "auto", "backend.build": "auto", "backend.program": "x",
    "backend.extra_args": ("x",), "backend.override_args": (), "backend.kv_cache": "auto",
    "backend.flash_attention": "auto", "backend.idle_unload": "20 min",
    "gpu.mode": "nvidia", "gpu.devices": ("0",), "gpu.reserve": "0.5 GiB", "sillytavern.image": "auto",
    "sillytavern.bind": "::1", "sillytavern.expose": "none", "sillytavern.host_names": ("a",),
    "sillytavern.proxy.network": "", "sillytavern.proxy.container": "", "sillytavern.proxy.hosts": (),
    "sillytavern.proxy.labels": ("a=b",), "sillytavern.template": "x", "sillytavern.thinking": "auto",
    "sillytavern.data": "x",
    "network.inner": "auto", "network.edge": "auto", "swarm.nodes": (), "swarm.gpu_resource": "x", "swarm.models": "/x",
    "limits.backend_memory": "auto", "limits.sillytavern_memory": "auto",
}  # fmt: skip


def planned(wish: dict[str, Any], names: list[str], folder: str) -> Plan:
    """The plan for a stack.toml with these values and a model of these files, through the text of stack.toml."""
    backend = find_backend(wish["backend.kind"])
    if not backend.PROGRAMS:
        wish = wish | {"backend.program": "auto"}
    spec = parse_toml(edited("", wish))
    files = [model_file(name, host=f"/srv/{spec.model.path}/{name}") for name in dict.fromkeys(names)]
    world = seen(of=a_model(*files), on=engine(), folder=PurePosixPath("/srv") / folder)
    if backend.PROGRAMS:
        path = PurePosixPath("/opt") / spec.backend.program
        world = replace(world, programs=dict.fromkeys(("", *PROGRAMS), path))
    return plan(spec, world, Lock()).plan


def check(service: Service, got: dict[str, Any]) -> None:
    """Every text of a planned service stands literally in the file."""
    assert got["image"] == service.image
    assert got.get("entrypoint", []) == list(service.entrypoint)
    assert got.get("command", []) == list(service.command)
    assert got.get("environment", {}) == dict(service.environment)
    assert [(m["source"], m["target"]) for m in got.get("volumes", ())] == [
        (m.source, m.target) for m in service.mounts
    ]
    assert got["healthcheck"]["test"] == list(service.health.test)
    if service.gpu and service.gpu.devices:
        assert got["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] == list(service.gpu.devices)


def all_texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from (*all_texts(key), *all_texts(one))
    elif isinstance(value, list):
        for one in value:
            yield from all_texts(one)
    elif isinstance(value, str):
        yield value


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(WISHES, st.lists(FILE_NAME, min_size=1, max_size=3), FILE_NAME)
@example({**PLAIN, "backend.extra_args": NASTY}, ["x.gguf"], "x")
@example({**PLAIN, "gpu.devices": tuple(n for n in NASTY if n)}, [n.replace("/", "_") + ".gguf" for n in NASTY], "x")
@example({**PLAIN, "backend.kind": "ooba", "backend.extra_args": NASTY}, ["# ' \" \\.gguf"], "${X}")
def test_what_goes_in_arrives_literally(wish: dict[str, Any], names: list[str], folder: str) -> None:
    stack = planned(wish, names, folder)
    text = render(stack, template)
    got = literal(parse(text))
    assert set(got) == {"name", "services", "networks"}
    assert list(got["services"]) == [service.name for service in stack.services]
    for service in stack.services:
        check(service, got["services"][service.name])
    sources = [mount["source"] for mount in got["services"][stack.backend]["volumes"]]
    assert str(PurePosixPath(f"/srv/{wish['model.path']}/{names[0]}")) in sources
    argvs = [backend_of(stack).command, *(tuple(shlex.split(file.reveal())) for file in stack.files.values())]
    extra = (*wish["backend.extra_args"], *wish["backend.override_args"])
    assert any(argv[len(argv) - len(extra) :] == extra for argv in argvs)
    assert text.splitlines() == text.removesuffix("\n").split(
        "\n"
    )  # nothing else that some editor takes for a line end


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(WISHES, st.lists(FILE_NAME, min_size=1, max_size=2), FILE_NAME)
@example({**PLAIN, "backend.extra_args": NASTY}, ["x.gguf"], "x")
def test_a_plain_yaml_reader_reads_the_same(wish: dict[str, Any], names: list[str], folder: str) -> None:
    text = render(planned(wish, names, folder), template)
    assert yaml.load(text, yaml.SafeLoader) == parse(text)
    assert yaml.load(text.encode(), yaml.SafeLoader) == parse(text)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(WISHES, st.lists(FILE_NAME, min_size=1, max_size=2))
def test_compose_finds_nothing_to_replace(wish: dict[str, Any], names: list[str]) -> None:
    for value in all_texts(parse(render(planned(wish, names, "x"), template))):
        assert "$" not in value.replace("$$", "")


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=15)
@given(WISHES, st.lists(FILE_NAME, min_size=1, max_size=2))
def test_no_text_adds_a_line_a_key_or_a_comment(wish: dict[str, Any], names: list[str]) -> None:
    plain = render(planned(wish | {key: PLAIN[key] for key in FREE}, ["x"] * len(names), "x"), template)
    full = render(planned(wish, names, "x"), template)
    shape, shape_plain = keys_of(parse(full)), keys_of(parse(plain))
    assert shape == shape_plain


def keys_of(value: object) -> object:
    """The mapping keys of a parsed file, without texts and lengths of lists."""
    if isinstance(value, dict):
        return {key: keys_of(one) for key, one in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [keys_of(value[0])]
    return type(value)


@pytest.mark.parametrize("char", [chr(n) for n in (*range(1, 32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE)])
def test_control_characters_in_a_files_name_arrive_too(char: str) -> None:
    stack = planned(PLAIN, [f"a{char}b.gguf"], "x")
    got = literal(parse(render(stack, template)))
    assert f"/models/a{char}b.gguf" in [mount["target"] for mount in got["services"]["koboldcpp"]["volumes"]]
