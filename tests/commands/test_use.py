"""Choosing and importing models, with a real folder and no engine."""

import json
import os
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options
from stackctl.commands.import_kcpps import import_kcpps
from stackctl.commands.use import models_here, use
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.errors import ConfigError, ModelError
from stackctl.report import imported
from stackctl.steps.config_request import load_config, read_lock, write_config
from stackctl.steps.observe import observe_without_engine
from tests.commands.machines import quiet

TWO = '[model]\nuse = "b"\n[models.a]\npath = "a.gguf"\n[models.b]\npath = "b.gguf"\ncontext = 4096\n'


def test_the_models_are_listed_with_what_is_in_force_for_each(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(TWO + "[backend]\ncontext = 2048\n")
    found = [(m.name, m.context, m.is_used) for m in models_here(quiet(tmp_path).machine)]
    assert found == [("a", "2048", False), ("b", "4096", True)]


def test_an_unknown_model_is_refused_before_anything_is_asked_of_the_engine(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(TWO)
    with pytest.raises(ConfigError, match="no model 'c'"):
        use(quiet(tmp_path).machine, "c", Options())
    assert (tmp_path / "stack.toml").read_text() == TWO


def test_the_model_of_a_backend_elsewhere_is_not_chosen_here(tmp_path: Path) -> None:
    text = TWO + '[backend]\nkind = "external"\nurl = "http://127.0.0.1:5001"\n'
    (tmp_path / "stack.toml").write_text(text)
    with pytest.raises(ConfigError, match="its model is chosen there"):
        use(quiet(tmp_path).machine, "a", Options())
    assert (tmp_path / "stack.toml").read_text() == text


def test_a_model_that_is_missing_troubles_only_its_own_deploy(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(TWO)
    (tmp_path / "b.gguf").write_bytes(gguf_bytes())
    machine = quiet(tmp_path).machine
    seen = observe_without_engine(load_config(machine, {}).spec, machine, read_lock(machine))
    assert (seen.model.name, list(seen.models)) == ("b.gguf", ["b"])
    with pytest.raises(ModelError, match=r"a\.gguf"):
        observe_without_engine(load_config(machine, {"model.use": "a"}).spec, machine, read_lock(machine))


def test_context_by_flag_is_written_into_the_entry_of_the_model_in_use(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(TWO)
    machine = quiet(tmp_path).machine
    write_config(machine, load_config(machine, {"backend.context": 8192}))
    assert (tmp_path / "stack.toml").read_text() == TWO.replace("4096", "8192")


def saved(folder: Path, **values: object) -> Path:
    file = folder / "My Model.kcpps"
    file.write_text(json.dumps({"contextsize": 4096, **values}))
    return file


def test_a_kcpps_file_becomes_an_entry_that_use_can_choose(tmp_path: Path) -> None:
    stack, elsewhere = tmp_path / "chat", tmp_path / "kobold"
    stack.mkdir()
    elsewhere.mkdir()
    (elsewhere / "Tiny [v2].gguf").write_bytes(gguf_bytes())
    (stack / "stack.toml").write_text("# mine\n")
    file = saved(elsewhere, model_param="Tiny [v2].gguf", quantkv=2, mmproj="x.gguf")
    entry = import_kcpps(quiet(stack).machine, file, name=None, model=None)
    assert (entry.name, entry.not_imported) == ("tiny-v2", ('mmproj = "x.gguf"',))
    assert (stack / "stack.toml").read_text().startswith("# mine\n")
    spec = load_config(quiet(stack).machine, {"model.use": "tiny-v2"}).spec
    assert (spec.model.path, spec.backend.context) == (str(elsewhere / "Tiny [v2].gguf"), 4096)
    assert spec.backend.kv_cache == "q4_0"


def test_an_entry_of_that_name_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    (tmp_path / "stack.toml").write_text(TWO)
    with pytest.raises(ConfigError, match="already has another model 'b'"):
        import_kcpps(quiet(tmp_path).machine, saved(tmp_path, model_param="a.gguf"), name="b", model=None)
    assert (tmp_path / "stack.toml").read_text() == TWO


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_second_import_adds_nothing_and_says_so(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    file = saved(tmp_path, model_param="a.gguf", gpulayers=7)
    first = import_kcpps(quiet(tmp_path).machine, file, name=name, model=None)
    before = (tmp_path / "stack.toml").read_text()
    second = import_kcpps(quiet(tmp_path).machine, file, name=name, model=None)
    assert (first.is_new, second.is_new, second.name) == (True, False, first.name)
    assert (tmp_path / "stack.toml").read_text() == before
    text, values = imported(second)
    assert text.startswith(f"[models.{first.name}] was there already, and nothing was changed:")
    assert (values["added"], values["settings"]) == (False, {"context": 4096, "gpu_layers": 7})


def test_other_settings_of_the_same_model_are_an_entry_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    names = [
        import_kcpps(
            quiet(tmp_path).machine, saved(tmp_path, model_param="a.gguf", contextsize=size), name=None, model=None
        ).name
        for size in (4096, 8192, 4096)
    ]
    assert names == ["a", "a-2", "a"]


def test_a_model_that_is_named_instead_of_the_files_may_be_a_source(tmp_path: Path) -> None:
    file = saved(tmp_path, model_param="C:\\gone.gguf", contextsize=2048)
    entry = import_kcpps(quiet(tmp_path).machine, file, name=None, model="hf.co/o/Tiny-GGUF:Q4_K_M")
    assert (entry.name, entry.path, entry.source) == ("tiny-gguf-q4_k_m", "", "hf:o/Tiny-GGUF:Q4_K_M")


def test_a_model_by_its_address_is_imported_without_a_file(tmp_path: Path) -> None:
    file = saved(tmp_path, model=["https://huggingface.co/o/Tiny-GGUF/resolve/main/Tiny-Q4_K.gguf?download=true"])
    entry = import_kcpps(quiet(tmp_path).machine, file, name=None, model=None)
    assert (entry.name, entry.source) == ("tiny-q4_k", "hf:o/Tiny-GGUF/Tiny-Q4_K.gguf")
    spec = load_config(quiet(tmp_path).machine, {"model.use": entry.name}).spec
    assert (spec.model.path, spec.model.source) == ("auto", entry.source)
    text, values = imported(entry)
    assert text.startswith("[models.tiny-q4_k]: source = hf:o/Tiny-GGUF/Tiny-Q4_K.gguf, context = 4096\n")
    assert (values["path"], values["source"]) == (None, entry.source)
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    assert import_kcpps(quiet(tmp_path).machine, file, name=None, model=str(tmp_path / "a.gguf")).source == ""


def test_a_file_without_a_model_takes_the_one_that_the_option_names(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    entry = import_kcpps(quiet(tmp_path).machine, saved(tmp_path), name=None, model=str(tmp_path / "a.gguf"))
    assert (entry.path, entry.settings) == (str(tmp_path / "a.gguf"), {"context": 4096})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_settings_in_any_encoding_of_unicode_are_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "ä.gguf").write_bytes(gguf_bytes())
    file = tmp_path / "x.kcpps"
    file.write_bytes(json.dumps({"model_param": "ä.gguf"}, ensure_ascii=False).encode(encoding))
    assert import_kcpps(quiet(tmp_path).machine, file, name="a", model=None).path == str(tmp_path / "ä.gguf")


def test_a_model_in_the_place_of_its_settings_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").touch()
    os.truncate(tmp_path / "a.gguf", 1 << 40)
    with pytest.raises(ConfigError, match="is a model, not KoboldCpp's settings") as caught:
        import_kcpps(quiet(tmp_path).machine, tmp_path / "a.gguf", name=None, model=None)
    assert caught.value.hint == f"Run it: `stackctl deploy --model {tmp_path / 'a.gguf'}`."


@pytest.mark.parametrize("model", ["\\\\NAS\\models\\a.gguf", "//NAS/models/a.gguf"])
def test_a_model_on_a_windows_share_is_not_looked_for_in_the_folder(tmp_path: Path, model: str) -> None:
    with pytest.raises(ModelError, match=r"on a Windows share, .*NAS") as caught:
        import_kcpps(quiet(tmp_path).machine, saved(tmp_path, model_param=model), name=None, model=None)
    assert "--model PATH" in caught.value.hint


def test_a_model_that_lies_elsewhere_is_named_by_the_option(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    file = saved(tmp_path, model_param="C:\\Users\\me\\a.gguf")
    with pytest.raises(ModelError, match=r"/mnt/c/Users/me/a\.gguf") as caught:
        import_kcpps(quiet(tmp_path).machine, file, name=None, model=None)
    assert caught.value.hint.endswith(f"`stackctl import '{file}' --model PATH`.")
    assert not (tmp_path / "stack.toml").exists()
    assert import_kcpps(quiet(tmp_path).machine, file, name=None, model=str(tmp_path / "a.gguf")).name == "a"


def test_a_missing_file_and_a_name_that_stack_toml_refuses_end_in_an_error(tmp_path: Path) -> None:
    machine = quiet(tmp_path).machine
    with pytest.raises(ConfigError, match="there is no file"):
        import_kcpps(machine, tmp_path / "none.kcpps", name=None, model=None)
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    with pytest.raises(ConfigError, match=r"models\.My Model"):
        import_kcpps(machine, saved(tmp_path, model_param="a.gguf"), name="My Model", model=None)


@pytest.mark.parametrize("model", ["~nobodyx/x.gguf", "a\0b.gguf", "C:\\a\0b.gguf", "\ud800.gguf", "~", "~nobodyx"])
def test_a_kcpps_file_whose_model_is_at_no_path_ends_in_an_error(tmp_path: Path, model: str) -> None:
    with pytest.raises((ConfigError, ModelError)) as caught:
        import_kcpps(quiet(tmp_path).machine, saved(tmp_path, model=model), name=None, model=None)
    assert caught.value.hint
    assert not (tmp_path / "stack.toml").exists()


@pytest.mark.parametrize("where", ["model.path", "backend.program"])
def test_the_home_of_a_user_that_there_is_not_is_said_wherever_stack_toml_names_it(tmp_path: Path, where: str) -> None:
    (tmp_path / "b.gguf").write_bytes(gguf_bytes())
    machine = quiet(tmp_path).machine
    spec = load_config(machine, {"model.path": "b.gguf", "backend.kind": "koboldcpp", where: "~nobodyx/file.gguf"}).spec
    with pytest.raises((ConfigError, ModelError), match=r"~nobodyx/file\.gguf: there is no such user"):
        observe_without_engine(spec, machine, read_lock(machine))


def test_of_many_keys_that_are_not_taken_over_the_first_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    file = saved(tmp_path, model="a.gguf", **{f"odd{number:05}": 1 for number in range(20_000)}, **{"z" * 9999: 1})
    text, values = imported(import_kcpps(quiet(tmp_path).machine, file, name=None, model=None))
    assert "odd00000 = 1, odd00001 = 1" in text
    assert "odd00019 = 1 and 19981 more\n" in text
    assert "odd00020" not in text
    assert len(values["not_imported"]) == 20_001
    assert max(map(len, values["not_imported"])) < 130


def test_where_there_is_nothing_to_choose_from_the_ways_to_a_model_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \[models\] to choose from") as caught:
        models_here(quiet(tmp_path).machine)
    assert all(way in caught.value.hint for way in ("[models.NAME]", "stackctl import", "stackctl deploy --model"))
