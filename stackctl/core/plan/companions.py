"""The companions that stack.toml asks for, as services of the stack."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from stackctl.companions import COMPANIONS
from stackctl.companions.contract import Companion, Setting, Surroundings
from stackctl.contracts.service import Network, Publish, Service
from stackctl.core.config.lock import Decisions
from stackctl.core.config.section import Section
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.core.plan import images
from stackctl.core.plan.engine_features import health
from stackctl.core.plan.serving import Serving
from stackctl.errors import ConfigError, EngineError


def companion_ports(spec: Spec) -> tuple[Publish, ...]:
    """Return the ports that companions open on this machine."""
    return tuple(one for companion, setting in _wanted(spec) for one in companion.publish(setting))


def companion_services(
    spec: Spec, seen: Observed, serving: Serving, networks: tuple[Network, ...], tavern: Service, decisions: Decisions
) -> tuple[Service, ...]:
    """Return the companions; raise ConfigError or EngineError if a port of one is not free."""
    found = []
    for companion, setting in _wanted(spec):
        for one in companion.publish(setting):
            _check_port(one, companion.SETTING, tavern, seen)
        image, image_is = images.tavern_image(spec, decisions)
        around = Surroundings(
            backend=serving.service.name if serving.service else "",
            backend_port=serving.backend.PORT,
            backend_wait_s=serving.wait_s,
            tavern_image=image,
            tavern_image_is=image_is,
            networks=tuple(network.name for network in networks),
        )
        service = companion.service(setting, around)
        check = service.health
        found.append(replace(service, health=health(check.test, check.start_period_s, seen.engine, is_patient=True)))
    return tuple(found)


def companion_notes(services: tuple[Service, ...]) -> tuple[str, ...]:
    """Return notes for the user about the companions."""
    return tuple(note for service in services for note in COMPANIONS[service.name].notes(service))


def _wanted(spec: Spec) -> Iterator[tuple[Companion, Setting]]:
    for companion in COMPANIONS.values():
        setting: Setting = spec
        for key in companion.SETTING.split("."):
            setting = getattr(setting, key)
        if isinstance(setting, Section):
            setting = setting.model_dump(exclude_defaults=True)
        if setting and not (companion.NEEDS_OWN_BACKEND and spec.backend.is_external):
            yield companion, setting


def _check_port(wanted: Publish, key: str, tavern: Service, seen: Observed) -> None:
    if any(one.port == wanted.port and _overlap(one.address, wanted.address) for one in tavern.publish):
        raise ConfigError(
            f"{key} = {wanted.place!r}: port {wanted.port} is already used by this stack's SillyTavern",
            hint=f"Set `{key}` to another port.",
            issue="port-taken",
        )
    if holder := seen.publish_conflicts.get(wanted.place):
        raise EngineError(
            f"{key}: port {wanted.port} is taken by {holder}", hint=f"Set `{key}` to another port.", issue="port-taken"
        )


def _overlap(one: str, other: str) -> bool:
    mine, theirs = ip_address(one), ip_address(other)
    everywhere = mine.is_unspecified or theirs.is_unspecified
    return mine == theirs or (everywhere and mine.version == theirs.version)
