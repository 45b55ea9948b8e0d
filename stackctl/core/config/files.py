"""The names of stackctl's files in a deployment's folder, and words that stack.toml and those files share."""

from typing import Final, Literal

STATE: Final = ".stackctl"  # a folder: keys, records, the lock of the folder
API_KEY: Final = f"{STATE}/api-key"
PASSWORD: Final = f"{STATE}/sillytavern-password"
DEMO: Final = "demo"  # written instead of a model's path
Target = Literal["compose", "swarm"]  # what runs a stack: the keys of ORCHESTRATORS
COMPOSE: Final[Target] = "compose"
