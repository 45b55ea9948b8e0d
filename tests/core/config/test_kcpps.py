"""KoboldCpp's saved settings as an entry of [models]."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.config import kcpps
from stackctl.errors import ConfigError

# what the launcher of 1.102 saves, shortened to what differs by kind
SAVED = {
    "model": [], "model_param": "/m/Tiny [v2].gguf", "port": 5001, "port_param": 5001, "host": "", "launch": True,
    "config": None, "threads": 7, "usecublas": ["normal", "0", "mmq"], "usevulkan": None, "contextsize": 16384,
    "gpulayers": 33, "quantkv": 1, "flashattention": True, "password": "hunter2", "mmproj": "/m/mmproj.gguf",
    "ropeconfig": [0.0, 10000.0], "multiuser": 10, "moecpu": 0, "tensor_split": None, "lora": None, "ssl": None,
}  # fmt: skip


def test_model_context_layers_and_cache_are_taken_and_the_rest_is_named() -> None:
    found = kcpps.parse(json.dumps(SAVED), "x.kcpps")
    assert found.path == "/m/Tiny [v2].gguf"
    assert found.settings == {"context": 16384, "gpu_layers": 33, "kv_cache": "q8_0"}
    assert found.not_imported == ('mmproj = "/m/mmproj.gguf"', "password")


def test_a_password_is_named_and_never_shown() -> None:
    found = kcpps.parse(json.dumps(SAVED | {"adminpassword": "s3cret", "hordekey": "h0rde"}), "x.kcpps")
    assert {"password", "adminpassword", "hordekey"} < set(found.not_imported)
    assert not any(word in " ".join(found.not_imported) for word in ("hunter2", "s3cret", "h0rde"))


@pytest.mark.parametrize(
    ("changes", "path", "settings"),
    [
        ({"model": ["/m/a.gguf", "/m/b.gguf"], "model_param": None}, "/m/a.gguf", None),
        ({"model": "/m/c.gguf", "model_param": ""}, "/m/c.gguf", None),
        ({"gpulayers": -1, "quantkv": 0}, None, {"context": 16384, "kv_cache": "f16"}),
        ({"quantkv": "q4_0", "contextsize": None}, None, {"gpu_layers": 33, "kv_cache": "q4_0"}),
        ({"contextsize": "16384", "gpulayers": "41"}, None, {"context": 16384, "gpu_layers": 41, "kv_cache": "q8_0"}),
        ({"contextsize": 4096.0, "gpulayers": " 7 "}, None, {"context": 4096, "gpu_layers": 7, "kv_cache": "q8_0"}),
        ({"model": ["/m/other.gguf"]}, "/m/Tiny [v2].gguf", None),  # KoboldCpp loads model_param where both are given
        ({"quantkv": "q5_1"}, None, {"context": 16384, "gpu_layers": 33}),
    ],
)
def test_each_version_of_the_file_is_read(
    changes: dict[str, object], path: str | None, settings: dict[str, object] | None
) -> None:
    found = kcpps.parse(json.dumps(SAVED | changes), "x.kcpps")
    assert found.path == (path or "/m/Tiny [v2].gguf")
    assert settings is None or found.settings == settings


# what each version saves where only a model was chosen, of all that is not null, false, 0 or empty
VERSION_1_76 = {
    "model": "", "model_param": "/m/a.gguf", "port": 5001, "port_param": 5001, "launch": True, "threads": 5,
    "usecublas": ["normal", "0", "mmq"], "contextsize": 4096, "gpulayers": -1, "ropeconfig": [0.0, 10000.0],
    "blasbatchsize": 512, "blasthreads": None, "promptlimit": 100, "multiuser": 1, "chatcompletionsadapter": "",
    "lora": None, "sdthreads": 5, "sdclamped": 0, "sdloramult": 1.0, "hordeconfig": None, "quantkv": 0,
}  # fmt: skip
VERSION_1_102 = {
    "model": [], "model_param": "/m/a.gguf", "port": 5001, "port_param": 5001, "launch": True, "threads": 5,
    "usecuda": ["normal", "0", "mmq"], "contextsize": 8192, "gpulayers": -1, "maingpu": -1, "batchsize": 512,
    "loramult": 1.0, "ropeconfig": [0.0, 10000.0], "genlimit": 0, "multiuser": 1, "visionmaxres": 1024,
    "draftamount": 8, "draftgpulayers": 999, "draftgpusplit": None, "chatcompletionsadapter": "AutoGuess",
    "flashattention": True, "quantkv": 0, "moeexperts": -1, "moecpu": 0, "defaultgenamt": 768, "maxrequestsize": 32,
    "sdthreads": 5, "sdconvdirect": "off", "sdloramult": 1.0, "sdtiledvae": 768, "ttsmaxlen": 4096, "ttsthreads": 5,
    "embeddingsmaxctx": 0, "adminpassword": None, "istemplate": False,
}  # fmt: skip
VERSION_1_117: dict[str, object] = {
    "model": ["/m/a.gguf"], "model_param": None, "port": 5001, "port_param": 5001, "threads": 5, "usecpu": True,
    "contextsize": 12288, "gpulayers": -1, "maingpu": -1, "autofitpadding": 1024, "batchsize": 512, "loramult": 1.0,
    "ropeconfig": [0.0, 10000.0], "genlimit": 0, "multiuser": 10, "visionmaxres": 1024, "visionmintokens": -1,
    "visionmaxtokens": -1, "draftamount": 4, "draftgpulayers": 999, "chatcompletionsadapter": "AutoGuess",
    "quantkv": "f16", "moeexperts": -1, "defaultgenamt": 1536, "maxrequestsize": 32, "parallelrequests": 1,
    "reqtimeout": 600, "reasoningeffort": "default", "jinjathink": "default", "splitmode": "layer", "swapadding": 0,
    "smartcache": 0, "rpcmode": "disabled", "rpcport": 5551, "rpctargets": "", "sdtiledvae": 640,
    "rpchost": "0.0.0.0", "sdloramult": [1.0], "sdconvdirect": "off",  # noqa: S104 - as the file says
    "sdvaedevice": -1, "sdclipdevice": -2,
    "sdmaingpu": None, "ttsmaxlen": 4096, "embeddingsmaxctx": 4096, "gendefaults": {}, "istemplate": False,
}  # fmt: skip
VERSION_1_115 = VERSION_1_117 | {"draftamount": 8, "defaultgenamt": 2048}
VERSIONS = {"1.76": VERSION_1_76, "1.102": VERSION_1_102, "1.115": VERSION_1_115, "1.117": VERSION_1_117}


@pytest.mark.parametrize("saved", VERSIONS.values(), ids=VERSIONS)
def test_what_nobody_touched_is_not_named(saved: dict[str, object]) -> None:
    assert kcpps.parse(json.dumps(saved), "x.kcpps").not_imported == ()


CHOSEN: dict[str, tuple[object, ...]] = {
    "noshift": (True,), "usemlock": (True,), "highpriority": (True,), "jinja": (True,), "admin": (True,),
    "moecpu": (1, 24, True), "smartcache": (1,), "ratelimit": (1,), "sdclamped": (1,), "sdquant": (1, True),
    "draftamount": (1, 0, True), "draftgpulayers": (0,), "loramult": (True, 0.5), "sdloramult": ([True], [1.0, 1.0]),
    "parallelrequests": (True, 4), "moeexperts": (1, 0), "rpcmode": ("host",), "splitmode": ("row",),
    "reasoningeffort": ("high",), "ropeconfig": ([1.0, 32000.0],), "batchsize": (1024, -1), "maxrequestsize": (0,),
    "chatcompletionsadapter": ("ChatML",), "visionmaxres": (1, 2048), "unheard_of": (True, 1, 1.0, "x", [False]),
}  # fmt: skip


@pytest.mark.parametrize("saved", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("key", CHOSEN)
def test_what_somebody_chose_is_named_be_it_true_or_one(saved: dict[str, object], key: str) -> None:
    for value in CHOSEN[key]:
        assert kcpps.parse(json.dumps(saved | {key: value}), "x.kcpps").not_imported == (
            f"{key} = {json.dumps(value)}",
        )


@pytest.mark.parametrize("key", ["sdloramult", "loramult", "ropeconfig", "draftgpulayers"])
def test_a_whole_number_is_the_same_with_and_without_a_point(key: str) -> None:
    text = json.dumps(VERSION_1_117 | {key: {"ropeconfig": [0, 10000], "draftgpulayers": 999.0}.get(key, 1)})
    assert kcpps.parse(text, "x.kcpps").not_imported == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [("contextsize", 8), ("contextsize", "8"), ("gpulayers", 10_000), ("quantkv", 3), ("quantkv", "q5_1")],
)
def test_what_an_entry_could_say_and_does_not_is_named(key: str, value: object) -> None:
    found = kcpps.parse(json.dumps(VERSION_1_117 | {key: value}), "x.kcpps")
    assert found.not_imported == (f"{key} = {json.dumps(value)}",)
    assert {"contextsize": "context", "gpulayers": "gpu_layers", "quantkv": "kv_cache"}[key] not in found.settings


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "{}", '{"model": []}', '{"sdmodel": "x"}', "[" * 5000])
def test_what_is_no_saved_text_model_is_an_error_with_a_way_out(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kcpps.parse(text, "x.kcpps")
    assert "x.kcpps" in caught.value.message
    assert caught.value.hint


URL = "https://huggingface.co/concedo/Tiny-GGUF/resolve/main/Tiny-Q4_K.gguf"


@pytest.mark.parametrize(
    "changes",
    [
        {"model": [f"{URL}?download=true"], "model_param": ""},
        {"model_param": URL},
        {"model": URL, "model_param": None},
        {"model": ["hf:concedo/Tiny-GGUF/Tiny-Q4_K.gguf"], "model_param": None},
    ],
)
def test_a_model_by_its_address_becomes_a_source(changes: dict[str, object]) -> None:
    found = kcpps.parse(json.dumps(SAVED | changes), "x.kcppt")
    assert (found.path, found.source) == ("", "hf:concedo/Tiny-GGUF/Tiny-Q4_K.gguf")


def test_the_parts_of_a_split_model_are_one_and_another_model_is_named() -> None:
    parts = [f"https://huggingface.co/o/r/resolve/main/Big-0000{number}-of-00002.gguf" for number in (1, 2)]
    found = kcpps.parse(json.dumps(VERSION_1_117 | {"model": [*parts, "/m/other.gguf"]}), "x.kcppt")
    assert found.source == "hf:o/r/Big-00001-of-00002.gguf"
    assert found.not_imported == ('model = "/m/other.gguf"',)


CHOICES: tuple[tuple[str, object], ...] = (
    ("usecublas", ["normal", "1"]), ("usecublas", ["lowvram", "0", "mmq"]), ("usecuda", ["normal", "0", "rowsplit"]),
    ("usehipblas", ["normal", "2"]), ("usevulkan", [1]), ("usevulkan", [0, 1]), ("useclblast", [0, 1]),
)  # fmt: skip


@pytest.mark.parametrize(("key", "value"), CHOICES)
def test_a_chosen_gpu_is_named_with_the_key_that_chooses_it_here(key: str, value: object) -> None:
    (said,) = kcpps.parse(json.dumps(VERSION_1_117 | {key: value}), "x.kcpps").not_imported
    assert said.startswith(f"{key} = {json.dumps(value)} (gpu.devices in stack.toml")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("usecublas", ["normal", "0", "mmq"]), ("usecuda", ["normal"]), ("usecuda", ["normal", "all"]),
        ("usevulkan", []), ("usevulkan", [0]), ("useclblast", [0, 0]), ("usehipblas", None), ("usecublas", [""]),
    ],
)  # fmt: skip
def test_the_gpu_that_was_there_unasked_is_not_named(key: str, value: object) -> None:
    assert kcpps.parse(json.dumps(VERSION_1_117 | {key: value}), "x.kcpps").not_imported == ()


def test_what_decides_whether_the_model_loads_is_named_first() -> None:
    chosen = {
        "admin": True, "highpriority": True, "tensor_split": [24.0, 12.0], "ropeconfig": [1.0, 32000.0],
        "overridetensors": "exps=CPU", "moecpu": 24, "gpulayers": 99, "maingpu": 1,
    }  # fmt: skip
    found = kcpps.parse(json.dumps(VERSION_1_117 | chosen), "x.kcpps")
    keys = [one.partition(" = ")[0] for one in found.not_imported]
    assert keys == [
        "moecpu", "overridetensors", "gpulayers", "ropeconfig", "tensor_split", "maingpu", "admin", "highpriority",
    ]  # fmt: skip


@pytest.mark.parametrize("chosen", [{"moecpu": 24}, {"moecpu": 999}, {"overridetensors": "exps=CPU"}])
def test_layers_that_were_chosen_with_experts_on_the_cpu_are_not_taken_and_why_is_said(
    chosen: dict[str, object],
) -> None:
    found = kcpps.parse(json.dumps(VERSION_1_117 | {"gpulayers": 99, **chosen}), "x.kcpps")
    assert "gpu_layers" not in found.settings
    key = next(iter(chosen))
    assert found.not_imported[1] == (f"gpulayers = 99 (chosen with {key}; without, so many layers may not fit)")


def test_layers_that_koboldcpp_fits_itself_are_neither_taken_nor_named() -> None:
    found = kcpps.parse(json.dumps(VERSION_1_117 | {"gpulayers": -1, "autofit": True}), "x.kcpps")
    assert "gpu_layers" not in found.settings
    assert found.not_imported == ()


def test_each_value_of_a_wrong_type_is_said_at_once() -> None:
    wrong = {"model": 5, "model_param": ["a"], "contextsize": [1], "gpulayers": "many", "quantkv": True}
    with pytest.raises(ConfigError) as caught:
        kcpps.parse(json.dumps(wrong), "x.kcpps")
    assert caught.value.message.splitlines() == [
        "x.kcpps has values of a wrong type:",
        "model is 5, not a path or a list of paths",
        'model_param is ["a"], not a path',
        "contextsize is [1], not a number of tokens",
        'gpulayers is "many", not a number of layers',
        "quantkv is true, not a type of the KV cache",
    ]


OTHERS = {
    "an Ollama Modelfile": "# mine\nFROM ./llama.gguf\nPARAMETER num_ctx 4096\n",
    "text-generation-webui's command line": "# flags\n--listen --api\n",
    "text-generation-webui's settings": "show_controls: true\ndark_theme: true\n",
    "text-generation-webui's settings for models": "Tiny.gguf$:\n  loader: llama.cpp\n  ctx_size: 8192\n",
    "SillyTavern's config.yaml": "dataRoot: ./data\n",
    "a compose file": "name: x\nservices:\n  a: {}\n",
    "a stack.toml": '[backend]\nkind = "koboldcpp"\n',
    "a preset file of llama.cpp": "version = 1\n[*]\nn-gpu-layers = 99\n",
    "a GGUF model": "GGUF\3\0\0\0",
    "SillyTavern's settings.json": '{"main_api": "x", "power_user": {}}',
    "a preset or template of SillyTavern": '{"temp": 1, "rep_pen": 1.1}',
    "a manifest of Ollama": '{"schemaVersion": 2, "mediaType": "x"}',
    "a model's config.json": '{"architectures": ["LlamaForCausalLM"]}',
    "a story of KoboldAI Lite": '{"gamestarted": true, "prompt": "x"}',
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_file_of_another_program_is_said_to_be_that_with_the_way_on(what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kcpps.parse(OTHERS[what], "x")
    assert caught.value.message.startswith(f"x is {what}")
    assert caught.value.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SAVED, "x"]), inner, max_size=5),
    max_leaves=12,
)


@given(JSON)
def test_any_json_ends_in_an_entry_or_in_our_error(content: object) -> None:
    try:
        found = kcpps.parse(json.dumps(content), "x.kcpps")
    except ConfigError:
        return
    assert found.path or found.source
    assert found.settings.keys() <= {"context", "gpu_layers", "kv_cache"}
