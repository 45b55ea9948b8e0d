"""The prompt template of a model without a chat template in its files, by its name: how such models were trained.

Sources: the cards of these models at Hugging Face, in 2023 to 2026. Makers of tunes keep their own format over several
bases, so their names come first; then the general signs of a base and its generation.
"""

import re
from typing import Final

# A name counts as a word: no letter or digit stands before it, no letter after it. The first match counts. In small
# letters, with a hyphen for each blank and underscore.
_NAMES: Final = (
    # the name tells the format
    (r"chatml", "ChatML"),
    (r"metharme|pygmalion-?2|mythalion", "Metharme"),
    # makers that keep their own format on every base
    (r"deepseek-coder-[\d.]+b", "Alpaca"),
    (r"deepseek", "DeepSeek-V2.5"),
    (r"(nous|chronos)-hermes-(v\d-)?(llama|l2|\d+b)", "Alpaca"),
    (r"hermes-4-(70b|405b)|deephermes-3-llama", "Llama 3 Instruct"),
    (r"dolphin|[a-z]*hermes|mistral.*-openorca|orca-2|senku", "ChatML"),
    (r"synthia", "Synthia"),
    (r"openchat|openorca|starling", "OpenOrca-OpenChat"),
    (r"zephyr|tinyllama.*chat|tulu|olmo-?2", "Tulu"),
    (r"airoboros.*-3\.\d", "Llama 2 Chat"),
    (r"xwin-mlewd|[a-z]*mlewd|remm", "Alpaca"),
    (r"[a-z]*vicuna|wizardlm|xwin|goliath|samantha|airoboros|lzlv|(nous-)?capybara", "Vicuna 1.1"),
    (r"midnight-(miqu|rose)|calm2|ninja-v1", "Vicuna 1.1"),
    # the name tells the generation of Meta's models
    (r"llama-?4(?!\d)", "Llama 4 Instruct"),
    (r"(llama-?3|l3)(?!\d)", "Llama 3 Instruct"),
    (r"llama-?2.*chat", "Llama 2 Chat"),
    (r"(llama-?2|l2)(?!\d)|llama-(13|30|33|65)b", "Alpaca"),
    # tunes whose format is not that of their base
    (r"cydonia(-22b|-v1)|behemoth(-123b)?-v1|unslop(nemo|small)?|theia|tunguska|endurance|ministrations", "Metharme"),
    (r"behemoth", "Mistral V7"),
    (r"rocinante|starcannon|mag-?mell|lyra|mn-12b|magnum|wayfarer|violet-(twilight|lotus)", "ChatML"),
    (r"mistral-nemo-japanese", "ChatML"),
    (r"mytho(max|logic|mist|mix)|[a-z]*alpaca|(tie|psy)fighter|neural-?chat|stablebeluga", "Alpaca"),
    (r"solar|fimbulvetr|kunoichi|silicon-maid|toppy", "Alpaca"),
    (r"miqu(maid|liz)?|vecteus", "Mistral V1"),
    # the base
    (r"(code)?qwen[a-z]*|qwq|yi|calm3|internlm|smollm|phi-?4|olmo-?3", "ChatML"),
    (r"[a-z]*gemma-?4", "Gemma 4"),
    (r"[a-z]*gemma[a-z]*", "Gemma 2"),
    (r"pixtral-large|mistral-large-(instruct-)?2411", "Mistral V7"),
    (r"ministral-3|devstral|magistral|cydonia|magidonia|skyfall|precog", "Mistral V7-Tekken"),
    (r"mistral-small-(instruct-)?(24b|3|4|25\d\d|26\d\d)", "Mistral V7-Tekken"),
    (r"[a-z]*nemo(mix)?|pixtral|ministral|lumimaid-v0\.\d-12b", "Mistral V3-Tekken"),
    (r"mixtral|mistral-7b-(instruct-)?v0\.[12]", "Mistral V1"),
    (r"[a-z]*mistral|codestral|mathstral|lumimaid-v0\.\d-123b", "Mistral V2 & V3"),
    (r"command-?[ra]|c4ai|aya", "Command R"),
    (r"phi-?3(?!\d)", "Phi"),
    (r"(chat)?glm-?[45z]", "GLM-4"),
    (r"gpt-?oss", "OpenAI Harmony (Thinking)"),
    (r"kimi", "Moonshot AI"),
    # the size: Llama 1 and 2 and their merges, and SOLAR's
    (r"(13|20|33)b|11b|10\.7b|euryale-(v?1\.\d)", "Alpaca"),
    # tunes of Llama 3, for names that give no other generation
    (r"stheno|lunaris|euryale|lumimaid|anubis|valkyrie|elyza|llama-(8|70|405)b", "Llama 3 Instruct"),
)
_PATTERNS: Final = tuple(
    (re.compile(rf"(?<![a-z0-9])(?<!\d\.)(?:{names})(?![a-z])"), preset) for names, preset in _NAMES
)
_THINKS: Final = re.compile(r"(?<![a-z])(deepseek-r1|r1-|qwq|[a-z]*think(er|ing)?|reason(er|ing)?)(?![a-z])")


def preset_by_name(*names: str) -> str:
    """Return SillyTavern's instruct preset for a model of these names (of its file, its title); "" if none tells."""
    text = _plain(names)
    return next((preset for pattern, preset in _PATTERNS if pattern.search(text)), "")


def thinks_by_name(*names: str) -> bool:
    """Return whether a model of these names reasons before it answers."""
    return _THINKS.search(_plain(names)) is not None


def _plain(names: tuple[str, ...]) -> str:
    return " ".join(re.sub(r"[_ ]+", "-", name.lower()) for name in names)
