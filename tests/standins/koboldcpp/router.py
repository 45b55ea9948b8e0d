"""Part of the stand-in for KoboldCpp, for tests, never what a user gets: its admin mode behind its router.

After KcppProxyHandler._handle and the manager's loop of 1.115.1: the model is unloaded once the last request that
computes, or the start, is older than --adminunloadtimeout; a POST that names another model of the list is held until
that is loaded, and one that names none wakes nothing; meanwhile all others get 502.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.standins.koboldcpp.api import State
    from tests.standins.llama_child import LlamaChild

INITIAL: Final = "initial_model"
UNLOADED: Final = "unload_model"
# llama-server ends with the thread that started it (llama_child.py), and the thread of a request ends soon
_LOADER: Final = ThreadPoolExecutor(max_workers=1)
RELOAD: Final = "/api/admin/reload_config"
AWAY: Final = "<!DOCTYPE html><html><head><title>502 - KoboldCpp</title></head></html>"


@dataclass
class Router:
    """Which model is loaded, and when the last request that computes came."""

    load: Callable[[], LlamaChild]
    current: str = INITIAL
    active: float = field(default_factory=time.time)
    is_away: bool = False
    restart_s: float = 1.0  # three seconds in the real one
    swaps: threading.RLock = field(default_factory=threading.RLock)

    def may_load(self, body: Mapping[str, Any], state: State) -> None:
        """Hold a request that computes until the model that it names is loaded."""
        with self.swaps:
            wanted = body.get("model")
            if wanted and wanted != self.current and wanted in {INITIAL, UNLOADED}:
                self.swap(str(wanted), state)
        self.active = time.time()

    def swap(self, wanted: str, state: State) -> None:
        with self.swaps:
            self.is_away = True
            print(f"Reloading new model/config: {wanted}\nTerminating old process...", flush=True)
            child, state.child = state.child, None
            if child:
                child.stop()
            print("Restarting KoboldCpp...", flush=True)
            time.sleep(self.restart_s)
            state.child = _LOADER.submit(self.load).result() if wanted == INITIAL else None
            self.current, self.active, self.is_away = wanted, time.time(), False

    def watch(self, state: State) -> None:
        """Unload the model once it is idle; STANDIN_HASTE divides the time."""
        limit = state.args.adminunloadtimeout / float(os.environ.get("STANDIN_HASTE", "1"))
        while True:
            idle = time.time() - self.active
            if limit and idle > limit and self.current != UNLOADED:
                print(f"[Unload Timeout] Inactive for over {idle}s, unloading models...", flush=True)
                self.swap(UNLOADED, state)
            time.sleep(0.2)
