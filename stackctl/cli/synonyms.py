"""Words that users of Docker, Ollama and llama.cpp type: those that mean a command of ours, and those that lead to it.

A word is taken for a command only where that does no more than the word promises; what removes something is named.
"""

from typing import Final

VERSION: Final = ("version",)
# group -> word -> the command that runs for it
ALIASES: Final[dict[str, dict[str, str]]] = {
    "": {
        "up": "deploy", "ps": "status", "stacks": "ls", "log": "logs", "browse": "open", "switch": "use",
        "unload": "free", "sleep": "free",
    },
    "models": {
        "ls": "list", "rm": "remove", "delete": "remove", "show": "inspect", "info": "inspect", "download": "pull",
        "get": "pull", "check": "verify", "find": "search", "upgrade": "update", "refresh": "update",
    },
    "images": {"ls": "list"},
}  # fmt: skip

Rows = tuple[tuple[str, str], ...]  # a command, and what it does
_REMOVE: Final[Rows] = (
    ("stackctl down", "removes the containers; chats, settings and models stay"),
    ("stackctl models remove MODEL", "deletes a model that was pulled"),
)
_MODEL: Final[Rows] = (
    ("stackctl deploy --model MODEL", "runs a model file, or one that it fetches"),
    ("stackctl use NAME", "switches to another model of stack.toml"),
)
_EXEC: Final[Rows] = (
    ("docker compose exec sillytavern sh", "opens a shell in a container; run it in the stack's folder"),
    ("stackctl logs", "shows what the containers write"),
)
_CONFIG: Final[Rows] = (
    ("stackctl render --stdout", "prints the compose file"),
    ("stackctl init", "writes stack.toml, which holds the settings"),
    ("stackctl diff", "shows what a deploy would change"),
)
_LOAD: Final[Rows] = (
    ("stackctl status --watch", "shows live what the stack holds"),
    ("docker compose stats", "shows their load; run it in the stack's folder"),
)
_UPDATE: Final[Rows] = (
    ("pipx upgrade stackctl", "fetches a newer stackctl; or: uv tool upgrade stackctl"),
    ("stackctl deploy", "then updates the stack"),
)
_INSTALL: Final[Rows] = (
    ("stackctl deploy", "makes the stack and starts it"),
    ("stackctl models pull SOURCE", "fetches a model"),
)
_LIST: Final[Rows] = (
    ("stackctl ls", "lists all stacks of this machine, and what each one holds"),
    ("stackctl status", "shows the stack's containers"),
    ("stackctl models list", "shows the models that were pulled"),
    ("stackctl use", "shows the models of stack.toml"),
    ("stackctl images list", "shows the stack's images"),
)
_PULL: Final[Rows] = (
    ("stackctl models pull SOURCE", "fetches a model"),
    ("stackctl deploy", "fetches the images that are missing"),
)
_RMI: Final[Rows] = (
    ("stackctl models remove MODEL", "deletes a model that was pulled"),
    ("docker image rm IMAGE", "deletes an image; `stackctl images list` names the stack's"),
)
_CHECK: Final[Rows] = (
    ("stackctl smoke", "checks the running stack from end to end"),
    ("stackctl status", "shows what runs, and why something does not"),
    ("stackctl deploy --dry-run", "checks what a deploy would do"),
)
_WHERE: Final[Rows] = (("stackctl url", "prints the address; --qr draws it for a phone"),)
_STOP: Final[Rows] = (
    ("stackctl free", "unloads the model, until the next message"),
    ("stackctl stop", "stops the stack, and frees memory and GPU"),
    ("stackctl down", "removes its containers, too; chats stay"),
)
_BACK: Final[Rows] = (
    ("stackctl history", "shows the last good deploys, and what each one changed"),
    ("stackctl adopt --undo", "takes an adoption back"),
)
_SEARCH: Final[Rows] = (
    ("stackctl models search WORDS", "searches Hugging Face, and says what runs on this machine"),
    ("stackctl models recommend", "names a model that fits this machine"),
)
# group -> word -> where it leads
POINTERS: Final[dict[str, dict[str, Rows]]] = {
    "": {
        **dict.fromkeys(("rm", "remove", "delete", "destroy", "clean", "prune", "purge"), _REMOVE),
        **dict.fromkeys(("run", "serve", "create", "load", "chat"), _MODEL),
        **dict.fromkeys(("exec", "shell", "sh", "attach", "bash"), _EXEC),
        **dict.fromkeys(("config", "configure", "settings", "convert", "edit", "set"), _CONFIG),
        **dict.fromkeys(("top", "stats"), _LOAD),
        **dict.fromkeys(("update", "upgrade"), _UPDATE),
        "list": _LIST,
        **dict.fromkeys(("test", "check", "health", "validate"), _CHECK),
        **dict.fromkeys(("address", "ip", "port", "qr", "share", "expose"), _WHERE),
        **dict.fromkeys(("kill", "pause"), _STOP),
        **dict.fromkeys(("rollback", "undo", "revert"), _BACK),
        "install": _INSTALL,
        "pull": _PULL,
        "rmi": _RMI,
        **dict.fromkeys(("search", "find"), _SEARCH),
        "show": (("stackctl models inspect MODEL", "says what a model is"),),
        "plan": (("stackctl diff", "shows what a deploy would change"),),
        "wake": (("stackctl free --wake", "loads the model again"),),
        "unpause": (("stackctl start", "starts what was stopped"),),
    },
    "models": {
        **dict.fromkeys(("use", "run", "switch", "load", "select", "add"), _MODEL),
        "import": (("stackctl import FILE.kcpps", "adds a model of KoboldCpp's settings to stack.toml"),),
    },
    "images": {
        **dict.fromkeys(("pull", "update", "upgrade"), (("stackctl deploy", "fetches the images that are missing"),)),
        **dict.fromkeys(("rm", "remove", "delete", "prune"), _RMI[1:]),
    },
}
# an option of other programs -> what to do here
OPTIONS: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("-d", "--detach"), "Leave it out: the command ends once the stack is ready, and the stack runs on."
    ),
    **dict.fromkeys(("-p", "--project-name"), "Name the stack's folder instead: -C FOLDER."),
    **dict.fromkeys(("-n", "--lines"), "The number of lines is --tail NUMBER, of `stackctl logs`."),
    **dict.fromkeys(
        ("-c", "--ctx-size", "--contextsize", "--num-ctx", "--ctx"), "The context size is --context NUMBER."
    ),
    **dict.fromkeys(("-ngl", "--n-gpu-layers", "--gpulayers", "--ngl"), "Layers on the GPU are --gpu-layers NUMBER."),
    **dict.fromkeys(("-m", "--model-path", "--file"), "A model is named by --model MODEL, where a command takes one."),
    **dict.fromkeys(
        ("-hf", "-hfr", "--hf-repo", "-mu", "--model-url"),
        "A model is named as hf:OWNER/NAME:Q4_K_M, as in `stackctl deploy --model hf:OWNER/NAME:Q4_K_M`.",
    ),
    **dict.fromkeys(("--host", "--listen", "--bind"), "Other devices are let in by `stackctl deploy --expose lan`."),
    **dict.fromkeys(("--cache-type-k", "--cache-type-v", "--quantkv"), "The type of the KV cache is --kv-cache TYPE."),
    **dict.fromkeys(("--cpu", "--no-gpu", "--usecpu"), "The CPU alone is `--device cpu` for a command about models."),
    **dict.fromkeys(("-V",), "Write `stackctl --version`."),
}  # fmt: skip
