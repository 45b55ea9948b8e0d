"""CDI files beside the machine that they describe: which of them the engine takes, and what in them is stale."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.contracts.cdi import CdiFile, CdiSeen, PathSeen
from stackctl.core.gpu.cdi_files import FOLDERS, cdi_verdict, describe_command, find_faults, named_paths, refuse_stale
from stackctl.core.gpu.cdi_spec import read_cdi
from stackctl.errors import GpuError

CUDA = "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14"
HOOK = "/usr/bin/nvidia-cdi-hook"
# as nvidia-ctk 1.17 writes it, shortened
WRITTEN = f"""---
cdiVersion: 0.5.0
containerEdits:
  deviceNodes:
  - path: /dev/nvidia-uvm
  - path: /dev/nvidiactl
  hooks:
  - args: [nvidia-cdi-hook, update-ldcache, --folder, /usr/lib/x86_64-linux-gnu]
    hookName: createContainer
    path: {HOOK}
  - hookName: startContainer
    path: /inside/the/container
  mounts:
  - containerPath: {CUDA}
    hostPath: {CUDA}
    options: [ro, nosuid, nodev, rbind, rprivate]
  - {{containerPath: /x, hostPath: tmpfs, type: tmpfs}}
devices:
- containerEdits:
    deviceNodes:
    - {{major: 195, path: /dev/nvidia0}}
  name: "0"
- containerEdits:
    deviceNodes:
    - {{major: 195, path: /dev/nvidia0}}
  name: all
kind: nvidia.com/gpu
"""
RESTART = "sudo systemctl restart nvidia-cdi-refresh.service"
NAME = "nvidia.com/gpu=0"
ETC, RUN = "/etc/cdi/nvidia.yaml", "/var/run/cdi/nvidia.yaml"
LIVE = {
    "/dev/nvidia0": PathSeen(exists=True, device=(195, 0)),
    "/dev/nvidiactl": PathSeen(exists=True, device=(195, 255)),
    "/dev/nvidia-uvm": PathSeen(exists=True, device=(510, 0)),
    CUDA: PathSeen(exists=True),
    HOOK: PathSeen(exists=True),
}
NEW_CUDA = CUDA.replace("550.54.14", "570.86.10")
AFTER_UPDATE = {**LIVE, CUDA: PathSeen()}  # the driver's old library is gone


def file(path: str = RUN, text: str = WRITTEN) -> CdiFile:
    return read_cdi(path, int("run" in path), text)


def seen(*files: CdiFile, **others: Any) -> CdiSeen:
    return CdiSeen(**{"folders": FOLDERS, "files": files or (file(),), "paths": LIVE, "driver": "550.54.14", **others})


def test_a_file_that_agrees_with_the_machine_is_no_fault() -> None:
    assert find_faults(seen()) == ()
    refuse_stale(seen(), (NAME,))
    assert cdi_verdict(seen()) is None


@pytest.mark.parametrize(
    ("paths", "driver", "says"),
    [
        (AFTER_UPDATE, "550.54.14", f"it mounts {CUDA}, which does not exist"),
        (
            {**LIVE, NEW_CUDA: PathSeen(exists=True)},
            "570.86.10",
            f"it mounts {CUDA}, but the driver that runs is 570.86.10",
        ),
        (
            {**LIVE, "/dev/nvidia0": PathSeen(exists=True, device=(195, 1))},
            "",
            "it names /dev/nvidia0 as device 195:0, but its numbers are 195:1",
        ),
        ({**LIVE, "/dev/nvidia0": PathSeen()}, "", "it names /dev/nvidia0, which does not exist"),
        ({**LIVE, "/dev/nvidia0": PathSeen(exists=True)}, "", "it names /dev/nvidia0, which is no device file"),
        ({**LIVE, HOOK: PathSeen()}, "", f"it runs {HOOK}, which does not exist"),
        ({**LIVE, HOOK: PathSeen(exists=True, is_program=False)}, "", f"it runs {HOOK}, which is no program"),
    ],
)
def test_what_a_stale_file_says_wrongly_is_named(paths: dict[str, PathSeen], driver: str, says: str) -> None:
    (fault,) = find_faults(seen(paths=paths, driver=driver))
    assert fault.file == RUN
    assert fault.says == f"the CDI file {RUN} is stale: {says}"


def test_a_file_written_before_the_driver_was_loaded_completely_is_stale() -> None:
    early = file(text=WRITTEN.replace("  - path: /dev/nvidia-uvm\n", ""))
    assert "it leaves out /dev/nvidia-uvm" in find_faults(seen(early))[0].says
    assert find_faults(seen(early, paths={**LIVE, "/dev/nvidia-uvm": PathSeen()})) == ()


def test_libraries_of_an_update_before_the_reboot_are_no_fault_of_the_file() -> None:
    assert find_faults(seen(driver="545.29.06")) == ()  # the old driver runs, and has no library any more
    assert NEW_CUDA in named_paths((file(),), "570.86.10")


def test_what_this_user_can_not_see_and_what_the_engine_makes_itself_are_no_faults() -> None:
    hidden = dict.fromkeys(LIVE, PathSeen(exists=None))
    assert find_faults(seen(paths=hidden)) == ()
    complete = file(text=WRITTEN.replace("{major: 195, path", "{type: c, major: 195, path"))
    assert find_faults(seen(complete, paths={**LIVE, "/dev/nvidia0": PathSeen()})) == ()
    bare = file(text=WRITTEN.replace("{major: 195, path", "{minor: 7, path"))  # the engine looks at the device itself
    assert find_faults(seen(bare)) == ()


def test_the_file_in_run_is_the_one_that_the_engine_takes() -> None:
    fresh = file(ETC, WRITTEN.replace(CUDA, "/lib/libcuda.so.570.86.10"))
    paths = {**AFTER_UPDATE, "/lib/libcuda.so.570.86.10": PathSeen(exists=True)}
    (fault,) = find_faults(seen(fresh, file(RUN), paths=paths, driver=""))
    assert fault.file == RUN
    assert fault.says.endswith(f"; the engine reads it instead of {ETC}")
    assert f"--output={RUN}`" in fault.hint
    stale_below = replace(file(), path=ETC, folder=0), replace(fresh, path=RUN, folder=1)
    assert find_faults(seen(*stale_below, paths=paths, driver="")) == ()


def test_only_the_files_of_the_wanted_devices_count() -> None:
    other = file("/var/run/cdi/other.yaml", WRITTEN.replace("nvidia.com/gpu", "example.com/tpu"))
    assert find_faults(seen(other, paths=AFTER_UPDATE)) == ()
    one = "example.com/tpu=0"
    assert find_faults(seen(other, paths=AFTER_UPDATE), (one,))[0].hint.startswith(f"Write {other.path} again")
    assert find_faults(seen(paths=AFTER_UPDATE), (one,)) == ()


@pytest.mark.parametrize("place", ["etc", "run"])
def test_two_files_of_one_folder_that_describe_a_device_leave_it_out(place: str) -> None:
    folder = {"etc": "/etc/cdi", "run": "/var/run/cdi"}[place]
    files = (file(f"{folder}/a.yaml"), file(f"{folder}/b.json", as_json()), file(RUN) if place == "etc" else None)
    (fault,) = find_faults(seen(*(one for one in files if one)), (NAME,))
    assert fault.says == f"{folder}/a.yaml and {folder}/b.json both describe {NAME}, so the engine has none of it"
    assert f"sudo mv {folder}/a.yaml {folder}/a.yaml.old" in fault.hint


def as_json() -> str:
    from stackctl.core.formats.yaml_text import texts

    return json.dumps(texts(WRITTEN), indent="\t")


@pytest.mark.parametrize(
    ("path", "refreshed", "has_toolkit", "hint"),
    [
        (RUN, RUN, True, f"Run `{RESTART}`."),
        (
            ETC,
            RUN,
            True,
            f"Run `sudo mv {ETC} {ETC}.old && {RESTART}`, which writes {RUN} and keeps it current.",
        ),
        (ETC, "", True, f"Run `sudo nvidia-ctk cdi generate --output={ETC}`."),
        (RUN, "", True, f"Run `sudo nvidia-ctk cdi generate --output={RUN}`."),
        (RUN, "/srv/cdi/nvidia.yaml", True, f"Run `sudo nvidia-ctk cdi generate --output={RUN}`."),
        (
            "/etc/cdi/a b",
            "",
            False,
            "Install the NVIDIA Container Toolkit, then run `sudo nvidia-ctk cdi generate --output='/etc/cdi/a b'`.",
        ),
    ],
)
def test_the_fix_is_the_toolkits_service_or_the_very_file_that_the_engine_takes(
    path: str, refreshed: str, has_toolkit: bool, hint: str
) -> None:
    with pytest.raises(GpuError) as caught:
        refuse_stale(seen(file(path), paths=AFTER_UPDATE, refreshed=refreshed, has_toolkit=has_toolkit))
    assert caught.value.hint == f"{hint} Or run `stackctl deploy --gpu none`."


@pytest.mark.parametrize(
    ("around", "command"),
    [
        (None, f"sudo nvidia-ctk cdi generate --output={ETC}"),
        (CdiSeen(folders=FOLDERS), f"sudo nvidia-ctk cdi generate --output={ETC}"),
        (CdiSeen(folders=("/srv/cdi",)), "sudo nvidia-ctk cdi generate --output=/srv/cdi/nvidia.yaml"),
        (CdiSeen(folders=FOLDERS, refreshed=RUN), RESTART),
        (seen(file(ETC), file(RUN)), f"sudo nvidia-ctk cdi generate --output={RUN}"),
        (seen(file(ETC), file(RUN), refreshed=RUN), RESTART),
    ],
)
def test_what_describes_the_devices_again_writes_the_file_that_counts(around: CdiSeen | None, command: str) -> None:
    assert describe_command(around) == command


def test_a_file_that_the_engine_can_not_use_is_named_where_a_device_is_missing() -> None:
    broken = file(text="devices: {")
    (fault,) = find_faults(seen(broken))
    assert fault.says == f"the engine can't use the CDI file {RUN}: it is neither YAML nor JSON"
    assert find_faults(seen(broken, file(ETC)), (NAME,)) == ()  # it lacks no device
    unread = CdiFile(path=RUN, folder=1, is_unread=True)
    assert find_faults(seen(unread)) == ()  # root's engine reads it
    assert find_faults(seen(unread, is_rootless=True))[0].hint == f"Run `sudo chmod a+r {RUN}`."
    assert find_faults(seen(unread, replace(broken, path=ETC)), (NAME,)) == ()  # it may come from the unread one
    assert find_faults(seen(broken), (NAME,), are_listed=True) == ()


def test_numbers_may_be_written_in_each_way_of_json_and_yaml() -> None:
    text = json.dumps({"kind": "a/b", "devices": [{"name": "0", "containerEdits": {"deviceNodes": [
        {"path": "/dev/x", "type": None, "major": 195, "minor": 3}]}}]})  # fmt: skip
    assert [(one.major, one.minor, one.is_complete) for one in read_cdi("x.json", 0, text).devices["a/b=0"].nodes] == [
        (195, 3, False)
    ]
    yaml = "kind: a/b\ndevices: [{name: 0, containerEdits: {deviceNodes: [{path: /dev/x, major: 0xc3, minor: ~}]}}]"
    assert [(one.major, one.minor) for one in read_cdi("x.yaml", 0, yaml).devices["a/b=0"].nodes] == [(195, 0)]


WORDS = st.sampled_from(
    ["", "0", "all", "~", "c", "bind", "-1", "9" * 30, "/dev/null", "a/b", "\0", "nvidia.com/gpu", "createContainer"]
)
KEYS = st.sampled_from(
    ["kind", "devices", "containerEdits", "deviceNodes", "mounts", "hooks", "name", "path", "hostPath", "type",
     "major", "minor", "hookName"]
)  # fmt: skip
ANYTHING = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@given(content=ANYTHING, is_json=st.booleans())
def test_whatever_is_in_a_file_is_read_or_refused_with_a_reason(content: object, is_json: bool) -> None:
    found = read_cdi("/etc/cdi/x.json" if is_json else "/etc/cdi/x.yaml", 0, json.dumps(content))
    assert bool(found.error) is not bool(found.devices)
    find_faults(seen(found), tuple(found.devices))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "a: &a [x, x]\nb: &b [*a, *a]\ndevices: *b",
        "kind: a/b\nn: &n [" + "{path: /dev/x}," * 3000 + "]\ndevices: ["
        + ",".join(f"{{name: d{n}, containerEdits: {{deviceNodes: *n}}}}" for n in range(3000)) + "]",
        "kind: a/b\ndevices: [{name: x}, {name: x}]",
        "kind: a/b\nkind: a/b\ndevices: [{name: x}]",
        "kind: a\ndevices: [{name: x}]",
        "kind: a/b\ndevices: []",
        "kind: a/b\ndevices: [{name: \"x\\e[2J\"}]", "kind: a/b\ndevices: [{name: " + "x" * 2000 + "}]",
        "", "null", "\x1b[2J", "!!python/object:os.system {}",
    ],
)  # fmt: skip
def test_hostile_texts_are_refused(text: str) -> None:
    assert read_cdi("/etc/cdi/x.yaml", 0, text).error
