"""Stand-in for text-generation-webui's server.py, for tests, never what a user gets.

Runs as `python3.13 /app/server.py` in the image that textgen/Dockerfile builds. The order of events is the real one's
(2026-05): the model first, then the API, then the page; SIGTERM ends it with exit code 0.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Final

from tests.standins.textgen import api, arguments, console
from tests.standins.textgen.loading import Models, not_imitated

NOTICE: Final = "stand-in for text-generation-webui, for tests only: never what a user gets"
NOT_IMITATED: Final = (
    "image_model", "model_menu", "public_api", "share", "ssl_keyfile", "ik", "mmproj", "lora", "gradio_auth_path",
)  # fmt: skip
PAGE_PORT: Final = 7860
WARNING: Final = (
    "You are potentially exposing the web UI to the entire internet without any access password.\n"
    'You can create one with the "--gradio-auth" flag.'
)


def main() -> None:
    print(NOTICE, file=sys.stderr, flush=True)
    args = arguments.parse(sys.argv[1:])
    if unknown := [name for name in NOT_IMITATED if getattr(args, name)]:
        not_imitated(f"--{unknown[0].replace('_', '-')}")
    for name in [name for name in os.environ if name.startswith("LLAMA_ARG_")]:
        del os.environ[name]  # of the image that ours is built on
    models = Models(args)

    def end(_number: int, _frame: FrameType | None) -> None:
        console.info("Received Ctrl+C. Shutting down TextGen gracefully.")
        if models.child:
            models.child.stop()
        sys.exit(0)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    console.info("Starting TextGen")
    if args.listen and not args.nowebui and not args.gradio_auth:
        console.warning(WARNING)
    if args.model:
        models.load(args.model)
    if args.idle_timeout > 0:
        threading.Thread(target=models.unload_if_idle, daemon=True).start()
    serve(models)


def serve(models: Models) -> None:
    """The API where it was asked for, and the page's port unless it was declined; neither: the program ends."""
    args = models.args
    if args.api and args.nowebui:
        api.serve(models)
        return
    if args.api:
        threading.Thread(target=api.serve, args=(models,), daemon=True).start()
    if not args.nowebui:
        host = (args.listen_host or "0.0.0.0") if args.listen else "127.0.0.1"  # noqa: S104  as asked for
        port = args.listen_port or PAGE_PORT
        threading.Thread(target=api.serve_page, args=(host, port), daemon=True).start()
        print(f"\nRunning on local URL:  http://{host}:{port}\n", flush=True)
        while True:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
