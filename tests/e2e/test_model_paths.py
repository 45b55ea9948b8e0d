"""Models under any name and from any place: each ends with the known sentence, read through SillyTavern."""

import json
import os
import struct
import unicodedata
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from stackctl.core.model import demo_model
from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.failing import lasting

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
PLACE = "My $Models: 'a' \"b\" #1 {x} é 日本"
COMPOSED = unicodedata.normalize("NFC", "modèle ガ.gguf")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
NAMES = ("My $HOME ${Model} 'v2' \"q\" `ls`, 100%.gguf", "-dash; & | <a> [b] \\n #c.GGUF", COMPOSED, DECOMPOSED)
UINT16, INT32 = 2, 5


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """One folder of a difficult name for all of them: only the backend is made anew from model to model."""
    del own_images
    with lasting(tmp_path_factory.mktemp("paths") / PLACE / "t-model-paths", installed) as one:
        yield one


def deployed(stack: Stack, model: str) -> None:
    result = stack.deploy("--model", model)
    assert result["reply"] == SENTENCE
    assert result["model"] == Path(model).name.replace(",", "_")  # a comma divides names for llama-server


def test_a_model_of_any_name_in_a_folder_of_any_name_deploys(stack: Stack) -> None:
    assert COMPOSED != DECOMPOSED
    (stack.folder / PLACE).mkdir()
    for name in NAMES:
        (stack.folder / PLACE / name).write_bytes(gguf_bytes())
    deployed(stack, f"{PLACE}/{NAMES[0]}")
    deployed(stack, str(stack.folder / PLACE / NAMES[1]))
    deployed(stack, f"{PLACE}/{COMPOSED}")
    before = stack.inspect("llamacpp")["Id"]
    deployed(stack, f"{PLACE}/{DECOMPOSED}")
    assert stack.inspect("llamacpp")["Id"] != before


def test_a_model_in_hugging_faces_cache_shows_its_own_name_and_only_itself(stack: Stack) -> None:
    """There a name is a link to ../../blobs/<hash>: the program must see the name, and nothing else of the cache."""
    blobs, snapshot = stack.folder / "hub" / "blobs", stack.folder / "hub" / "snapshots" / "4f3e"
    for folder in (blobs, snapshot):
        folder.mkdir(parents=True)
    (blobs / "9b74c9897bac770f").write_bytes(gguf_bytes())
    (snapshot / "model-Q4_K_M.gguf").symlink_to("../../blobs/9b74c9897bac770f")
    deployed(stack, "hub/snapshots/4f3e/model-Q4_K_M.gguf")
    mounts = [m for m in stack.inspect("llamacpp")["Mounts"] if m["Type"] == "bind"]
    (mount,) = [m for m in mounts if Path(m["Source"]) != stack.folder / "backend/api-key"]
    assert Path(mount["Source"]) == blobs / "9b74c9897bac770f"
    assert mount["Destination"] == "/models/model-Q4_K_M.gguf"
    assert mount["RW"] is False


def test_a_model_of_ollama_is_mounted_from_its_blob_under_its_own_name(stack: Stack) -> None:
    """There a model is blobs/sha256-<hash>, without an ending, and a manifest of several layers names it."""
    digest = sha256(gguf_bytes()).hexdigest()
    root = stack.folder / "ollama"
    manifest = root / "manifests/registry.ollama.ai/library/tiny/1b"
    for folder in (root / "blobs", manifest.parent):
        folder.mkdir(parents=True)
    (root / "blobs" / f"sha256-{digest}").write_bytes(gguf_bytes())
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}
    manifest.write_text(json.dumps({"layers": [{**layer, "mediaType": f"{layer['mediaType']}x"}, layer]}))
    result = stack.deploy("--model", "ollama/tiny:1b")
    assert (result["reply"], result["model"]) == (SENTENCE, "tiny-1b.gguf")
    assert (root / "blobs" / f"sha256-{digest}", "/models/tiny-1b.gguf") in [
        (Path(mount["Source"]), mount["Destination"]) for mount in stack.inspect("llamacpp")["Mounts"]
    ]


def shards() -> list[bytes]:
    """The demo model in two files, as llama.cpp's gguf-split cuts them."""
    tensors, made = demo_model._tensors(), []
    for number, part in enumerate((tensors[:5], tensors[5:])):
        split = [
            demo_model._pair("split.no", UINT16, struct.pack("<H", number)),
            demo_model._pair("split.count", UINT16, struct.pack("<H", 2)),
            demo_model._pair("split.tensors.count", INT32, struct.pack("<i", len(tensors))),
        ]
        metadata = split if number else [*demo_model._metadata(), *split]
        infos, body = b"", b""
        for name, shape, values in part:
            infos += demo_model._string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
            infos += struct.pack("<IQ", 0, len(body))
            body += demo_model._pad(values.tobytes())
        head = b"GGUF" + struct.pack("<IQQ", 3, len(part), len(metadata)) + b"".join(metadata) + infos
        made.append(demo_model._pad(head) + body)
    return made


def test_a_split_model_deploys_by_its_first_part_and_by_its_folder(stack: Stack) -> None:
    folder = stack.folder / "big model"
    folder.mkdir()
    for number, raw in enumerate(shards(), start=1):
        (folder / f"big-{number:05d}-of-00002.gguf").write_bytes(raw)
    assert stack.deploy("--model", "big model/big-00001-of-00002.gguf")["reply"] == SENTENCE
    started = stack.inspect("llamacpp")["State"]["StartedAt"]
    result = stack.deploy("--model", "big model")
    assert (result["reply"], result["model"]) == (SENTENCE, "big-00001-of-00002.gguf")
    assert stack.inspect("llamacpp")["State"]["StartedAt"] == started


def test_a_model_of_another_user_that_only_he_may_read_is_read_as_that_user(stack: Stack) -> None:
    model = stack.folder / "private.gguf"
    model.write_bytes(gguf_bytes())
    model.chmod(0o600)
    os.chown(model, 4321, 4321)
    deployed(stack, "private.gguf")
    assert stack.inspect("llamacpp")["Config"]["User"] == "4321:4321"
