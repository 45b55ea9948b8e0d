from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.backends import BACKENDS
from stackctl.contracts.host import Cpu, Owner
from stackctl.contracts.service import GpuRequest, Service
from stackctl.core.config import lock
from stackctl.core.config.lock import Decision, Decisions, Lock
from stackctl.core.config.spec import Spec
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import EngineSeen, Observed
from stackctl.core.plan.gpu_request import gpu_count
from stackctl.core.plan.images import backend_image, official_image
from stackctl.core.plan.plan import forget_decisions, plan, stack_name
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import ConfigError, EngineError, GpuError, ModelError, StackctlError
from stackctl.secret import Secret
from tests.core.samples import (
    CDI,
    GPU,
    KEY,
    OWNER,
    PASSWORD,
    PROGRAMS,
    a_plan,
    backend_of,
    decided,
    engine,
    model,
    model_file,
    seen,
    wanted,
)

POOL = IPv4Network("10.64.0.0/10")


def flag(service: Service, name: str) -> str | None:
    """The word after a flag in the command; None without the flag."""
    words = service.command
    return words[words.index(name) + 1] if name in words else None


def refusal(spec: Spec, world: Observed) -> StackctlError:
    with pytest.raises(StackctlError) as caught:
        plan(spec, world, Lock())
    assert caught.value.hint
    return caught.value


# -- the key


@pytest.mark.parametrize("kind", BACKENDS)
def test_the_backend_and_sillytavern_get_the_same_key_which_stands_in_generated_files_alone(kind: str) -> None:
    got = a_plan(wanted(backend={"kind": kind}))
    assert got.key == KEY
    ((path, text),) = got.files.items()
    assert KEY.reveal() in text.reveal()
    assert [m.read_only for m in backend_of(got).mounts if m.source == f"./{path}"] == [True]
    assert "***" not in repr(got.services)  # nothing in there ever held it


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("llamacpp", ("--api-key", "x")),
        ("llamacpp", ("--api-key-file=/x",)),
        ("koboldcpp", ("--password", "x")),
        ("koboldcpp", ("--config", "/x.kcpps")),
        ("ooba", ("--seed", "1", "--api-key=x")),
    ],
)
def test_another_key_by_argument_is_refused_with_the_way_to_have_ones_own(kind: str, words: tuple[str, ...]) -> None:
    error = refusal(wanted(backend={"kind": kind, "extra_args": words}), seen())
    assert isinstance(error, ConfigError)
    assert "extra_args" in error.message
    assert ".stackctl/api-key" in error.hint


# -- context, KV cache, layers, flash attention


@pytest.mark.parametrize(
    ("context", "trained", "expected"),
    [("auto", 32768, 8192), ("auto", 2048, 2048), ("auto", 0, 8192), (16384, 32768, 16384), (16384, 4096, 16384)],
)
def test_context_is_as_wanted_else_8192_or_what_the_model_was_trained_for(
    context: int | str, trained: int, expected: int
) -> None:
    got = a_plan(wanted(backend={"context": context}), seen(of=model(trained_context=trained)))
    assert got.context == expected
    assert flag(backend_of(got), "--ctx-size") == str(expected)


@pytest.mark.parametrize(("context", "noted"), [(4097, True), (4096, False), ("auto", False)])
def test_more_context_than_trained_is_noted_not_refused(context: int | str, noted: bool) -> None:
    got = a_plan(wanted(backend={"context": context}), seen(of=model(trained_context=4096)))
    assert any("trained" in note for note in got.notes) == noted


@pytest.mark.parametrize(
    ("kv_cache", "flash", "kv_flag", "flash_flag"),
    [
        ("auto", "auto", None, None),
        ("f16", "auto", None, None),
        ("f16", "off", None, "off"),
        ("auto", "on", None, "on"),
        ("q8_0", "auto", "q8_0", "on"),
        ("q4_0", "on", "q4_0", "on"),
    ],
)
def test_a_quantised_kv_cache_turns_flash_attention_on(
    kv_cache: str, flash: str, kv_flag: str | None, flash_flag: str | None
) -> None:
    got = a_plan(wanted(backend={"kv_cache": kv_cache, "flash_attention": flash}))
    assert flag(backend_of(got), "--cache-type-k") == kv_flag
    assert flag(backend_of(got), "--cache-type-v") == kv_flag
    assert flag(backend_of(got), "--flash-attn") == flash_flag
    assert got.kv_cache == (kv_flag or "f16")


@pytest.mark.parametrize("kind", BACKENDS)
def test_a_quantised_kv_cache_without_flash_attention_is_refused(kind: str) -> None:
    error = refusal(wanted(backend={"kind": kind, "kv_cache": "q8_0", "flash_attention": "off"}), seen())
    assert error.exit_code == ConfigError.exit_code


@pytest.mark.parametrize(
    ("mode", "layers", "flagged", "shown"),
    [("none", "auto", "0", "0"), ("none", 20, "0", "0"), ("nvidia", "auto", None, "auto"), ("nvidia", 20, "20", "20")],
)
def test_layers_go_to_the_gpu_only_where_there_is_one(
    mode: str, layers: int | str, flagged: str | None, shown: str
) -> None:
    got = a_plan(wanted(gpu={"mode": mode}, backend={"gpu_layers": layers}))
    assert flag(backend_of(got), "--gpu-layers") == flagged
    assert got.gpu_layers == shown


def test_threads_batch_and_extra_arguments_go_to_the_program_the_last_ones_last() -> None:
    got = a_plan(wanted(backend={"threads": 6, "batch": 256, "extra_args": ("--no-mmap", "--seed", "1")}))
    assert flag(backend_of(got), "--threads") == "6"
    assert flag(backend_of(got), "--batch-size") == "256"
    assert backend_of(got).command[-3:] == ("--no-mmap", "--seed", "1")


# -- GPU

ALL_NVIDIA = GpuRequest(make="nvidia", driver="nvidia", devices=())
ALL_CDI = GpuRequest(make="nvidia", driver="cdi", devices=("nvidia.com/gpu=all",))
WITH_RUNTIME = engine(nvidia_runtime=True)
WITH_CDI = engine(cdi_devices=CDI)
WITH_BOTH = engine(nvidia_runtime=True, cdi_devices=CDI)


@pytest.mark.parametrize(
    ("has_gpu", "on", "expected"),
    [
        (False, None, None),
        (False, WITH_BOTH, None),
        (True, None, ALL_NVIDIA),
        (True, WITH_RUNTIME, ALL_NVIDIA),
        (True, WITH_BOTH, ALL_NVIDIA),
        (True, WITH_CDI, ALL_CDI),
        (True, engine(cdi_devices=("vendor.com/net=0",)), ALL_NVIDIA),
        (True, engine(), ALL_NVIDIA),  # it will fail with the fix, rather than use the CPU in silence
    ],
)
def test_auto_takes_the_gpu_by_the_way_that_the_engine_has(
    has_gpu: bool, on: EngineSeen | None, expected: GpuRequest | None
) -> None:
    got = backend_of(a_plan(world=seen(on=on, gpus=(GPU,) if has_gpu else ()))).gpu
    assert got == (expected and replace(expected, gpus=(GPU.uuid,)))


@pytest.mark.parametrize(
    ("mode", "devices", "expected"),
    [
        ("none", ("all",), None),
        ("nvidia", ("all",), ALL_NVIDIA),
        ("nvidia", ("GPU-5f1c",), GpuRequest(make="nvidia", driver="nvidia", devices=("GPU-5f1c",))),
        ("cdi", ("all",), ALL_CDI),
        ("cdi", ("0",), GpuRequest(make="nvidia", driver="cdi", devices=("nvidia.com/gpu=0",))),
        ("cdi", ("nvidia.com/gpu=0",), GpuRequest(make="nvidia", driver="cdi", devices=("nvidia.com/gpu=0",))),
    ],
)
@pytest.mark.parametrize("on", [None, WITH_BOTH])
def test_a_chosen_gpu_mode_is_taken_at_its_word(
    mode: str, devices: tuple[str, ...], expected: GpuRequest | None, on: EngineSeen | None
) -> None:
    got = a_plan(wanted(gpu={"mode": mode, "devices": devices}), seen(on=on, gpus=(GPU,)))
    assert backend_of(got).gpu == (expected and replace(expected, gpus=(GPU.uuid,)))
    assert got.variant == ("cuda" if expected else "cpu")


@pytest.mark.parametrize(
    ("on", "devices"), [(WITH_RUNTIME, ("all",)), (WITH_CDI, ("nvidia.com/gpu=7",)), (WITH_CDI, ("0", "a.b/c=d"))]
)
def test_a_cdi_device_that_the_engine_does_not_know_is_refused_with_the_command_that_makes_it(
    on: EngineSeen, devices: tuple[str, ...]
) -> None:
    error = refusal(wanted(gpu={"mode": "cdi", "devices": devices}), seen(on=on, gpus=(GPU,)))
    assert error.exit_code == GpuError.exit_code == 5
    assert "nvidia-ctk cdi generate" in error.hint


def test_auto_by_cdi_takes_every_gpu_where_the_engine_names_them_one_by_one() -> None:
    on = engine(cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=1", "vendor.com/net=0"))
    by_both = engine(cdi_devices=(*on.cdi_devices, "nvidia.com/gpu=GPU-5f1c", "nvidia.com/gpu=GPU-2"))
    for one in (on, by_both):
        got = backend_of(a_plan(world=seen(on=one, gpus=(GPU, replace(GPU, index=1, uuid="GPU-2"))))).gpu
        assert got
        assert got.devices == ("nvidia.com/gpu=0", "nvidia.com/gpu=1")


@pytest.mark.parametrize("kind", BACKENDS)
def test_the_image_and_the_program_follow_the_gpu(kind: str) -> None:
    backend = BACKENDS[kind]
    for mode, variant in (("none", "cpu"), ("nvidia", "cuda")):
        got = a_plan(wanted(backend={"kind": kind}, gpu={"mode": mode}))
        service = backend_of(got)
        assert service.image == official_image(backend, variant).name
        programs = [mount for mount in service.mounts if mount.source in map(str, PROGRAMS.values())]
        assert [mount.source for mount in programs] == ([str(PROGRAMS[got.program])] if backend.PROGRAMS else [])
        assert all(mount.read_only and service.entrypoint == (mount.target,) for mount in programs)


def test_a_gpu_for_which_the_backend_has_no_image_is_refused_unless_one_is_named() -> None:
    decisions, backend = Decisions(Lock()), BACKENDS["llamacpp"]
    with pytest.raises(ConfigError, match=r"no image of llama\.cpp for this GPU \(another\)"):
        backend_image(wanted(), backend, "another", (), decisions)
    named = wanted(backend={"image": "example.org/llama:1"})
    assert backend_image(named, backend, "another", (), decisions) == ("example.org/llama:1", "unverified")


def test_gpus_of_another_make_do_not_count() -> None:
    others = tuple(replace(GPU, uuid=f"other-{n}", make="another") for n in range(3))
    assert gpu_count(ALL_NVIDIA, seen(gpus=(*others, GPU))) == 1


# -- networks


def subnets(of: Plan) -> tuple[IPv4Network, IPv4Network]:
    inner, edge = of.networks
    return IPv4Network(inner.subnet), IPv4Network(edge.subnet)


@st.composite
def some_networks(draw: st.DrawFn) -> IPv4Network:
    """A network somewhere in 10.0.0.0/8 that leaves room in the pool."""
    prefix = draw(st.integers(12, 30))
    number = draw(st.integers(0, (1 << (prefix - 8)) - 1))
    return IPv4Network(((10 << 24) + (number << (32 - prefix)), prefix))


@given(st.lists(some_networks(), max_size=3), st.sampled_from(["a", "chat", "x" * 63]))
def test_networks_never_collide(taken: list[IPv4Network], name: str) -> None:
    inner, edge = subnets(a_plan(wanted(name=name), seen(taken_subnets=tuple(taken))))
    assert not inner.overlaps(edge)
    assert not any(mine.overlaps(other) for mine in (inner, edge) for other in taken)


@given(some_networks().filter(lambda network: 16 <= network.prefixlen <= 29), st.sampled_from(["inner", "edge"]))
def test_an_automatic_network_keeps_away_from_the_one_that_was_chosen(chosen: IPv4Network, which: str) -> None:
    inner, edge = subnets(a_plan(wanted(network={which: str(chosen)})))
    assert chosen in {inner, edge}
    assert not inner.overlaps(edge)


def test_an_automatic_network_keeps_away_from_a_chosen_one_that_covers_its_first_choice() -> None:
    first = subnets(a_plan(wanted(name="chat")))[0]
    inner, edge = subnets(a_plan(wanted(name="chat", network={"edge": str(first.supernet(new_prefix=16))})))
    assert not inner.overlaps(edge)


def test_stacks_of_different_names_begin_at_different_places() -> None:
    assert subnets(a_plan(wanted(name="a"))) != subnets(a_plan(wanted(name="b")))


@pytest.mark.parametrize("which", ["inner", "edge"])
def test_a_chosen_network_that_is_taken_is_refused_by_name(which: str) -> None:
    world = seen(taken_subnets=(IPv4Network("10.88.0.0/16"),))
    error = refusal(wanted(network={which: "10.88.1.0/24"}), world)
    assert error.exit_code == EngineError.exit_code == 4
    assert "10.88.1.0/24" in error.message
    assert "10.88.0.0/16" in error.message


FULL_TUNNEL = (IPv4Network("0.0.0.0/1"), IPv4Network("128.0.0.0/1"))  # OpenVPN's redirect-gateway def1
RANGE = IPv4Network("10.0.0.0/8")


def about_routes(of: Plan) -> list[str]:
    return [note for note in of.notes if "has a route" in note]


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ((IPv4Network("10.88.1.0/24"),), ["network.inner 10.88.1.0/24 overlaps with 10.88.1.0/24"]),
        ((RANGE,), ["network.inner 10.88.1.0/24 overlaps with 10.0.0.0/8"]),
        ((*FULL_TUNNEL, RANGE, IPv4Network("10.88.0.0/16")), ["network.inner 10.88.1.0/24 overlaps with 10.88.0.0/16"]),
        (FULL_TUNNEL, []),  # as a default route has it
        ((IPv4Network("10.88.2.0/24"), IPv4Network("192.168.1.0/24")), []),
    ],
)
def test_a_chosen_network_that_overlaps_with_a_route_is_taken_with_a_note(
    routes: tuple[IPv4Network, ...], expected: list[str]
) -> None:
    got = a_plan(wanted(network={"inner": "10.88.1.0/24"}), replace(seen(), routes=routes))
    assert got.networks[0].subnet == "10.88.1.0/24"
    assert [note[: note.index(", to which")] for note in about_routes(got)] == expected


@pytest.mark.parametrize("has_run", [False, True])
@pytest.mark.parametrize("routes", [FULL_TUNNEL, (RANGE,), (*FULL_TUNNEL, RANGE, IPv4Network("10.64.0.0/10"))])
def test_a_recorded_network_stays_where_a_vpn_comes_up(routes: tuple[IPv4Network, ...], has_run: bool) -> None:
    before = decided()
    world = replace(seen(), routes=routes, has_run=has_run)
    again = plan(wanted(), world, before.lock)
    assert again.plan.networks == before.plan.networks
    assert len(about_routes(again.plan)) == (0 if routes == FULL_TUNNEL else 2)


def test_a_recorded_network_that_this_machine_got_into_goes_on_if_the_stack_has_run_and_is_chosen_again_if_not() -> (
    None
):
    before = decided()
    world = replace(seen(), routes=(subnets(before.plan)[0],))
    kept = plan(wanted(), replace(world, has_run=True), before.lock).plan
    assert kept.networks == before.plan.networks
    assert len(about_routes(kept)) == 1
    other = plan(wanted(), world, before.lock).plan
    assert other.networks[0] != before.plan.networks[0]
    assert about_routes(other) == []


def test_two_chosen_networks_that_overlap_are_refused() -> None:
    error = refusal(wanted(network={"inner": "10.88.1.0/24", "edge": "10.88.0.0/16"}), seen())
    assert error.exit_code in {ConfigError.exit_code, EngineError.exit_code}


def test_a_full_pool_is_an_engine_error_with_the_way_out() -> None:
    error = refusal(wanted(), seen(taken_subnets=(IPv4Network("0.0.0.0/0"),)))
    assert error.exit_code == 4
    assert "network.inner" in error.hint


@pytest.mark.parametrize("kind", BACKENDS)
def test_the_backend_is_inside_alone_and_sillytavern_alone_is_reachable(kind: str) -> None:
    got = a_plan(wanted(backend={"kind": kind}))
    inner, edge = got.networks
    assert (inner.name, inner.internal, edge.name, edge.internal) == ("inner", True, "edge", False)
    assert (backend_of(got).networks, backend_of(got).publish) == (("inner",), ())
    assert got.sillytavern.networks == ("inner", "edge")
    assert [one.place for one in got.sillytavern.publish] == ["127.0.0.1:8000"]
    assert got.backend_url == f"http://{backend_of(got).name}:{BACKENDS[kind].PORT}"
    assert edge.gateway in got.sillytavern.environment["SILLYTAVERN_WHITELIST"]


# -- what was decided is kept


def test_deciding_again_from_the_lock_gives_the_same_plan() -> None:
    first = decided()
    again = decided(recorded=lock.parse(lock.dump(first.lock)))
    assert again == first


DECISIONS = {
    "gpu.mode",
    "network.inner",
    "network.edge",
    "backend.start_period",
    "backend.context",
    "backend.kv_cache",
    "llamacpp.image",
    "sillytavern.image",
    "sillytavern.port",
}


def test_everything_automatic_is_recorded() -> None:
    assert decided().lock.decisions.keys() == DECISIONS


def test_what_is_said_outright_is_not_recorded() -> None:
    spec = wanted(
        gpu={"mode": "none"},
        network={"inner": "10.88.1.0/24", "edge": "10.88.2.0/24"},
        backend={"context": 4096, "kv_cache": "f16", "image": "x:1"},
        sillytavern={"image": "y:1", "port": 8100},
    )
    assert decided(spec).lock.decisions.keys() == {"backend.start_period"}


CHANGES: dict[str, tuple[str, Callable[[Observed], Observed], Spec]] = {
    "the model was trained for less": (
        "backend.context",
        lambda world: replace(world, model=model(trained_context=2048)),
        wanted(name="chat"),
    ),
    "the model is larger": (
        "backend.start_period",
        lambda world: replace(world, model=model(model_file(size=1 << 40))),
        wanted(name="chat"),
    ),
    "a GPU was put in": ("gpu.mode", lambda world: replace(world, gpus=(GPU,)), wanted(name="chat")),
    "own images are wanted": ("sillytavern.image", lambda world: world, wanted(name="chat", images="own")),
    "the stack has another name": ("network.inner", lambda world: world, wanted(name="other")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_decision_is_taken_again_when_its_input_changes_and_only_then(what: str) -> None:
    key, change, spec = CHANGES[what]
    before = decided(wanted(name="chat")).lock
    after = decided(spec, change(seen()), before).lock
    assert after.decisions[key].value != before.decisions[key].value
    changed = {k for k in DECISIONS & after.decisions.keys() if after.decisions[k] != before.decisions[k]}
    related = {"network.inner", "network.edge"} if key == "network.inner" else {key}
    assert changed <= related | {"llamacpp.image", "sillytavern.image"}


def test_what_is_no_input_changes_no_decision() -> None:
    before = decided(world=seen(on=engine()))
    world = seen(
        of=model(read_mib_s=12.0), taken_ports={8001: "x"}, taken_subnets=(IPv4Network("192.168.0.0/16"),), on=engine()
    )
    assert decided(world=world, recorded=before.lock).lock.decisions.keys() == before.lock.decisions.keys()
    kept = decided(world=world, recorded=before.lock).plan
    assert (kept.networks, kept.url, kept.timeout_s) == (before.plan.networks, before.plan.url, before.plan.timeout_s)


def test_replan_decides_everything_again() -> None:
    before = decided()
    taken = IPv4Network(before.plan.networks[0].subnet)
    world = replace(seen(taken_subnets=(taken,), taken_ports={8000: "somebody"}), has_run=True)
    assert refusal_after(world, before.lock).exit_code == 4
    again = plan(wanted(), world, forget_decisions(before.lock))
    assert not subnets(again.plan)[0].overlaps(taken)
    assert again.plan.url == "http://127.0.0.1:8001"
    assert again.lock.decisions.keys() == DECISIONS


def test_replan_keeps_where_a_source_was_found_and_the_images() -> None:
    found = Decision(value="hf/a/b/c.gguf", inputs={})
    recorded = Lock(decisions={**decided().lock.decisions, "model.source hf:a/b": found})
    kept = {"model.source hf:a/b", "llamacpp.image", "sillytavern.image"}
    assert forget_decisions(recorded).decisions == {key: recorded.decisions[key] for key in kept}


def refusal_after(world: Observed, recorded: Lock) -> StackctlError:
    with pytest.raises(StackctlError) as caught:
        plan(wanted(), world, recorded)
    assert "--replan" in caught.value.hint
    return caught.value


def test_digests_and_what_was_rendered_stay_in_the_lock() -> None:
    recorded = Lock(digests={"x:1": "sha256:1"}, rendered={"sha256": "2"})
    after = decided(recorded=recorded).lock
    assert (after.digests, after.rendered) == (recorded.digests, recorded.rendered)


def test_the_same_input_gives_the_same_fingerprint_and_a_changed_wish_another() -> None:
    assert decided().inputs == decided().inputs
    assert decided(wanted(backend={"threads": 2})).inputs != decided().inputs
    assert decided(world=replace(seen(), key=Secret("n" * 43))).inputs != decided().inputs
    assert decided(world=seen(owner=Owner(uid=1001, gid=1000))).inputs != decided().inputs
    assert decided(world=seen(of=model(model_file(size=9)))).inputs != decided().inputs
    assert decided(world=seen(on=engine((27, 0, 0)))).inputs != decided(world=seen(on=engine())).inputs


# -- port and address


@pytest.mark.parametrize(
    ("taken", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({8000: "a", 8001: "b"}, "http://127.0.0.1:8002"),
        ({80: "a"}, "http://127.0.0.1:8000"),
    ],
)
def test_the_first_free_port_from_8000_is_taken(taken: dict[int, str], url: str) -> None:
    assert a_plan(world=seen(taken_ports=taken)).url == url


def test_a_taken_port_is_refused_with_its_holder_and_a_free_one() -> None:
    error = refusal(wanted(sillytavern={"port": 8000}), seen(taken_ports={8000: "nginx (pid 7)", 8001: "b"}))
    assert error.exit_code == 4
    assert "nginx (pid 7)" in error.message
    assert "--port 8002" in error.hint


@pytest.mark.parametrize("bind", ["0.0.0.0", "192.168.1.5", "::", "fe80::1"])  # noqa: S104 - that is what is refused
def test_any_address_but_loopback_is_refused(bind: str) -> None:
    error = refusal(wanted(sillytavern={"bind": bind}), seen())
    assert error.exit_code == 3
    assert 'Set `bind = "127.0.0.1"`' in error.hint
    assert 'expose = "lan"' in error.hint
    assert (f'expose = "{bind}"' in error.hint) == (bind not in {"0.0.0.0", "::"})  # noqa: S104 - it is not offered


@pytest.mark.parametrize(
    ("bind", "url"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("127.1.2.3", "http://127.1.2.3:8000"), ("::1", "http://[::1]:8000")],
)
def test_every_loopback_address_is_fine(bind: str, url: str) -> None:
    assert a_plan(wanted(sillytavern={"bind": bind})).url == url


# -- users, capabilities, readability

ALICE, BOB = Owner(uid=1001, gid=1001), Owner(uid=1002, gid=1001)
ROOT = Owner(uid=0, gid=0)


@pytest.mark.parametrize("kind", BACKENDS)
def test_the_backend_runs_as_the_models_owner_or_as_root_that_may_only_read(kind: str) -> None:
    world = seen(of=model(model_file(owner=ALICE)))
    service = backend_of(a_plan(wanted(backend={"kind": kind}), world))
    if BACKENDS[kind].RUNS_AS_ROOT:
        assert (service.user, service.capabilities) == (None, ("DAC_READ_SEARCH",))
    else:
        assert (service.user, service.capabilities) == (ALICE, ())


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({}, OWNER),
        ({"uid": 7}, Owner(uid=7, gid=1000)),
        ({"uid": 0, "gid": 0}, ROOT),
        ({"gid": 9}, Owner(uid=1000, gid=9)),
    ],
)
def test_sillytavern_runs_as_the_folders_owner_or_as_told(ids: dict[str, int], expected: Owner) -> None:
    service = a_plan(wanted(sillytavern=ids), seen(of=model(model_file(owner=ALICE)))).sillytavern
    assert (service.user, service.capabilities, service.read_only_root) == (expected, (), True)
    assert {tmpfs.owner for tmpfs in service.tmpfs} == {expected}


def two(owner: Owner, mode: int) -> ModelSeen:
    """A split model: the first part is Alice's and hers to read, the second as given."""
    return model(
        model_file("a-00001-of-00002.gguf", owner=ALICE, mode=0o600),
        model_file("a-00002-of-00002.gguf", owner=owner, mode=mode),
    )


@pytest.mark.parametrize(
    ("of", "readable"),
    [
        (model(model_file(owner=ALICE, mode=0o600)), True),
        (model(model_file(owner=ALICE, mode=0o066)), False),
        (two(ALICE, 0o400), True),
        (two(ALICE, 0o044), False),
        (two(BOB, 0o640), True),
        (two(BOB, 0o604), False),  # the group is asked first, and it may not
        (two(ROOT, 0o644), True),
        (two(ROOT, 0o640), False),
    ],
)
def test_a_model_that_its_owner_cannot_read_is_refused_before_anything_starts(of: ModelSeen, readable: bool) -> None:
    if readable:
        assert backend_of(a_plan(world=seen(of=of))).user == ALICE
    else:
        error = refusal(wanted(), seen(of=of))
        assert error.exit_code == ModelError.exit_code == 8
        assert "chmod" in error.hint


def test_root_without_capabilities_is_judged_like_any_other_user() -> None:
    of = model(
        model_file("a-00001-of-00002.gguf", owner=ROOT, mode=0o600),
        model_file("a-00002-of-00002.gguf", owner=BOB, mode=0o600),
    )
    assert refusal(wanted(), seen(of=of)).exit_code == 8


# -- models


@pytest.mark.parametrize("kind", BACKENDS)
def test_every_file_of_a_model_is_mounted_by_itself_read_only_under_its_own_name(kind: str) -> None:
    files = tuple(model_file(f"m \u00fc-0000{n}-of-00002.gguf", host=f"/cache/blobs/{n}abc") for n in (1, 2))
    service = backend_of(a_plan(wanted(backend={"kind": kind}), seen(of=model(*files))))
    mounts = {mount.source: mount for mount in service.mounts}
    for file in files:
        assert mounts[str(file.host)].target == str(BACKENDS[kind].MODEL_DIR / file.name)
    assert all(mount.read_only for mount in service.mounts)


def test_a_folder_model_keeps_its_folder_inside() -> None:
    of = model(model_file("config.json"), model_file("a.safetensors"), folder="My Model")
    got = a_plan(wanted(backend={"kind": "textgen"}), seen(of=of))
    targets = {mount.target for mount in backend_of(got).mounts}
    assert {"/app/user_data/models/My Model/config.json", "/app/user_data/models/My Model/a.safetensors"} <= targets
    assert got.model_name == "My Model"


@pytest.mark.parametrize("kind", [name for name, backend in BACKENDS.items() if "safetensors" not in backend.FORMATS])
def test_a_format_that_the_backend_cannot_load_is_refused_with_one_that_can(kind: str) -> None:
    error = refusal(wanted(backend={"kind": kind}), seen(of=model(model_file("config.json"), folder="m")))
    assert error.exit_code == 8
    assert "text-generation-webui" in error.hint


def test_what_nobody_can_chat_with_is_refused_in_the_words_of_inspect() -> None:
    projector = model()
    object.__setattr__(projector, "header", replace(projector.header, purpose="it is a projector (mmproj)"))
    error = refusal(wanted(), seen(of=projector))
    assert error.exit_code == 8
    assert "is not a chat model" in error.message
    assert "it is a projector (mmproj)" in error.message
    assert "models inspect" in error.hint


# -- time


@pytest.mark.parametrize(
    ("size", "rate", "start_s", "timeout_s"),
    [
        (250_000, 0.0, 70, 300),
        (40 << 30, 0.0, 1090, 1210),  # a hard disk is assumed: 80 MiB/s
        (40 << 30, 40.0, 2110, 2230),
        (40 << 30, 2000.0, 110, 300),
    ],
)
def test_loading_may_take_as_long_as_the_disk_needs(size: int, rate: float, start_s: int, timeout_s: int) -> None:
    got = a_plan(world=seen(of=model(model_file(size=size), read_mib_s=rate)))
    assert backend_of(got).health.start_period_s == start_s
    assert got.sillytavern.health.start_period_s == start_s + tavern.START_S
    assert got.timeout_s == timeout_s
    assert got.sillytavern.entrypoint[-3] == str(start_s)


@pytest.mark.parametrize(
    ("on", "start_interval"),
    [
        (engine((28, 5, 2), (2, 40, 3)), 1),
        (engine((25, 0, 0), (2, 21, 0)), 1),
        (engine((24, 0, 9), (2, 40, 3)), None),
        (engine((28, 0, 0), (2, 20, 3)), None),
        (engine((100,), (5, 0, 0)), 1),
        (engine((20, 10, 26), (2, 9, 0)), None),
        (None, None),
    ],
)
def test_a_start_interval_is_used_only_where_engine_and_compose_know_it(
    on: EngineSeen | None, start_interval: int | None
) -> None:
    got = a_plan(world=seen(on=on))
    assert [service.health.start_interval_s for service in got.services] == [start_interval, start_interval]


# -- limits


def test_limits_are_none_unless_wanted() -> None:
    assert [(s.memory_mib, s.cpus) for s in a_plan().services] == [(None, None), (None, None)]


def test_limits_are_set_as_wanted() -> None:
    limits = {"backend_memory": "16 GiB", "backend_cpus": 4, "sillytavern_memory": "512 MiB", "sillytavern_cpus": 0.5}
    assert [(s.memory_mib, s.cpus) for s in a_plan(wanted(limits=limits)).services] == [(16384, 4.0), (512, 0.5)]


@pytest.mark.parametrize("limit", ["backend_cpus", "sillytavern_cpus"])
def test_cpu_limits_are_left_out_with_a_note_where_the_kernel_has_no_quota(limit: str) -> None:
    got = a_plan(wanted(limits={limit: 2}), seen(on=engine(has_cpu_quota=False)))
    assert [service.cpus for service in got.services] == [None, None]
    assert any("CPU quota" in note for note in got.notes)
    assert not any("CPU quota" in note for note in a_plan(world=seen(on=engine(has_cpu_quota=False))).notes)


# -- images and programs


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize("mode", ["none", "nvidia"])
def test_own_images_are_taken_where_we_have_one_and_refused_where_not(kind: str, mode: str) -> None:
    own = BACKENDS[kind].OWN_IMAGES.get("cpu" if mode == "none" else "cuda")
    spec = wanted(images="own", backend={"kind": kind}, gpu={"mode": mode})
    if own is None:
        refused = refusal(spec, seen())
        assert refused.exit_code == 3
        assert ("`stackctl deploy --cpu`" in refused.hint) == ("cpu" in BACKENDS[kind].OWN_IMAGES)
    else:
        got = a_plan(spec)
        assert (backend_of(got).image, backend_of(got).image_is) == (own, "own")
        assert (got.sillytavern.image, got.sillytavern.image_is) == (tavern.OWN_IMAGE, "own")


@pytest.mark.parametrize("kind", BACKENDS)
def test_only_an_image_that_was_tried_is_called_so(kind: str) -> None:
    got = backend_of(a_plan(wanted(backend={"kind": kind})))
    assert got.image_is == "unverified"
    chosen = a_plan(wanted(backend={"kind": kind, "image": "mine/x:1"}, sillytavern={"image": "mine/y:2"}))
    assert [(s.image, s.image_is) for s in chosen.services] == [("mine/x:1", "unverified"), ("mine/y:2", "unverified")]


def test_a_chosen_image_wins_over_own_images() -> None:
    got = a_plan(wanted(images="own", backend={"kind": "textgen", "image": "mine/x:1"}))
    assert backend_of(got).image == "mine/x:1"


@pytest.mark.parametrize("kind", [name for name, backend in BACKENDS.items() if not backend.PROGRAMS])
def test_a_program_for_a_backend_that_has_its_own_is_refused(kind: str) -> None:
    assert refusal(wanted(backend={"kind": kind, "program": "/x"}), seen()).exit_code == 3


@pytest.mark.parametrize("kind", [name for name, backend in BACKENDS.items() if backend.PROGRAMS])
def test_a_program_that_unpacks_itself_gets_room_that_is_executable(kind: str) -> None:
    for mode, program in (("none", "auto"), ("nvidia", "auto"), ("none", "/my/own"), ("nvidia", "/my/own")):
        got = a_plan(wanted(backend={"kind": kind, "program": program}, gpu={"mode": mode}))
        service = backend_of(got)
        known = BACKENDS[kind].PROGRAMS
        needed = (
            known[got.program].unpacked_mib if program == "auto" else max(one.unpacked_mib for one in known.values())
        )
        assert any(tmpfs.executable and tmpfs.size_mib == needed for tmpfs in service.tmpfs)
        assert service.environment["TMPDIR"] in {tmpfs.target for tmpfs in service.tmpfs}


OLD = Cpu(avx2=False)
ANCIENT = Cpu(avx=False, avx2=False)


@pytest.mark.parametrize(
    ("mode", "cpu", "cuda", "build", "flags", "is_said"),
    [
        ("none", Cpu(), (), "-nocuda", (), False),
        ("none", OLD, (), "-nocuda", ("--noavx2",), True),
        ("none", ANCIENT, (), "-nocuda", ("--noavx2", "--failsafe"), True),
        ("nvidia", Cpu(), (12, 1), "", (), False),
        ("nvidia", Cpu(), (13, 0), "", (), False),
        ("nvidia", Cpu(), (), "", (), False),  # nobody asked the driver
        ("nvidia", Cpu(), (12, 0), "-oldpc", (), True),
        ("nvidia", Cpu(), (11, 8), "-oldpc", (), True),
        ("nvidia", OLD, (12, 8), "-oldpc", (), True),
    ],
)
def test_koboldcpps_program_suits_processor_and_driver(
    mode: str, cpu: Cpu, cuda: tuple[int, ...], build: str, flags: tuple[str, ...], is_said: bool
) -> None:
    world = replace(seen(gpus=(replace(GPU, cuda=cuda),)), cpu=cpu)
    got = decided(wanted(backend={"kind": "koboldcpp"}, gpu={"mode": mode}), world)
    assert got.plan.program.endswith(f"/koboldcpp-linux-x64{build}")
    assert got.lock.decisions["koboldcpp.program"].value == got.plan.program
    command = backend_of(got.plan).command
    assert tuple(word for word in command if word in {"--noavx2", "--failsafe"}) == flags
    assert any("AVX2" in note for note in got.plan.notes) == is_said


def test_a_program_is_chosen_anew_only_where_processor_or_driver_have_changed() -> None:
    spec = wanted(backend={"kind": "koboldcpp"}, gpu={"mode": "nvidia"})
    (other,) = (name for name in PROGRAMS if name.endswith("-oldpc"))
    first = decided(spec, seen(gpus=(GPU,))).lock
    chosen = replace(first.decisions["koboldcpp.program"], value=other)
    recorded = replace(first, decisions={**first.decisions, "koboldcpp.program": chosen})
    assert decided(spec, seen(gpus=(GPU,)), recorded).plan.program == other
    assert decided(spec, seen(gpus=(replace(GPU, cuda=(13, 0)),)), recorded).plan.program != other
    gone = replace(chosen, value="0.1/koboldcpp-that-nobody-here-knows")
    recorded = replace(first, decisions={**first.decisions, "koboldcpp.program": gone})
    assert decided(spec, seen(gpus=(GPU,)), recorded).plan.program in PROGRAMS


@pytest.mark.parametrize(
    ("mode", "cpu", "code", "way_out"),
    [
        ("none", Cpu(architecture="aarch64"), 3, "--backend llamacpp"),
        ("nvidia", Cpu(architecture="aarch64"), 3, "set `backend.program` to the file"),
        ("nvidia", ANCIENT, 5, "--gpu none"),
    ],
)
def test_a_processor_that_no_koboldcpp_is_published_for_is_refused_with_a_way_out(
    mode: str, cpu: Cpu, code: int, way_out: str
) -> None:
    spec = wanted(backend={"kind": "koboldcpp"}, gpu={"mode": mode})
    error = refusal(spec, replace(seen(gpus=(GPU,)), cpu=cpu))
    assert error.exit_code == code
    assert way_out in error.hint
    own = wanted(backend={"kind": "koboldcpp", "program": "/my/own"}, gpu={"mode": mode})
    assert a_plan(own, replace(seen(gpus=(GPU,)), cpu=cpu)).program == ""
    a_plan(wanted(gpu={"mode": mode}), replace(seen(gpus=(GPU,)), cpu=cpu))  # llama.cpp does without


# -- names and folders


def test_a_tilde_in_the_data_folder_is_refused_and_not_made_a_folder() -> None:
    error = refusal(wanted(sillytavern={"data": "~/chats"}), seen())
    assert (error.exit_code, "whole path" in error.hint) == (3, True)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/srv/chat", "chat"),
        ("/srv/My Chat", "mychat"),
        ("/srv/Ch\u00e4t", "cht"),
        ("/srv/\u65e5\u672c\u8a9e", "stack"),
        ("/srv/2024.10-llm_x", "202410-llm_x"),
        ("/srv/...", "stack"),
        ("/srv/-_-x-_", "x-_"),
        ("/srv/" + "a" * 200, "a" * 63),
        ("/", "stack"),
        ("/srv/$HOME", "home"),
    ],
)  # fmt: skip
def test_the_name_is_the_folders_as_compose_would_make_it(folder: str, name: str) -> None:
    assert stack_name(wanted(), PurePosixPath(folder)) == name
    assert a_plan(world=seen(folder=PurePosixPath(folder))).name == name


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\x00"), min_size=1))
def test_any_folder_makes_a_name_that_stack_toml_would_accept(folder: str) -> None:
    name = stack_name(wanted(), PurePosixPath("/srv") / folder)
    assert wanted(name=name).name == name


def test_a_name_that_was_given_is_kept() -> None:
    assert a_plan(wanted(name="other")).name == "other"


@pytest.mark.parametrize(
    ("data", "first"),
    [
        ("sillytavern", "./sillytavern/config"),
        ("/mnt/d", "/mnt/d/config"),
        ("../x", "./../x/config"),
        ("a b", "./a b/config"),
    ],
)
def test_sillytaverns_folders_lie_where_told(data: str, first: str) -> None:
    got = a_plan(wanted(sillytavern={"data": data}))
    assert got.folders[0] == first
    assert {m.source for m in got.sillytavern.mounts} == set(got.folders)
    assert not any(m.read_only for m in got.sillytavern.mounts)


@pytest.mark.parametrize("has_run", [False, True])
def test_an_automatic_port_moves_when_somebody_takes_it_and_that_is_said_where_people_know_it(has_run: bool) -> None:
    recorded = decided().lock
    world = replace(seen(taken_ports={8000: "somebody"}), has_run=has_run)
    again = plan(wanted(), world, recorded)
    assert again.plan.url == "http://127.0.0.1:8001"
    says = (
        "port 8000, on which SillyTavern was, is taken by somebody: SillyTavern moves to port 8001. "
        "To keep the former address, stop that program and run `stackctl deploy --port 8000`"
    )
    assert (says in again.plan.notes) == has_run
    free = replace(world, taken_ports={})
    assert plan(wanted(), free, recorded).plan.url == "http://127.0.0.1:8000"
    stays = plan(wanted(), free, again.lock).plan
    assert (stays.url, [note for note in stays.notes if "port 8000" in note]) == ("http://127.0.0.1:8001", [])


def test_a_port_that_other_devices_were_given_is_not_moved() -> None:
    spec, interfaces = wanted(sillytavern={"expose": "lan"}), {"eth0": ("192.168.1.5/24",)}
    here = replace(seen(), interfaces=interfaces, password=PASSWORD)
    recorded = plan(spec, here, Lock()).lock
    with pytest.raises(EngineError, match="port 8000 is taken by somebody") as caught:
        plan(spec, replace(here, taken_ports={8000: "somebody"}, has_run=True), recorded)
    assert "stackctl deploy --port 8001" in caught.value.hint


def test_so_are_recorded_subnets_and_only_those_that_somebody_takes() -> None:
    before = decided()
    inner, edge = subnets(before.plan)
    world = seen(taken_subnets=(inner,))
    again = subnets(plan(wanted(), world, before.lock).plan)
    assert not again[0].overlaps(inner)
    assert again[1] == edge
    assert refusal_after(replace(world, has_run=True), before.lock).exit_code == 4
