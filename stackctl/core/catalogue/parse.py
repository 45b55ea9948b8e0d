"""Reads the text of a catalogue, which may come from elsewhere: data only, and bounded in time and memory.

Every value is a number in a range, a word of a closed list, a name of the hub, or a short line of plain characters.
"""

from typing import Any, Final, get_args

from stackctl.backends import BACKENDS
from stackctl.core.catalogue.entry import SCHEMA, Catalogue, Entry, Numbers, Refuses, Thinking
from stackctl.core.catalogue.mixes import USUAL
from stackctl.core.catalogue.table import Table, fault
from stackctl.core.formats import bounded_toml
from stackctl.errors import ConfigError

SAMPLERS: Final = {
    "temperature": (0.0, 5.0), "top_p": (0.0, 1.0), "top_k": (0, 1000), "min_p": (0.0, 1.0),
    "repetition_penalty": (0.5, 3.0), "presence_penalty": (-2.0, 2.0), "frequency_penalty": (-2.0, 2.0),
}  # fmt: skip
USES: Final = ("roleplay", "general")
# the architectures whose tensors core/catalogue/blocks knows
ARCHITECTURES: Final = (
    "gemma2", "gemma3", "gemma4", "glm4moe", "llama", "mistral3", "qwen2", "qwen3", "qwen35", "qwen35moe", "qwen3moe",
    "smollm3",
)  # fmt: skip
BOARDS: Final = ("eqbench_cw", "eqbench_longform", "formamorph", "nejumi4", "ugi_writing", "willingness")
_LONGEST: Final = 256 << 10  # characters; 60 models have a fifth
_MOST_VALUES: Final = 20_000  # lines and values; 60 models have a third
_MOST_ENTRIES: Final = 300
_MOST_LAYERS: Final = 30_000  # in the files of all entries together: 60 models have half, and each costs a sum
_MOST_TOKENS: Final = 16_777_216
_PART: Final = r"[A-Za-z0-9][\w.-]{0,95}"
_REPO: Final = rf"{_PART}/{_PART}"
_LINE: Final = r"[A-Za-z0-9][\w .,;()&+'-]{0,79}"
_ARCHITECTURE: Final = r"[a-z0-9][a-z0-9_-]{0,39}"
_LANGUAGE: Final = r"[a-z]{2,3}"
_DAY: Final = r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_MONTH: Final = r"20\d\d(-(0[1-9]|1[0-2]))?"
_BUILD: Final = r"b\d{1,6}|\d{1,4}(\.\d{1,4}){1,3}"
_GB: Final = 1e9
# the greatest value of each number; the least is 1 where an entry must have it, else 0
_GREATEST: Final = {
    "layers": 256, "embedding": 65_536, "feed_forward": 262_144, "heads": 1024, "kv_heads": 1024, "head": 2048,
    "vocabulary": 2_000_000, "window": _MOST_TOKENS, "window_every": 512, "global_kv_heads": 1024, "global_head": 2048,
    "shared_cache_layers": 512, "layer_embedding": 8192, "late_feed_forward": 262_144, "experts": 4096, "used": 4096,
    "shared_feed_forward": 262_144, "dense_layers": 512, "dense_feed_forward": 262_144, "attention_every": 512,
    "linear_key_heads": 1024, "linear_value_heads": 1024, "linear_head": 2048, "predicting_layers": 16,
}  # fmt: skip
_NEEDED: Final = ("layers", "embedding", "feed_forward", "heads", "kv_heads", "head", "vocabulary")
_LINEAR: Final = ("linear_key_heads", "linear_value_heads", "linear_head")


def parse(text: str) -> Catalogue:
    """Return the catalogue. Raise ConfigError, which names the entry and the key, for whatever is wrong in it.

    A model of an architecture that this version does not know is left out: a newer catalogue serves an older stackctl.
    Takes less than a second and 50 MB for any text.
    """
    if len(text) > _LONGEST:
        raise fault("", "", f"it has more than {_LONGEST >> 10} KiB")
    try:
        content = bounded_toml.parse(text, _MOST_VALUES)
    except bounded_toml.NoToml as e:
        raise fault("", "", f"it {e}") from e
    top = Table("", content)
    schema = top.whole("schema", 1, 1_000_000)
    if schema > SCHEMA:
        raise _newer(f"its schema is {schema}, where {SCHEMA} is known")
    date = top.text("date", _DAY)
    bits = top.numbers("bits", tuple(USUAL), 1.0, 32.0)
    entries = tuple(_entry(one, bits) for one in top.tables("models", _MOST_ENTRIES))
    known = tuple(one for one in entries if one.architecture in ARCHITECTURES)
    top.end()
    for index, one in enumerate(entries):
        if one.name in {other.name for other in entries[:index]}:
            raise fault(one.name, "name", "another model has it, too")
    if sum((one.shape.layers + one.shape.predicting_layers) * len(one.files) for one in entries) > _MOST_LAYERS:
        raise fault("", "models", f"their files have more than {_MOST_LAYERS} layers together")
    if not known:
        raise _newer(f"it knows the architecture of none of its {len(entries)} models")
    return Catalogue(date=date, schema=schema, bits=bits, entries=known, unknown=len(entries) - len(known))


def _newer(why: str) -> ConfigError:
    return ConfigError(
        f"the catalogue of models is for a newer stackctl than this one: {why}",
        hint="Upgrade stackctl.",
        issue="newer-stackctl",
    )


def _entry(one: Table, bits: dict[str, float]) -> Entry:
    context = one.whole("context", 512, _MOST_TOKENS)
    languages = one.words("languages", _LANGUAGE)
    quants = one.words("quants", "|".join(bits))
    sizes = one.numbers("sizes", quants, 0.01, 10_000.0, default={})
    uses = one.words("uses", "|".join(USES))
    found = Entry(
        name=one.text("name", _LINE),
        repo=one.text("repo", _REPO),
        source=one.text("source", rf"https://huggingface\.co/{_REPO}"),
        licence=one.text("licence", _LINE),
        languages=languages,
        template=one.text("template", _LINE),
        billions=one.number("billions", 0.01, 10_000.0),
        architecture=one.text("architecture", _ARCHITECTURE),
        shape=_numbers(one.table("shape")),
        context=context,
        good=one.whole("good", 512, context),
        files={label: round(sizes.get(label, 0) * _GB) for label in quants},
        unseen=frozenset(one.words("unseen", "|".join(quants), default=())),
        uses=uses,
        rank=one.numbers("rank", (*USES, *languages), 0.0, 100.0),
        scores=one.numbers("scores", BOARDS, 0.0, 10_000.0, default={}),
        family=one.text("family", r"[a-z0-9][a-z0-9.+-]{0,59}"),
        thinking=one.choice("thinking", get_args(Thinking)),
        no_thinking=one.text("no_thinking", "enable_thinking", default=""),
        refuses=one.choice("refuses", get_args(Refuses)),
        samplers=_samplers(one),
        released=one.text("released", _MONTH),
        seen=one.text("seen", _DAY),
        needs=one.texts("needs", tuple(BACKENDS), _BUILD),
        sources=one.words("sources", r"[A-Z0-9]{2,8}"),
    )
    one.end()
    return found


def _samplers(one: Table) -> dict[str, float]:
    found = one.numbers("samplers", tuple(SAMPLERS), -2.0, 1000.0, default={})
    for name, value in found.items():
        least, most = SAMPLERS[name]
        if not least <= value <= most:
            raise fault(one.where, f"samplers.{name}", f"{value:g} is not between {least} and {most}")
    return found


def _numbers(shape: Table) -> Numbers:
    """Return the numbers of a shape, which fit each other."""
    found = Numbers(**{key: _value(shape, key) for key in Numbers.__dataclass_fields__})
    shape.end()
    for is_right, key, must in (
        (found.heads % found.kv_heads == 0, "kv_heads", "it must divide heads"),
        (found.used <= found.experts, "used", "it must be at most experts"),
        (not found.experts or found.used, "used", "a model with experts must name how many a token uses"),
        (found.dense_layers < found.layers, "dense_layers", "it must be less than layers"),
        (found.shared_cache_layers < found.layers, "shared_cache_layers", "it must be less than layers"),
        (bool(found.window) or not found.window_every, "window_every", "it needs window"),
        (not found.attention_every or all(getattr(found, key) for key in _LINEAR), "attention_every",
         f"it needs {', '.join(_LINEAR)}"),
    ):  # fmt: skip
        if not is_right:
            raise fault(shape.where, f"shape.{key}", must)
    return found


def _value(shape: Table, key: str) -> Any:
    if key not in _GREATEST:
        return shape.flag(key)
    return shape.whole(key, 1 if key in _NEEDED else 0, _GREATEST[key], None if key in _NEEDED else 0)
