"""Models in the caches of Ollama, Hugging Face, LM Studio and llama.cpp, named by their folder, manifest or blob."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.core.model.model import ModelSeen
from stackctl.effects.models import observe_model
from stackctl.effects.models.contents import contents
from stackctl.errors import ModelError

WHOLE = gguf_bytes()
OWNER = Owner(uid=1, gid=1)


def seen(path: Path | str) -> ModelSeen:
    return observe_model(str(path), Path("/"), OWNER)


def refusal(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        seen(path)
    return caught.value


# -- Ollama


def blob(root: Path, content: bytes) -> Path:
    path = root / "blobs" / f"sha256-{sha256(content).hexdigest()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def pulled(root: Path, name: str, **layers: bytes) -> Path:
    """A model as Ollama keeps it; return its manifest."""
    described = [
        {
            "mediaType": f"application/vnd.ollama.image.{kind}",
            "digest": blob(root, content).name.replace("-", ":"),
            "size": len(content),
        }
        for kind, content in layers.items()
    ]
    path = root / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    media = "application/vnd.docker.distribution.manifest.v2+json"
    path.write_text(json.dumps({"schemaVersion": 2, "mediaType": media, "config": {}, "layers": described}))
    return path


@pytest.fixture
def ollama(tmp_path: Path) -> Path:
    root = tmp_path / ".ollama" / "models"
    pulled(
        root,
        "registry.ollama.ai/library/mistral/7b",
        template=b"{{ .Prompt }}",
        params=b"{}",
        license=b"Apache",
        projector=b"GGUF, but no model",
        model=WHOLE,
    )
    return root


@pytest.mark.parametrize(
    "name",
    [
        "manifests/registry.ollama.ai/library/mistral/7b",
        "manifests/registry.ollama.ai/library/mistral",
        "manifests/registry.ollama.ai/library/mistral:7b",
        "manifests/mistral:7b",
        "mistral:7b",
        "library/mistral:7b",
        "manifests",
        "blobs",
        "",
        "..",
    ],
)
def test_a_model_of_ollama_is_its_layer_of_weights_under_its_own_name(ollama: Path, name: str) -> None:
    found = seen(ollama / name)
    assert (found.name, found.header.architecture, found.is_folder) == ("mistral-7b.gguf", "llama", False)
    (file,) = found.files
    assert (file.name, file.size) == ("mistral-7b.gguf", len(WHOLE))
    assert file.host.name == f"sha256-{sha256(WHOLE).hexdigest()}"
    assert contents(str(ollama / name), Path("/")).name == "mistral-7b.gguf"


def test_a_blob_has_the_name_of_its_model_and_an_ending_that_programs_know(ollama: Path) -> None:
    assert seen(blob(ollama, WHOLE)).files[0].name == "mistral-7b.gguf"
    other = blob(ollama, WHOLE + bytes(32))
    assert seen(other).files[0].name == f"{other.name[:19]}.gguf"


def test_a_blob_of_an_older_ollama_has_a_colon(ollama: Path) -> None:
    kept = blob(ollama, WHOLE)
    kept.rename(kept.with_name(kept.name.replace("-", ":")))
    assert seen(ollama / "mistral:7b").files[0].name == "mistral-7b.gguf"


def test_a_model_of_another_owner_or_hub_is_named_with_it(ollama: Path) -> None:
    manifest = pulled(ollama, "hf.co/Owner/X-GGUF/Q4_K_M", model=WHOLE)
    assert seen(manifest).name == "hf.co-Owner-X-GGUF-Q4_K_M.gguf"
    assert seen(ollama / "hf.co/Owner/X-GGUF:Q4_K_M").name == "hf.co-Owner-X-GGUF-Q4_K_M.gguf"


def test_of_several_models_each_is_named_by_its_manifest(ollama: Path) -> None:
    other = pulled(ollama, "registry.ollama.ai/library/mistral/latest", model=WHOLE)
    pulled(ollama, "registry.ollama.ai/library/cloud/latest", template=b"x")
    for folder in (ollama, ollama.parent, other.parent):
        error = refusal(folder)
        assert "holds 2 models" in error.message
        assert error.hint == f"Name one: {other.parent}/7b, {other}"
        assert str(seen(ollama / "mistral").files[0].host).startswith(str(ollama / "blobs"))


@pytest.mark.parametrize(
    ("layers", "says", "advice"),
    [
        ({"template": b"x"}, "names no GGUF", "Choose another model."),
        ({"model": WHOLE, "adapter": b"GGUF"}, "a LoRA adapter, which stackctl does not load", "Use the model without"),
    ],
)
def test_a_model_that_no_gguf_alone_makes_is_refused(
    ollama: Path, layers: dict[str, bytes], says: str, advice: str
) -> None:
    error = refusal(pulled(ollama, "registry.ollama.ai/library/odd/latest", **layers))
    assert says in error.message
    assert advice in error.hint


def test_a_model_without_its_blob_has_to_be_pulled_again(ollama: Path) -> None:
    blob(ollama, WHOLE).unlink()
    error = refusal(ollama / "mistral:7b")
    assert "mistral:7b is not complete" in error.message
    assert error.hint == "Pull it again: `ollama pull mistral:7b`."


def test_other_files_beside_them_stay_what_they_are(ollama: Path) -> None:
    (ollama / "mine.gguf").write_bytes(WHOLE)
    assert seen(ollama / "mine.gguf").name == "mine.gguf"
    assert "there is no model at" in refusal(ollama / "llama:8b").message
    assert "is a text file, not a GGUF" in refusal(blob(ollama, b"{{ .Prompt }}" * 9)).message


# -- Hugging Face, and llama.cpp of today


def downloaded(hub: Path, name: str, revision: str, *files: str) -> Path:
    """A repository in Hugging Face's cache; return its folder."""
    repository = hub / f"models--{name.replace('/', '--')}"
    for file in files:
        kept = repository / "blobs" / sha256(file.encode()).hexdigest()
        link = repository / "snapshots" / revision / file
        for folder in (kept.parent, link.parent, repository / "refs"):
            folder.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(WHOLE)
        link.symlink_to(kept)
    (repository / "refs" / "main").write_text(revision)
    return repository


@pytest.mark.parametrize("place", ["models--o--n", "models--o--n/snapshots", "models--o--n/snapshots/1a", "", ".."])
@pytest.mark.parametrize("file", ["X-Q4_K_M.gguf", "X-Q4_K_M/X-Q4_K_M.gguf"])
def test_a_repository_in_hugging_faces_cache_is_its_model(tmp_path: Path, place: str, file: str) -> None:
    downloaded(tmp_path / "hub", "o/n", "1a", file)
    found = seen(tmp_path / "hub" / place)
    assert (found.name, found.files[0].name) == ("X-Q4_K_M.gguf", "X-Q4_K_M.gguf")
    assert found.files[0].host.parent.name == "blobs"


def test_the_revision_is_that_of_main_or_the_only_one(tmp_path: Path) -> None:
    repository = downloaded(tmp_path, "o/n", "1a", "old.gguf")
    downloaded(tmp_path, "o/n", "2b", "new.gguf")
    assert seen(repository).name == "new.gguf"
    (repository / "refs" / "main").unlink()
    assert f"Name one: {repository}/snapshots/1a, {repository}/snapshots/2b" in refusal(repository).hint


def test_a_blob_of_hugging_face_has_the_name_that_its_snapshot_gives_it(tmp_path: Path) -> None:
    repository = downloaded(tmp_path, "o/n", "1a", "X-Q4_K_M.gguf")
    (kept,) = (repository / "blobs").iterdir()
    assert seen(kept).files[0].name == "X-Q4_K_M.gguf"


def test_of_several_repositories_each_is_named(tmp_path: Path) -> None:
    one, two = (downloaded(tmp_path, name, "1a", "x.gguf") for name in ("o/a", "o/b"))
    assert refusal(tmp_path).hint == f"Name one: {one}, {two}"


def test_several_models_of_a_repository_are_named(tmp_path: Path) -> None:
    repository = downloaded(tmp_path, "o/n", "1a", "Q4/X-Q4_K_M.gguf", "Q8/X-Q8_0.gguf", "mmproj-x.gguf")
    snapshot = repository / "snapshots" / "1a"
    (snapshot / "mmproj-x.gguf").unlink()
    assert refusal(repository).hint == f"Name one: {snapshot}/Q4/X-Q4_K_M.gguf, {snapshot}/Q8/X-Q8_0.gguf"


def test_an_incomplete_cache_is_said_with_the_way_to_complete_it(tmp_path: Path) -> None:
    repository = downloaded(tmp_path, "o/n", "1a", "x.gguf")
    (kept,) = (repository / "blobs").iterdir()
    kept.unlink()
    error = refusal(repository)
    assert "there is no model at" in error.message
    assert "Download the model again: x.gguf is a link to" in error.hint
    empty = tmp_path / "models--o--empty"
    (empty / "blobs").mkdir(parents=True)
    assert refusal(empty).hint == "Download it: `hf download o/empty`."


# -- LM Studio, and llama.cpp until 2026


def test_a_folder_of_lm_studio_is_its_only_model_or_names_each(tmp_path: Path) -> None:
    first = tmp_path / "models" / "lmstudio-community" / "A-GGUF" / "A-Q4_K_M.gguf"
    first.parent.mkdir(parents=True)
    first.write_bytes(WHOLE)
    (first.parent / "mmproj-A.gguf").write_bytes(WHOLE)
    for folder in (tmp_path, tmp_path / "models", first.parent.parent, first.parent):
        assert seen(folder).name == "A-Q4_K_M.gguf"
    second = tmp_path / "models" / "other" / "B-GGUF" / "B-Q8_0-00001-of-00002.gguf"
    second.parent.mkdir(parents=True)
    for number in (1, 2):
        second.with_name(f"B-Q8_0-0000{number}-of-00002.gguf").write_bytes(WHOLE)
    assert refusal(tmp_path / "models").hint == f"Name one: {first}, {second}"


def test_llamacpps_manifest_names_the_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "Owner_X-GGUF_sub_X-Q4_K_M.gguf").write_bytes(WHOLE)
    (tmp_path / "Owner_X-GGUF_mmproj-X.gguf").write_bytes(WHOLE)
    manifest = tmp_path / "manifest=Owner=X-GGUF=Q4_K_M.json"
    manifest.write_text(json.dumps({"ggufFile": {"rfilename": "sub/X-Q4_K_M.gguf"}}))
    assert seen(manifest).name == "Owner_X-GGUF_sub_X-Q4_K_M.gguf"
    assert seen(tmp_path).name == "Owner_X-GGUF_sub_X-Q4_K_M.gguf"
    manifest.write_text(json.dumps({"ggufFile": {"rfilename": "gone.gguf"}}))
    assert "names Owner_X-GGUF_gone.gguf, which is not in" in refusal(manifest).message


@pytest.mark.parametrize("name", ["mistral:7b", "ollama run mistral:7b", "mistral"])
def test_a_path_that_is_the_name_of_a_model_of_ollama_leads_to_its_copy(
    ollama: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(ollama))
    manifest = ollama / "manifests/registry.ollama.ai/library/mistral/7b"
    if name == "mistral":
        manifest = manifest.rename(manifest.with_name("latest"))
    with pytest.raises(ModelError, match="there is no model at") as caught:
        observe_model(name, ollama.parent, OWNER)
    assert caught.value.hint == f"Use the copy that Ollama has on this machine: `{manifest}`."
