"""The model that a command line names: a path that exists, a source, or what another program has here."""

from pathlib import Path

import pytest

from stackctl.errors import ConfigError, ModelError
from stackctl.machine import Machine
from stackctl.steps.models.named_model import named_model, named_source
from tests.commands.machines import quiet
from tests.fakes import disk


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return quiet(tmp_path).machine


def of_ollama(machine: Machine, *place: str) -> Path:
    """A manifest in Ollama's folder."""
    path = machine.path.joinpath("store", "ollama", "manifests", *place)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    return path


def test_a_folder_of_a_repositorys_name_wins(machine: Machine) -> None:
    assert named_model(machine, "owner/name") == "hf:owner/name"
    (machine.path / "owner" / "name").mkdir(parents=True)
    assert named_model(machine, "owner/name") == "owner/name"
    assert named_model(machine, "owner/other") == "owner/other"
    assert named_model(machine, "owner/other:Q4_K_M") == "hf:owner/other:Q4_K_M"


def test_a_name_in_ollamas_folder_of_models_is_a_path(machine: Machine) -> None:
    assert named_model(machine, "models/mistral:7b") == "hf:models/mistral:7b"
    (machine.path / "models" / "manifests").mkdir(parents=True)
    assert named_model(machine, "models/mistral:7b") == "models/mistral:7b"
    assert named_model(machine, "mistral:7b", machine.path / "models") == "mistral:7b"


def test_relative_paths_count_from_the_folder_that_is_named(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "here" / "owner" / "name").mkdir(parents=True)
    assert named_model(machine, "owner/name", tmp_path / "here") == "owner/name"


@pytest.mark.parametrize("text", ["x" * 5000, "a\0b", "~nobody-of-this-name/x"])
def test_what_can_be_no_path_is_left_to_who_reads_it(machine: Machine, text: str) -> None:
    assert named_model(machine, text) == text


def test_a_file_of_a_repository_that_is_no_path_has_a_hint_at_it(machine: Machine) -> None:
    with pytest.raises(ModelError, match="there is no model at") as caught:
        named_model(machine, "owner/name/x.gguf")
    assert "`hf:owner/name/x.gguf`" in caught.value.hint


@pytest.mark.parametrize("text", ["mistral:7b", "ollama run mistral:7b", "https://ollama.com/library/mistral:7b"])
def test_a_model_that_ollama_has_here_is_named_by_its_path(machine: Machine, text: str) -> None:
    manifest = of_ollama(machine, "registry.ollama.ai", "library", "mistral", "7b")
    for read in (named_model, named_source):
        with pytest.raises(ConfigError, match="a model of Ollama's library") as caught:
            read(machine, text)
        assert caught.value.hint == f"Use the copy that Ollama has on this machine: `{manifest}`."


def test_without_a_copy_the_hint_leads_to_a_model_that_can_be_fetched(machine: Machine) -> None:
    of_ollama(machine, "registry.ollama.ai", "library", "mistral", "latest")
    with pytest.raises(ConfigError) as caught:
        named_model(machine, "mistral:7b")
    assert "stackctl models recommend" in caught.value.hint


def test_ollamas_folders_are_looked_up_in_its_own_variable_and_its_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stackctl.effects.models.ollama_models import find_copy

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    place = Path("manifests/registry.ollama.ai/library/mistral/7b")
    name = "registry.ollama.ai/library/mistral:7b"
    assert find_copy(name) is None
    for folder in (tmp_path / ".ollama" / "models", tmp_path / "elsewhere"):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_text("{}")
        assert find_copy(name) == folder / place
        monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "elsewhere"))
    assert disk(tmp_path).ollama_copy(name) is None  # tests never look into a real home
