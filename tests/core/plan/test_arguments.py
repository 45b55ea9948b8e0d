"""What of a program's arguments is the plan's, in every form, and what follows where the user insists."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.backends import BACKENDS
from stackctl.backends.contract import Argument
from stackctl.core.config.lock import Lock
from stackctl.core.model import gguf, gguf_shape
from stackctl.core.observed import Observed, Ram
from stackctl.core.plan.arguments import given_arguments
from stackctl.core.plan.plan import plan
from stackctl.errors import ConfigError
from tests.core.samples import GPU, PROGRAMS, a_plan, backend_of, engine, model, model_file, seen, wanted
from tests.shapes.header import header
from tests.shapes.measured import MODELS

KCPP, TGW = "koboldcpp", "text-generation-webui"


def refusal(
    kind: str, *words: str, key: str = "extra_args", world: Observed | None = None, **more: object
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        a_plan(wanted(backend={"kind": kind, key: words, **more}), world)
    assert f"backend.{key}" in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("kind", "words", "setting"),
    [
        ("llamacpp", ("-c", "32768"), "backend.context = 32768"),
        ("llamacpp", ("--ctx-size=16384",), "backend.context = 16384"),
        ("llamacpp", ("--ctx_size", "16384"), "backend.context = 16384"),
        ("llamacpp", ("-c32768",), "backend.context = 32768"),
        ("llamacpp", ("-c 32768",), "backend.context = 32768"),
        ("llamacpp", ("--jinja -c 32768 --metrics",), "backend.context = 32768"),
        ("llamacpp", ("--seed", "1", "-ngl", "99"), "backend.gpu_layers = 99"),
        ("llamacpp", ("-ngl99",), "backend.gpu_layers = 99"),
        ("llamacpp", ("--n-gpu-layers", "all"), "backend.gpu_layers = 9999"),
        ("llamacpp", ("-ngl", "-1"), 'backend.gpu_layers = "auto"'),
        ("llamacpp", ("--cache-type-k", "q8_0"), "backend.kv_cache"),
        ("llamacpp", ("-fa",), 'backend.flash_attention = "on"'),
        ("llamacpp", ("-fa", "off"), 'backend.flash_attention = "off"'),
        ("llamacpp", ("-t", "4"), "backend.threads = 4"),
        ("llamacpp", ("-ub", "256"), "backend.batch = 256"),
        (KCPP, ("--contextsize", "16384"), "backend.context = 16384"),
        (KCPP, ("--context", "16384"), "backend.context = 16384"),
        (KCPP, ("--gpulayers", "20"), "backend.gpu_layers = 20"),
        (KCPP, ("--quantkv", "1"), 'backend.kv_cache = "q8_0"'),
        (KCPP, ("--noflashattention",), 'backend.flash_attention = "off"'),
        (KCPP, ("--usevulkan",), "gpu.mode"),
        (KCPP, ("--blasbatchsize=1024",), "backend.batch = 1024"),
        (TGW, ("--ctx-size", "16384"), "backend.context = 16384"),
        (TGW, ("--max_seq_len", "16384"), "backend.context = 16384"),
        (TGW, ("--cache-type", "q4_0"), 'backend.kv_cache = "q4_0"'),
        (TGW, ("--extra-flags", "--jinja -c 16384"), "backend.context = 16384"),
        (TGW, ("--extra-flags", "ctx-size=16384,jinja"), "backend.context = 16384"),
        (TGW, ("--extra-flags=-ngl 5",), "backend.gpu_layers = 5"),
    ],
)
def test_an_argument_that_a_key_decides_is_refused_with_the_key(
    kind: str, words: tuple[str, ...], setting: str
) -> None:
    error = refusal(kind, *words)
    assert setting in f"{error.message}; {error.hint}"
    assert error.exit_code == 3


def test_the_key_is_the_one_of_the_model_in_use() -> None:
    spec = wanted(
        models={"big": {"path": "/models/tiny.gguf"}},
        model={"path": "/models/tiny.gguf", "use": "big"},
        backend={"extra_args": ("-c", "32768")},
    )
    with pytest.raises(ConfigError) as caught:
        plan(spec, seen(), Lock())
    assert "models.big.context = 32768" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("llamacpp", ("-np", "4")),
        ("llamacpp", ("--n-cpu-moe", "20")),
        ("llamacpp", ("--cache-ram", "8192")),
        ("llamacpp", ("-ts", "3,1")),
        (KCPP, ("--tensor_split", "3", "1")),
        (TGW, ("--tensor-split", "3,1")),
        (KCPP, ("--moecpu",)),
        (TGW, ("--parallel", "2")),
    ],
)
def test_what_no_key_decides_is_refused_with_the_way_for_who_insists(kind: str, words: tuple[str, ...]) -> None:
    assert f"{words[0]} into `backend.override_args` if you insist on it" in refusal(kind, *words).hint


@pytest.mark.parametrize("key", ["extra_args", "override_args"])
@pytest.mark.parametrize(
    ("kind", "words", "hint"),
    [
        ("llamacpp", ("--host", "127.0.0.1"), "backend.publish"),
        ("llamacpp", ("--port", "5000"), "backend.publish"),
        ("llamacpp", ("-m", "/models/other.gguf"), "model.path"),
        ("llamacpp", ("--alias", "x"), "model.path"),
        ("llamacpp", ("--hf-repo", "a/b"), "model.path"),
        ("llamacpp", ("--fim-qwen-7b-default",), "model.path"),
        ("llamacpp", ("--embedding",), "Remove it"),
        (KCPP, ("--port", "5000"), "backend.publish"),
        (KCPP, ("--remotetunnel",), "sillytavern.expose"),
        (KCPP, ("--usecublas",), "gpu.mode"),
        (KCPP, ("--model", "x"), "model.path"),
        (TGW, ("--api-port=5005",), "backend.publish"),
        (TGW, ("--share",), "sillytavern.expose"),
        (TGW, ("--extra-flags", "--host 0.0.0.0"), "backend.publish"),
        (TGW, ("--admin-key", "x"), ".stackctl/api-key"),
    ],
)
def test_address_key_and_model_may_be_set_by_no_argument_at_all(
    kind: str, words: tuple[str, ...], hint: str, key: str
) -> None:
    assert hint in refusal(kind, *words, key=key).hint


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("llamacpp", ("--jinja", "-ot", "exps=CPU", "--no-mmap", "--mlock", "--metrics", "--slots", "--no-webui")),
        ("llamacpp", ("--rope-scaling", "yarn", "--rope-scale", "4", "--seed", "-1")),
        ("llamacpp", ("-tb", "8", "-ctxcp", "4", "-md", "/x", "--spec-type", "none")),
        (KCPP, ("--smartcontext", "--debugmode", "--ropeconfig", "0.5", "10000", "--lora", "/x", "--quiet")),
        (TGW, ("--api", "--listen", "--verbose", "--extra-flags", "--jinja --rpc 10.0.0.1:1", "--lora", "x")),
    ],
)
def test_arguments_that_contradict_nothing_pass(kind: str, words: tuple[str, ...]) -> None:
    got = a_plan(wanted(backend={"kind": kind, "extra_args": words}))
    assert not [note for note in got.notes if "_args" in note]


def test_a_folder_of_safetensors_leaves_to_the_user_what_its_loader_alone_knows() -> None:
    world = seen(of=model(model_file("model.safetensors"), folder="big"))
    words = ("--ctx-size", "16384", "--cache-type", "q4", "--loader", "exllamav3")
    a_plan(wanted(backend={"kind": TGW, "extra_args": words}), world)
    refusal(TGW, "--api-port", "1", world=world)


def test_several_words_in_one_string_are_refused_with_how_to_write_them() -> None:
    assert '["-ot", "exps=CPU"]' in refusal("llamacpp", "--jinja", "-ot exps=CPU").hint
    a_plan(wanted(backend={"extra_args": ("--chat-template", "- {{ x }}", "--reverse-prompt", "a b")}))


def test_every_argument_that_names_a_setting_is_one_that_stack_toml_has() -> None:
    spec = wanted()
    for backend in BACKENDS.values():
        for argument in filter(None, backend.ARGUMENTS.values()):
            if "." in argument.decides:
                section, key = argument.decides.split(".")
                assert hasattr(getattr(spec, section), key)
            assert argument.hint or not argument.fixed


@pytest.mark.parametrize("kind", BACKENDS)
def test_every_argument_that_no_key_decides_has_a_reason_that_the_refusal_says(kind: str) -> None:
    for name, argument in BACKENDS[kind].ARGUMENTS.items():
        if argument and not argument.inner:
            assert argument.fixed or argument.why or "." in argument.decides, name


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-np", "2"), "-np divides the context among several chats, and stackctl plans it for one"),
        (
            ("--n-cpu-moe", "4"),
            "--n-cpu-moe moves experts to the CPU, and stackctl chooses how many by the free memory",
        ),
    ],
)
def test_the_reason_is_said_where_no_key_decides_it(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        a_plan(wanted(backend={"extra_args": words}))
    assert caught.value.message == f"backend.extra_args: {says}"


@pytest.mark.parametrize("kind", BACKENDS)
def test_every_argument_with_a_value_that_stackctl_gives_a_program_is_among_those_that_it_decides(kind: str) -> None:
    spec = wanted(backend={"kind": kind, "kv_cache": "q8_0", "threads": 2, "batch": 512, "flash_attention": "on"})
    stack = a_plan(spec)
    words = [*backend_of(stack).command, *(w for f in stack.files.values() for w in f.reveal().split())]
    for word, after in pairwise(words):
        if word.startswith("--") and not after.startswith("--"):
            assert BACKENDS[kind].ARGUMENTS[word.split("=")[0]], word


# -- a stack that runs with one


@pytest.mark.parametrize("words", [("-c", "32768"), ("-c 32768",), ("--seed", "1", "-np", "4")])
def test_a_stack_that_runs_with_such_an_argument_is_warned(words: tuple[str, ...]) -> None:
    world = replace(seen(), ran_with=("--model", "x", *words))
    got = a_plan(wanted(backend={"extra_args": words}), world)
    (note,) = [one for one in got.notes if "extra_args" in one]
    assert "next release refuses it" in note
    assert "override_args" in note
    assert backend_of(got).command[-len(words) :] == words


def test_another_value_of_it_or_another_one_beside_is_refused() -> None:
    world = replace(seen(), ran_with=("-c", "32768"))
    refusal("llamacpp", "-c", "16384", world=world)
    assert "-ngl" in refusal("llamacpp", "-c", "32768", "-ngl", "9", world=world).message


# -- who insists


def big_world() -> Observed:
    raw, size = header(MODELS["llama-3.1-8b"].metadata(), MODELS["llama-3.1-8b"].tensors())
    found = replace(model(model_file("m.gguf", size=size)), shape=gguf_shape.shape_of(gguf.read(raw, size, name="m")))
    on = engine(nvidia_runtime=True)
    gpu = replace(GPU, total_mib=48_000, free_mib=48_000)
    return replace(seen(of=found, on=on, gpus=(gpu,)), ram=Ram(total_mib=64_000, free_mib=60_000), programs=PROGRAMS)


@pytest.mark.parametrize(
    ("kind", "words", "context"),
    [
        ("llamacpp", ("-c", "32768"), 32768),
        ("llamacpp", ("-c", "32768", "-np", "4"), 8192),
        (KCPP, ("--contextsize", "16384"), 16384),
        (TGW, ("--extra-flags", "-c 16384"), 16384),
        (TGW, ("--ctx-size=16384", "--parallel", "2"), 8192),
    ],
)
def test_override_args_come_last_and_the_plan_has_their_context(
    kind: str, words: tuple[str, ...], context: int
) -> None:
    got = a_plan(wanted(backend={"kind": kind, "extra_args": ("--seed", "1"), "override_args": words}), big_world())
    assert got.context == context
    assert any("override_args decides backend.context" in note for note in got.notes)
    given = backend_of(got).command or tuple(next(iter(got.files.values())).reveal().splitlines())
    assert "--seed" in " ".join(given)
    assert " ".join(given).replace("'", "").endswith(" ".join(words))


def test_the_sum_of_memory_counts_with_the_values_of_override_args() -> None:
    plain = a_plan(wanted(), big_world())
    more = a_plan(wanted(backend={"override_args": ("-c", "32768", "-ngl", "10", "--ubatch-size", "256")}), big_world())
    assert plain.memory
    assert more.memory
    assert (more.memory.settings.context, more.memory.fit.gpu_layers, more.memory.settings.batch) == (32768, 10, 256)
    assert more.gpu_layers == "10"


def test_what_the_plan_can_not_count_with_is_said() -> None:
    got = a_plan(wanted(backend={"override_args": ("--cache-ram", "0", "-ctk", "q5_1")}))
    assert "backend.override_args: the plan does not count with --cache-ram, -ctk" in got.notes


def test_a_value_that_is_none_is_refused() -> None:
    assert "a whole number from 1 on, not 'lots'" in refusal("llamacpp", "-c", "lots", key="override_args").message


@given(st.lists(st.text(max_size=8) | st.sampled_from(["-c", "--ctx-size=", "-c9", "-ngl", "-c 1", "--", "-", "="])))
def test_whatever_is_written_the_words_found_are_among_those_given(words: list[str]) -> None:
    for backend in BACKENDS.values():
        for one in given_arguments(words, backend.ARGUMENTS, shortens=backend.SHORTENS):
            assert isinstance(one.argument, Argument)
            assert set(one.words) <= {*words, ""}


# -- values that a program refuses


@pytest.mark.parametrize(("key", "value", "says"), [("batch", 100, "backend.batch"), ("context", 600_000, "524288")])
def test_a_value_that_koboldcpp_refuses_is_refused_before_it_is_asked(key: str, value: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        a_plan(wanted(backend={"kind": KCPP, key: value}))
    assert says in caught.value.message
    a_plan(wanted(backend={key: value}))


@pytest.mark.parametrize("batch", [32, 512, 4096])
def test_a_batch_that_koboldcpp_takes_passes(batch: int) -> None:
    a_plan(wanted(backend={"kind": KCPP, "batch": batch}))


@pytest.mark.parametrize(("limit", "is_said"), [("1 GiB", True), ("200 GiB", False), ("auto", False)])
def test_a_limit_below_what_the_backend_takes_is_said(limit: str, is_said: bool) -> None:
    got = a_plan(wanted(limits={"backend_memory": limit}, gpu={"mode": "none"}), big_world())
    assert any("limits.backend_memory = '1 GiB' is less than" in note for note in got.notes) == is_said
