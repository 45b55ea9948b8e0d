"""`stackctl adopt`: copy an existing SillyTavern with all its data into the stack. The original is only read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stackctl.contracts.json_table import parse_table
from stackctl.core.adoption import config_yaml as adopted_config
from stackctl.core.adoption import layout as adoption
from stackctl.core.adoption import not_adopted
from stackctl.core.adoption import settings_json as adopted_settings
from stackctl.core.adoption.layout import KeptFile, Layout, Piece, Row
from stackctl.core.config.lock import Decisions
from stackctl.core.config.values import is_host_name
from stackctl.core.external import backend_url
from stackctl.core.plan import tavern_service
from stackctl.core.plan.images import tavern_image
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.ports.disk import Reach, Tree, Trees
from stackctl.steps import existing_tavern
from stackctl.steps.config_request import load_config, read_lock, write_config
from stackctl.steps.disks import refuse_without_permissions
from stackctl.steps.existing_tavern import config_text, reach_of
from stackctl.steps.former_stack import forget_former
from stackctl.steps.private_folders import keep_out_of_git
from stackctl.steps.seed_tavern import RECORD as SEEDED
from stackctl.terminal import command_line

_MOST_NAMES = 100  # of a whitelist of hosts


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What an adoption would do: its source and layout, and a row per part."""

    source: Path
    target: Path
    layout: Layout
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    trees: tuple[Tree, ...]
    changed: Mapping[str, str]  # path in the stack's folder -> text that differs from the original
    wishes: Mapping[str, object]  # settings for stack.toml, by dotted key
    handed_over: Mapping[str, Any]  # the connection, which the next deploy may replace


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """An adoption that was carried out. `aside`: the stack's previous folder, None if there was none."""

    target: Path
    files: int
    aside: Path | None


def prepare(machine: Machine, folder: Path, *, service: str | None = None) -> Adoption:
    """Look at a SillyTavern (its folder, its compose file's, or a container) and decide what happens to each part.

    Changes nothing. `service`: the one of a compose file. Raises ConfigError for a folder without SillyTavern, one that
    is in use, or one that a newer SillyTavern wrote.
    """
    target, tree = data_folder(machine), machine.storage.trees
    spec = load_config(machine, {}).spec
    existing = existing_tavern.locate(machine, folder, service=service, port=str(spec.sillytavern.port))
    source, layout = existing.source, existing.layout
    for path in dict.fromkeys((source, *(source / piece.source for piece in layout.pieces))):
        _refuse_place(path, target, machine)
    reach = reach_of(machine, source)
    for path in (source / piece.source for piece in layout.pieces):
        if not path.is_relative_to(source) and path not in existing.engines:
            tree.refuse_foreign(path, machine.storage.owner_of(source))
    refuse_in_use(machine, source, *(source / piece.source for piece in layout.pieces), target)
    trees = tuple(_walk(machine, source, piece, layout, reach) for piece in layout.pieces)
    leaves = [leaf for one in trees for leaf in one.files]
    tree.refuse_full(
        target,
        sum(leaf.size for leaf in leaves),
        "Free some space, or set sillytavern.data in stack.toml to a folder on another disk.",
    )
    files = {leaf.target: leaf.source for leaf in leaves}
    settings = {
        name: data_json.parse(tree.read(files[name], reach)) or {} for name in files if adoption.is_settings(name)
    }
    versions = {str(files[name]): str(one.get("currentVersion", "")) for name, one in settings.items()}
    adoption.refuse_newer(versions, tavern_image(spec, Decisions(read_lock(machine)))[0])
    changed, notes = _changes(source, files, settings, machine)
    names, named = _host_names(source, files, machine)
    needs_host = any(adoption.is_settings(name) for name in changed)  # a profile names a server on this machine
    kept = [KeptFile(target=leaf.target, size=leaf.size) for leaf in leaves]
    return Adoption(
        source=source,
        target=target,
        layout=layout,
        rows=(
            *adoption.files_taken(kept, is_converted=layout.is_converted, changed=changed.keys()),
            *adoption.caches(place for one in trees for place in one.skipped if adoption.is_made_anew(place)),
            *not_adopted.files_left(lambda name: tree.names(source / name), layout.pieces),
            *existing.rows,
        ),
        notes=(*existing.notes, *_remarks(tree, source, trees), *notes, *named),
        trees=trees,
        changed=changed,
        wishes={**names, **({"sillytavern.host_access": "on"} if needs_host else {})},
        handed_over=adopted_settings.hand_over(settings.get(tavern.SETTINGS, {})),
    )


def adopt(machine: Machine, found: Adoption) -> Adopted:
    """Copy what was found next to the stack's own folder, then replace that folder in one step.

    After an interruption the stack's folder is as it was, and a rerun starts from the beginning.
    """
    spec, target, tree = load_config(machine, {}).spec, found.target, machine.storage.trees
    owner = tavern_service.user(spec, machine.folder.owner)
    staged = target.with_name(f".{target.name}.adopting")
    with machine.folder.locked(machine.ui.note):
        refuse_in_use(machine, found.source, target)
        refuse_without_permissions(target, owner, machine)
        machine.ui.step("Copying")
        tree.remove(staged)  # an interrupted adoption may have left it
        machine.folder.make(str(staged))
        keep_out_of_git(machine, spec)
        sums = tree.copy(found.trees, staged, owner, machine.ui.progress)
        folder = machine.storage.folder(staged, owner)
        for name in tavern.FOLDERS:
            folder.make(name)
        for name, text in found.changed.items():
            folder.write(name, text, mode=(staged / name).stat().st_mode & 0o777)
        aside = tree.free_name(target) if target.exists() else None
        now = machine.folder.read(SEEDED)
        former = parse_table(now or "").get("former", now)  # present after an interruption
        record = {
            "from": str(found.source),
            "layout": found.layout.title,
            "pieces": [asdict(piece) for piece in found.layout.pieces],
            "aside": aside.name if aside else None,
            "connection": found.handed_over,
            "seeded": former,
            "files": sums,
        }
        folder.write(adoption.RECORD, json.dumps(record, indent=1) + "\n", mode=0o600)
        # written before the folder's own record counts: it changes nothing for the stack's former settings
        handed = {"made_from": {}, "overlay": found.handed_over, "former": former}
        machine.folder.write(SEEDED, json.dumps(handed, indent=2, ensure_ascii=False) + "\n")
        if found.wishes:
            write_config(machine, load_config(machine, found.wishes))
        forget_former(machine)  # of a killed deploy, whose settings do not belong to this folder
        tree.put(staged, target, aside)
    return Adopted(target=target, files=len(sums), aside=aside)


def data_folder(machine: Machine) -> Path:
    """Return the stack's own SillyTavern folder, which need not exist yet."""
    return machine.path / load_config(machine, {}).spec.sillytavern.data


def refuse_in_use(machine: Machine, *folders: Path) -> None:
    """Raise ConfigError while a SillyTavern writes to one of these folders."""
    real = [one.resolve() for one in folders if one.is_dir()]
    for folder in dict.fromkeys(one for one in real if not any(one in other.parents for other in real)):
        if pids := machine.host.node_processes(folder):
            raise ConfigError(
                f"SillyTavern runs in {folder} (process {pids[0]}) and would keep writing there",
                hint=f"Stop it with Ctrl-C where it was started, or with `kill {pids[0]}`.",
                issue="sillytavern-still-writes",
            )
        if names := machine.docker.mounting(folder):
            own = folder == data_folder(machine).resolve()
            raise ConfigError(
                f"the container {names[0]} has {folder} mounted and would keep writing there",
                hint=f"Stop it with `{'stackctl stop' if own else command_line('docker', 'stop', names[0])}`.",
                issue="sillytavern-still-writes",
            )


def _refuse_place(source: Path, target: Path, machine: Machine) -> None:
    """Refuse a folder that would be copied into itself, one that would replace stack.toml, and a second adoption."""
    own = target.resolve()
    if machine.path.is_relative_to(own):
        raise ConfigError(
            f"sillytavern.data is {own}, which holds the stack's own files: an adopted folder would replace them",
            hint='Set sillytavern.data = "./sillytavern" in stack.toml, then run this again.',
        )
    if source.is_relative_to(own) or own.is_relative_to(source):
        raise ConfigError(
            f"{target} is this stack's own folder, or lies in the one to adopt",
            hint="Deploy somewhere else: run `mkdir my-chat && cd my-chat`, then run this again.",
        )
    before = machine.storage.folder(target).read(adoption.RECORD)
    if before is not None:
        raise ConfigError(
            f"this stack has already adopted a SillyTavern: {adopted_from(before)}",
            hint="Run `stackctl adopt --undo` to take that back, then run this again.",
        )


def adopted_from(record: str) -> str:
    """Return the folder that a record names."""
    return str(parse_table(record).get("from", "?"))


def _changes(
    source: Path, files: Mapping[str, Path], settings: Mapping[str, Mapping[str, Any]], machine: Machine
) -> tuple[dict[str, str], list[str]]:
    """Return (path -> text that differs from the original, remarks)."""
    changed, notes = {}, []
    if adoption.CONFIG in files:
        text, encoding = config_text(machine, files[adoption.CONFIG], source)
        neutral, changes = adopted_config.neutral(text, str(files[adoption.CONFIG]))
        notes += [f"config.yaml is {encoding}, which SillyTavern can't read: the copy is UTF-8"] if encoding else []
        notes += [f"config.yaml: {c.key} = {json.dumps(c.after)} (was {repr(c.before)[:60]}): {c.why}" for c in changes]
        if changes or encoding:
            changed[adoption.CONFIG] = neutral
    damaged = [str(files[name]) for name, one in settings.items() if not one]
    notes += [f"{file} is damaged (not a JSON object): it is copied as it is" for file in damaged]
    if own := settings.get(tavern.SETTINGS):
        kind, url = tavern_settings.connection(own)
        was = f"{kind} at {url or 'no URL'}" if kind else str(own.get("main_api") or "none")
        notes.append(f"the next deploy sets SillyTavern's connection to the stack's backend (it was: {was})")
    around = machine.host.identity("")
    for name, one in settings.items():
        reached = adopted_settings.reach_backend(one, lambda url: backend_url.is_here(url, around))
        if reached.added:
            changed[name] = data_json.dump(reached.settings)
            names = ", ".join(repr(one) for one in reached.added)
            notes.append(
                f"connection profiles for servers on this machine get a copy that a container can use: {names}; such a "
                "server must not listen on 127.0.0.1 only (sillytavern.host_access in stack.toml)"
            )
    others = sorted({Path(name).parts[1] for name in settings if name != tavern.SETTINGS})
    if others:
        notes.append(f"other users keep their connections, and change them in the page: {', '.join(others)}")
    return changed, notes


def _host_names(source: Path, files: Mapping[str, Path], machine: Machine) -> tuple[dict[str, object], list[str]]:
    """Return (settings for stack.toml, remarks) about the host names to which the original answers."""
    config = files.get(adoption.CONFIG)
    listed = adopted_config.host_names(config_text(machine, config, source)[0], str(config)) if config else ()
    own = load_config(machine, {}).spec.sillytavern.host_names
    looked_at = listed[:_MOST_NAMES]
    names = [name for name in dict.fromkeys(looked_at) if is_host_name(name) and name not in own]
    notes = [
        f"config.yaml: {repr(name)[:60]} in hostWhitelist.hosts is not a host name: it is skipped"
        for name in looked_at
        if not is_host_name(name)
    ]
    if len(listed) > _MOST_NAMES:
        notes.append(f"config.yaml: the first {_MOST_NAMES} of {len(listed)} names in hostWhitelist.hosts are taken")
    if not names:
        return {}, notes
    notes.append(f"its host names are written to stack.toml, as sillytavern.host_names: {', '.join(names)}")
    return {"sillytavern.host_names": [*own, *names]}, notes


def _walk(machine: Machine, source: Path, piece: Piece, layout: Layout, reach: Reach) -> Tree:
    """Walk a piece, without the places inside it that another piece fills."""
    inside = [one for one in layout.pieces if one.target.startswith(f"{piece.target}/")]
    inner = set(machine.storage.trees.existing(source, (one.source for one in inside)))
    inner = {one.target for one in inside if one.source in inner}
    path = source / piece.source
    within = source if path.is_relative_to(source) else path
    return machine.storage.trees.walk(
        path, piece.target, within=within, reach=reach, skip=lambda name: name in inner or adoption.is_made_anew(name)
    )


def _remarks(tree: Trees, source: Path, trees: Iterable[Tree]) -> Iterator[str]:
    if system := tree.foreign_system(source):
        yield (
            f"{source} is on another system's drive ({system}): it is copied, not mounted; stop SillyTavern there "
            "first, because from here it can't be seen whether it runs on Windows or another machine"
        )
    for one in trees:
        for link in one.links:
            yield f"{link} is a link to {link.resolve()}, outside the folder: its target is copied"
        for lost in one.lost:
            yield f"not copied: {lost} is a broken link, not a regular file, or nested too deeply"
