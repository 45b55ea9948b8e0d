"""What every section of stack.toml is, and words that several have."""

from pydantic import BaseModel, ConfigDict

NONE, LAN = "none", "lan"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
