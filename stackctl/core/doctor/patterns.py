"""What shows a secret or a personal datum by its form or by the name before it, whatever its value is."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from stackctl.core.doctor.secret_names import is_secret_name

MARK: Final = "[redacted"
_PLAIN: Final = re.compile(r"(?i)true|false|null|none|auto|yes|no|on|off|-?\d{1,7}(?:\.\d+)?|\*+|\$?\{.*|\[redacted.*")
_OURS: Final = re.compile(r"(?:\./)?\.stackctl/[\w-]+|/run/secrets/[\w.-]+|file")  # where a secret lies is none


_TOKENS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("private key", r"-----BEGIN [A-Z0-9 ]{1,40}-----[\s\S]*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)"),
        ("hub token", r"\b(?:hf|api_org)_[A-Za-z0-9]{10,}"),
        ("API key", r"\bsk-[A-Za-z0-9_-]{10,}"),
        ("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}"),
        ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{12,}"),
        ("Docker token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{12,}"),
        ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}"),
        ("AWS key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
        ("Google key", r"\bAIza[A-Za-z0-9_-]{30,}"),
        ("Tailscale key", r"\btskey-[A-Za-z0-9-]{8,}"),
        ("package token", r"\b(?:npm|pypi)[_-][A-Za-z0-9_-]{30,}"),
        ("end of an API key", r"(?<=api_keys: \*{4})\S{1,8}"),  # llama-server shows its last four characters
        ("web token", r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*"),
    )
)
_SCHEME: Final = re.compile(
    r"(?i)\b(?:bearer|token)\s+(?=\S*[\d_.~+/=-])([A-Za-z0-9._~+/=-]{8,})|\bBasic\s+([A-Za-z0-9+/_-]{6,}={0,2})"
)
_HEADER: Final = re.compile(
    r"(?i)\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-csrf-token)\b[\"']?\s*[:=]\s*(?:\"([^\"\n]+)\"|'([^'\n]+)'|([^\s\"'][^\n\"']*))"
)
_LOGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://([^\s/?#\"'<>]+)@")
# a proxy without its scheme, as curl takes it: user:password@host:port; name:tag@sha256:... is an image
_LOGIN_ALONE: Final = re.compile(
    r"(?<![\w./-])([\w.+-]{1,64}:[^\s/@\"'<>]{1,128})@(?!sha\d)[A-Za-z0-9][\w.-]{0,200}:\d{1,5}\b"
)
_HOME: Final = re.compile(
    r"(?i)(?:(?<![\w.-])/(?:home|users|var/home|mnt/[a-z]/users|media|run/media|volumes)/|\b[a-z]:(?:\\{1,4}|/)users(?:\\{1,4}|/))"
    r"([^\s/\\\"'`:;,<>|()\[\]]{1,64})"
)
# homes that images and distributions make, and folders that belong to no user
_NO_PERSON: Final = frozenset(
    {
        "node",
        "app",
        "user",
        "ubuntu",
        "debian",
        "root",
        "docker",
        "runner",
        "admin",
        "default",
        "public",
        "shared",
        "all",
    }
    | {"linuxbrew", "container", "stackctl", "name", "you", "me", "username", "~", "...", "cdrom", "usb"}
)
_QUERY: Final = re.compile(r"[?&;]([A-Za-z0-9_.-]{1,60})=([^&\s\"'<>]+)")
_QUERY_NAMES: Final = re.compile(r"(?i)(?:key|sig|signature|code|state|session|x-amz-.+)\Z")
# NAME=value, "name": "value", name = 'value', name: value
_VALUE: Final = r"(?:\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|([^\s\"',;}\])]+))"
_ASSIGNED: Final = re.compile(rf"(?<![\w.-])([A-Za-z_][\w.-]{{0,80}})\\?[\"']?[ \t]*[:=][ \t]*\\?{_VALUE}")
# --name value, "--name", "value", and the two as items of a list in YAML
_OPTION: Final = re.compile(rf"(?<![\w-])--?([A-Za-z][\w-]{{1,60}})[\"']?(?:\s*[,=]\s*|[ \t]+|\s*\n\s*-\s+){_VALUE}")
# a line of YAML whose value has blanks, and one whose value is the block below it
_LINE: Final = re.compile(r"(?m)^[ \t-]*([A-Za-z_][\w.-]{0,80})[ \t]*:[ \t]+([^\s\"'|>{\[&*#!][^\n]*)$")
_BLOCK: Final = re.compile(r"(?m)^[ \t-]*([A-Za-z_][\w.-]{0,80})[ \t]*:[ \t]+[|>][-+0-9]*[ \t]*\n[ \t]+(\S[^\n]*)$")
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}")
_MAC: Final = re.compile(r"(?i)(?<![0-9a-f:-])[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?![0-9a-f:-])")
# llama-server's clock, 3.35.198.184, looks like an address; the first choice takes it with what follows it
_IPV4: Final = re.compile(r"(?m:^)\d{1,3}(?:\.\d{2,3}){3} [DIWE] |(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")
_IPV6: Final = re.compile(r"(?i)(?<![0-9a-z:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![0-9a-z:])")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A place in a text. is_secret: its value is a secret, which may stand elsewhere without its name."""

    kind: str
    begin: int
    end: int
    is_secret: bool = True


def found_in(text: str) -> Iterator[Found]:
    """Give every place in a text that shows a secret or a personal datum; places may overlap."""
    for kind, pattern in _TOKENS:
        yield from (Found(kind=kind, begin=one.start(), end=one.end()) for one in pattern.finditer(text))
    yield from _groups("header", _HEADER, text)
    yield from _groups("token", _SCHEME, text)
    yield from _groups("login in a URL", _LOGIN, text)
    yield from _groups("login in a URL", _LOGIN_ALONE, text)
    for pattern in (_LINE, _BLOCK, _ASSIGNED, _OPTION):
        yield from _named(pattern, text)
    for one in _QUERY.finditer(text):
        if is_secret_name(one[1]) or _QUERY_NAMES.match(one[1]):
            yield Found(kind="value in a URL", begin=one.start(2), end=one.end(2))
    yield from _personal("e-mail address", _EMAIL, text, lambda _: True)
    yield from _personal("MAC address", _MAC, text, lambda _: True)
    for pattern in (_IPV4, _IPV6):
        yield from _personal("public IP address", pattern, text, _is_public)


def homes_in(text: str) -> Iterator[Found]:
    """Give the names of users in the paths of their homes and disks."""
    for one in _HOME.finditer(text):
        if one[1].lower() not in _NO_PERSON and not one[1].startswith(("$", "{", "%", "~")):
            yield Found(kind="name of a user", begin=one.start(1), end=one.end(1), is_secret=False)


def _groups(kind: str, pattern: re.Pattern[str], text: str) -> Iterator[Found]:
    for one in pattern.finditer(text):
        group = one.lastindex or 0
        if not _PLAIN.fullmatch(one[group]):
            yield Found(kind=kind, begin=one.start(group), end=one.end(group))


def _named(pattern: re.Pattern[str], text: str) -> Iterator[Found]:
    at = 0
    while one := pattern.search(text, at):
        group = one.lastindex or 0
        value, is_secret = one[group], is_secret_name(one[1])
        if is_secret and value and not (_PLAIN.fullmatch(value) or _OURS.fullmatch(value) or value.startswith("--")):
            yield Found(kind="value named as a secret", begin=one.start(group), end=one.end(group))
        # the value may itself be a name: `a: b: c`
        at = one.end() if is_secret else one.start(group) if group else one.end()


def _personal(kind: str, pattern: re.Pattern[str], text: str, counts: Callable[[str], bool]) -> Iterator[Found]:
    for one in pattern.finditer(text):
        if counts(one[0]):
            yield Found(kind=kind, begin=one.start(), end=one.end(), is_secret=False)


def _is_public(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
