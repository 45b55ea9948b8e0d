from pathlib import Path

import apt_sources
import pytest
from apt_sources import Stanza, for_suite, parse_deb822, parse_one_line

DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/example.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://src.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://flat.example/
Suites: ./
"""
MAIN = Stanza(
    ("http://mirror.example/debian",),
    ("bookworm", "bookworm-updates"),
    ("main", "contrib"),
    (("Signed-By", "/usr/share/keyrings/example.gpg"),),
)
SECURITY = Stanza(("http://mirror.example/security",), ("bookworm-security",), ("main",))
FOREIGN = Stanza(("http://vendor.example/apt",), ("cloud-sdk",), ("main",))


def test_deb822_yields_the_enabled_binary_entries() -> None:
    assert parse_deb822(DEB822) == [MAIN, SECURITY]


def test_an_inline_key_keeps_its_lines() -> None:
    text = (
        "Types: deb\nURIs: http://a.example\nSuites: x\nComponents: main\nSigned-By:\n -----BEGIN KEY-----\n .\n abc\n"
    )
    (found,) = parse_deb822(text)
    assert found.text().endswith("Signed-By: \n -----BEGIN KEY-----\n .\n abc\n")


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("deb http://a.example/debian bookworm main", ()),
        (
            "deb [arch=amd64,arm64 signed-by=/k.gpg lang=none] http://a.example/debian bookworm main # why",
            (("Architectures", "amd64 arm64"), ("Signed-By", "/k.gpg")),
        ),
    ],
)
def test_one_line_entries_are_read(line: str, options: tuple[tuple[str, str], ...]) -> None:
    assert parse_one_line(line) == [Stanza(("http://a.example/debian",), ("bookworm",), ("main",), options)]


@pytest.mark.parametrize("line", ["# deb http://a.example bookworm main", "deb-src http://a.example x main", ""])
def test_other_lines_are_passed_over(line: str) -> None:
    assert parse_one_line(line) == []


def test_another_suite_takes_the_main_archive_under_its_name() -> None:
    (found,) = for_suite([MAIN, SECURITY, FOREIGN], "bookworm", "forky")
    assert found == Stanza(MAIN.uris, ("forky",), MAIN.components, MAIN.options)


def test_a_vendors_archive_is_not_searched_for_another_suite() -> None:
    vendor = Stanza(("http://vendor.example/debian",), ("bookworm",), ("stable",))
    assert for_suite([vendor], "bookworm", "forky") == []


def test_the_machines_own_suite_keeps_its_updates_and_security() -> None:
    assert for_suite([MAIN, SECURITY, FOREIGN], "bookworm", "bookworm") == [MAIN, SECURITY]


@pytest.mark.parametrize("alias", ["testing", "stable", "sid"])
def test_a_machine_that_names_its_suite_by_role_is_understood(alias: str) -> None:
    (found,) = for_suite([Stanza(("http://a.example",), (alias,), ("main",))], "forky", "trixie")
    assert found.suites == ("trixie",)


def test_sources_are_read_from_both_kinds_of_files(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    (parts / "two.list").write_text("deb http://two.example/debian bookworm main\n")
    (parts / "three.sources").write_text(DEB822)
    (parts / "four.sources.disabled").write_text(DEB822)
    uris = [stanza.uris[0] for stanza in apt_sources.machine_stanzas(tmp_path)]
    assert sorted(uris) == [
        "http://mirror.example/debian",
        "http://mirror.example/security",
        "http://one.example/debian",
        "http://two.example/debian",
    ]


def test_the_private_configuration_is_read_after_the_machines_own(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    (etc / "apt.conf.d").mkdir(parents=True)
    (etc / "apt.conf.d" / "50proxy").write_text('Acquire::http::Proxy "http://proxy.example";\n')
    folder = tmp_path / "private"
    env = apt_sources.lay_out(folder, [MAIN], etc)
    assert [path.name for path in sorted((folder / "conf").iterdir())] == ["50proxy", "zz-private"]
    assert str(folder / "conf") in Path(env["APT_CONFIG"]).read_text()
    assert (folder / "sources" / "machine.sources").read_text() == MAIN.text()


def test_apt_is_kept_away_from_the_machines_lists_status_and_hooks(tmp_path: Path) -> None:
    conf = apt_sources.apt_conf(tmp_path)
    for name in ("Dir::State::lists", "Dir::State::status", "Dir::Cache", "Dir::Etc::SourceParts"):
        assert f'{name} "{tmp_path}/' in conf
    assert "#clear APT::Update::Post-Invoke;" in conf
    assert 'Acquire::Check-Valid-Until "false";' in conf


def test_downloads_land_in_the_given_folder() -> None:
    assert apt_sources.download_argv(Path("/x/debs"), ["runc"]) == (
        *("env", "-C", "/x/debs"),
        *("apt-get", "-q", "download", "runc"),
    )


def test_a_wrapped_program_finds_its_own_libraries() -> None:
    text = apt_sources.shell_wrapper(Path("/p q/xtables"), {"LD_LIBRARY_PATH": "/p q/lib"}, "iptables-save")
    assert text == "#!/bin/sh\nexport LD_LIBRARY_PATH='/p q/lib'\nexec '/p q/xtables' iptables-save \"$@\"\n"
