"""The language of the chats, as the user or the locale names it."""

import re

from stackctl.errors import ConfigError


def language_code(language: str) -> str:
    """Return the code of a language without its country: "pt" of pt-BR; raise ConfigError for what is no code."""
    code = re.split(r"[-_.@]", language.strip())[0].lower()
    if not re.fullmatch(r"[a-z]{2,3}", code):
        raise ConfigError(
            f"language = {language!r} is no code of a language", hint="Write its code of two letters, such as `ja`."
        )
    return code
