"""Several models in one stack: which runs, with what, and where a change of it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.config import several_models, stack_toml
from stackctl.core.config.spec import OneModel, Spec
from stackctl.errors import ConfigError
from tests.core.samples import backend_of, decided, model, model_file, seen

TWO = """\
[model]
path = "/m/alone.gguf"
use = "small"
[models.small]
path = "/m/small.gguf"
context = 4096
[models.large]
path = "/m/large.gguf"
kv_cache = "q8_0"
gpu_layers = 20
[backend]
context = 16384
kv_cache = "q4_0"
"""


def test_the_model_in_use_takes_the_place_of_the_path_with_its_own_settings() -> None:
    found = several_models.settings_in_use(stack_toml.parse(TWO))
    assert (found.model.path, found.backend.context, found.backend.kv_cache) == ("/m/small.gguf", 4096, "q4_0")
    other = several_models.settings_of(stack_toml.parse(TWO), "large")
    assert (other.backend.context, other.backend.kv_cache, other.backend.gpu_layers) == (16384, "q8_0", 20)


def test_without_a_model_in_use_the_path_counts() -> None:
    wanted = stack_toml.parse(TWO.replace('use = "small"', ""))
    assert several_models.settings_in_use(wanted) == wanted


def test_for_a_backend_elsewhere_no_entry_counts_and_none_is_written_to() -> None:
    wanted = stack_toml.parse(TWO + 'kind = "external"\nurl = "http://127.0.0.1:5001"\n')
    assert several_models.settings_in_use(wanted) == wanted
    assert several_models.placed_changes({"backend.context": 512}, wanted) == {"backend.context": 512}
    flags = {"backend.kind": "external", "backend.url": "http://127.0.0.1:5001", "backend.context": 512}
    assert several_models.placed_changes(flags, stack_toml.parse(TWO)) == flags
    assert (
        several_models.placed_changes({"backend.kind": "llamacpp", "backend.context": 512}, wanted)[
            "models.small.context"
        ]
        == 512
    )


def test_every_setting_of_an_entry_has_its_place_among_those_for_all() -> None:
    one = OneModel(path="/m/x.gguf", context=1024, gpu_layers=3, kv_cache="q4_0", template="ChatML")
    found = several_models.settings_of(Spec(models={"x": one}), "x")
    sections = {key: value for part in (found.model, found.backend, found.sillytavern) for key, value in part}
    assert {key: sections[key] for key in OneModel.model_fields} == dict(one)


def test_an_unknown_model_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="no model 'smal'; its models are large, small") as caught:
        several_models.settings_in_use(stack_toml.parse(TWO.replace('use = "small"', 'use = "smal"')))
    assert caught.value.hint == "Run `stackctl use small` if you meant that one."


@pytest.mark.parametrize(
    ("given_", "written"),
    [
        ({"backend.context": 512, "gpu.mode": "none"}, {"models.small.context": 512, "gpu.mode": "none"}),
        ({"model.use": "large", "backend.kv_cache": "f16"}, {"model.use": "large", "models.large.kv_cache": "f16"}),
        ({"model.path": "demo", "backend.context": 5}, {"model.use": "", "model.path": "demo", "backend.context": 5}),
    ],
)
def test_an_option_is_written_where_it_takes_effect(given_: dict[str, object], written: dict[str, object]) -> None:
    assert several_models.placed_changes(given_, stack_toml.parse(TWO)) == written


def test_sillytavern_waits_as_long_as_the_slowest_model_so_that_a_change_leaves_it_alone() -> None:
    small, large = model(model_file("small.gguf")), model(model_file("large.gguf", size=40 << 30))
    wanted = stack_toml.parse(TWO)
    plans = []
    for name, one in (("small", small), ("large", large)):
        world = seen(of=one)
        object.__setattr__(world, "models", {"small": small, "large": large})
        plans.append(decided(several_models.settings_of(wanted, name), world).plan)
    assert plans[0].sillytavern == plans[1].sillytavern
    assert backend_of(plans[0]).health.start_period_s < backend_of(plans[1]).health.start_period_s


@given(st.text(max_size=90), st.lists(st.text(max_size=90), max_size=4))
def test_a_name_made_from_a_file_is_one_that_stack_toml_takes_and_new(stem: str, others: list[str]) -> None:
    taken: dict[str, OneModel] = {}
    for other in [*others, stem]:
        name = several_models.free_name(other, taken)
        assert name not in taken
        taken[name] = OneModel(path="/m/x.gguf")
    assert Spec.model_validate({"models": {name: {"path": "/x"} for name in taken}}).models.keys() == taken.keys()
