"""What is lacking, and which steps add it."""

from dataclasses import replace

import pytest

from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.repair import RewriteFile, RunProgram, WriteFile
from stackctl.core.setup.distribution import Distribution
from stackctl.core.setup.families import FAMILIES
from stackctl.core.setup.plan import Wanted, plan_setup
from stackctl.core.setup.seen import FILES, Seen, lacking
from stackctl.core.setup.step import Setup
from tests.core.setup.machines import ANN, BARE, NOTHING, OS_RELEASES, bare, distribution

READY = replace(
    bare("debian-13"), link=EngineLink(address="unix:///d.sock"), product="Docker Engine", compose=(2, 26, 1),
    has_engine=True, command="docker",
)  # fmt: skip
MEMBER = replace(ANN, listed_groups=("ann", "docker"))


def adds(setup: Setup) -> list[str]:
    return [one.adds for one in setup.steps]


def lacks(seen: Seen, *, with_gpu: bool = True) -> list[str]:
    return [one.lack for one in lacking(seen, with_gpu=with_gpu)]


def commands(setup: Setup) -> list[tuple[str, ...]]:
    return [one.argv for step in setup.steps for one in step.does if isinstance(one, RunProgram | RewriteFile)]


def test_a_machine_that_has_all_lacks_nothing_and_no_step_is_planned() -> None:
    assert lacks(READY) == []
    assert plan_setup(READY, Wanted()) == Setup(distribution=READY.distribution)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (NOTHING, ["engine", "compose", "group"]),
        (replace(NOTHING, has_engine=True), ["service", "compose", "group"]),
        (replace(NOTHING, link=replace(BARE, failure="refused")), ["service", "compose", "group"]),
        (replace(READY, link=replace(BARE, failure="permission")), ["group"]),
        (replace(READY, link=replace(BARE, failure="permission"), user=MEMBER), ["login"]),
        (replace(READY, link=replace(BARE, failure="silent")), ["answer"]),
        (replace(READY, link=replace(BARE, failure="missing", source="DOCKER_HOST")), ["answer"]),
        (replace(READY, refusal="Docker Engine 19.03 is too old"), ["answer"]),
        (replace(READY, compose=(2, 14, 2)), ["compose"]),
        (replace(READY, compose=(), compose_1=True), ["compose"]),
        (replace(READY, user=replace(ANN, uid=0)), []),
        (replace(READY, cards=frozenset({"nvidia"})), ["driver", "toolkit", "runtime"]),
        (replace(READY, cards=frozenset({"nvidia"}), driver="580.95.05", toolkit=True), ["runtime"]),
        (replace(READY, driver="of Windows", toolkit=True, knows_nvidia=True), []),
        (replace(READY, cards=frozenset({"amd"})), []),
        (replace(READY, cards=frozenset({"amd"}), is_rootless=True), ["gpu groups"]),
    ],
)
def test_what_is_lacking_is_found(seen: Seen, expected: list[str]) -> None:
    assert lacks(seen) == expected


def test_without_gpu_nothing_of_it_is_lacking() -> None:
    assert lacks(replace(READY, cards=frozenset({"nvidia"})), with_gpu=False) == []


def test_debian_13_has_all_of_its_own_and_its_steps_are_tested() -> None:
    setup = plan_setup(bare("debian-13"), Wanted())
    assert adds(setup) == ["engine", "group", "compose"]
    assert all(step.tried for step in setup.steps)


def test_debian_12_takes_all_from_docker_since_it_has_only_compose_1() -> None:
    setup = plan_setup(bare("debian-12"), Wanted())
    assert adds(setup) == ["docker repository", "engine", "group", "compose"]
    assert "docker-ce" in setup.steps[1].packages
    assert any("only Compose 1.29" in note for note in setup.notes)


def test_an_engine_of_debian_12_is_kept_and_only_compose_comes_from_docker() -> None:
    setup = plan_setup(replace(bare("debian-12"), has_engine=True, user=MEMBER), Wanted())
    assert adds(setup) == ["service", "docker repository", "compose"]
    assert not [step for step in setup.steps if "docker-ce" in step.packages]


@pytest.mark.parametrize("name", [name for name in OS_RELEASES if distribution(name).family in FAMILIES])
def test_an_engine_that_answers_is_never_replaced_wherever_it_comes_from(name: str) -> None:
    for kind in ("docker", "snap", "podman"):
        for source in (None, "distribution", "docker"):
            seen = replace(READY, distribution=distribution(name), compose=(), command=kind)
            setup = plan_setup(seen, Wanted(source=source))
            assert "engine" not in adds(setup), (kind, source)
            packages = {package for step in setup.steps for package in step.packages}
            assert not packages & {"docker-ce", "docker.io", "docker", "moby-engine"}


@pytest.mark.parametrize("name", OS_RELEASES)
def test_no_driver_is_installed_unless_the_user_asks_for_it(name: str) -> None:
    seen = replace(bare(name), cards=frozenset({"nvidia"}))
    for wanted in (Wanted(), Wanted(source="docker"), Wanted(gpu=False)):
        setup = plan_setup(seen, wanted)
        assert not {"driver", "toolkit", "runtime"} & set(adds(setup))
        assert not [argv for argv in commands(setup) if "ubuntu-drivers" in argv or "nvidia" in " ".join(argv)]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("debian-13", "nvidia-driver"),
        ("ubuntu-24.04", "ubuntu-drivers-common"),
        ("arch", "nvidia-open"),
    ],
)
def test_the_driver_that_was_asked_for_needs_a_reboot(name: str, package: str) -> None:
    setup = plan_setup(
        replace(READY, distribution=distribution(name), cards=frozenset({"nvidia"})), Wanted(driver=True)
    )
    (driver,) = [step for step in setup.steps if step.adds == "driver"]
    assert package in driver.packages
    assert driver.then.startswith("Reboot")


def test_debians_driver_comes_from_the_archive_that_apt_uses_already() -> None:
    seen = replace(READY, distribution=distribution("debian-13"), cards=frozenset({"nvidia"}))
    (driver,) = [step for step in plan_setup(seen, Wanted(driver=True)).steps if step.adds == "driver"]
    assert isinstance(driver.does[0], WriteFile)
    assert "URIs: http://archive.example/debian\nSuites: trixie\n" in driver.does[0].text


@pytest.mark.parametrize(
    ("found", "guide"),
    [
        (distribution("opensuse-tumbleweed"), "SDB:NVIDIA_drivers"),
        (distribution("fedora"), "rpmfusion.org/Howto"),
        (replace(distribution("debian-13"), archive=""), "wiki.debian.org/NvidiaGraphicsDrivers"),
    ],
)
def test_a_driver_that_stackctl_knows_no_command_for_is_left_to_its_guide(found: Distribution, guide: str) -> None:
    setup = plan_setup(replace(READY, distribution=found, cards=frozenset({"nvidia"})), Wanted(driver=True))
    assert not {"driver"} & set(adds(setup))
    assert guide in " ".join(line for hand in setup.by_hand for line in hand.lines)


def test_a_repository_that_is_there_is_not_added_again() -> None:
    seen = replace(bare("debian-12"), files=frozenset({"/etc/apt/sources.list.d/docker.list"}))
    assert "docker repository" not in adds(plan_setup(seen, Wanted()))


def test_every_file_that_marks_a_repository_is_looked_for() -> None:
    marks = set()
    for name in OS_RELEASES:
        if family := FAMILIES.get((found := distribution(name)).family):
            for packaged in (family.own(found), family.from_docker(found), family.toolkit(found)):
                if packaged and packaged.repository:
                    marks |= {str(mark) for mark in packaged.repository.marks}
    assert marks == set(FILES)


def test_a_restart_of_the_engine_names_the_containers_that_it_stops() -> None:
    seen = replace(READY, cards=frozenset({"nvidia"}), driver="580", toolkit=True, running=("web", "db"))
    (runtime,) = plan_setup(seen, Wanted()).steps
    assert "stops for a moment: web, db" in runtime.why


def test_a_rootless_engine_gets_its_own_daemon_json_and_is_restarted_by_its_user() -> None:
    seen = replace(READY, cards=frozenset({"nvidia"}), driver="580", toolkit=True, is_rootless=True)
    (runtime,) = plan_setup(seen, Wanted()).steps
    assert [getattr(one, "needs_root", None) for one in runtime.does] == [False, True, False]
    assert isinstance(runtime.does[0], RewriteFile)
    assert str(runtime.does[0].path) == "/home/ann/.config/docker/daemon.json"


@pytest.mark.parametrize(
    "name", ["unraid", "truenas", "synology", "nixos", "silverblue", "steamos", "opensuse-microos"]
)
def test_a_system_with_its_own_interface_gets_steps_in_it_and_no_command_is_run(name: str) -> None:
    for wanted in (Wanted(), Wanted(source="distribution"), Wanted(driver=True)):
        setup = plan_setup(bare(name, gpu=True), wanted)
        assert setup.steps == ()
        assert setup.by_hand


@pytest.mark.parametrize("name", ["silverblue", "steamos", "opensuse-microos"])
def test_a_system_that_is_one_image_gets_no_package_for_its_gpu_either(name: str) -> None:
    setup = plan_setup(
        replace(READY, distribution=distribution(name), cards=frozenset({"nvidia"})), Wanted(driver=True)
    )
    assert (setup.steps, [one.title for one in setup.by_hand]) == ((), ["For the GPU"])


def test_a_package_never_makes_another_one_give_way() -> None:
    for name in ("debian-12", "debian-13", "ubuntu-24.04"):
        installs = [argv for argv in commands(plan_setup(bare(name, gpu=True), Wanted())) if "install" in argv[:4]]
        assert installs
        assert all("--no-remove" in argv for argv in installs if argv[0] != "install")


def test_wsl_is_led_to_docker_desktop_unless_the_user_names_the_packages() -> None:
    seen = replace(bare("ubuntu-24.04"), distribution=distribution("ubuntu-24.04", is_wsl=True))
    setup = plan_setup(seen, Wanted())
    assert (setup.steps, "WSL" in setup.by_hand[0].title) == ((), True)
    assert adds(plan_setup(seen, Wanted(source="distribution"))) == ["engine", "group", "compose"]


def test_podmans_package_in_the_place_of_docker_is_not_fought() -> None:
    setup = plan_setup(replace(bare("fedora"), command="podman", has_podman=True), Wanted())
    assert setup.steps == ()
    assert "podman.socket" in setup.by_hand[0].lines[0]


def test_docker_has_no_packages_for_a_system_which_is_said() -> None:
    setup = plan_setup(bare("kali"), Wanted(source="docker"))
    assert adds(setup) == ["engine", "group", "compose"]
    assert any("no packages for Kali" in note for note in setup.notes)


@pytest.mark.parametrize("name", OS_RELEASES)
def test_every_step_names_its_source_and_says_why(name: str) -> None:
    seen = replace(bare(name, gpu=True), init="openrc" if name == "alpine" else "systemd")
    for wanted in (Wanted(), Wanted(source="docker"), Wanted(source="distribution")):
        for step in plan_setup(seen, wanted).steps:
            assert step.sources, step.title
            assert step.why.endswith("."), step.title
            assert all(source.startswith("https://") for source in step.sources)
