"""The families of distributions, one module each: where Docker, Compose, NVIDIA's toolkit and drivers come from."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.core.setup.families import alpine, arch, debian, fedora, rhel, suse, ubuntu
from stackctl.core.setup.families.family import Family

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "debian": debian,
        "ubuntu": ubuntu,
        "fedora": fedora,
        "rhel": rhel,
        "arch": arch,
        "suse": suse,
        "alpine": alpine,
    }
)
