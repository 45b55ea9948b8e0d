"""What `deploy --locked` refuses: every difference from stack.lock, each with its two values."""

from dataclasses import replace

import pytest

from stackctl import __version__
from stackctl.core.config.lock import Decision, Lock, dump, parse
from stackctl.core.plan.locked import Difference, differences, model_record, refuse_differences
from stackctl.errors import ConfigError

IMAGE = "koboldai/koboldcpp:latest"
PINNED = f"{IMAGE}@sha256:1"
MODEL = model_record({"tiny.gguf": (5, "aa"), "README.md": (2, "")}, "c0ffee")
RECORDED = Lock(
    decisions={
        "koboldcpp.image": Decision(value=IMAGE, inputs={}),
        "backend.context": Decision(value=8192, inputs={}),
        "sillytavern.port": Decision(value=8000, inputs={}),
        "backend.patience": Decision(value=300, inputs={}),
    },
    digests={IMAGE: "sha256:1"},
    model=MODEL,
    rendered={"by": __version__},
)


def found(recorded: Lock, now: Lock, *images: str, places: bool = True) -> list[str]:
    return [str(one) for one in differences(recorded, now, images or (PINNED,), places=places)]


def decided(**values: object) -> Lock:
    changed = {key.replace("_", "."): Decision(value=value, inputs={}) for key, value in values.items()}
    return replace(RECORDED, decisions={**RECORDED.decisions, **changed})


def test_what_is_recorded_differs_in_nothing_from_itself_and_from_what_the_file_keeps_of_it() -> None:
    assert found(RECORDED, RECORDED) == []
    assert found(parse(dump(RECORDED)), RECORDED) == []


def test_a_decision_that_came_out_otherwise_is_named_with_both_values() -> None:
    assert found(RECORDED, decided(backend_context=4096)) == ["backend.context was 8192, would be 4096"]
    assert found(RECORDED, decided(gpu_mode="none")) == ['gpu.mode was nothing, would be "none"']
    without = {key: one for key, one in RECORDED.decisions.items() if key != "koboldcpp.image"}
    gone = replace(RECORDED, decisions=without)
    assert found(RECORDED, gone) == [f'koboldcpp.image was "{IMAGE}", would be nothing']


def test_how_long_somebody_waits_is_no_part_of_what_is_deployed() -> None:
    assert found(RECORDED, decided(backend_patience=900)) == []


def test_where_a_stack_lies_counts_for_the_stack_itself_and_not_for_a_copy_elsewhere() -> None:
    moved = decided(sillytavern_port=8001, network_edge="10.1.0.0/24")
    assert len(found(RECORDED, moved)) == 2
    assert found(RECORDED, moved, places=False) == []


def test_an_image_whose_digest_is_not_recorded_may_be_anything() -> None:
    assert found(replace(RECORDED, digests={}), RECORDED, IMAGE) == [
        f"the digest of {IMAGE} was not recorded, would be what its tag means"
    ]
    assert found(RECORDED, RECORDED, "mine:1@sha256:9", "localhost/stackctl/llamacpp:debian") == []


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (model_record({"tiny.gguf": (5, "bb"), "README.md": (2, "")}, "c0ffee"), "was sha256:aa of revision c0ffee"),
        (model_record({"tiny.gguf": (6, ""), "README.md": (2, "")}, "c0ffee"), "would be 6 bytes of revision c0ffee"),
        (
            model_record({"tiny.gguf": (5, "aa"), "README.md": (2, "")}, "beef"),
            "file README.md was 2 bytes of revision",
        ),
        (
            model_record({"README.md": (2, "")}, "c0ffee"),
            "tiny.gguf was sha256:aa of revision c0ffee, would be nothing",
        ),
        ({}, "would be nothing"),
    ],
    ids=["another sha256", "another size", "another revision", "a file less", "no model"],
)
def test_another_model_is_named_file_by_file(now: dict[str, object], says: str) -> None:
    assert says in "; ".join(found(RECORDED, replace(RECORDED, model=now)))


def test_the_same_bytes_of_another_revision_are_the_same_model() -> None:
    now = model_record({"tiny.gguf": (5, "aa")}, "beef")
    assert (
        found(replace(RECORDED, model=model_record({"tiny.gguf": (5, "aa")}, "c0ffee")), replace(RECORDED, model=now))
        == []
    )


def test_another_stackctl_is_a_difference() -> None:
    assert found(replace(RECORDED, rendered={"by": "0.0.1"}), RECORDED) == [
        f"stackctl was 0.0.1, would be {__version__}"
    ]


def test_a_record_of_a_model_that_somebody_wrote_by_hand_is_a_difference_and_no_traceback() -> None:
    for spoilt in ({"files": {"tiny.gguf": 3}}, {"files": {"tiny.gguf": {}}, "revision": 5}):
        assert found(replace(RECORDED, model=spoilt), RECORDED)


def test_all_differences_stand_in_one_error_with_the_command_that_accepts_them() -> None:
    refuse_differences(())
    with pytest.raises(ConfigError) as caught:
        refuse_differences((Difference(what="a", was="1", would_be="2"), Difference(what="b", was="3", would_be="4")))
    assert caught.value.exit_code == 3
    assert caught.value.message.endswith("a was 1, would be 2; b was 3, would be 4")
    assert caught.value.hint == "Run `stackctl deploy` without `--locked` to accept this, and commit stack.lock."
