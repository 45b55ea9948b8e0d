"""What other programs have fetched: found by their own folders, names and sizes."""

from pathlib import Path

import pytest

from stackctl.core.hub.cached import CachedModel, Program
from stackctl.core.hub.source import RepoFile
from stackctl.effects.models.other_caches import (
    HUB,
    LLAMACPP,
    OLLAMA,
    STUDIO,
    Places,
    find_file,
    list_models,
    places_here,
)

SHA256 = "ab" * 32
FILE = RepoFile(name="Q4/M-Q4_K_M.gguf", size=4, sha256=SHA256)
WHERE: dict[Program, str] = {
    HUB: f"models--owner--name/blobs/{SHA256}",
    STUDIO: "owner/name/Q4/M-Q4_K_M.gguf",
    LLAMACPP: "owner_name_Q4_M-Q4_K_M.gguf",
    OLLAMA: f"blobs/sha256-{SHA256}",
}


def put(path: Path, content: bytes = b"GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return {name: (tmp_path / "absent", tmp_path / name) for name in WHERE}


@pytest.mark.parametrize("program", WHERE)
def test_a_file_is_found_by_its_name_or_hash_and_its_size(program: Program, places: Places) -> None:
    assert find_file("owner/name", FILE, places) is None
    path = put(places[program][1] / WHERE[program])
    assert find_file("owner/name", FILE, places) == path
    assert find_file("owner/name", RepoFile(name=FILE.name, size=5, sha256=SHA256), places) is None
    path.unlink()
    path.symlink_to(put(path.with_name("blob")))
    assert find_file("owner/name", FILE, places) == path.with_name("blob")


@pytest.mark.parametrize("sha256", ["", "../../../etc/passwd", "AB" * 32, "ab" * 31])
def test_without_a_hash_nothing_is_looked_for(sha256: str, places: Places) -> None:
    put(places[STUDIO][1] / WHERE[STUDIO])
    assert find_file("owner/name", RepoFile(name=FILE.name, size=4, sha256=sha256), places) is None


def test_the_models_of_all_programs_are_listed_without_companions_and_incomplete_ones(places: Places) -> None:
    snapshot = places[HUB][1] / "models--owner--a-b--c/snapshots/0123"
    blob = put(places[HUB][1] / "models--owner--a-b--c/blobs/x", b"GGUF5")
    snapshot.mkdir(parents=True)
    (snapshot / "M-Q4_K_M.gguf").symlink_to(blob)
    (snapshot / "M-Q8_0.gguf").symlink_to("../../blobs/gone")
    for name in ("M-Q6_K.gguf", "mmproj-F16.gguf", "P-00001-of-00002.gguf", "S-00001-of-00002.gguf",
                 "S-00002-of-00002.gguf"):  # fmt: skip
        put(places[STUDIO][1] / "owner" / "name" / name)
    layers = f'{{"layers": [{{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:{SHA256}"}}]}}'
    manifest = put(places[OLLAMA][1] / "manifests/registry.ollama.ai/library/mistral/7b", layers.encode())
    put(places[OLLAMA][1] / "manifests/registry.ollama.ai/library/gone/7b", layers.replace("ab", "cd").encode())
    put(places[OLLAMA][1] / WHERE[OLLAMA], b"GGUF12")
    studio = places[STUDIO][1] / "owner/name"
    assert list_models(places) == (
        CachedModel(program=HUB, name="owner/a-b--c/M-Q4_K_M.gguf", path=str(snapshot / "M-Q4_K_M.gguf"), size=5),
        CachedModel(program=STUDIO, name="owner/name/M-Q6_K.gguf", path=str(studio / "M-Q6_K.gguf"), size=4),
        CachedModel(
            program=STUDIO, name="owner/name/S-00001-of-00002.gguf", path=str(studio / "S-00001-of-00002.gguf"), size=8
        ),
        CachedModel(program=OLLAMA, name="mistral:7b", path=str(manifest), size=6),
    )


def test_where_programs_keep_models_follows_their_settings() -> None:
    usual = places_here({"HOME": "/h"})
    assert usual[HUB] == (Path("/h/.cache/huggingface/hub"),)
    assert usual[STUDIO][0] == Path("/h/.lmstudio/models")
    assert usual[LLAMACPP] == (Path("/h/.cache/llama.cpp"),)
    moved = places_here({"HOME": "/h", "HF_HOME": "/m", "HF_HUB_CACHE": "/c", "LLAMA_CACHE": "/l"})
    assert (moved[HUB], moved[LLAMACPP]) == ((Path("/c"), Path("/m/hub")), (Path("/l"),))
