"""The stand-in's router of KoboldCpp: what it holds until the model is loaded, and what it passes on."""

import argparse
from dataclasses import dataclass, field
from typing import Any, cast

from tests.standins.koboldcpp.api import State
from tests.standins.koboldcpp.router import INITIAL, UNLOADED, Router


@dataclass
class Child:
    """A llama-server that is only counted."""

    stopped: list[int] = field(default_factory=list)

    def stop(self) -> None:
        self.stopped.append(1)


def test_only_a_request_that_names_the_model_loads_it_again() -> None:
    child, loads = Child(), list[int]()

    def load() -> Any:
        loads.append(1)
        return Child()

    router = Router(load=load, restart_s=0)
    args = argparse.Namespace(hordemodelname="", model_param="/models/a.gguf", contextsize=1)
    state = State(args, cast("Any", child), "1.115.1", router=router)
    assert [one["id"] for one in state.models()["data"]] == ["koboldcpp/a", INITIAL, UNLOADED]
    router.may_load({"model": INITIAL}, state)
    assert (loads, child.stopped) == ([], [])
    router.swap(UNLOADED, state)
    assert (state.name, child.stopped) == ("inactive", [1])
    for body in ({}, {"model": "koboldcpp/a"}):
        router.may_load(body, state)
    assert (state.name, loads) == ("inactive", [])
    router.may_load({"model": INITIAL}, state)
    assert (state.name, loads) == ("koboldcpp/a", [1])
