"""A stack whose backend runs elsewhere: SillyTavern alone, wired to where the backend answers."""

import json
from dataclasses import replace
from typing import Any

import pytest

from stackctl.core.config.lock import Lock, dump, parse
from stackctl.core.config.spec import Spec
from stackctl.core.observed import HostIdentity, Observed, ProbeResult, ServerSeen
from stackctl.core.plan import external_backend
from stackctl.core.plan.plan import Planned, forget_decisions, plan
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, NotReady
from stackctl.orchestrators.compose.render import parse as parse_compose
from stackctl.orchestrators.compose.render import render
from stackctl.orchestrators.rendering import literal
from stackctl.secret import Secret
from tests.backends.answers import tried
from tests.core.samples import decided, engine, seen, template, wanted

URL = "http://127.0.0.1:5001"
HERE, GATEWAY = "http://host.docker.internal:5001", "http://172.17.0.1:5001"
AROUND = HostIdentity(names=("tower",), addresses=("192.168.1.7",), gateway="172.17.0.1")
BACKENDS = ("koboldcpp", "llamacpp", "text-generation-webui")


def external(url: str = URL, **keys: object) -> Spec:
    return wanted(name="chat", backend={"kind": "external", "url": url, **keys})


def world(*tries: ProbeResult, around: HostIdentity = AROUND) -> Observed:
    server = ServerSeen(around=around, tried=tries) if tries else None
    return replace(seen(on=engine(), of=external_backend.external_model(server)), server=server)


def planned(spec: Spec, *tries: ProbeResult, recorded: Lock | None = None) -> Planned:
    return plan(spec, world(*tries), recorded or Lock())


def compose(stack: Plan) -> dict[str, Any]:
    found: dict[str, Any] = literal(parse_compose(render(stack, template)))
    return found


@pytest.mark.parametrize(
    ("backend", "tavern_type", "model", "context"),
    [
        ("koboldcpp", "koboldcpp", "koboldcpp/tiny", 2048),
        ("llamacpp", "llamacpp", "/models/tiny.gguf", 2048),
        ("text-generation-webui", "ooba", "tiny.gguf", 8192),
    ],
)
def test_the_kind_the_model_and_the_context_are_those_that_the_server_tells(
    backend: str, tavern_type: str, model: str, context: int
) -> None:
    got = planned(external(), tried(HERE, backend)).plan
    assert (got.backend, got.tavern_type, got.backend_url) == (backend, tavern_type, HERE)
    assert (got.model_name, got.context, got.is_demo) == (model, context, False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_stack_holds_sillytavern_alone_on_the_edge_network(backend: str) -> None:
    got = planned(external(), tried(HERE, backend)).plan
    assert (got.backend_service, got.variant, got.files) == (None, None, {})
    stack = compose(got)
    assert list(stack["services"]) == ["sillytavern"]
    assert list(stack["networks"]) == ["edge"]
    tavern = stack["services"]["sillytavern"]
    assert tavern["networks"] == ["edge"]
    assert "depends_on" not in tavern
    assert tavern["ports"] == ["127.0.0.1:8000:8000"]
    gateway = stack["networks"]["edge"]["ipam"]["config"][0]["gateway"]
    assert json.loads(tavern["environment"]["SILLYTAVERN_WHITELIST"]) == ["127.0.0.1", "::1", gateway]


def test_sillytaverns_container_waits_for_the_server_but_not_for_ever() -> None:
    tavern = compose(planned(external(), tried(HERE, "text-generation-webui")).plan)["services"]["sillytavern"]
    assert tavern["entrypoint"][-5:-2] == [f"{HERE}/v1/internal/token-count", '{"text":"hello"}', "60"]


def test_the_engines_machine_is_made_known_by_name_only_where_it_is_meant() -> None:
    near = compose(planned(external(), tried(HERE, "koboldcpp")).plan)["services"]["sillytavern"]
    assert near["extra_hosts"] == ["host.docker.internal:host-gateway"]
    far = planned(external("http://192.168.1.20:5001"), tried("http://192.168.1.20:5001", "koboldcpp")).plan
    assert "extra_hosts" not in compose(far)["services"]["sillytavern"]
    by_address = planned(external(), ProbeResult(url=HERE, failure="name"), tried(GATEWAY, "koboldcpp")).plan
    assert by_address.backend_url == GATEWAY
    assert "extra_hosts" not in compose(by_address)["services"]["sillytavern"]


def test_the_translation_is_said_and_a_path_left_out_with_a_word() -> None:
    notes = planned(external(f"{URL}/v1"), tried(HERE, "koboldcpp")).plan.notes
    assert f"{URL} means this machine, which a container reaches at {HERE}" in notes
    assert any(note.startswith("/v1 of backend.url is left out") for note in notes)
    assert not any("backend" in note for note in planned(external(HERE), tried(HERE, "koboldcpp")).plan.notes)


def test_the_first_way_that_answers_is_recorded_and_stays_while_it_answers() -> None:
    silent = ProbeResult(url=HERE, failure="refused")
    first = planned(external(), silent, tried(GATEWAY, "koboldcpp"))
    assert first.lock.decisions[external_backend.URL].value == GATEWAY
    assert first.lock.decisions[external_backend.URL].inputs == {"url": URL}
    again = planned(external(), tried(HERE, "koboldcpp"), tried(GATEWAY, "koboldcpp"), recorded=first.lock)
    assert (again.plan.backend_url, again.lock) == (GATEWAY, first.lock)
    moved = planned(
        external(), tried(HERE, "koboldcpp"), ProbeResult(url=GATEWAY, failure="timeout"), recorded=first.lock
    )
    assert moved.plan.backend_url == HERE
    anew = planned(
        external(), tried(HERE, "koboldcpp"), tried(GATEWAY, "koboldcpp"), recorded=forget_decisions(first.lock)
    )
    assert anew.plan.backend_url == HERE


def test_a_way_to_a_ready_server_goes_before_one_to_a_server_without_a_model() -> None:
    got = planned(external(), tried(HERE, "text-generation-webui", "no-model"), tried(GATEWAY, "koboldcpp")).plan
    assert (got.backend, got.backend_url) == ("koboldcpp", GATEWAY)


def test_another_kind_of_server_at_the_same_place_is_followed() -> None:
    before = planned(external(), tried(HERE, "koboldcpp")).lock
    after = planned(external(), tried(HERE, "llamacpp"), recorded=before)
    assert (after.plan.backend, after.lock.decisions[external_backend.KIND].value) == ("llamacpp", "llamacpp")


def test_a_silent_or_unasked_server_is_planned_for_as_recorded() -> None:
    lock = planned(external(), tried(GATEWAY, "koboldcpp")).lock
    silent = planned(external(), ProbeResult(url=GATEWAY, failure="timeout"), recorded=lock)
    unasked = planned(external(), recorded=lock)
    for one in (silent, unasked):
        assert (one.plan.backend, one.plan.backend_url, one.lock) == ("koboldcpp", GATEWAY, lock)
    assert compose(silent.plan) == compose(unasked.plan)


def test_without_answer_and_record_there_is_no_plan() -> None:
    with pytest.raises(NotReady, match="nothing listens on port 5001"):
        planned(external(), ProbeResult(url=HERE, failure="refused"))
    with pytest.raises(ConfigError, match="not known yet"):
        planned(external())


def test_a_record_of_another_url_counts_for_nothing() -> None:
    lock = planned(external(), tried(HERE, "koboldcpp")).lock
    with pytest.raises(ConfigError, match="not known yet"):
        planned(external("http://127.0.0.1:5002"), recorded=lock)


@pytest.mark.parametrize(("key", "value"), [("backend.server", "ollama"), ("backend.server", 1), ("backend.url", 5)])
def test_a_lock_edited_by_hand_is_asked_for_anew(key: str, value: object) -> None:
    content = json.loads(dump(planned(external(), tried(HERE, "koboldcpp")).lock))
    content["decisions"][key]["value"] = value
    edited = parse(json.dumps(content))
    assert planned(external(), tried(HERE, "koboldcpp"), recorded=edited).plan.backend_url == HERE
    with pytest.raises(ConfigError, match="not known yet"):
        planned(external(), recorded=edited)


def test_a_context_that_is_not_told_is_assumed_and_said() -> None:
    notes = planned(external(), tried(HERE, "text-generation-webui")).plan.notes
    assert any("does not report its context, so 8192 is assumed" in note for note in notes)
    got = planned(external(context=4096), tried(HERE, "text-generation-webui")).plan
    assert got.context == 4096
    assert not any("context" in note for note in got.notes)


def test_more_context_than_the_server_has_is_noted() -> None:
    got = planned(external(context=4096), tried(HERE, "koboldcpp")).plan
    assert got.context == 4096
    assert any("more than the 2048 tokens" in note for note in got.notes)


def test_the_servers_chat_template_is_seen_as_a_models_header_is() -> None:
    server = ServerSeen(around=AROUND, tried=(tried(HERE, "llamacpp"),))
    got = external_backend.external_model(server)
    assert "<|im_start|>" in got.header.chat_template
    assert (got.name, got.files, got.size) == ("/models/tiny.gguf", (), 0)


def test_the_key_that_was_sent_along_is_the_one_that_sillytavern_sends_and_ours_is_not() -> None:
    assert planned(external(), tried(HERE, "koboldcpp")).plan.key is None
    before = world(tried(HERE, "koboldcpp", "password-with-key"))
    assert before.server
    with_key = replace(before, server=replace(before.server, key=Secret("open sesame")))
    assert plan(external(key_file="key.txt"), with_key, Lock()).plan.key == Secret("open sesame")


def test_the_prompt_template_follows_the_servers_own() -> None:
    for kind in ("koboldcpp", "llamacpp"):
        template = planned(external(), tried(HERE, kind)).plan.template
        assert template
        assert template.instruct == "ChatML"
        assert not template.is_guess


def test_keys_that_mean_nothing_elsewhere_are_named() -> None:
    spec = wanted(
        model={"path": "/m/x.gguf"},
        backend={"kind": "external", "url": HERE, "gpu_layers": 9, "extra_args": ("-x",), "context": 2048},
        gpu={"mode": "nvidia"},
        network={"inner": "10.9.9.0/24"},
        limits={"backend_memory": "1 GiB", "sillytavern_memory": "1 GiB"},
    )
    (note,) = (one for one in planned(spec, tried(HERE, "koboldcpp")).plan.notes if "external backend" in one)
    assert note == (
        "not used with an external backend: "
        "model.path, backend.gpu_layers, backend.extra_args, gpu.mode, network.inner, limits.backend_memory"
    )


def test_a_url_without_its_kind_is_named_too() -> None:
    got = decided(wanted(backend={"url": HERE, "wake": "01:23:45:67:89:ab"})).plan
    assert got.backend_service
    assert any("backend.url, backend.wake" in note for note in got.notes)


def test_there_and_back_again_the_stack_is_what_it_was() -> None:
    own = decided(wanted(name="chat"))
    away = planned(external(), tried(HERE, "koboldcpp"), recorded=own.lock)
    back = decided(wanted(name="chat"), recorded=away.lock)
    assert compose(back.plan) == compose(own.plan)
    assert {network.subnet for network in away.plan.networks} < {network.subnet for network in own.plan.networks}
