"""The issues that stackctl knows by name, from the ground up: what comes first is the cause of what comes later."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.issues import engine, gpu, images, machine, model, network, settings, speed, stack, storage, swarm
from stackctl.issues.issue import Issue

_AREAS: Final = (engine, machine, storage, network, images, gpu, model, settings, swarm, stack, speed)
ISSUES: Final[Mapping[str, Issue]] = MappingProxyType({one.id: one for area in _AREAS for one in area.ISSUES})
