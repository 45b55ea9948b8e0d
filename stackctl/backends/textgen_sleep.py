"""How text-generation-webui unloads its model and loads it again.

A thread looks every 60 s whether the last answer is older than --idle-timeout; answers alone reset that. Whatever
counts, encodes or decodes tokens loads the model again, but the lists of models do not. POST /v1/internal/model/unload
forgets the model's name, without which no message loads it again.
Source: modules/models.py, modules/text_generation.py and modules/api of oobabooga/text-generation-webui of 2026-05
(read).
"""

from typing import Final

from stackctl.backends.contract import Run
from stackctl.contracts.sleeper import TellsSleep
from stackctl.errors import ConfigError

SLEEP: Final[TellsSleep] = "log"  # its lists name a model that sleeps as one that is loaded


def probe(flags: str, port: int) -> str:
    """Return a health check in Python that wakes no model. flags: the file of its arguments.

    A count of tokens wakes one. So a model whose tokens were counted once (/tmp is new at each start) must only still
    have its name, and its llama-server must not have ended by itself: a zombie is left of one that has.
    """
    return (
        "import glob,json,linecache,os,shlex,urllib.request as u;"
        f"k=next(w[10:] for w in shlex.split(open('{flags}').read()) if w[:10]=='--api-key=');"
        f"a=lambda p,b=None:json.load(u.urlopen(u.Request('http://127.0.0.1:{port}'+p,b,"
        "{'Content-Type':'application/json','Authorization':'Bearer '+k}),timeout=4));"
        "m='/tmp/stackctl-loaded';"
        "os.path.exists(m) or a('/v1/internal/token-count',b'{\"text\":\"hello\"}')['length']>0 and open(m,'w');"
        "assert os.path.exists(m) and a('/v1/models')['data'];"
        "assert not any('(llama-server) Z' in linecache.getline(p,1) for p in glob.glob('/proc/[0-9]*/stat'))"
    )


def check_idle(run: Run) -> None:
    if run.idle_unload_s % 60:
        raise ConfigError(
            f"backend.idle_unload: text-generation-webui takes whole minutes, not {run.idle_unload_s} s",
            hint=f'Set `backend.idle_unload = "{-(-run.idle_unload_s // 60)} min"`.',
        )


def asleep(said: str) -> bool | None:
    if "Unloading the model for inactivity" in said:
        return True
    return False if 'Loading "' in said or ("Loaded " in said and " seconds" in said) else None
