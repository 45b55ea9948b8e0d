"""How KoboldCpp unloads its model and loads it again.

A manager process ends the one that has the model, and starts it again without the model, or with it. A router in front
of it (--routermode) holds a POST to /v1/completions meanwhile, if that names the model to load. One that names none was
held by 1.111 alone: not since autoswap came (LostRuins/koboldcpp#2080). GET requests are passed on; they neither wake
it nor reset the timer, which counts from the last request that computes, and from the start.
Source: koboldcpp.py of LostRuins/koboldcpp 1.111 and 1.115.1 (read).
"""

from typing import Final

from stackctl.backends.answers import MODELS, text
from stackctl.backends.contract import Run
from stackctl.contracts.json_table import parse_table, table_or_empty
from stackctl.contracts.request import Request
from stackctl.contracts.sleeper import TellsSleep
from stackctl.errors import ConfigError

NO_MODEL: Final = "inactive"  # the name of its model if it has none
INITIAL_MODEL: Final[str] = "initial_model"  # what the router calls the model of its command line
_LEAST_IDLE_S: Final = 600  # what takes longer than the timer is cut off: an answer, or the start
_ADMIN: Final = "--admin"
_FOLDER: Final = "/opt/stackctl"  # where it looks for other settings: it writes some into a folder that has none
SLEEP: Final[TellsSleep] = Request(path=MODELS)


def check_idle(run: Run) -> None:
    if 0 < run.idle_unload_s < _LEAST_IDLE_S:
        raise ConfigError(
            f"backend.idle_unload: KoboldCpp counts from the begin of an answer, and would cut off one that takes "
            f"longer than {run.idle_unload_s} s",
            hint=f'Set `backend.idle_unload = "{_LEAST_IDLE_S // 60} min"` or more, or "off".',
        )


def idle_flags(run: Run) -> tuple[str, ...]:
    """Return the flags by which it unloads its model while it is idle; () if it never does."""
    if not run.idle_unload_s:
        return ()
    return (_ADMIN, "--admindir", _FOLDER, "--routermode", "--adminunloadtimeout", str(run.idle_unload_s))


def asleep(said: str) -> bool | None:
    if said.startswith("Reloading new model/config: "):  # its log
        return "unload_model" in said
    listed = parse_table(said).get("data")
    first = listed[0] if isinstance(listed, list) and listed else None
    name = text(table_or_empty(first).get("id"))
    return name == NO_MODEL if name else None


def unload(command: tuple[str, ...]) -> Request | None:
    return Request(path="/api/admin/reload_config", body='{"filename":"unload_model"}') if _ADMIN in command else None
