"""The section [sillytavern] of stack.toml."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from stackctl.core.config.section import NONE, Section
from stackctl.core.config.values import (
    Address,
    Auto,
    DockerName,
    Exposure,
    HostNames,
    Hosts,
    Image,
    Labels,
    Path,
    Switch,
    choice,
    whole,
)


class Proxy(Section):
    """A reverse proxy that already runs in a container."""

    network: DockerName = Field(
        "", description="The proxy's Docker network, which SillyTavern joins; nothing is published then."
    )
    container: DockerName = Field("", description="The proxy's container: only its address may come in.")
    hosts: Hosts = Field((), description='Names under which the proxy serves it: ["chat.example.org"].')
    labels: Labels = Field(
        (), description='Labels for SillyTavern\'s container, for the proxy: ["traefik.enable=true"].'
    )

    @property
    def is_wanted(self) -> bool:
        return bool(self.network)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.network and not (self.container and self.hosts):
            raise ValueError("a proxy needs network, container and hosts")
        return self


class SillyTavern(Section):
    image: Image = Field("auto", description="The container image; auto: the pinned official one.")
    port: Annotated[int | Auto, *whole(1, 65535, "a port")] = Field(
        "auto", description="Port on this machine; auto: 8000, or the next free one."
    )
    template: Path = Field(
        "auto",
        description=(
            "Prompt template by SillyTavern's own name, such as ChatML or Llama 3 Instruct; auto: from the model;\n"
            "none: SillyTavern's templates are left alone."
        ),
    )
    thinking: Annotated[Switch, *choice(Switch)] = Field(
        "auto",
        description=(
            "Whether the model thinks before it answers, where its chat template has a switch for that; auto: off,\n"
            "because thoughts make prose worse and use up an answer's length. No effect with a `template` by name."
        ),
    )
    bind: Address = Field(
        "127.0.0.1", description="Loopback address on this machine that the port is always opened on."
    )
    expose: Exposure = Field(
        NONE,
        description=(
            "Who else may come in, with a generated password: none; lan: this machine's private networks;\n"
            "or one of its addresses or interfaces, such as 192.168.1.5 or tailscale0. An address of the Internet\n"
            "only by itself: what goes there is not encrypted."
        ),
    )
    host_names: HostNames = Field(
        (),
        description=(
            'More names to open it under: ["chat.lan"]; ".example.org" stands for that name and all below it.\n'
            "localhost, IP addresses, this machine's own names and the proxy's hosts pass by themselves, no others do."
        ),
    )
    host_access: Annotated[Switch, *choice(Switch)] = Field(
        "auto",
        description=(
            "Whether its container knows this machine as host.docker.internal; auto: where the backend runs on it.\n"
            "on: for connection profiles to other servers on this machine; `stackctl adopt` writes it."
        ),
    )
    data: Path = Field("sillytavern", description="Folder for chats, characters and settings; relative to this file.")
    uid: Annotated[int | Auto, *whole(0, 2**31 - 1, "a user id")] = Field(
        "auto", description="User that SillyTavern runs as and that owns its data; auto: the owner of this folder."
    )
    gid: Annotated[int | Auto, *whole(0, 2**31 - 1, "a group id")] = Field(
        "auto", description="Group of that user; auto: the folder's."
    )
    proxy: Proxy = Proxy()

    @property
    def has_password(self) -> bool:
        """Return whether the page has a password: whether others than this machine may open it."""
        return self.expose != NONE or self.proxy.is_wanted

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        if self.expose != NONE and self.proxy.is_wanted:
            raise ValueError("expose and proxy exclude each other: behind a proxy no port is published")
        return self
