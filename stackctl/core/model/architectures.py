"""What llama.cpp knows of single architectures beyond their headers; keys as in LLM_ARCH_NAMES (src/llama-arch.cpp).

Sources: llama.cpp's src/llama-hparams.cpp, src/llama-model.cpp (create_memory) and src/models/*.cpp.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

# period of the sliding layers: the last of each period has full attention; (period, True) if the first has
PERIODS: Final[Mapping[str, tuple[int, bool]]] = {
    "afmoe": (4, False), "cohere2": (4, False), "cohere2moe": (4, True), "deepseek4": (1, True), "exaone4": (4, False),
    "exaone-moe": (4, False), "gemma2": (2, False), "gemma3": (6, False), "gemma3n": (5, False),
    "gemma4": (6, False), "gpt-oss": (2, False), "laguna": (4, True), "llama4": (4, False), "mellum": (4, False),
    "muse-glimmer": (4, False), "olmo2": (4, False), "plamo3": (8, False), "smallthinker": (4, True),
    "dots3note": (0, False), "granite_swa": (0, False), "lfm2": (0, False), "maple": (0, False), "mimo2": (0, False),
    "spark2_5": (0, False), "step35": (0, False),
}  # fmt: skip
DEFAULT_WINDOW: Final[Mapping[str, int]] = {"gemma2": 4096, "llama4": 8192, "exaone4": 4096}
FIXED_WINDOW: Final[Mapping[str, int]] = {"llama4": 8192, "smallthinker": 4096}  # unless the header has 0
SLIDES_ONLY_WITH: Final[Mapping[str, int]] = {"exaone4": 64}  # only models with this many layers slide
ALWAYS_RECURRENT: Final = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
INTERVAL: Final[Mapping[str, int]] = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}
BOTH: Final = frozenset({"falcon-h1"})  # every layer has attention and a state
SHARED_FROM: Final[Mapping[str, int]] = {"gemma3n": 20}  # layers from here on use the cache of earlier ones
WITHOUT_CACHE: Final = frozenset({"dream", "llada", "llada-moe", "rnd1"})  # they see the whole text at each step
PARALLEL: Final = frozenset({"command-r", "cohere2", "cohere2moe", "falcon", "gptneox", "phi2", "stablelm"})
SPARSE: Final = frozenset({"deepseek32", "dots3note", "glm-dsa", "hy_v4"})  # their graphs mask what is not chosen
MASK_EACH: Final = frozenset({"minimax-m3"})  # each block's indexer makes a mask from the one of the whole batch
KEEPS_LOGITS: Final = frozenset({"cogvlm"})  # its graph computes those of all tokens of a batch
MASKS_LOGITS: Final = frozenset({"chameleon"})  # its graph suppresses the tokens of pictures
CHOOSES: Final = 4  # DeepSeek V4's layers with this compression choose among the keys with an indexer
# tensors of the layers that predict further tokens which are loaded although these layers are not used
LOADED_AHEAD: Final[Mapping[str, re.Pattern[str]]] = {
    "hy_v3": re.compile(r"\.ffn_(?!norm)|\.nextn\.(?:embed_tokens|shared_head)")
}
_SHARING_CONTEXT: Final = 1_048_576  # tokens: GLM-DSA models trained from here on (5.2) share indexers between layers


class Indexer(NamedTuple):
    """A small attention that picks the tokens which the large one sees; its keys have a separate cache."""

    keys: int = 1  # how many values of its key's length a token has
    has_values: bool = False  # llama.cpp gives its cache a V, too, of the large one's length
    listed: bool = False  # only the layers that attention.indexer.types names have one
    default: bool = True  # what a layer has if the header lists none


INDEXERS: Final[Mapping[str, Indexer]] = {
    "deepseek32": Indexer(),
    "deepseek4": Indexer(),  # with the compressed keys, in layers that choose among them
    "dots3note": Indexer(listed=True, default=False),
    "glm-dsa": Indexer(listed=True),
    "glm5-next": Indexer(keys=3, listed=True),  # a key, a gate and a pooled value
    "hy_v4": Indexer(listed=True, default=False),
    "minimax-m3": Indexer(has_values=True),
    "qwen4exp": Indexer(),
}


def shares_indexer(architecture: str, context: int, layer: int) -> bool:
    """Return whether a layer uses an earlier one's indexer, by a rule and not by its header."""
    return architecture == "glm-dsa" and context >= _SHARING_CONTEXT and layer > 1 and (layer - 2) % 4 != 0
