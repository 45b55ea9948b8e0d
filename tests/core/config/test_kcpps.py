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
        ({"quantkv": "q4_0", "contextsize": "no"}, None, {"gpu_layers": 33, "kv_cache": "q4_0"}),
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
    [("contextsize", True), ("contextsize", 8), ("gpulayers", True), ("quantkv", True), ("quantkv", 3)],
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
    assert found.path
    assert found.settings.keys() <= {"context", "gpu_layers", "kv_cache"}
