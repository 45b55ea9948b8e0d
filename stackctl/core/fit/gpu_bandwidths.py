"""The memory bandwidth of NVIDIA's GPUs by their names, for drivers that do not report it.

Sources: NVIDIA's data sheets and product pages; where these give only the bus and the memory's speed,
their product (bus width in bits / 8 x data rate). GeForce from 30 on agrees with Nvidia_GPU_Specification.md of
github.com/CYBIRD-D/How-to-Choose-your-LLM-Model-for-translation, some fifty others with other public tables.
Where a name stands for two kinds of memory (GTX 1650, RTX 3060 Ti), it has the slower one.
"""

import re
from typing import Final

# GB/s by the driver's name of the GPU without its maker and family; with its memory in GB where it has several kinds
_LISTED: Final = {
    # Maxwell and Pascal
    "m40": 288, "m40 24gb": 288,
    "gtx 1050": 112, "gtx 1050 ti": 112, "gtx 1060 3gb": 192, "gtx 1060 6gb": 192, "gtx 1060": 192,
    "gtx 1070": 256, "gtx 1070 ti": 256, "gtx 1080": 320, "gtx 1080 ti": 484, "titan x": 480, "titan xp": 547,
    "p4": 192, "p40": 346, "p100-pcie-12gb": 549, "p100-pcie-16gb": 732, "p100-sxm2-16gb": 732,
    "p4000": 243, "p5000": 288, "p6000": 432,
    # Volta
    "titan v": 653, "v100-pcie-16gb": 900, "v100-pcie-32gb": 900, "v100-sxm2-16gb": 900, "v100-sxm2-32gb": 900,
    "v100s-pcie-32gb": 1134,
    # Turing
    "gtx 1650": 128, "gtx 1650 super": 192, "gtx 1660": 192, "gtx 1660 super": 336, "gtx 1660 ti": 288,
    "rtx 2060": 336, "rtx 2060 super": 448, "rtx 2070": 448, "rtx 2070 super": 448, "rtx 2080": 448,
    "rtx 2080 super": 496, "rtx 2080 ti": 616, "titan rtx": 672, "t4": 320,
    "rtx 4000": 416, "rtx 5000": 448, "rtx 6000": 672, "rtx 8000": 672,
    "gtx 1650 laptop gpu": 128, "gtx 1650 ti laptop gpu": 192, "gtx 1660 ti laptop gpu": 288,
    "rtx 2060 with max-q design": 264, "rtx 2070 with max-q design": 384, "rtx 2080 with max-q design": 384,
    # Ampere
    "rtx 3050": 224, "rtx 3050 6gb": 168, "rtx 3060": 360, "rtx 3060 8gb": 240, "rtx 3060 ti": 448, "rtx 3070": 448,
    "rtx 3070 ti": 608, "rtx 3080": 760, "rtx 3080 12gb": 912, "rtx 3080 ti": 912, "rtx 3090": 936,
    "rtx 3090 ti": 1008, "rtx 3050 laptop gpu": 192, "rtx 3050 ti laptop gpu": 192, "rtx 3060 laptop gpu": 336,
    "rtx 3070 laptop gpu": 448, "rtx 3070 ti laptop gpu": 448, "rtx 3080 laptop gpu": 448,
    "rtx 3080 ti laptop gpu": 512, "rtx a2000": 288, "rtx a2000 12gb": 288, "rtx a4000": 448, "rtx a4500": 640,
    "rtx a5000": 768, "rtx a5500": 768, "rtx a6000": 768, "a2": 200, "a10": 600, "a10g": 600, "a16": 200,
    "a30": 933, "a40": 696, "a100-pcie-40gb": 1555, "a100-sxm4-40gb": 1555, "a100 80gb pcie": 1935,
    "a100-sxm4-80gb": 2039, "a800-sxm4-80gb": 2039,
    # Ada Lovelace
    "rtx 4050 laptop gpu": 192, "rtx 4060 laptop gpu": 256, "rtx 4070 laptop gpu": 256, "rtx 4080 laptop gpu": 432,
    "rtx 4090 laptop gpu": 576, "rtx 4060": 272, "rtx 4060 ti": 288, "rtx 4070": 504, "rtx 4070 super": 504,
    "rtx 4070 ti": 504, "rtx 4070 ti super": 672, "rtx 4080": 717, "rtx 4080 super": 736, "rtx 4090": 1008,
    "rtx 4090 d": 1008, "rtx 2000 ada generation": 224, "rtx 4000 sff ada generation": 280,
    "rtx 4000 ada generation": 360, "rtx 4500 ada generation": 432, "rtx 5000 ada generation": 576,
    "rtx 5880 ada generation": 960, "rtx 6000 ada generation": 960, "l4": 300, "l20": 864, "l40": 864, "l40s": 864,
    # Hopper
    "h100 pcie": 2000, "h100 80gb hbm3": 3350, "h100 nvl": 3900, "h800 pcie": 2000, "h20": 4000, "h200": 4800,
    "h200 nvl": 4800, "gh200 480gb": 4000, "gh200 144g hbm3e": 4900,
    # Blackwell
    "rtx 5050": 320, "rtx 5060": 448, "rtx 5060 ti": 448, "rtx 5070": 672, "rtx 5070 ti": 896, "rtx 5080": 960,
    "rtx 5090": 1792, "rtx 5090 d": 1792, "rtx 5050 laptop gpu": 384, "rtx 5060 laptop gpu": 384,
    "rtx 5070 laptop gpu": 384, "rtx 5070 ti laptop gpu": 672, "rtx 5080 laptop gpu": 896,
    "rtx 5090 laptop gpu": 896, "rtx pro 2000 blackwell": 288, "rtx pro 4000 blackwell": 672,
    "rtx pro 4000 blackwell sff edition": 432, "rtx pro 4500 blackwell": 896, "rtx pro 5000 blackwell": 1344,
    "rtx pro 5000 72gb blackwell": 1344, "rtx pro 6000 blackwell workstation edition": 1792,
    "rtx pro 6000 blackwell max-q workstation edition": 1792, "rtx pro 6000 blackwell server edition": 1597,
    "b200": 8000, "b300": 8000, "gb200": 8000, "gb10": 273,
}  # fmt: skip
_FAMILY: Final = re.compile(r"\b(?:nvidia|geforce|tesla|quadro|graphics device)\b")


def listed_gb_per_s(name: str, total_mib: int) -> float:
    """Return the bandwidth of a GPU by its driver's name for it, such as "NVIDIA GeForce RTX 3060"; 0.0 if unknown."""
    plain = " ".join(_FAMILY.sub(" ", name.casefold()).split())
    return float(_LISTED.get(f"{plain} {round(total_mib / 1024)}gb") or _LISTED.get(plain, 0))
