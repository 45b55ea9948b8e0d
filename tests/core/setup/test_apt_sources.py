"""The archive that apt uses, as both forms of its files name it."""

import pytest

from stackctl.core.setup.apt_sources import find_archive

DEB822 = """# comment
Types: deb deb-src
URIs: {uri}
Suites: trixie trixie-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


@pytest.mark.parametrize(
    ("text", "archive"),
    [
        ("deb http://a.example/debian trixie main contrib\n", "http://a.example/debian"),
        ("deb [arch=amd64 signed-by=/x.gpg] https://a.example/d trixie main\n", "https://a.example/d"),
        ("# deb http://no.example/debian trixie main\ndeb http://a.example trixie main", "http://a.example"),
        (
            "deb http://no.example bookworm main\n\n" + DEB822.format(uri="http://a.example/debian"),
            "http://a.example/debian",
        ),
        (DEB822.format(uri="http://a.example/debian") + "Enabled: no\n", ""),
        ("deb http://a.example/x trixie contrib\n", ""),
        ("deb cdrom:[Debian]/ trixie main\n", ""),
        ("deb http://a.example/$(id) trixie main\n", ""),
        ("Components: main\n", ""),
        ("deb", ""),
        ("", ""),
    ],
)
def test_the_first_archive_of_the_release_counts(text: str, archive: str) -> None:
    assert find_archive(text, "trixie") == archive
