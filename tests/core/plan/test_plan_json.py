"""plan.json: the same plan comes back, but for what was news at its deploy, and no secret is in it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.backends import BACKENDS
from stackctl.contracts.host import Gpu
from stackctl.core.config.lock import Lock
from stackctl.core.model import demo_model, gguf, gguf_shape
from stackctl.core.observed import HostIdentity, Ram, ServerSeen
from stackctl.core.plan import plan_json
from stackctl.core.plan.plan import plan
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError
from stackctl.secret import Secret
from tests.backends.answers import tried
from tests.core.samples import (
    FOLDER,
    GPU,
    PASSWORD,
    a_plan,
    engine,
    model,
    model_file,
    seen,
    wanted,
)

SHAPE = gguf_shape.shape_of(gguf.read(demo_model.gguf_bytes(), len(demo_model.gguf_bytes()), name="m.gguf"))
THEIRS = "http://192.168.1.9:8080"
KEY_FILE, PASSWORD_FILE = ".stackctl/api-key", ".stackctl/sillytavern-password"


def dumped(of: Plan) -> str:
    return plan_json.dump(of, FOLDER, key=KEY_FILE, password=PASSWORD_FILE)


def reading(of: Plan) -> Callable[[str], str]:
    """The secrets of a plan in their files, as the stack's folder has them."""
    files = {name: text.reveal() for name, text in of.files.items()}
    files |= {place: f"{one.reveal()}\n" for place, one in ((KEY_FILE, of.key), (PASSWORD_FILE, of.password)) if one}
    return files.__getitem__


def secrets_of(of: Plan) -> set[str]:
    return {one.reveal() for one in (of.key, of.password, *of.files.values()) if one}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan of a stack's own backend, on machines of many kinds."""
    gpus: tuple[Gpu, ...] = draw(st.sampled_from([(), (GPU,), (GPU, replace(GPU, index=1, uuid="GPU-2"))]))
    is_open = draw(st.booleans())
    name = draw(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20))
    limits = {
        "backend_memory": draw(st.sampled_from(["auto", "4 GiB"])),
        "backend_cpus": draw(st.sampled_from(["auto", 1.5])),
    }
    spec = wanted(
        backend={
            "kind": draw(st.sampled_from(sorted(BACKENDS))),
            "context": draw(st.sampled_from(["auto", 4096])),
            "gpu_layers": draw(st.sampled_from(["auto", 7])),
            "publish": draw(st.sampled_from(["", "127.0.0.1:5005"])),
        },
        sillytavern={"expose": "lan" if is_open else "none", "template": draw(st.sampled_from(["auto", "none"]))},
        limits=limits,
    )
    world = replace(
        seen(
            of=replace(
                model(model_file(f"{name}.gguf", size=draw(st.integers(1, 1 << 20)))),
                shape=draw(st.sampled_from([None, SHAPE])),
            ),
            on=draw(st.sampled_from([None, engine(nvidia_runtime=True), engine((24, 0, 0), hides_clients="Docker")])),
            gpus=gpus,
        ),
        password=PASSWORD if is_open else None,
        interfaces={"eth0": ("192.168.1.5/24", "fd00::5/64")},
        ram=Ram(total_mib=16_384, free_mib=12_288),
    )
    return a_plan(spec, world)


@given(plans())
def test_the_same_plan_comes_back_and_no_secret_is_in_the_text(of: Plan) -> None:
    text = dumped(of)
    assert plan_json.parse(text, FOLDER, reading(of)) == replace(of, notes=())
    assert secrets_of(of)
    for secret in secrets_of(of):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text


def elsewhere(key: Secret | None) -> Plan:
    """The plan of a stack whose backend runs on another machine, and wants this key."""
    server = ServerSeen(around=HostIdentity(), tried=(tried(THEIRS, "llamacpp"),), key=key)
    spec = wanted(backend={"kind": "external", "url": THEIRS})
    return plan(spec, replace(seen(), server=server), Lock()).plan


@pytest.mark.parametrize("key", [None, Secret("theirs")])
def test_so_it_is_with_a_backend_elsewhere_whose_key_lies_where_the_user_says(key: Secret | None) -> None:
    of = elsewhere(key)
    text = plan_json.dump(of, FOLDER, key="~/keys/theirs", password=PASSWORD_FILE)
    assert plan_json.parse(text, FOLDER, {"~/keys/theirs": "theirs\n"}.__getitem__) == replace(of, notes=())
    assert (json.loads(text)["plan"]["key"] is None) == (key is None)
    assert '"theirs"' not in text


def test_the_plan_of_another_folder_is_none_of_this_ones() -> None:
    assert plan_json.parse(dumped(a_plan()), FOLDER.with_name("copied"), str) is None


def test_another_version_is_refused_with_both_ways_out() -> None:
    text = json.dumps({"version": 2, "stack": "of some other form"})
    with pytest.raises(ConfigError, match="version 2, but this stackctl reads only version 1") as caught:
        plan_json.parse(text, FOLDER, str)
    assert caught.value.exit_code == 3
    assert "Use the stackctl that wrote it" in caught.value.hint
    assert "stackctl deploy" in caught.value.hint


def test_the_name_is_read_of_whatever_version_and_of_this_folder_alone() -> None:
    text = dumped(replace(a_plan(), name="mine"))
    newer = json.dumps({**json.loads(text), "version": 9, "plan": {"name": "mine", "services": "of some other form"}})
    assert [plan_json.name(one, FOLDER) for one in (text, newer)] == ["mine", "mine"]
    assert plan_json.name(text, FOLDER.with_name("copied")) == ""


@pytest.mark.parametrize("value", ["--all", "", "A", 1, None, ["mine"]])
def test_what_can_be_no_stacks_name_is_none(value: object) -> None:
    text = damaged(lambda content: content["plan"].update(name=value))
    assert plan_json.name(text, FOLDER) == plan_json.name("{", FOLDER) == ""


def test_one_that_can_not_be_read_names_its_writer() -> None:
    text = damaged(lambda content: (content.update(by="9.1.0"), content["plan"].update(variant=1)))
    with pytest.raises(ConfigError, match=r"can't be read \(stackctl 9\.1\.0 wrote it\): "):
        plan_json.parse(text, FOLDER, lambda _: "")


def damaged(change: Callable[[dict[str, Any]], object]) -> str:
    content = json.loads(dumped(a_plan()))
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "[" * 100_000,
        dumped(a_plan())[:-100],
        damaged(lambda content: content.pop("version")),
        damaged(lambda content: content.pop("folder")),
        damaged(lambda content: content.update(plan=[])),
        damaged(lambda content: content["plan"].pop("services")),
        damaged(lambda content: content["plan"].update(context="8192")),
        damaged(lambda content: content["plan"].update(context=True)),
        damaged(lambda content: content["plan"].update(variant=1)),
        damaged(lambda content: content["plan"].update(networks={})),
        damaged(lambda content: content["plan"].update(key="-a-key")),
        damaged(lambda content: content["plan"]["files"].update(one=1)),
    ],
)
def test_a_damaged_one_is_refused_and_a_deploy_writes_a_new_one(text: str) -> None:
    with pytest.raises(ConfigError, match=r"\.stackctl/plan\.json can't be read") as caught:
        plan_json.parse(text, FOLDER, lambda _: "")
    assert caught.value.hint == "Run `stackctl deploy`, which writes a new one."


def test_what_another_stackctl_of_the_same_version_adds_is_passed_over_and_what_it_lacks_is_the_default() -> None:
    content = json.loads(dumped(a_plan()))
    content["plan"]["added"] = {"later": 1}
    del content["plan"]["timeout_s"]
    assert plan_json.parse(json.dumps(content), FOLDER, reading(a_plan())) == replace(a_plan(), notes=())


def test_a_file_name_that_is_no_utf_8_comes_back_too() -> None:
    of = a_plan(world=seen(of=model(model_file("caf\udce9.gguf"))))
    assert plan_json.parse(dumped(of).encode().decode(), FOLDER, reading(of)) == replace(of, notes=())
