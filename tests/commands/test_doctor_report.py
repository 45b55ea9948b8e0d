"""The report: whatever is planted wherever, no secret and no chat is in the archive, and what helps is."""

import base64
import gzip
import json
import stat
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.doctor_report import Report, refuse_target, write_report
from stackctl.contracts.engine_link import EngineLink
from stackctl.core.doctor.redaction import Redaction
from stackctl.errors import ConfigError, DataError
from stackctl.steps.doctor.report_secrets import known_secrets, personal_names
from tests.commands.engines import Stage, container, quiet_stage
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan
from tests.fakes import FakeImages

IMAGES = dict.fromkeys((service.image for service in a_plan().services), f"sha256:{'1' * 64}")
DEMO: dict[str, object] = {"model.path": "demo", "name": "mine", "sillytavern.expose": "192.168.1.5"}
CHAT = "She opened the old letter and wept, for Aurelius had written it"
KEY = "sent-elsewhere-k3y"
# value -> where it is planted; each is looked for in the whole archive
PLANTED = {
    "tavern-own-k3y-value": "SillyTavern's secrets.json",
    "cookie-s3cret-of-sessions": "SillyTavern's cookie-secret.txt",
    "page-passw0rd-of-config": "SillyTavern's config.yaml",
    "value-of-dot-env-1234": ".env",
    "override-p4ssword": "compose.override.yml",
    "label-t0ken-value": "a label there",
    "commented-p4ssword": "a comment of stack.toml",
    "proxy-l0gin": "HTTPS_PROXY",
    "environment-t0ken": "HF_TOKEN",
    "stored-hub-t0ken": "the hub's token file",
    "registry-p4ss": "Docker's config.json",
    "netrc-p4ssword": ".netrc",
    "logged-flag-s3cret": "a log",
    "engine-label-s3cret": "the engine's words",
    "daemon-proxy-p4ss": "daemon.json",
    "client-proxy-p4ss": "the proxies of Docker's config.json",
    "build-arg-s3cret": "an argument of a build",
    "config-c0ntent-s3cret": "the content of a configuration",
}


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    """A stack with a password, and secrets planted wherever one can lie."""
    folder = tmp_path / "mine"
    folder.mkdir()
    stage = Stage(images=FakeImages(published=dict(IMAGES)))
    found = quiet_stage(folder, stage)
    found.host.own_interfaces = {"eth0": ("192.168.1.5/24",)}
    deploy(found.machine, DEMO, Options(prove=False, timeout_s=20))
    plant(folder)
    registry = base64.b64encode(b"me:registry-p4ss").decode()
    found.system.variables = {
        "HOME": "/home/annabel", "USER": "annabel", "HF_TOKEN": "environment-t0ken",
        "HTTPS_PROXY": "http://me:proxy-l0gin@proxy:3128",
    }  # fmt: skip
    found.system.texts |= {
        "/home/annabel/.cache/huggingface/token": "stored-hub-t0ken\n",
        "/home/annabel/.docker/config.json": json.dumps(
            {
                "auths": {"registry.example.org": {"auth": registry}},
                "proxies": {"default": {"httpProxy": "http://me:client-proxy-p4ss@proxy:1"}},
            }
        ),
        "/home/annabel/.netrc": "machine example.org login me password netrc-p4ssword",
        "/etc/docker/daemon.json": '{"proxies": {"http-proxy": "http://me:daemon-proxy-p4ss@proxy:1"}}',
        "/etc/os-release": "ID=debian\n",
    }
    found.host.own_names = ("tower.lan",)
    stage.facts_ = {"info": {"Name": "tower.lan", "Labels": ["secret=engine-label-s3cret"]}, "containers": []}
    stage.states_["llamacpp"] = replace(container("llamacpp", state="running"), error=CHAT)
    stage.logs = {"llamacpp": tuple(log(folder))}
    return found


def plant(folder: Path) -> None:
    data = folder / "sillytavern"
    for name, text in {
        "data/default-user/secrets.json": json.dumps(
            {"api_key_openai": [{"id": "x", "value": "tavern-own-k3y-value"}]}
        ),
        "data/cookie-secret.txt": "cookie-s3cret-of-sessions",
        "config/config.yaml": "basicAuthUser:\n  username: me\n  password: page-passw0rd-of-config\n",
        "data/default-user/chats/Anna/one.jsonl": json.dumps({"mes": CHAT}),
    }.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text)
    (folder / ".env").write_text("PLAIN=value-of-dot-env-1234\n")
    override = (
        "services:\n  sillytavern:\n    environment:\n      ANY: override-p4ssword\n"
        f"    labels:\n      - some.label=label-t0ken-value\n    # {CHAT}\n"
        "    build:\n      args:\n        ONE: build-arg-s3cret\nconfigs:\n  one:\n    content: config-c0ntent-s3cret\n"
    )
    (folder / "compose.override.yml").write_text(override)
    with (folder / "stack.toml").open("a") as file:
        file.write("\n# my password: commented-p4ssword\n")


def log(folder: Path) -> list[str]:
    """A log with everything in it that is secret, and with a chat, beside two lines that help."""
    key = (folder / ".stackctl" / "api-key").read_text().strip()
    password = (folder / ".stackctl" / "sillytavern-password").read_text().strip()
    return [
        "load_tensors: offloaded 33/33 layers to GPU",
        f'Input: {{"prompt": "{CHAT}"}}',
        CHAT,
        f"srv  main: api_key = {key}",
        f"error: refused --api-key logged-flag-s3cret for {password}",
        f"Authorization: Basic {base64.b64encode(f'stackctl:{password}'.encode()).decode()}",
        *(f"srv  load: {value}" for value in PLANTED),
        "CUDA error: out of memory",
    ]


def written(here: Quiet, tmp_path: Path, **documents: Any) -> tuple[Report, str]:
    target = tmp_path / "report.tar.gz"
    report = write_report(here.machine, {f"{name}.json": ("it", one) for name, one in documents.items()}, target)
    return report, gzip.decompress(target.read_bytes()).decode()


def test_no_planted_secret_is_in_the_archive_in_whichever_way_it_is_written(here: Quiet, tmp_path: Path) -> None:
    _, text = written(here, tmp_path, doctor={"findings": [{"message": f"it refused {value}"} for value in PLANTED]})
    folder = here.machine.path
    own = [(folder / ".stackctl" / name).read_text().strip() for name in ("api-key", "sillytavern-password")]
    for value in (*PLANTED, *own):
        for form in (value, base64.b64encode(value.encode()).decode().rstrip("="), value.encode().hex()):
            assert form not in text, (value, PLANTED.get(value))
    assert "annabel" not in text
    assert "tower.lan" not in text


def test_no_chat_is_in_the_archive_and_the_lines_that_help_are(here: Quiet, tmp_path: Path) -> None:
    evidence = {"findings": [{"evidence": [CHAT, "CUDA error: out of memory"]}]}
    _, text = written(here, tmp_path, doctor=evidence)
    for word in ("Aurelius", "letter", "wept"):
        assert word not in text
    assert text.count("CUDA error: out of memory") == 2
    assert "offloaded 33/33 layers" in text


def test_the_list_names_each_file_with_its_size_and_what_was_taken_from_it(here: Quiet, tmp_path: Path) -> None:
    report, _ = written(here, tmp_path, doctor={})
    with tarfile.open(report.path) as tar:
        sizes = {one.name.removeprefix("stackctl-report/"): one.size for one in tar.getmembers()}
        file = tar.extractfile("stackctl-report/MANIFEST.txt")
        assert file
        listed = file.read().decode()
    for name in ("stack/stack.toml", "stack/compose.yml", "stack/plan.json", "stack/stack.lock", "logs/llamacpp.txt"):
        assert f"{sizes[name]:>9}  {name} " in listed
    assert "lines left out" in listed
    assert set(sizes) == {"MANIFEST.txt", *(one.name for one in report.members)}


def test_it_is_for_its_user_alone_and_replaces_nothing(here: Quiet, tmp_path: Path) -> None:
    report, _ = written(here, tmp_path)
    assert stat.S_IMODE(report.path.stat().st_mode) == 0o600
    assert "look through it before you share it" in report.says.lower()
    with pytest.raises(ConfigError, match="is there already"):
        refuse_target(report.path)
    with pytest.raises(DataError, match="is there already"):
        here.machine.storage.write_new(report.path, b"other")
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == ["report.tar.gz"]


def test_a_folder_that_is_not_there_is_said_before_anything_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        refuse_target(tmp_path / "none" / "report.tar.gz")


def test_it_is_written_without_an_engine_which_is_not_asked_again(here: Quiet, tmp_path: Path) -> None:
    here.docker.link_ = EngineLink(address="unix:///x", failure="silent")
    here.docker.asked.clear()
    _, text = written(here, tmp_path, doctor={})
    assert "the engine does not answer" in text
    assert not here.docker.asked


def test_a_folder_without_a_stack_and_files_that_are_damaged_still_give_a_report(here: Quiet, tmp_path: Path) -> None:
    folder = here.machine.path
    for name in ("stack.toml", ".stackctl/plan.json", "sillytavern/data/default-user/secrets.json", ".env"):
        (folder / name).write_bytes(b"\xff\x00{[")
    (folder / "compose.override.yml").write_text("a: [")
    report, text = written(here, tmp_path)
    assert "it is not YAML" in text
    assert len(report.members) > 5


def test_a_secret_that_would_still_be_there_means_no_report(here: Quiet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no report was written"):
        written(here, tmp_path, **{"environment-t0ken": {}})  # as the name of a file, which is written as it is
    assert not (tmp_path / "report.tar.gz").exists()


def test_the_key_of_a_backend_elsewhere_is_known(here: Quiet) -> None:
    folder = here.machine.path
    (folder / "key.txt").write_text(f"{KEY}\n")
    (folder / "stack.toml").write_text('[backend]\nkind = "external"\nurl = "http://x:1"\nkey_file = "key.txt"\n')
    assert KEY in {one.value for one in known_secrets(here.machine)}


def test_a_name_of_two_letters_is_replaced_where_it_is_quoted(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.host.own_names = ("vm",)
    shown = Redaction([], personal_names(here.machine)).clean('["vm", "a"] [\\"vm\\"] a vm, vmlinuz')
    assert shown == '["HOST", "a"] [\\"HOST\\"] a vm, vmlinuz'
