"""SillyTavern's data folder as a program in its container may leave it: every reader ends, and nothing is lost."""

import json
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json
from stackctl.core.tavern import secrets_json as tavern_secrets
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.profiles import profile_of
from stackctl.core.tavern.settings_json import Presets
from stackctl.errors import DataError, StackctlError
from stackctl.steps import api_key
from stackctl.steps.seed_tavern import WantedSettings, seed_tavern
from stackctl.steps.tavern_key import give_key
from stackctl.steps.tavern_password import give_password, take_password_back
from tests.commands.machines import Quiet, quiet
from tests.core.samples import KEY, PASSWORD, a_plan, seen, wanted

BOM = b"\xef\xbb\xbf"
SETTINGS, SECRETS, CONFIG = (f"sillytavern/{name}" for name in (tavern.SETTINGS, tavern_secrets.FILE, tavern.CONFIG))
PROFILE = profile_of("small", server_type="llamacpp", url="http://llamacpp:8080", instruct="ChatML", context="ChatML")
RUN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def here(folder: Path) -> tuple[Quiet, Plan]:
    machine = quiet(folder)
    owner = machine.machine.folder.owner
    return machine, a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}), seen())


def want(context: int = 2048) -> WantedSettings:
    over = tavern_settings.overlay("llamacpp", "http://llamacpp:8080", context, Presets())
    return WantedSettings(
        overlay=over, stock={"main_api": "koboldhorde"}, made_from={"context": context}, profiles=(PROFILE,)
    )


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 40 << 30)


def expose(quietly: Quiet, plan: Plan) -> None:
    give_password(replace(plan, password=PASSWORD), quietly.machine)


def expose_no_more(quietly: Quiet, plan: Plan) -> None:
    put(quietly.machine.path, ".stackctl/sillytavern-password", PASSWORD.reveal().encode())
    take_password_back(plan, quietly.machine)


READERS: list[tuple[str, Callable[[Quiet, Plan], object]]] = [
    (SETTINGS, lambda quietly, plan: seed_tavern(plan, want(), quietly.machine)),
    (SETTINGS, lambda quietly, plan: give_key(plan, quietly.machine)),
    (SECRETS, lambda quietly, plan: give_key(plan, quietly.machine)),
    (CONFIG, expose),
    (CONFIG, expose_no_more),
]


@pytest.mark.parametrize("planted", [a_pipe, endless, sparse])
@pytest.mark.parametrize(("name", "read"), READERS)
def test_what_is_no_file_of_a_usual_size_ends_a_command_at_once(
    tmp_path: Path, planted: Callable[[Path], None], name: str, read: Callable[[Quiet, Plan], object]
) -> None:
    quietly, plan = here(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True)
    planted(tmp_path / name)
    tracemalloc.start()
    with pytest.raises(DataError, match=Path(name).name) as caught:
        read(quietly, plan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.hint
    assert peak < 32 << 20
    api_key.hide_sent_keys(quietly.machine, wanted())  # what only wants to show a log goes on


DEEP = b"[" * 200_000
DAMAGED = [
    DEEP, b'{"a": ' + DEEP + b"]" * 200_000 + b"}", json.dumps({"a": 1}).encode("utf-16"), b'{"a": 1e999}',
    b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}", b'{"a": ' + b"9" * 5000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize(("name", "read"), READERS[:3:2])
def test_what_sillytavern_or_python_could_not_parse_is_kept_aside_as_damaged(
    tmp_path: Path, content: bytes, name: str, read: Callable[[Quiet, Plan], object]
) -> None:
    quietly, plan = here(tmp_path)
    put(tmp_path, name, content)
    read(quietly, plan)
    assert (tmp_path / f"{name}.kept-1").read_bytes() == content
    assert isinstance(json.loads((tmp_path / name).read_text()), dict)
    assert "was damaged" in quietly.said.getvalue()


@pytest.mark.parametrize(("name", "read"), READERS[:3:2])
def test_a_byte_order_mark_which_sillytavern_can_not_read_is_taken_off(
    tmp_path: Path, name: str, read: Callable[[Quiet, Plan], object]
) -> None:
    quietly, plan = here(tmp_path)
    read(quietly, plan)
    whole = (tmp_path / name).read_bytes()
    put(tmp_path, name, BOM + whole)
    read(quietly, plan)
    assert (tmp_path / name).read_bytes() == whole
    assert not (tmp_path / f"{name}.kept-1").exists()


@pytest.mark.parametrize(
    "value", ["e", "", " ", "error", 3, None, ["e"], "x" * 300, "two words that are long enough to be"]
)
def test_an_entry_of_ours_hides_nothing_that_has_not_the_form_of_a_key(tmp_path: Path, value: object) -> None:
    quietly, _ = here(tmp_path)
    put(tmp_path, SECRETS, json.dumps({"api_key_llamacpp": [{"id": "stackctl", "value": value}]}).encode())
    api_key.hide_sent_keys(quietly.machine, wanted())
    quietly.machine.ui.note("the error is here: two words that are long enough to be shown")
    assert quietly.said.getvalue() == "  the error is here: two words that are long enough to be shown\n"


def test_many_entries_of_ours_do_not_slow_what_is_printed(tmp_path: Path) -> None:
    entries = [{"id": "stackctl", "value": f"{number:040d}"} for number in range(5000)]
    put(tmp_path, SECRETS, json.dumps({f"api_key_{n}": entries for n in range(50)}).encode())
    secrets = data_json.parse((tmp_path / SECRETS).read_bytes())
    assert secrets
    assert len(tavern_secrets.own_keys(secrets)) == 16


def test_a_long_name_of_a_key_does_not_fill_the_screen(tmp_path: Path) -> None:
    quietly, plan = here(tmp_path)
    theirs = {"id": "x", "value": "their-key", "label": "l" * 100_000, "active": True}
    put(tmp_path, SECRETS, json.dumps({"api_key_llamacpp": [theirs]}).encode())
    give_key(plan, quietly.machine)
    assert "left as you chose it" in quietly.said.getvalue()
    assert len(quietly.said.getvalue()) < 300


NESTED_YAML = "basicAuthUser: " + "[" * 200_000
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize(
    "text",
    [
        NESTED_YAML,
        f"{LAUGHS}basicAuthUser: {{username: *a59, password: *a59}}\n",
        f"{MERGED}basicAuthUser: *a39\n",
    ],
)
def test_a_config_made_to_fill_the_memory_is_refused(tmp_path: Path, text: str) -> None:
    quietly, plan = here(tmp_path)
    put(tmp_path, CONFIG, text.encode())
    with pytest.raises(StackctlError, match=r"config\.yaml"):
        expose(quietly, plan)
    assert (tmp_path / CONFIG).read_text() == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
# any value where our own code looks for a table, a list or a word
KNOWN = (
    "main_api", "textgenerationwebui_settings", "power_user", "extension_settings", "connectionManager", "profiles",
    "server_urls", "type", "api_key_llamacpp", "_migrated", "id", "name", "value", "active", "label", "instruct",
)  # fmt: skip
SHAPES = st.recursive(
    VALUES | st.just("textgenerationwebui") | st.just("stackctl") | st.just("llamacpp") | st.just(dict(PROFILE)),
    lambda inner: st.dictionaries(st.sampled_from(KNOWN), inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@RUN
@given(shape=st.dictionaries(st.sampled_from(KNOWN), SHAPES, min_size=1, max_size=6))
def test_whatever_shape_the_files_have_a_deploy_goes_on(
    tmp_path_factory: pytest.TempPathFactory, shape: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("stack")
    quietly, plan = here(folder)
    text = json.dumps(shape).encode()
    put(folder, SETTINGS, text)
    put(folder, SECRETS, text)
    for context in (2048, 4096):
        seed_tavern(plan, want(context), quietly.machine)
        give_key(plan, quietly.machine)
        api_key.hide_sent_keys(quietly.machine, wanted())
    for name in (SETTINGS, SECRETS):
        assert isinstance(json.loads((folder / name).read_text(encoding="utf-8")), dict)
    assert KEY.reveal() not in quietly.said.getvalue()


def test_settings_with_half_a_character_are_followed(tmp_path: Path) -> None:
    quietly, plan = here(tmp_path)
    put(tmp_path, SETTINGS, b'{"cut": "\\ud83d", "max_context": ""}')
    seed_tavern(plan, want(), quietly.machine)
    assert json.loads((tmp_path / SETTINGS).read_text())["cut"] == "\ud83d"
