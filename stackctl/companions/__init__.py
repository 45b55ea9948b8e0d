"""The companions: services next to SillyTavern and its backend, one module each.

To add one, write its module and list it here. Its section of stack.toml stands in core/config/spec.py.
"""

from types import MappingProxyType
from typing import Final

from stackctl.companions import api_relay
from stackctl.companions.contract import Companion

COMPANIONS: Final[MappingProxyType[str, Companion]] = MappingProxyType(
    {
        api_relay.NAME: api_relay,
    }
)
