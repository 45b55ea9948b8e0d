"""Try whether a container sees a file of this machine, and may read it."""

from contextlib import suppress
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.folder_trial import FolderTrial
from stackctl.contracts.host import Owner
from stackctl.effects.docker.client import Client, engine_words, no_answer, sdk_errors
from stackctl.effects.docker.labels import MADE_BY
from stackctl.terminal import shown_in_line

_WHOLE_S: Final = 30  # for the container, including its start
_THERE: Final = "/stackctl-sees"
_SHELL: Final = "/bin/sh"
_MOST: Final = 400  # characters of the engine's words


def try_folder(engine: Client, image: str, file: PurePosixPath, user: Owner) -> FolderTrial:
    """Start a container that mounts the file's folder read-only, and look for the file by the image's shell.

    The container has no network and no rights, and is always removed. A folder that is not there is not made.
    """
    from docker.types import Mount

    api = engine.client.api
    script = (
        f'f="{_THERE}/$1"; if [ ! -e "$f" ]; then echo missing; elif (exec 3<"$f"); then echo seen; else echo shut; fi'
    )
    try:
        host = api.create_host_config(
            mounts=[Mount(target=_THERE, source=str(file.parent), type="bind", read_only=True)],
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=True,
            pids_limit=16,
            log_config={"Type": "json-file", "Config": {"max-size": "1m"}},
        )
        made = api.create_container(
            image,
            entrypoint=[_SHELL, "-c", f"{script} 2>/dev/null", "sh", file.name],
            command=[],
            user=str(user),
            labels={MADE_BY: "folder trial"},
            host_config=host,
        )["Id"]
    except sdk_errors() as error:
        return FolderTrial(state="refused", says=_words(error))
    try:
        api.start(made)
        api.wait(made, timeout=_WHOLE_S)
        said = api.logs(made, stdout=True, stderr=False, tail=1)[:20].decode("utf-8", "replace").strip()
    except sdk_errors() as error:
        is_shell = _SHELL in engine_words(error)
        return FolderTrial(
            state="untried" if is_shell or isinstance(error, no_answer()) else "refused", says=_words(error)
        )
    finally:
        with suppress(*sdk_errors()):
            api.remove_container(made, force=True)
    if said in {"missing", "seen", "shut"}:
        return FolderTrial(state=said)
    return FolderTrial(state="untried", says="the image's shell printed nothing")


def _words(error: Exception) -> str:
    return shown_in_line(engine_words(error))[:_MOST]
