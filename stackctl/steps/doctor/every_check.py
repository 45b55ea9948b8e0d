"""All checks of the doctor, in order: one module for each area."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from stackctl.steps.doctor import (
    containers,
    engine,
    engine_configuration,
    gpu,
    images,
    machine,
    network,
    servers,
    stack,
    storage,
)
from stackctl.steps.doctor.check import Check

AREAS: Final[Mapping[str, tuple[Check, ...]]] = MappingProxyType(
    {
        "engine": (*engine.CHECKS, *engine_configuration.CHECKS),
        "machine": machine.CHECKS,
        "storage": storage.CHECKS,
        "network": network.CHECKS,
        "servers": servers.CHECKS,
        "gpu": gpu.CHECKS,
        "images": images.CHECKS,
        "stack": stack.CHECKS,
        "containers": containers.CHECKS,
    }
)
CHECKS: Final = tuple(replace(one, area=area) for area, checks in AREAS.items() for one in checks)
