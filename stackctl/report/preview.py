"""What `stackctl deploy --dry-run` prints: each step that a deploy would take, in plain words and as JSON."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

from stackctl.core.config.files import API_KEY, PASSWORD
from stackctl.core.tavern import container as tavern

if TYPE_CHECKING:
    from stackctl.contracts.service import Publish
    from stackctl.core.plan.preview import Download, ImageStep, Preview
    from stackctl.core.plan.stack import Plan
    from stackctl.report.contract import deploy

_FILES: Final = {
    "create": "Create {}.",
    "change": "Change {}.",
    "replace": "Write {} again; the one that is there was edited, and is kept under another name.",
    "keep": "Leave {} as it is.",
}
_IMAGES: Final = {"pull": "Pull {}", "build": "Build {}", "keep": "Use {}, which is here"}


def preview(plan: "Plan", found: "Preview", *, command: str) -> "tuple[str, deploy.Steps]":
    """Return the steps as lines and as values. `command`: the one that does it."""
    blocks = {
        "Settings": _settings(plan, found),
        "Files": [_FILES[one.action].format(one.name) for one in found.files],
        "Images and downloads": [*_images(found.images), *_downloads(found)],
        "Containers": [f"{one.action.capitalize()} {one.service}: {one.reason}." for one in found.containers],
        "Access": list(_access(plan)),
        "Never touched": _untouched(found),
    }
    lines = [f"A deploy would do this in {found.folder}; this dry run changed nothing."]
    for title, said in blocks.items():
        lines += ["", title, *(f"  {line}" for line in said)] if said else []
    lines += ["", "To see compose.yml: add --show", f"To do it: {command}"]
    return "\n".join(lines), _values(plan, found)


def _settings(plan: "Plan", found: "Preview") -> list[str]:
    said = [f"Set {key} = {_shown(value)} in stack.toml." for key, value in found.settings.items()]
    if found.follows_settings:
        where = f"{_data(found)}/{tavern.SETTINGS}"
        said.append(f"Connect SillyTavern to {plan.backend_title} in {where}; what you changed there yourself stays.")
        own = (*(plan.template.files if plan.template else ()), *plan.sampler_presets)
        if names := dict.fromkeys(one.name for one in own):
            said.append(f"Give SillyTavern the presets {', '.join(names)}; what you changed in them stays.")
    if plan.password:
        said.append(f"Make a password for SillyTavern in {PASSWORD}, unless one is there.")
    return said


def _images(images: "tuple[ImageStep, ...]") -> Iterator[str]:
    for one in images:
        size = f" ({_amount(one.size)})" if one.size else " (size not known)" if one.action == "pull" else ""
        yield f"{_IMAGES[one.action].format(one.name)}{size}, for {' and '.join(one.services)}."


def _downloads(found: "Preview") -> Iterator[str]:
    for what, one in (("program", found.program), ("model", found.model)):
        if one:
            size = _amount(one.size) if one.size else "size not known"
            yield f"Download the {what} {one.name} ({size}) from {one.source}."
    if found.has_demo:
        yield "Meanwhile the demo model answers; the backend is started again once the model is there."


def _access(plan: "Plan") -> Iterator[str]:
    page = plan.sillytavern.publish
    if not page:
        yield f"SillyTavern opens no port; the proxy serves it as {', '.join(plan.hosts)}, with a password."
    asks = f", with the password in {PASSWORD}" if plan.password else ""
    for one in page:
        yield f"SillyTavern opens http://{one.place} for {_who(one)}{asks}."
    for companion in plan.companions:
        for one in companion.publish:
            yield f"{companion.name} opens http://{one.place} for {_who(one)}, with the key in {API_KEY}."
    if plan.backend_service:
        yield f"{plan.backend_title} itself opens no port of this machine."
    else:
        yield f"{plan.backend_title} is used where it runs: {plan.backend_url}"


def _who(one: "Publish") -> str:
    return "devices that reach this address" if _is_open(one) else "this machine alone"


def _is_open(one: "Publish") -> bool:
    return not ip_address(one.address).is_loopback


def _untouched(found: "Preview") -> list[str]:
    copy = ["Before SillyTavern's image changes, its data is copied beside it."] if found.copies_data else []
    return [
        f"Chats, characters and all that is yours in {_data(found)}.",
        "Model files, and the containers, networks and volumes of other programs.",
        *copy,
    ]


def _values(plan: "Plan", found: "Preview") -> "deploy.Steps":
    coming: tuple[tuple[Literal["program", "model"], Download | None], ...]
    coming = (("program", found.program), ("model", found.model))
    downloads: list[deploy.Download] = [
        {"kind": kind, "file": one.name, "source": one.source, "size_bytes": one.size or None}
        for kind, one in coming
        if one
    ]
    return {
        "folder": found.folder,
        "settings": dict(found.settings),
        "files": [{"file": one.name, "action": one.action} for one in found.files],
        "images": [
            {"image": o.name, "services": list(o.services), "action": o.action, "size_bytes": o.size}
            for o in found.images
        ],
        "downloads": downloads,
        "containers": [{"service": o.service, "action": o.action, "reason": o.reason} for o in found.containers],
        "ports": [
            {"service": service.name, "address": o.address, "port": o.port, "others": _is_open(o)}
            for service in plan.services
            for o in service.publish
        ],
        "copies_data": found.copies_data,
        "starts_demo": found.has_demo,
        "untouched": [_data(found)],
    }


def _data(found: "Preview") -> str:
    return str(PurePosixPath(found.folder) / found.data)


def _shown(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _amount(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{max(size, 1e5) / 1e6:.1f} MB"
