"""The values that KoboldCpp saves in a .kcpps file for settings that the user left alone.

Sources: koboldcpp.py of LostRuins/koboldcpp 1.76, 1.102 and 1.117.1 (read: the defaults of its arguments and of its
launcher) and of 1.115.1 (esobold, a fork: the defaults that its parser gives).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# a setting -> every default that a known version saves for it; for a setting that is not listed see _NOTHING
_UNASKED: Final[Mapping[str, tuple[object, ...]]] = MappingProxyType(
    {
        "autofitpadding": (1024,),
        "batchsize": (512,),
        "blasbatchsize": (512,),
        "chatcompletionsadapter": ("", "AutoGuess"),  # 1.76; later ones
        "defaultgenamt": (768, 2048, 1536),  # 1.102, 1.115.1, 1.117.1
        "draftamount": (8, 4),  # 4: 1.117.1
        "draftgpulayers": (999,),
        "embeddingsmaxctx": (0, 4096),  # 1.102; later ones
        "gpulayers": (-1,),
        "jinjathink": ("default",),
        "loramult": (1.0,),
        "maingpu": (-1,),
        "maxrequestsize": (32,),
        "moeexperts": (-1,),
        "OpenLumara_requirelogin": (True,),  # esobold
        "parallelrequests": (1,),
        "promptlimit": (0, 100),  # 100: 1.76
        "reasoningeffort": ("default",),
        "reqtimeout": (600,),
        "ropeconfig": ([0.0, 10000.0],),
        "rpchost": ("0.0.0.0",),  # noqa: S104 - compared with what a file says
        "rpcmode": ("disabled",),
        "rpcport": (5551,),
        "sdclipdevice": (-2,),  # the launcher's CPU and main, by number
        "sdconvdirect": ("off",),
        "sdloramult": (1.0, [1.0]),  # a list from 1.115 on
        "sdmaingpu": (-1,),
        "sdtiledvae": (768, 640),  # 1.102; later ones
        "sdvaedevice": (-1,),
        "splitmode": ("layer",),
        "ttsmaxlen": (4096,),
        "visionmaxres": (1024,),
        "visionmaxtokens": (-1,),
        "visionmintokens": (-1,),
    }
)
# by which the launcher chose GPUs, under the names that versions had for them
GPU_CHOICES: Final = ("usecuda", "usecublas", "usehipblas", "usevulkan", "useclblast")
# words of these lists that choose nothing: how it runs unasked, and the first GPU, which is the only one for most
_NO_CHOICE: Final = frozenset({"", "normal", "mmq", "all", "0"})
_NOTHING: Final[tuple[object, ...]] = (False, 0, "", [], {})  # null, too, means that a setting has no value


def is_untouched(key: str, value: object) -> bool:
    """Return whether a saved setting has a default value, so that the user has not chosen it."""
    if key in GPU_CHOICES and isinstance(value, list):
        return {str(one).lower() for one in value} <= _NO_CHOICE
    return value is None or any(_is_same(value, one) for one in _UNASKED.get(key, _NOTHING))


def _is_same(value: object, other: object) -> bool:
    """Return whether two JSON values are equal. In Python true equals 1, in JSON it does not."""
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_is_same, value, other))
    return isinstance(value, bool) == isinstance(other, bool) and value == other
