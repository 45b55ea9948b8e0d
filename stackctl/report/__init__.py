"""Results as text and as JSON: (text, values) for ui.result()."""

from typing import TYPE_CHECKING

from stackctl.report.context import more_context
from stackctl.terminal import command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stackctl.commands.deploy import Deployed
    from stackctl.commands.diff import Difference
    from stackctl.commands.images import ImageHere
    from stackctl.commands.import_kcpps import Entry
    from stackctl.commands.lifecycle import Done
    from stackctl.commands.render import Rendered
    from stackctl.commands.url import Address, Opened
    from stackctl.commands.use import ModelHere
    from stackctl.core.smoke.reachability import Route
    from stackctl.core.smoke.result import Smoked
    from stackctl.report.contract import deploy, moving, stack
    from stackctl.report.contract import models as of_models
    from stackctl.ui import Ui

_MOST_LEFT = 20  # names of settings that are not imported


def deployed(
    done: "Deployed", ssh: str, *, as_qr: bool = False, can_open: bool = False
) -> "tuple[str, deploy.Deployed]":
    """Return the end of a deploy. `ssh`: the value of SSH_CONNECTION, "" without SSH.

    `as_qr`: the last lines hold what another device needs, with a QR code. `can_open`: they hold the command for that.
    """
    plan, proof = done.plan, done.proof
    values: deploy.Deployed = {
        "version": 1,
        "name": plan.name,
        "backend": plan.backend,
        "model": plan.model_name or None,
        "url": plan.url,
        "context": plan.context,
        "more_context": None if plan.is_demo else more_context(plan.memory),
        "kv_cache": plan.kv_cache,
        "ready_s": round(done.ready_s or 0, 2),
        "reply": None,
        "first_token_s": None,
        "tokens_per_s": None,
        "expected_tokens_per_s": plan.expected_tokens_per_s,
        "urls": [],
        "user": None,
        "password_file": None,
        "ssh_command": None,
    }
    lines = [f"ready after {done.ready_s or 0:.1f} s"]
    if proof:
        from stackctl.core.tavern import replies

        reply, expected = proof.reply, plan.expected_tokens_per_s
        values["model"], values["context"] = proof.model, proof.contexts.known
        values["reply"], values["first_token_s"] = reply.text, round(reply.first_s, 3)
        values["tokens_per_s"] = round(proof.tokens_per_s, 1) if proof.tokens_per_s else None
        lines += [
            f"SillyTavern reaches {proof.model}, context {proof.contexts.known or 'unknown'}",
            f"it answered: {reply.text.strip()!r}",
            replies.describe_pace(reply.first_s, proof.tokens_per_s, expected, title=plan.backend_title),
        ]
    lines += ["", f"Open {plan.url}"]
    others: list[str] = []
    if plan.password:
        from stackctl.core.tavern import container as tavern
        from stackctl.steps import tavern_password

        others = [f"from other devices: {url}" for url in plan.urls]
        others.append(f"it asks for a name and a password: {tavern.USER}, and the password in {tavern_password.FILE}")
        values["urls"], values["user"], values["password_file"] = list(plan.urls), tavern.USER, tavern_password.FILE
    lines += [] if as_qr else others
    if ssh and plan.sillytavern.publish:
        values["ssh_command"] = _tunnel(plan.url, ssh)
        lines.append(f"from the machine you sit at:  {values['ssh_command']}   then open {plan.url}")
    if plan.is_demo:
        lines.append("For a real chat: stackctl deploy --model /path/to/your-model.gguf")
    if as_qr:
        lines += ["", *others[:-1], _qr(min(plan.urls, key=lambda url: url.startswith("http://["))), *others[-1:]]
    elif can_open:
        lines.append("To open it to other devices of this network, with a password: stackctl deploy --expose lan")
    return "\n".join(lines), values


def dry_run(done: "Deployed", *, command: str, shows_file: bool) -> "tuple[str, deploy.DryRun]":
    """What a deploy would do, or with `shows_file` the file that it would write. `command`: the one that does it."""
    from stackctl.report.preview import preview

    plan = done.plan
    assert done.preview  # noqa: S101 - a dry run has one
    text, steps = preview(plan, done.preview, command=command)
    return done.text if shows_file else text, {
        "version": 1,
        "name": plan.name,
        "backend": plan.backend,
        "model": plan.model_name or None,
        "url": plan.url,
        "context": plan.context,
        "more_context": None if plan.is_demo else more_context(plan.memory),
        "kv_cache": plan.kv_cache,
        "expected_tokens_per_s": plan.expected_tokens_per_s,
        "compose": done.text,
        "steps": steps,
        "command": command,
    }


def rendered(done: "Rendered") -> "deploy.Rendered":
    """Return the compose file, and what is missing in the folder."""
    return {
        "version": 1,
        "name": done.name,
        "compose": done.text,
        "file": str(done.file) if done.file else None,
        "archive": str(done.archive) if done.archive else None,
        "missing": {"problem": done.missing.what, "hint": done.missing.hint} if done.missing else None,
    }


def address(found: "Address", *, as_qr: bool) -> "tuple[str, stack.Address]":
    """Return one address, for a script; or all that a person with a phone needs."""
    values: stack.Address = {
        "version": 1,
        "url": found.urls[0],
        "urls": list(found.urls),
        "local": found.is_local,
        "ready": found.is_ready,
        "user": found.user or None,
        "password_file": found.password_file or None,
    }
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


def opened(done: "Opened", ssh: str) -> "tuple[str, stack.Opened]":
    """Return what was opened, or how the user opens it."""
    values: stack.Opened = {"version": 1, "url": done.url, "opened": done.is_shown, "ssh_command": None}
    if ssh and not done.url.startswith("https://"):
        values["ssh_command"] = _tunnel(done.url, ssh)
        return f"from the machine you sit at:  {values['ssh_command']}   then open {done.url}", values
    return f"opened {done.url}" if done.is_shown else f"there is no browser here; open {done.url}", values


def _tunnel(url: str, ssh: str) -> str:
    """Return the command that forwards the page to the machine from which the user came by SSH."""
    port, host = url.rpartition(":")[2], [*ssh.split(), "", "", "THIS-HOST"][2]
    return command_line("ssh", "-L", f"{port}:127.0.0.1:{port}", host)


def difference(found: "Difference") -> "tuple[str, deploy.Difference]":
    """Return a unified diff, then the containers concerned."""
    changes: list[deploy.Change] = [
        {"service": c.service, "action": c.action, "reason": c.reason} for c in found.changes
    ]
    lines = [found.text.rstrip()] if found.text else ["compose.yml stays as it is"]
    lines += [f"{c.service}: {c.action} ({c.reason})" for c in found.changes] or ["no container would be touched"]
    return "\n".join(lines), {"version": 1, "diff": found.text, "containers": changes}


def stopped(done: "Done", service: str | None) -> "tuple[str, stack.Stopped]":
    """Return that a stack, or one service of it, was stopped."""
    text = f"stopped {service or done.name}; run `stackctl start` to resume"
    none = f"{service or done.name} was not running; nothing was stopped"
    values: stack.Stopped = {"version": 1, "name": done.name, "service": service, "changed": done.was_there}
    return text if done.was_there else none, values


def started(done: "Done") -> "tuple[str, stack.Started]":
    """Return where a stack that was started is ready."""
    ready_s = round(done.ready_s or 0, 2)
    return f"ready: {done.url}", {"version": 1, "name": done.name, "url": done.url, "ready_s": ready_s}


def down(done: "Done") -> "tuple[str, stack.Removed]":
    """Return that the stack has no containers any more."""
    text = f"removed the containers of {done.name}; run `stackctl deploy` to start it again"
    none = f"{done.name} has no containers; nothing was removed"
    return text if done.was_there else none, {"version": 1, "name": done.name, "changed": done.was_there}


def images(found: "tuple[ImageHere, ...]", ui: "Ui") -> "tuple[str, stack.Images]":
    """Return one row per image."""
    rows = [("SERVICE", "IMAGE", "HERE", "KIND"), *((i.service, i.name, i.digest[:19] or "no", i.kind) for i in found)]
    return ui.table(rows), {
        "version": 1,
        "images": [{"service": i.service, "image": i.name, "digest": i.digest or None, "kind": i.kind} for i in found],
    }


def built(names: "Sequence[str]") -> "stack.Built":
    """Return the images that were built."""
    return {"version": 1, "images": list(names)}


def models(found: "tuple[ModelHere, ...]", ui: "Ui") -> "tuple[str, of_models.Choices]":
    """Return one row per model of stack.toml."""
    rows = [("", "NAME", "CONTEXT", "KV CACHE", "PATH")]
    rows += [("*" if m.is_used else "", m.name, m.context, m.kv_cache, m.path) for m in found]
    values: list[of_models.Choice] = [
        {
            "name": m.name,
            "path": m.path,
            "context": "auto" if m.context == "auto" else int(m.context),
            "kv_cache": m.kv_cache,
            "used": m.is_used,
        }
        for m in found
    ]
    return ui.table(rows), {"version": 1, "models": values}


def imported(entry: "Entry") -> "tuple[str, moving.Imported]":
    """Return the settings taken from a .kcpps file, and those that have no place in stack.toml."""
    taken = ", ".join(f"{key} = {value}" for key, value in entry.settings.items())
    was_there = "" if entry.is_new else " was there already, and nothing was changed"
    model = entry.path or f"source = {entry.source}"
    lines = [f"[models.{entry.name}]{was_there}: {model}" + (f", {taken}" if taken else "")]
    if entry.not_imported:
        more = f" and {len(entry.not_imported) - _MOST_LEFT} more" if len(entry.not_imported) > _MOST_LEFT else ""
        lines.append(f"not imported: {', '.join(entry.not_imported[:_MOST_LEFT])}{more}")
    lines.append(f"to run it: {command_line('stackctl', 'use', entry.name)}")
    return "\n".join(lines), {
        "version": 1,
        "name": entry.name,
        "path": entry.path or None,
        "source": entry.source or None,
        "settings": entry.settings,
        "not_imported": list(entry.not_imported),
        "added": entry.is_new,
    }


def smoked(done: "Smoked", ui: "Ui") -> "tuple[str, stack.Smoked]":
    """Return one row per check, then one per way into the stack. The errors are shown separately."""
    rows = [("CHECK", "RESULT", "TIME", "WHAT")]
    rows += [(o.name, o.status, f"{o.seconds:.2f} s" if o.seconds else "-", o.says) for o in done.outcomes]
    parts = [ui.table(rows)]
    if done.ways:
        ways = [("FROM", "TO", "ADDRESS", "PLANNED", "SEEN"), *(_way(way) for way in done.ways)]
        parts.append(ui.table(ways))
    counts = [f"{sum(o.status == one for o in done.outcomes)} {one}" for one in ("passed", "failed", "not run")]
    parts.append(ui.text(f"{done.name}: {', '.join(counts)}, in {done.seconds:.1f} s"))
    from stackctl.report.smoke_json import smoked_values

    return "\n\n".join(parts), smoked_values(done)


def _way(way: "Route") -> tuple[str, ...]:
    planned = "open or closed" if way.expected == "either" else way.expected
    return (way.source, way.target, way.address, planned, way.seen + ("" if way.is_right else "  <-- WRONG"))
