"""What the catalogue knows of a model counts where its context is chosen."""

from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.models.fit import Asked, fit
from stackctl.core.config.files import DEMO
from stackctl.core.hub.pages import repo_of
from stackctl.steps.models.known_model import with_catalogue
from tests.commands.machines import Quiet, quiet
from tests.core.catalogue.shipped import CATALOGUE
from tests.core.samples import model
from tests.shapes.header import sparse
from tests.shapes.measured import MODELS

ENTRY = next(one for one in CATALOGUE.entries if one.good == 16_384 and one.samplers)


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    return quiet(tmp_path)


def test_a_model_is_known_by_its_source_and_the_demo_model_is_not(here: Quiet) -> None:
    known = with_catalogue(model(), f"hf:{ENTRY.repo}:Q4_K_M", here.machine)
    assert (known.good_context, known.catalogue_samplers) == (16_384, ENTRY.samplers)
    assert with_catalogue(model(), "hf:other/model:Q4_K_M", here.machine) == model()
    assert with_catalogue(model(), "", here.machine) == model()
    demo = replace(model(), wanted=DEMO)
    assert with_catalogue(demo, f"hf:{ENTRY.repo}:Q4_K_M", here.machine) == demo


def test_fit_gives_a_tune_no_more_context_than_its_base_model_is_good_for(here: Quiet, tmp_path: Path) -> None:
    eight, page = MODELS["llama-3.1-8b"], f"https://huggingface.co/{repo_of(ENTRY.source)}"
    told = {**eight.metadata(), "general.base_model.0.repo_url": page}
    free = Asked(gpu_memory_mib=(80_000,), ram_mib=64_000)
    for metadata, context in ((eight.metadata(), 32_768), (told, 16_384)):
        path = sparse(tmp_path / f"{context}.gguf", metadata, eight.tensors())
        choice = fit(here.machine, str(path), free).choice
        assert (choice.settings.context, choice.usable >= context) == (context, True)
