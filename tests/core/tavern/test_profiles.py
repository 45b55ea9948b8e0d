"""Connection profiles: one for each model, and the user's own words about them stand."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.config import stack_toml
from stackctl.core.model.model import Header
from stackctl.core.tavern.profiles import Merged, Profile, merge, of_models, profile_of
from tests.core.samples import model, model_file, seen

URL = "http://koboldcpp:5001"


def one(name: str, instruct: str = "ChatML") -> Profile:
    return profile_of(name, server_type="koboldcpp", url=URL, instruct=instruct, context=instruct)


def listed(done: Merged) -> list[Any]:
    profiles: list[Any] = done.settings["extension_settings"]["connectionManager"]["profiles"]
    return profiles


def with_profiles(*profiles: Profile) -> dict[str, Any]:
    return {
        "username": "Alice",
        "extension_settings": {"other": 1, "connectionManager": {"selectedProfile": "x", "profiles": list(profiles)}},
    }


def test_a_profile_has_the_words_that_sillytavern_reads_and_nothing_that_is_unknown() -> None:
    made = profile_of("small", server_type="ooba", url=URL, instruct="", context="", reasoning="DeepSeek")
    assert {key: value for key, value in made.items() if key != "id"} == {
        "mode": "tc", "name": "small", "exclude": [], "api": "ooba", "api-url": URL, "reasoning-template": "DeepSeek",
    }  # fmt: skip
    assert one("small")["instruct-state"] == "true"


def test_every_model_gets_one_and_all_else_stays() -> None:
    theirs = {"id": "x", "name": "mine", "mode": "cc"}
    done = merge(with_profiles(theirs), [one("a"), one("b")], [])
    assert [p["name"] for p in listed(done)] == ["mine", "a", "b"]
    assert done.settings["username"] == "Alice"
    assert done.settings["extension_settings"]["other"] == 1
    assert done.settings["extension_settings"]["connectionManager"]["selectedProfile"] == "x"
    assert done.left == ()


def test_settings_without_any_profiles_get_the_place_for_them() -> None:
    done = merge({}, [one("a")], [])
    assert listed(done) == [one("a")]
    assert done.settings["extension_settings"]["connectionManager"]["selectedProfile"] is None


def test_ours_follow_a_change_and_go_with_their_model() -> None:
    first = merge({}, [one("a"), one("b")], [])
    second = merge(first.settings, [one("a", "Alpaca")], first.written)
    assert listed(second) == [one("a", "Alpaca")]
    assert second.left == ()


def test_one_that_the_user_changed_is_left_and_said() -> None:
    first = merge({}, [one("a")], [])
    theirs = with_profiles({**one("a"), "name": "my favourite"})
    second = merge(theirs, [one("a", "Alpaca")], first.written)
    assert (second.settings, second.left) == (theirs, ("my favourite",))
    third = merge(theirs, [one("a", "Alpaca")], second.written)
    assert (third.settings, third.left) == (theirs, ("my favourite",))


def test_one_that_the_user_deleted_stays_deleted() -> None:
    first = merge({}, [one("a")], [])
    second = merge(with_profiles(), [one("a", "Alpaca")], first.written)
    assert listed(second) == []
    assert listed(merge(second.settings, [one("a")], second.written)) == []


def test_a_name_that_the_user_has_is_not_taken_twice() -> None:
    theirs = {"id": "x", "name": "a"}
    done = merge(with_profiles(theirs), [one("a")], [])
    assert [p["name"] for p in listed(done)] == ["a", "a (stackctl)"]
    again = merge(done.settings, [one("a")], done.written)
    assert (again.settings, again.left) == (done.settings, ())


def test_every_model_that_is_there_has_a_profile_with_the_template_of_its_own() -> None:
    written = stack_toml.parse(
        '[model]\nuse = "a"\n[models.a]\npath = "/a.gguf"\ntemplate = "Alpaca"\n[models.b]\npath = "/b.gguf"\n'
        '[models.gone]\npath = "/gone.gguf"\n[sillytavern]\ntemplate = "auto"\n'
    )
    world = seen(of=model(model_file("a.gguf")))
    b = replace(model(model_file("b.gguf")), header=Header(format="gguf", chat_template="<|im_start|>"))
    world = replace(world, models={"a": world.model, "b": b})
    found = of_models(written, world, server_type="koboldcpp", url=URL)
    assert [(one.words["name"], one.words["instruct"], one.words["api-url"]) for one in found] == [
        ("a", "Alpaca", URL), ("b", "ChatML", URL),
    ]  # fmt: skip


STEPS = st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["ChatML", "Alpaca"])), max_size=4)


@given(STEPS)
def test_without_a_change_by_the_user_the_profiles_are_those_wanted(steps: list[dict[str, str]]) -> None:
    settings: Any = with_profiles()
    wrote: tuple[Profile, ...] = ()
    for step in steps:
        wanted = [one(name, instruct) for name, instruct in step.items()]
        done = merge(settings, wanted, wrote)
        settings, wrote = done.settings, done.written
        assert sorted(map(repr, listed(done))) == sorted(map(repr, wanted))
        assert done.left == ()
        assert merge(settings, wanted, wrote).settings is settings
