"""Results as text and as JSON: (text, values) for ui.result()."""

from typing import TYPE_CHECKING, Any

from stackctl.terminal import command_line

if TYPE_CHECKING:
    from stackctl.commands.adopt import Adopted, Adoption
    from stackctl.commands.deploy import Deployed
    from stackctl.commands.diff import Difference
    from stackctl.commands.images import ImageHere
    from stackctl.commands.import_kcpps import Entry
    from stackctl.commands.status import Status
    from stackctl.commands.undo_adopt import Undoing, Undone
    from stackctl.commands.url import Address, Opened
    from stackctl.commands.use import ModelHere
    from stackctl.core.smoke.reachability import Route
    from stackctl.core.smoke.result import Smoked
    from stackctl.ui import Ui

_MOST_LEFT = 20  # names of settings that are not imported
_HOW = {
    "new": "new",
    "newer": "newer; the unchanged original is kept in .stackctl/",
    "beside": "both changed: the original stays, and this one is put next to it",
}


def deployed(done: "Deployed", ssh: str, *, as_qr: bool = False, can_open: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the end of a deploy. `ssh`: the value of SSH_CONNECTION, "" without SSH.

    `as_qr`: the last lines hold what another device needs, with a QR code. `can_open`: they hold the command for that.
    """
    plan, proof, values = done.plan, done.proof, _of_plan(done)
    lines = [f"ready after {done.ready_s or 0:.1f} s"]
    if proof:
        from stackctl.core.tavern import replies

        reply = proof.reply
        values |= {
            "model": proof.model,
            "reply": reply.text,
            "first_token_s": round(reply.first_s, 3),
            "tokens_per_s": proof.tokens_per_s and round(proof.tokens_per_s, 1),
            "context": proof.contexts.known,
        }
        lines += [
            f"SillyTavern reaches {proof.model}, context {proof.contexts.known or 'unknown'}",
            f"it answered: {reply.text.strip()!r}",
            replies.describe_pace(reply.first_s, proof.tokens_per_s, title=plan.backend_title),
        ]
    lines += ["", f"Open {plan.url}"]
    others: list[str] = []
    if plan.password:
        from stackctl.core.tavern import container as tavern
        from stackctl.steps import tavern_password

        others = [f"from other devices: {url}" for url in plan.urls]
        others.append(f"it asks for a name and a password: {tavern.USER}, and the password in {tavern_password.FILE}")
        values |= {"urls": list(plan.urls), "user": tavern.USER, "password_file": tavern_password.FILE}
    if not as_qr:
        lines += others
    if ssh and plan.sillytavern.publish:
        values["ssh"] = _tunnel(plan.url, ssh)
        lines.append(f"from the machine you sit at:  {values['ssh']}   then open {plan.url}")
    if plan.is_demo:
        lines.append("For a real chat: stackctl deploy --model /path/to/your-model.gguf")
    if as_qr:
        lines += ["", *others[:-1], _qr(min(plan.urls, key=lambda url: url.startswith("http://["))), *others[-1:]]
    elif can_open:
        lines.append("To open it to other devices of this network, with a password: stackctl deploy --expose lan")
    return "\n".join(lines), values


def dry_run(done: "Deployed", *, command: str, shows_file: bool) -> tuple[str, dict[str, Any]]:
    """What a deploy would do, or with `shows_file` the file that it would write. `command`: the one that does it."""
    from stackctl.report.preview import preview

    assert done.preview  # noqa: S101 - a dry run has one
    text, values = preview(done.plan, done.preview, command=command)
    return done.text if shows_file else text, {**_of_plan(done), "compose": done.text, **values}


def _of_plan(done: "Deployed") -> dict[str, Any]:
    plan = done.plan
    return {
        "name": plan.name,
        "backend": plan.backend,
        "url": plan.url,
        "context": plan.context,
        "kv_cache": plan.kv_cache,
        "ready_s": done.ready_s and round(done.ready_s, 2),
    }


def address(found: "Address", *, as_qr: bool) -> tuple[str, dict[str, Any]]:
    """Return one address, for a script; or all that a person with a phone needs."""
    values: dict[str, Any] = {"url": found.urls[0], "urls": list(found.urls), "ready": found.is_ready}
    values |= {"user": found.user, "password_file": found.password_file}
    if not as_qr:
        return found.urls[0], values
    asks = f"\nname: {found.user}, password: in {found.password_file}" if found.password_file else ""
    return f"{_qr(found.urls[0])}\n{found.urls[0]}{asks}", values


def _qr(url: str) -> str:
    """Return the QR code of an address, for a terminal; the last line ends like the others."""
    import io

    import segno

    picture = io.StringIO()
    segno.make(url, micro=False).terminal(out=picture, compact=True)
    return picture.getvalue()


def opened(done: "Opened", ssh: str) -> tuple[str, dict[str, Any]]:
    """Return what was opened, or how the user opens it."""
    values: dict[str, Any] = {"url": done.url, "opened": done.is_shown}
    if ssh and not done.url.startswith("https://"):
        values["ssh"] = _tunnel(done.url, ssh)
        return f"from the machine you sit at:  {values['ssh']}   then open {done.url}", values
    return f"opened {done.url}" if done.is_shown else f"there is no browser here; open {done.url}", values


def _tunnel(url: str, ssh: str) -> str:
    """Return the command that forwards the page to the machine from which the user came by SSH."""
    port, host = url.rpartition(":")[2], [*ssh.split(), "", "", "THIS-HOST"][2]
    return command_line("ssh", "-L", f"{port}:127.0.0.1:{port}", host)


def difference(found: "Difference") -> tuple[str, dict[str, Any]]:
    """Return a unified diff, then the containers concerned."""
    changes = [{"service": c.service, "action": c.action, "why": c.why} for c in found.changes]
    lines = [found.text.rstrip()] if found.text else ["compose.yml stays as it is"]
    lines += [f"{c.service}: {c.action} ({c.why})" for c in found.changes] or ["no container would be touched"]
    return "\n".join(lines), {"diff": found.text, "containers": changes}


def status(now: "Status", ui: "Ui") -> tuple[str, dict[str, Any]]:
    """Return one row per service."""
    rows = [("SERVICE", "STATE", "HEALTH", "RESTARTS", "IMAGE")]
    rows += [(s.name, s.state, s.health or "-", str(s.restarts), s.image) for s in now.services]
    rows += [(name, "missing", "-", "-", "-") for name in now.missing]
    blocks = [ui.table(rows)]
    values: dict[str, Any] = {"name": now.name, "ready": now.is_ready, "url": now.url}
    if backend := now.backend:
        says = f"{backend.lacks}\nhint: {backend.hint}" if backend.lacks else f"it answers with {backend.model}"
        blocks.append(f"{backend.title}, elsewhere at {backend.url}: {says}")
        told = {"title": backend.title, "url": backend.url, "model": backend.model, "lacks": backend.lacks}
        values["backend"] = told
    blocks += [f"{ui.text(one.says)}\nhint: {one.hint}" for one in now.troubles]
    blocks.append(f"{now.name} is ready: {now.url}" if now.is_ready else f"{now.name} is not ready")
    if now.missing and not now.troubles:
        blocks[-1] += "\nhint: Run `stackctl start` to create what is missing."
    services: list[dict[str, Any]] = [
        {"name": s.name, "state": s.state, "health": s.health, "restarts": s.restarts, "image": s.image}
        for s in now.services
    ]
    services += [{"name": name, "state": "missing"} for name in now.missing]
    why = {one.service: {"says": one.says, "hint": one.hint} for one in now.troubles}
    services = [{**one, **why.get(one["name"], {})} for one in services]
    values |= {"unfinished": why[""]} if "" in why else {}
    return "\n\n".join(blocks), {**values, "services": services}


def images(found: "tuple[ImageHere, ...]", ui: "Ui") -> tuple[str, list[dict[str, str]]]:
    """Return one row per image."""
    rows = [("SERVICE", "IMAGE", "HERE", "KIND"), *((i.service, i.name, i.digest[:19] or "no", i.kind) for i in found)]
    return ui.table(rows), [{"service": i.service, "image": i.name, "digest": i.digest, "kind": i.kind} for i in found]


def models(found: "tuple[ModelHere, ...]", ui: "Ui") -> tuple[str, list[dict[str, Any]]]:
    """Return one row per model of stack.toml."""
    rows = [("", "NAME", "CONTEXT", "KV CACHE", "PATH")]
    rows += [("*" if m.is_used else "", m.name, m.context, m.kv_cache, m.path) for m in found]
    values = [
        {"name": m.name, "path": m.path, "context": m.context, "kv_cache": m.kv_cache, "used": m.is_used} for m in found
    ]
    return ui.table(rows), values


def imported(entry: "Entry") -> tuple[str, dict[str, Any]]:
    """Return the settings taken from a .kcpps file, and those that have no place in stack.toml."""
    taken = ", ".join(f"{key} = {value}" for key, value in entry.settings.items())
    was_there = "" if entry.is_new else " was there already, and nothing was changed"
    model = entry.path or f"source = {entry.source}"
    lines = [f"[models.{entry.name}]{was_there}: {model}" + (f", {taken}" if taken else "")]
    if entry.not_imported:
        more = f" and {len(entry.not_imported) - _MOST_LEFT} more" if len(entry.not_imported) > _MOST_LEFT else ""
        lines.append(f"not imported: {', '.join(entry.not_imported[:_MOST_LEFT])}{more}")
    lines.append(f"to run it: {command_line('stackctl', 'use', entry.name)}")
    values: dict[str, Any] = {"name": entry.name, "path": entry.path or None, "source": entry.source or None}
    values |= {"settings": entry.settings, "not_imported": list(entry.not_imported), "added": entry.is_new}
    return "\n".join(lines), values


def smoked(done: "Smoked", ui: "Ui") -> tuple[str, dict[str, Any]]:
    """Return one row per check, then one per way into the stack. The errors are shown separately."""
    rows = [("CHECK", "RESULT", "TIME", "WHAT")]
    rows += [(o.name, o.status, f"{o.seconds:.2f} s" if o.seconds else "-", o.says) for o in done.outcomes]
    parts = [ui.table(rows)]
    if done.ways:
        ways = [("FROM", "TO", "ADDRESS", "PLANNED", "SEEN"), *(_way(way) for way in done.ways)]
        parts.append(ui.table(ways))
    counts = [f"{sum(o.status == one for o in done.outcomes)} {one}" for one in ("passed", "failed", "not run")]
    parts.append(ui.text(f"{done.name}: {', '.join(counts)}, in {done.seconds:.1f} s"))
    checks = [
        {
            "name": o.name,
            "status": o.status,
            "says": o.says,
            "seconds": round(o.seconds, 3),
            **({"hint": o.error.hint, "evidence": list(o.error.evidence)} if o.error else {}),
            **({"exit_code": o.error.exit_code, "class": type(o.error).__name__} if o.error else {}),
        }
        for o in done.outcomes
    ]
    values = {
        "name": done.name,
        "url": done.url,
        "passed": not done.failed,
        "exit_code": done.exit_code,
        "seconds": round(done.seconds, 3),
        **done.measures,
        "checks": checks,
        "ways": [
            {"from": w.source, "to": w.target, "address": w.address, "planned": w.expected, "seen": w.seen}
            | {"open": w.is_open, "right": w.is_right}
            for w in done.ways
        ],
    }
    return "\n\n".join(parts), values


def _way(way: "Route") -> tuple[str, ...]:
    planned = "open or closed" if way.expected == "either" else way.expected
    return (way.source, way.target, way.address, planned, way.seen + ("" if way.is_right else "  <-- WRONG"))


def to_adopt(found: "Adoption", ui: "Ui") -> tuple[str, dict[str, Any]]:
    """Return the table that is shown before anything is copied."""
    rows = [("WHAT", "FOUND", "ACTION")]
    rows += [(one.what, _amount(one.files, one.size) if one.files else "-", one.fate) for one in found.rows]
    lines = [f"{found.source}: {found.layout.title}", "", ui.table(rows)]
    lines += ["", *(ui.text(f"- {note}") for note in found.notes)] if found.notes else []
    values = {
        "from": str(found.source),
        "layout": found.layout.title,
        "to": str(found.target),
        "rows": [{"what": o.what, "files": o.files, "bytes": o.size, "fate": o.fate} for o in found.rows],
        "notes": list(found.notes),
    }
    return "\n".join(lines), values


def adopted(done: "Adopted", values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the end of an adoption."""
    lines = [f"adopted: {done.files} files are in {done.target}; the original is untouched"]
    if done.aside:
        lines.append(f"the stack's previous folder is kept as {done.aside}")
    lines.append("next: stackctl deploy")
    return "\n".join(lines), {**values, "files": done.files, "aside": done.aside and str(done.aside)}


def to_undo(found: "Undoing", ui: "Ui") -> tuple[str, dict[str, Any]]:
    """Return the table that is shown before anything is brought back."""
    lines = [f"to bring back to {found.source}:"]
    if found.returns:
        rows = [("FILE", "HOW", "TO"), *((one.leaf.target, _HOW[one.how], str(one.to)) for one in found.returns)]
        lines += ["", ui.table(rows)]
    else:
        lines.append("no chat or character here is newer than the one there")
    lines += [f"not copied, because that layout has no place for it: {name}" for name in found.homeless]
    lines += [f"not copied: {name} is a link, or is not a regular file" for name in found.lost]
    former = f"{found.before} is restored" if found.before else "the stack had no SillyTavern before: it will be empty"
    lines += ["", f"- {former}"]
    values = {
        "to": str(found.source),
        "returns": [{"file": o.leaf.target, "how": o.how, "to": str(o.to)} for o in found.returns],
        "homeless": list(found.homeless),
        "not_files": list(found.lost),
        "before": found.before and str(found.before),
    }
    return "\n".join(lines), values


def undone(done: "Undone", values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the end of an undo."""
    lines = [f"undone: {len(done.returns)} files went back to {done.source}"]
    if done.replaced:
        lines.append(f"the files that they replaced are kept in {done.replaced}")
    lines.append(f"the adopted folder is kept as {done.aside}")
    return "\n".join(lines), {**values, "aside": str(done.aside), "replaced": done.replaced and str(done.replaced)}


def _amount(files: int, size: int) -> str:
    amount = f"{size / (1 << 20):.1f} MiB" if size >= 1 << 20 else f"{-(-size // 1024)} KiB"
    return f"{files} {'file' if files == 1 else 'files'}, {amount}"
