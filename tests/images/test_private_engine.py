import json
import os
import subprocess
import sys
from pathlib import Path

import engine
import engine_packages
import engine_proc
import engine_rootfs
import engine_setup
import pytest
import wget
from apt_sources import Stanza
from engine_dir import SOCKET_PATH_MAX, EngineDir, EngineError, State, claim, read_state, run, write_state

ROOT = Path(__file__).resolve().parents[2]
WHERE = EngineDir(Path("/srv/checkout/.engine"))


def state(number: str = "28", cdi_dirs: tuple[str, ...] = ()) -> State:
    return State(
        engine=number,
        compose="2.40",
        subnet="10.200.0.0/16",
        ip_forward_before="0",
        forward_policy_before={"iptables": "ACCEPT"},
        docker_chains_before=False,
        cdi_dirs=list(cdi_dirs),
    )


def test_two_folders_share_no_name_on_the_host() -> None:
    other = EngineDir(Path("/srv/other/.engine"))
    assert {WHERE.bridge, WHERE.cgroup}.isdisjoint({other.bridge, other.cgroup})
    assert len(WHERE.bridge) < 16  # the kernel's limit for an interface's name


@pytest.mark.parametrize("depth", [1, 20])
def test_sockets_fit_however_deep_the_checkout_lies(depth: int) -> None:
    where = EngineDir(Path("/srv", *["folder"] * depth))
    assert len(str(where.run)) + 45 <= SOCKET_PATH_MAX


def test_a_state_comes_back_as_written_whatever_else_the_file_holds(tmp_path: Path) -> None:
    where = EngineDir(tmp_path)
    assert read_state(where) is None
    write_state(where, state())
    where.state_file.write_text(json.dumps({**json.loads(where.state_file.read_text()), "of_a_later_version": 1}))
    assert read_state(where) == state()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"engine": "28"}'])
def test_a_broken_state_says_which_file_it_is(tmp_path: Path, text: str) -> None:
    where = EngineDir(tmp_path)
    where.state_file.write_text(text)
    with pytest.raises(EngineError, match="cannot be read"):
        read_state(where)


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(EngineError, match="holds something else"):
        claim(EngineDir(tmp_path))


def test_a_folder_of_ours_is_claimed_again(tmp_path: Path) -> None:
    where = EngineDir(tmp_path / "new" / "engine")
    claim(where)
    claim(where)
    assert where.marker.exists()


@pytest.mark.parametrize(
    ("text", "exe", "stale"),
    [
        ("", None, True),
        ("garbage", "/srv/checkout/.engine/packages/dockerd", True),
        ("77", None, True),
        ("77", "/usr/bin/vim", True),
        ("77\n", "/srv/checkout/.engine/packages/dockerd", False),
    ],
)
def test_a_pid_file_is_stale_unless_its_process_is_ours(text: str, exe: str | None, stale: bool) -> None:
    assert engine_proc.is_stale(text, WHERE.root, lambda _: exe) is stale


def test_a_stale_pid_file_is_removed_and_its_process_left_alone(tmp_path: Path) -> None:
    where = EngineDir(tmp_path)
    where.run.mkdir()
    where.pidfile.write_text(str(os.getpid()))
    engine_proc.drop_stale(where)
    assert not where.pidfile.exists()
    where.run.rmdir()  # where the path is long, it lies under /run


def test_a_process_that_ignores_sigterm_is_ended_by_sigkill() -> None:
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); signal.pause()"
    with subprocess.Popen((sys.executable, "-c", script), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        engine_proc.stop_pids([process.pid], grace_s=0)
        assert process.wait() == -9


@pytest.mark.parametrize(
    ("cmdline", "owns"),
    [
        (["/usr/bin/dockerd", "-H", "fd://", ""], True),
        (["/x/bin/dockerd", "--config-file=/x/daemon.json", "--iptables=false", ""], False),
        (["vim", "dockerd"], False),
        ([], False),
    ],
)
def test_an_engine_owns_the_docker_chains_unless_told_otherwise(cmdline: list[str], owns: bool) -> None:
    assert engine_proc.owns_docker_chains(cmdline) is owns


def test_a_private_engine_is_known_by_its_configuration() -> None:
    argv = engine_proc.dockerd_argv(WHERE, "28", guest=False)
    assert engine_proc.private_root(argv) == WHERE.root
    assert engine_proc.private_root(("dockerd",)) is None


def test_a_guest_leaves_iptables_alone() -> None:
    assert engine_proc.dockerd_argv(WHERE, "28", guest=True)[2:] == ("--iptables=false", "--ip6tables=false")
    assert engine_proc.dockerd_argv(WHERE, "20.10", guest=True)[2:] == ("--iptables=false",)


def test_an_extra_folder_comes_first_on_the_daemons_path() -> None:
    from_user = engine_proc.daemon_env(WHERE, State(**{**vars(state()), "path_extra": ["/fake"]}), {"A": "b"})
    assert from_user["PATH"].startswith(f"/fake:{WHERE.bin}:")
    assert from_user["A"] == "b"


def test_everything_of_an_engine_lies_below_its_folder() -> None:
    config = engine_setup.daemon_config(WHERE, state(), 1500)
    for key in ("data-root", "exec-root", "pidfile"):
        assert str(config[key]).startswith(str(WHERE.root))
    assert config["bridge"] == WHERE.bridge
    assert "mtu" not in config


def test_a_small_mtu_reaches_the_bridge_and_composes_networks() -> None:
    config = engine_setup.daemon_config(WHERE, state(), 1400)
    assert config["mtu"] == 1400
    assert config["default-network-opts"] == {"bridge": {"com.docker.network.driver.mtu": "1400"}}


def test_an_old_engine_gets_no_key_that_it_refuses() -> None:
    config = engine_setup.daemon_config(WHERE, state("20.10", cdi_dirs=("/cdi",)), 1400)
    assert not {"cdi-spec-dirs", "default-network-opts"} & set(config)
    assert config["features"] == {"buildkit": True}
    assert str(config["deprecated-key-path"]).startswith(str(WHERE.root))


def test_cdi_folders_are_passed_on() -> None:
    assert engine_setup.daemon_config(WHERE, state(cdi_dirs=("/cdi",)), None)["cdi-spec-dirs"] == ["/cdi"]


@pytest.mark.parametrize("number", engine_packages.ENGINES)
def test_programs_that_link_the_systems_libraries_come_from_the_machines_own_suite(number: str) -> None:
    suites = {package.name: package.suite for package in engine_packages.packages("trixie", number)}
    assert suites["runc"] == suites["iptables"] == "trixie"
    assert suites["docker.io"] == engine_packages.ENGINES[number]
    assert suites["docker-cli"] == "forky"
    assert ("libdevmapper1.02.1" in suites) is (number == "20.10")


def test_a_program_with_libraries_of_its_own_is_wrapped_and_another_linked(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    for path in ("usr/sbin/tool", "usr/lib/x86_64-linux-gnu/xtables/libx.so"):
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).touch()
    program = engine_packages.tool([prefix], "tool")
    engine_packages.link(tmp_path / "bin" / "tool", program, [prefix])
    engine_packages.link(tmp_path / "bin" / "plain", program, [])
    wrapper = (tmp_path / "bin" / "tool").read_text()
    assert f"LD_LIBRARY_PATH={prefix}/usr/lib/x86_64-linux-gnu\n" in wrapper
    assert "XTABLES_LIBDIR=" in wrapper
    assert (tmp_path / "bin" / "plain").resolve() == program


def test_a_missing_program_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no program dockerd"):
        engine_packages.tool([tmp_path], "dockerd")


def test_os_release_is_read_with_or_without_quotes() -> None:
    found = engine_packages.os_release('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n\n')
    assert found == {"ID": "debian", "PRETTY_NAME": "Debian GNU/Linux 12"}


def test_the_shell_lines_survive_any_path() -> None:
    where = EngineDir(Path("/srv/a b/$x/.engine"))
    script = "\n".join([*engine.env_lines(where), 'printf "%s\\n%s\\n" "$DOCKER_HOST" "$PATH"'])
    out = run(("sh", "-euc", script), env={"PATH": "/usr/bin:/bin"}, echo=False).splitlines()
    assert out == [where.host, f"{where.client}:/usr/bin:/bin"]


def test_our_base_images_suite_is_read_from_its_dockerfile() -> None:
    assert engine_rootfs.wanted_base((ROOT / "images/base/Dockerfile").read_text()) == ("debian:forky-slim", "forky")


@pytest.mark.parametrize("text", ["", "FROM alpine:3", "FROM debian"])
def test_a_base_that_debootstrap_cannot_make_is_refused(text: str) -> None:
    with pytest.raises(EngineError, match="can be made here"):
        engine_rootfs.wanted_base(text)


def test_the_base_images_sources_name_its_own_keyring() -> None:
    stanza = Stanza(("http://a.example",), ("forky",), ("main",), (("Signed-By", "/home/me/key.gpg"),))
    text = engine_rootfs.image_sources([stanza])
    assert f"Signed-By: {engine_rootfs.KEYRING}\n" in text
    assert "/home/me" not in text


def test_a_slim_image_keeps_copyrights_and_nothing_of_the_machine(tmp_path: Path) -> None:
    kept, gone = "usr/share/doc/bash/copyright", ("usr/share/doc/bash/README", "var/log/x.log", "etc/hostname")
    for name in (kept, *gone, "etc/apt/sources.list", "etc/apt/sources.list.d/x.list"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for folder in ("etc/apt/apt.conf.d", "etc/dpkg/dpkg.cfg.d"):
        (tmp_path / folder).mkdir(parents=True)
    engine_rootfs.slim(tmp_path, "Types: deb\n")
    assert (tmp_path / kept).exists()
    assert not any((tmp_path / name).exists() for name in (*gone, "etc/apt/sources.list"))
    assert [path.name for path in (tmp_path / "etc/apt/sources.list.d").iterdir()] == ["debian.sources"]


def test_debootstrap_is_called_for_the_suite_with_the_machines_mirror() -> None:
    argv = engine_rootfs.debootstrap_argv(
        Path("/p/usr/sbin/debootstrap"), "forky", Path("/t"), "http://a.example", "/k"
    )
    assert argv == (
        *("sh", "/p/usr/sbin/debootstrap", "--variant=minbase", "--keyring=/k"),
        *("forky", "/t", "http://a.example", "/p/usr/share/debootstrap/scripts/sid"),
    )


@pytest.mark.parametrize(
    ("argv", "parsed"),
    [
        (["-q", "-O", "/t/Release", "http://a.example/Release"], ("/t/Release", "http://a.example/Release")),
        (["--help"], ("", "")),
        (["-O", "/t/x", "file:///etc/passwd"], ("/t/x", "")),
    ],
)
def test_wgets_stand_in_reads_the_words_that_debootstrap_uses(argv: list[str], parsed: tuple[str, str]) -> None:
    assert wget.target_and_url(argv) == parsed


def test_a_failing_command_is_an_error_with_its_last_words() -> None:
    with pytest.raises(EngineError, match="exit code 3:\nno such thing"):
        run(("sh", "-c", "echo no such thing >&2; exit 3"), echo=False)


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(EngineError, match="cannot be run"):
        run(("/no/such/program",), echo=False)


def test_down_deletes_no_folder_that_is_not_an_engines(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    assert engine.main(["down", "--dir", str(tmp_path)]) == 4
    assert (tmp_path / "thesis.txt").exists()


def test_down_without_an_engine_has_nothing_to_do(tmp_path: Path) -> None:
    assert engine.main(["down", "--dir", str(tmp_path / "none")]) == 0


def test_env_prints_nothing_where_no_engine_was_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert engine.main(["env", "--dir", str(tmp_path)]) == 0
    assert not capsys.readouterr().out
