"""Why SillyTavern refuses a request, in words that say what to do.

Source: SillyTavern 1.19.0, src/middleware/{whitelist,basicAuth,hostWhitelist}.js.
"""

from stackctl.errors import NotReady


def refusal(path: str, status: int, text: str, says: str = "", hint: str = "") -> NotReady:
    """Return why SillyTavern refused a request. `says`, `hint`: in this case's own words."""
    words = text.strip()[:300]
    if status == 401 and path == "/csrf-token":
        return NotReady(
            "SillyTavern asks for a password that is not this stack's (401)",
            hint="stackctl deploy writes this stack's into its config.yaml; one of your own belongs into the same file "
            "as stackctl's: .stackctl/sillytavern-password",
        )
    if status == 403 and path == "/csrf-token":
        return NotReady(
            "SillyTavern refuses this machine (403): its whitelist does not name the address we come from",
            hint="is SILLYTAVERN_WHITELIST changed in compose.override.yml, or whitelist.txt in its config folder?",
            evidence=(words,),
        )
    return NotReady(
        f"{says} ({status})" if says else f"SillyTavern answered {status} to {path}",
        hint=hint or "stackctl logs sillytavern shows why",
        evidence=(words,) if words else (),
    )
