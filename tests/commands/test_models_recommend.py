"""`models recommend`: the purpose, the language, the backend and the quantisation that are asked for count."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.models.recommend import Asked, recommend
from stackctl.contracts.host import ReadSpeed
from stackctl.core.advice.ranking import LEAST_ON_CPU
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.observed import Ram
from stackctl.errors import ConfigError, DoesNotFit, ModelError
from stackctl.report.recommend import recommended
from tests.commands.machines import Quiet, quiet
from tests.core.samples import GPU
from tests.fakes import hub_at
from tests.hub.server import Hub as Server
from tests.hub.server import running
from tests.shapes.tiny import MODEL

MACHINE = Asked(gpu_memory_mib=(24_576,), ram_mib=65_536)


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    return quiet(tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add("u/two", {"M-Q4_K_M.gguf": MODEL, "M-Q8_0.gguf": MODEL})
        yield hub


def test_a_language_that_no_model_speaks_is_named_with_the_one_that_is_used_instead(here: Quiet) -> None:
    found = recommend(here.machine, replace(MACHINE, language="tlh"))
    assert found.language == "en"
    assert "language tlh: no model of the catalogue is known to speak it; these models are for English (en)" in (
        here.said.getvalue()
    )
    assert recommended(found, here.machine.ui)[1]["language"] == "en"


def test_a_language_that_a_model_speaks_is_used_in_silence_whatever_its_country(here: Quiet) -> None:
    found = recommend(here.machine, replace(MACHINE, language="ja_JP.UTF-8"))
    assert (found.language, here.said.getvalue()) == ("ja", "")
    assert all("ja" in one.languages for one in (found.best, *found.others))


def test_what_is_no_code_of_a_language_is_refused(here: Quiet) -> None:
    for language in ("japanese", "", "12"):
        with pytest.raises(ConfigError, match="is no code of a language"):
            recommend(here.machine, replace(MACHINE, language=language))


def test_a_context_for_which_no_model_is_good_is_named(here: Quiet) -> None:
    with pytest.raises(DoesNotFit, match="no model of the catalogue is good for a context of 1000000 tokens") as caught:
        recommend(here.machine, replace(MACHINE, context=1_000_000))
    assert "`--context 32768`" in caught.value.hint


def test_each_purpose_has_its_own_order(here: Quiet) -> None:
    roleplay = recommend(here.machine, MACHINE)
    general = recommend(here.machine, replace(MACHINE, purpose="general"))
    assert (roleplay.purpose, general.purpose) == ("roleplay", "general")
    assert roleplay.best.name != general.best.name
    assert "for general use" in recommended(general, here.machine.ui)[0]


@pytest.mark.parametrize("backend", ["llamacpp", "koboldcpp", "text-generation-webui"])
def test_each_backend_gets_models_of_different_families_that_it_loads(here: Quiet, backend: str) -> None:
    found = recommend(here.machine, replace(MACHINE, backend=backend))
    families = [one.family for one in (found.best, *found.others)]
    assert len(set(families)) == len(families) >= 3


def test_the_best_and_the_others_are_described_with_the_command_for_each(here: Quiet) -> None:
    found = recommend(here.machine, MACHINE)
    text, values = recommended(found, here.machine.ui)
    assert "  why: ranked " in text
    for one in (found.best, *found.others):
        assert f"to run it: stackctl deploy --model {one.source}" in text
    assert text.count("licence ") == text.count("refuses: ") == text.count("thinks: ") == 1 + len(found.others)
    assert {values["best"]["lies"], values["best"]["thinking"]} <= {"gpu", "no", "optional", "yes"}
    assert values["best"]["rank"]


def test_a_machine_without_a_gpu_can_be_asked_for_where_there_is_one(here: Quiet) -> None:
    here.gpus.found = (GPU,)
    assert recommend(here.machine, Asked(ram_mib=32_768)).room.gpus_mib
    found = recommend(here.machine, Asked(gpu_memory_mib=(0,), ram_mib=32_768))
    assert (found.room.gpus_mib, found.best.lies) == ((), "cpu")


def test_the_menu_has_no_model_that_is_slower_than_the_least_where_the_best_one_is_not(here: Quiet) -> None:
    """A RAM of 12 GB/s: only models with experts write fast enough there."""
    here.host.speed = ReadSpeed(one_gb_per_s=10.0, all_gb_per_s=12.0, cores=2)
    here.host.memory = Ram(total_mib=32_768, free_mib=22_000)
    found = recommend(here.machine, Asked())
    assert min(one.tokens_per_s for one in found.others) < LEAST_ON_CPU
    assert all(offer.model.tokens_per_s >= LEAST_ON_CPU for offer in found.offers)


def test_the_label_of_a_repository_is_respected_in_every_spelling(here: Quiet, server: Server) -> None:
    here.machine.hub = hub_at(server.url)
    assert {one.label for one in _all(here, "hf:u/two")} == {"Q4_K_M", "Q8_0"}
    assert [one.label for one in _all(here, "hf:u/two:q4km")] == ["Q4_K_M"]
    assert [one.label for one in _all(here, "hf:u/two/M-Q8_0.gguf")] == ["Q8_0"]


def test_a_label_that_the_repository_lacks_is_refused_by_its_name(here: Quiet, server: Server) -> None:
    here.machine.hub = hub_at(server.url)
    with pytest.raises(ModelError, match="Q5_K_M") as caught:
        _all(here, "hf:u/two:Q5_K_M")
    assert "Q4_K_M" in f"{caught.value.message} {caught.value.hint}"


def _all(here: Quiet, repo: str) -> list[Suggestion]:
    found = recommend(here.machine, Asked(repo=repo))
    return [found.best, *found.others]
