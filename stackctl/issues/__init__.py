"""The issues that stackctl knows by name, from the ground up: what comes first is the cause of what comes later."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.issues import engine, gpu, machine, model, network, speed, stack, storage
from stackctl.issues.issue import Issue

ISSUES: Final[Mapping[str, Issue]] = MappingProxyType(
    {one.id: one for area in (engine, machine, storage, network, gpu, model, stack, speed) for one in area.ISSUES}
)
