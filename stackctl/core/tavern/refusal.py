"""The errors for requests that SillyTavern refuses.

Source: SillyTavern 1.19.0, src/middleware/{whitelist,basicAuth,hostWhitelist}.js.
"""

from stackctl.errors import NotReady


def refusal(path: str, status: int, text: str, says: str = "", hint: str = "") -> NotReady:
    """Return the error for a request that SillyTavern refused; says, hint: replace the general words."""
    words = text.strip()[:300]
    if status == 401 and path == "/csrf-token":
        return NotReady(
            "SillyTavern asks for a password that is not this stack's (401)",
            hint="Run `stackctl deploy`, which writes this stack's password into config.yaml. To choose the password "
            "yourself, write it into .stackctl/sillytavern-password first.",
            issue="page-refuses",
        )
    if status == 403 and path == "/csrf-token":
        return NotReady(
            "SillyTavern refuses this machine (403): its whitelist does not name this machine's address",
            hint="Remove SILLYTAVERN_WHITELIST from compose.override.yml and whitelist.txt from its config folder.",
            evidence=(words,),
            issue="page-refuses",
        )
    return NotReady(
        f"{says} ({status})" if says else f"SillyTavern answered {status} to {path}",
        hint=hint or "Run `stackctl logs sillytavern` to see why.",
        evidence=(words,) if words else (),
        issue="sillytavern-failed",
    )
