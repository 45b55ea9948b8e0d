"""KoboldCpp's saved settings as an entry of [models]."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core import kcpps
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
    assert found.left == ('mmproj = "/m/mmproj.gguf"', "password")


def test_a_password_is_named_and_never_shown() -> None:
    found = kcpps.parse(json.dumps(SAVED | {"adminpassword": "s3cret", "hordekey": "h0rde"}), "x.kcpps")
    assert {"password", "adminpassword", "hordekey"} < set(found.left)
    assert not any(word in " ".join(found.left) for word in ("hunter2", "s3cret", "h0rde"))


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
