"""Each backend knows its own server by what it answers, and no other's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.backends import BACKENDS
from stackctl.backends.contract import ServerInfo
from stackctl.contracts.answer import Answer
from stackctl.core.external.detection import detect_server, questions
from stackctl.core.observed import ProbeResult
from tests.backends.answers import INACTIVE, LOADING, REFUSED_HOST, STATES, recorded

CHATML = "<|im_start|>"


def served(backend: str, state: str = "loaded") -> ServerInfo:
    found = BACKENDS[backend].recognise(recorded(backend, state))
    assert found is not None
    return found


@pytest.mark.parametrize(("backend", "state"), STATES)
def test_a_server_is_recognised_in_every_state_and_by_its_own_backend_alone(backend: str, state: str) -> None:
    answers = recorded(backend, state)
    assert [name for name, one in BACKENDS.items() if one.recognise(answers)] == [backend]


@pytest.mark.parametrize(
    ("backend", "model", "context", "template"),
    [
        ("koboldcpp", "koboldcpp/tiny", 2048, CHATML),
        ("llamacpp", "/models/tiny.gguf", 2048, CHATML),
        ("text-generation-webui", "tiny.gguf", 0, ""),
    ],
)
def test_a_loaded_one_tells_its_model_and_what_else_it_can(
    backend: str, model: str, context: int, template: str
) -> None:
    found = served(backend)
    assert (found.model, found.context) == (model, context)
    assert template in found.chat_template
    assert bool(template) == bool(found.chat_template)
    assert (found.is_loading, found.is_locked, found.problem) == (False, False, None)


@pytest.mark.parametrize(
    ("backend", "with_key", "without"),
    [
        ("koboldcpp", "password-with-key", "password-without-key"),
        ("llamacpp", "api-key-with-key", "api-key-without-key"),
        ("text-generation-webui", "api-key-with-key", "api-key-without-key"),
    ],
)
def test_one_that_wants_a_key_is_locked_until_it_is_given(backend: str, with_key: str, without: str) -> None:
    assert served(backend, without).is_locked
    assert served(backend, with_key) == served(backend)


@pytest.mark.parametrize("state", ["no-model", "model-failed-to-load", "model-missing"])
def test_text_generation_webui_without_a_loaded_model_lacks_it_whatever_it_lists(state: str) -> None:
    found = served("text-generation-webui", state)
    assert found.problem
    assert "no model is loaded" in found.problem.says


def test_koboldcpp_without_a_model_says_so() -> None:
    found = BACKENDS["koboldcpp"].recognise({**recorded("koboldcpp"), "/api/v1/model": INACTIVE})
    assert found
    assert found.problem
    assert "without a model" in found.problem.says


def test_llama_cpp_that_loads_its_model_answers_nothing_else() -> None:
    answers = dict.fromkeys((one.path for one in questions()), LOADING)
    found = detect_server(ProbeResult(url="http://x", answers=answers))
    assert found
    assert (found.backend.NAME, found.served) == ("llamacpp", ServerInfo(is_loading=True))
    assert not found.is_ready


def test_text_generation_webui_without_listen_refuses_the_name_and_is_told_the_flag() -> None:
    answers = dict.fromkeys((one.path for one in questions()), REFUSED_HOST)
    found = detect_server(ProbeResult(url="http://x", answers=answers))
    assert found
    assert found.backend.NAME == "text-generation-webui"
    assert found.served.problem
    assert "--listen" in found.served.problem.hint


def test_what_is_asked_covers_every_backend_and_asks_each_path_once() -> None:
    asked = questions()
    assert len({one.path for one in asked}) == len(asked)
    assert {one for backend in BACKENDS.values() for one in (backend.READY, *backend.QUESTIONS)} == set(asked)


PATHS = sorted({one.path for one in questions()})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(["KoboldCpp", "ok", "inactive"]),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["result", "data", "id", "status", "error", "detail", "model_name", "lora_names", "value"]),
            below,
        )
    ),
    max_leaves=9,
)


@given(
    st.dictionaries(
        st.sampled_from(PATHS),
        st.builds(
            lambda status, body: Answer(status=status, body=body),
            st.sampled_from([200, 400, 401, 404, 500, 503]),
            st.one_of(JSON.map(json.dumps), st.text(max_size=20)),
        ),
    )
)
def test_whatever_a_stranger_answers_no_backend_trips_over_it(answers: dict[str, Answer]) -> None:
    for backend in BACKENDS.values():
        found = backend.recognise(answers)
        assert found is None or found.context >= 0
