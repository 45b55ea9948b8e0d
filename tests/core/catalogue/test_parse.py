"""A catalogue is data alone: whatever else its text holds is an error that names the entry and the key."""

import re
import time
import tracemalloc

import pytest

from stackctl.core.catalogue.parse import parse
from stackctl.core.hub.source import parse as source_of
from stackctl.core.model.model import Header
from stackctl.core.tavern import prompt_templates
from stackctl.errors import ConfigError
from stackctl.terminal import is_plain
from tests.core.catalogue.shipped import CATALOGUE, TEXT

HEAD = 'schema = 1\ndate = "2026-11-30"\n[bits]\nQ4_K_M = 4.89\n[[models]]\n'
MODEL = """name = "Small 1B"
repo = "maker/Small-1B-GGUF"
source = "https://huggingface.co/maker/Small-1B"
licence = "apache-2.0"
languages = ["en", "ja"]
family = "small-1b"
template = "ChatML"
billions = 1.24
architecture = "llama"
shape = { layers = 16, embedding = 2048, feed_forward = 8192, heads = 32, kv_heads = 8, head = 64, vocabulary = 128256 }
context = 131072
good = 32768
quants = ["Q4_K_M"]
sizes = { Q4_K_M = 0.81 }
uses = ["general"]
rank = { general = 15 }
thinking = "no"
refuses = "some"
samplers = { temperature = 0.7 }
released = "2026-01"
needs = { llamacpp = "b9514" }
seen = "2026-11-30"
sources = ["LF"]
"""


def test_a_whole_entry_is_read() -> None:
    (one,) = parse(HEAD + MODEL).entries
    assert one.files == {"Q4_K_M": 810_000_000}
    assert one.shape.layers == 16
    assert one.needs == {"llamacpp": "b9514"}


def test_the_shipped_catalogue_covers_sizes_uses_and_languages() -> None:
    sizes = [one.billions for one in CATALOGUE.entries]
    assert min(sizes) < 1.5
    assert max(sizes) > 350
    assert len(sizes) >= 55
    assert {use for one in CATALOGUE.entries for use in one.uses} == {"roleplay", "general"}
    languages = {language for one in CATALOGUE.entries for language in one.languages}
    assert languages >= {"en", "ja", "zh", "ko", "fr", "de", "es"}
    assert sum(one.released >= "2026" for one in CATALOGUE.entries) >= 25
    labels = {label for one in CATALOGUE.entries for label in one.files}
    assert labels >= {"IQ3_XXS", "IQ3_M", "IQ4_XS"}


def test_every_shipped_entry_can_be_proposed_and_fetched() -> None:
    names = [one.name for one in CATALOGUE.entries]
    assert len(set(names)) == len(names)
    assert len({one.repo for one in CATALOGUE.entries}) == len(names)
    for one in CATALOGUE.entries:
        assert source_of(f"hf:{one.repo}:{next(iter(one.files))}") is not None
        assert one.rank
        assert one.thinking == "no" or one.no_thinking or one.family not in {"gemma-4-31b", "qwen3.8-27b", "glm-4.6"}
        assert prompt_templates.choose_template(one.template, Header(format="gguf"), "x") is not None


def test_no_shipped_model_says_that_it_is_made_for_adult_content() -> None:
    words = re.compile(r"uncensored|nsfw|erotic|\berp\b|abliterat|heretic|lewd|painted.?fantasy", re.IGNORECASE)
    assert not [one.name for one in CATALOGUE.entries if words.search(f"{one.name} {one.repo} {one.source}")]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("layers = 16", "layers = 1000000000", "shape.layers"),
        ("layers = 16", "layers = 16.5", "shape.layers"),
        ("layers = 16", "layers = true", "shape.layers"),
        ("layers = 16", f"layers = 0x{'f' * 1500}", "shape.layers"),
        ("layers = 16", "layers = -1", "shape.layers"),
        ("layers = 16, ", "", "shape.layers"),
        ("kv_heads = 8", "kv_heads = 0", "shape.kv_heads"),
        ("kv_heads = 8", "kv_heads = 7", "shape.kv_heads"),
        ("heads = 32", "heads = 32, experts = 8", "shape.used"),
        ("heads = 32", "heads = 32, attention_every = 4", "shape.attention_every"),
        ("heads = 32", "heads = 32, window_every = 6", "shape.window_every"),
        ("heads = 32", "heads = 32, wheels = 6", "shape.wheels"),
        ("heads = 32", "heads = 32, tied = 1", "shape.tied"),
        ("shape = {", "shape = [", "TOML"),
        ('"maker/Small-1B-GGUF"', '"Small-1B-GGUF"', "repo"),
        ('"maker/Small-1B-GGUF"', '"maker/../x"', "repo"),
        ('"maker/Small-1B-GGUF"', '"maker/x/y"', "repo"),
        ('"maker/Small-1B-GGUF"', '"maker/x\\n"', "repo"),
        ("https://huggingface.co/maker", "https://evil.example/maker", "source"),
        ("https://huggingface.co/maker", "http://huggingface.co/maker", "source"),
        ("huggingface.co/maker", "huggingface.co@evil.example/maker", "source"),
        ('"Small 1B"', '"Small \\u001b[2J"', "name"),
        ('"Small 1B"', '"$(id)"', "name"),
        ('"Small 1B"', '""', "name"),
        ('name = "Small 1B"\n', "", "name"),
        ('["Q4_K_M"]', '["Q4_K_M", "Q9_X"]', "quants"),
        ('["Q4_K_M"]', "[]", "quants"),
        ('["Q4_K_M"]', '["Q4_K_M", "Q4_K_M"]', "quants"),
        ("Q4_K_M = 0.81", "Q8_0 = 0.81", "sizes"),
        ("Q4_K_M = 0.81", "Q4_K_M = inf", "sizes.Q4_K_M"),
        ("general = 15", "general = 101", "rank.general"),
        ("general = 15", "general = nan", "rank.general"),
        ("general = 15", "poetry = 15", "rank"),
        ("{ general = 15 }", "{}", "rank"),
        ('"apache-2.0"', "2026-01-01", "licence"),
        ('["en", "ja"]', '["english"]', "languages"),
        ('"some"', '"maybe"', "refuses"),
        ('thinking = "no"', 'thinking = "no"\nno_thinking = "rm -rf"', "no_thinking"),
        ("temperature = 0.7", "temperature = 70", "samplers.temperature"),
        ("temperature = 0.7", "heat = 0.7", "samplers"),
        ('llamacpp = "b9514"', 'llamacpp = "latest"', "needs.llamacpp"),
        ('llamacpp = "b9514"', 'ollama = "1.0"', "needs"),
        ('"2026-01"', '"soon"', "released"),
        ("good = 32768", "good = 262144", "good"),
        ('architecture = "llama"', 'architecture = "un known"', "architecture"),
        ("billions = 1.24", 'billions = "1.24"', "billions"),
        ("billions = 1.24", "billions = 1.24\ncommand = \"id\"", "command"),
        ("billions = 1.24", "billions = 1.24\nbillions = 1.24", "TOML"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_an_error_with_the_entry_and_the_key(old: str, new: str, key: str) -> None:
    assert MODEL.count(old) == 1
    with pytest.raises(ConfigError) as raised:
        parse(HEAD + MODEL.replace(old, new))
    message = raised.value.message
    assert key in message
    assert key in {"name", "TOML"} or "Small 1B" in message
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "schema"),
        (HEAD.replace("2026-11-30", "yesterday"), "date"),
        (HEAD.replace("Q4_K_M = 4.89", ""), "bits"),
        (HEAD.replace("[[models]]\n", ""), "models"),
        (HEAD, "context"),
        (HEAD + MODEL + "[[models]]\n" + MODEL, "name"),
        (HEAD.replace("[[models]]\n", "models = [1]\n"), "models"),
        (HEAD + MODEL + "[extra]\nx = 1\n", "extra"),
        ("\x00", "TOML"),
    ],
)
def test_a_catalogue_that_is_none_is_an_error(text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=r"^the catalogue of models is wrong") as raised:
        parse(text)
    assert key in raised.value.message


STRANGE = (
    "1", "-1", "0", "1.5", "-0.0", "inf", "nan", "1e308", "9" * 1000, "true", '""', '"x"', f'"{"x" * 1900}"',
    "2026-11-30", "[]", "[[]]", "[1]", '["", ""]', "{}", "{ a = 1 }", "{ en = nan }", "[{ a = [{}] }]",
    *(
        f'"a{sign}b"'
        for sign in ("\\u001b[2J", "\\u0000", "\\n", "\\u007f", "\\u202e", "\\u200f", "\\u2028", "\\u0430", "../..")
    ),
)  # fmt: skip


@pytest.mark.parametrize("key", re.findall(r"^(\w+) = ", HEAD + MODEL, re.MULTILINE))
def test_whatever_a_key_holds_is_read_or_refused_and_what_is_read_is_plain(key: str) -> None:
    for value in STRANGE:
        before, after = re.split(rf"^{key} = .*", HEAD + MODEL, flags=re.MULTILINE)
        text = f"{before}{key} = {value}{after}"
        try:
            shown = f"{parse(text).entries[0]}"
        except ConfigError as error:
            shown = error.message
        assert is_plain(shown), value
        assert len(shown) < 4000, value


@pytest.mark.parametrize("text", ["schema = 2\nnew = 1", HEAD + MODEL.replace('"llama"', '"llama9"')])
def test_a_catalogue_that_only_a_newer_stackctl_reads_asks_for_one(text: str) -> None:
    with pytest.raises(ConfigError, match="is for a newer stackctl than this one") as raised:
        parse(text)
    assert raised.value.hint == "Upgrade stackctl."


def test_models_of_new_architectures_are_left_out_and_the_others_are_read() -> None:
    new = MODEL.replace('"llama"', '"llama9"').replace("Small", "New")
    found = parse(f"{HEAD}{new}[[models]]\n{MODEL}")
    assert (len(found.entries), found.unknown) == (1, 1)
    assert CATALOGUE.unknown == 0


HOSTILE = {
    "large": "#" * (1 << 20),
    "nested": "a = " + "[" * 1900,
    "dotted": ("a." * 60 + "b = 1\n") * 3000,
    "long keys": "a." * 100_000 + "b = 1\n",
    "tables": "".join(f"a{one} = {{}}\n" for one in range(60_000)),
    "lists": "a = [" + "[]," * 300_000 + "]",
    "escapes": "".join(f'a{one} = "' + "\\n" * 950 + '"\n' for one in range(120)),
    "digits": "a = " + "9" * 1900 + "\n" + "a = " + "9" * 200_000,
    "models": HEAD + MODEL + ("[[models]]\n" + MODEL) * 400,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_catalogue_is_refused_in_a_second_and_100_mb(name: str) -> None:
    started = time.process_time()
    with pytest.raises(ConfigError):
        parse(HOSTILE[name])
    assert time.process_time() - started < 1
    tracemalloc.start()
    with pytest.raises(ConfigError):
        parse(HOSTILE[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def test_the_layers_of_all_files_are_bounded_as_each_costs_a_sum_for_every_machine() -> None:
    largest = MODEL.replace("layers = 16", "layers = 256")
    entries = [largest.replace('"Small 1B"', f'"Small {one}"') for one in range(118)]
    with pytest.raises(ConfigError, match="more than 30000 layers together"):
        parse(HEAD + "[[models]]\n".join(entries))
    assert len(parse(HEAD + "[[models]]\n".join(entries[:-1])).entries) == 117
    with pytest.raises(ConfigError, match=r"shape\.layers: 257 is not between 1 and 256"):
        parse(HEAD + MODEL.replace("layers = 16", "layers = 257"))


def test_every_cut_of_the_shipped_text_is_an_error_or_a_shorter_catalogue() -> None:
    for end in range(0, len(TEXT), 3001):
        try:
            found = parse(TEXT[:end])
        except ConfigError:
            continue
        assert len(found.entries) < len(CATALOGUE.entries)
