"""A catalogue of three small models that fit any machine, stored as `stackctl models update` stores one.

Their sizes differ so much that on every machine the first one is the best, the second faster, the third another one.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from stackctl.core.catalogue import stored
from tests.shapes import speaking

BEST, FASTER, OTHER = "small/best-GGUF", "small/faster-GGUF", "small/other-GGUF"
REPOS: Final = (BEST, FASTER, OTHER)
_LARGE = "layers = 24, embedding = 512, feed_forward = 1536, heads = 8, kv_heads = 1, head = 64, vocabulary = 32000"
_SPEAKING = (
    f"layers = {speaking.LAYERS}, embedding = {speaking.WIDTH}, feed_forward = {speaking.FEED_FORWARD}, heads = 1, "
    f"kv_heads = 1, head = {speaking.WINDOW_HEAD}, global_head = {speaking.WIDE_HEAD}, window = {speaking.WINDOW}, "
    f"window_every = {speaking.LAYERS}, vocabulary = {len(speaking.TOKENS)}"
)


def text(*, speaks_first: bool = False) -> str:
    """Return the catalogue. speaks_first: the best one is that of shapes/speaking, a Gemma 4; else it is the faster."""
    best = _model("Best 100M", BEST, "llama-3-100m", "llama", _LARGE, 60)
    fast = _model("Speaking", FASTER, "gemma-4-tiny", "gemma4", _SPEAKING, 70 if speaks_first else 50)
    other = _model("Other 100M", OTHER, "qwen3-100m", "qwen3", _LARGE, 49)
    # newer than the one that stackctl has, and as new as an update may be
    date = (datetime.now(tz=UTC) + timedelta(days=1)).date().isoformat()
    return f'schema = 1\ndate = "{date}"\n[bits]\n{speaking.LABEL} = 4.65\n{best}{fast}{other}'


def store(data: Path) -> Path:
    """Store it below a folder for data (XDG_DATA_HOME), and return that folder."""
    place = data / "stackctl" / stored.FILE
    place.parent.mkdir(parents=True, exist_ok=True)
    content = text()
    place.write_bytes(stored.dump(content.encode(), stored.date_of(content)))
    return data


def _model(name: str, repo: str, family: str, architecture: str, shape: str, rank: int) -> str:
    return f"""
[[models]]
name = "{name}"
repo = "{repo}"
source = "https://huggingface.co/{repo}"
licence = "apache-2.0"
languages = ["en", "ja"]
family = "{family}"
template = "ChatML"
billions = 0.1
architecture = "{architecture}"
shape = {{ {shape} }}
context = 32768
good = 16384
quants = ["{speaking.LABEL}"]
uses = ["roleplay"]
rank = {{ roleplay = {rank} }}
thinking = "optional"
no_thinking = "enable_thinking"
refuses = "little"
released = "2026-09"
seen = "2026-11-30"
needs = {{}}
sources = ["TEST"]
"""
