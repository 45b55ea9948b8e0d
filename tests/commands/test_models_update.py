"""`stackctl models update`: a newer signed catalogue replaces the one in use; anything else changes nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stackctl.commands.models.recommend import Asked, recommend
from stackctl.commands.models.update import Updated, update
from stackctl.core.catalogue import stored
from stackctl.core.catalogue.entry import FILE
from stackctl.effects.storage import package_root
from stackctl.errors import ConfigError, DataError, ModelError, StackctlError
from stackctl.machine import Machine
from stackctl.steps.models.catalogue import catalogue_in_use, newest
from tests.commands.machines import Quiet, quiet
from tests.effects.http_server import Answer, FileServer, serving
from tests.sign_catalogue import main, signature

URL = "https://example.org/catalogue.toml"
SIGNATURE = f"{URL}.sig"
KEY = Ed25519PrivateKey.generate()
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()
SHIPPED = stored.date_of((package_root() / FILE).read_text(encoding="utf-8"))
DAY_AFTER = (date.fromisoformat(SHIPPED) + timedelta(days=1)).isoformat()
OLDER, NEWER, NEWEST, TODAY = "2026-01-05", "2098-01-05", "2098-02-01", "2098-03-01"


@dataclass
class Shop:
    """A machine, and a server with a catalogue."""

    here: Quiet
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def machine(self) -> Machine:
        return self.here.machine

    @property
    def kept(self) -> Path:
        return self.here.machine.path / "store" / stored.FILE

    def text(self, on: str = NEWER) -> str:
        return self.machine.storage.catalogue().replace(f'date = "{SHIPPED}"', f'date = "{on}"')

    def publish(self, content: str | bytes, key: Ed25519PrivateKey = KEY) -> None:
        raw = content.encode() if isinstance(content, str) else content
        self.here.hub.files |= {URL: raw, SIGNATURE: signature(raw, key)}

    def update(self) -> Updated:
        return update(self.machine, url=URL, key=PUBLIC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    here = quiet(tmp_path)
    here.machine.storage.today = lambda: TODAY  # type: ignore[attr-defined]  # the fakes' disk
    return Shop(here)


def test_a_newer_signed_catalogue_is_in_use_from_now_on(shop: Shop) -> None:
    shop.publish(shop.text())
    done = shop.update()
    assert (done.is_new, done.catalogue.date, done.former_date) == (True, NEWER, SHIPPED)
    assert newest(shop.machine) == done.catalogue
    assert shop.kept.read_bytes().endswith(shop.text().encode())  # the bytes that were verified
    shop.publish(shop.text(NEWEST))
    assert shop.update().former_date == NEWER
    assert newest(shop.machine).date == NEWEST


def test_one_of_the_same_date_is_already_the_newest(shop: Shop) -> None:
    shop.publish(shop.text(SHIPPED))
    assert not shop.update().is_new
    assert not shop.kept.exists()


def unsigned(shop: Shop) -> None:
    shop.publish(shop.text())
    shop.here.hub.files[SIGNATURE] = b"<html>Not found</html>"


def without_signature(shop: Shop) -> None:
    shop.publish(shop.text())
    del shop.here.hub.files[SIGNATURE]


def by_another_key(shop: Shop) -> None:
    shop.publish(shop.text(), Ed25519PrivateKey.generate())


def cut(shop: Shop) -> None:
    shop.publish(shop.text())
    shop.here.hub.files[URL] = shop.here.hub.files[URL][:-1]


def of_another_file(shop: Shop) -> None:
    shop.publish(shop.text(NEWEST))
    shop.here.hub.files[URL] = shop.text().encode()


FAULTS: dict[str, tuple[Callable[[Shop], None], str]] = {
    "older": (lambda shop: shop.publish(shop.text(OLDER)), f"is of {OLDER}, older than that in use, of {NEWER}"),
    "older than the stored one": (lambda shop: shop.publish(shop.text("2098-01-04")), "older than that in use"),
    "of the future": (lambda shop: shop.publish(shop.text("2099-01-01")), f"this machine's clock says {TODAY}"),
    "unsigned": (unsigned, "is not signed"),
    "without a signature": (without_signature, "is not there"),
    "by another key": (by_another_key, "was not signed with this key"),
    "cut": (cut, "or was changed since"),
    "with another file's signature": (of_another_file, "or was changed since"),
    "gone": (lambda shop: shop.here.hub.files.clear(), "is not there"),
    "no TOML": (lambda shop: shop.publish("date = "), "can't be used"),
    "empty": (lambda shop: shop.publish(b""), "can't be used"),
    "no UTF-8": (lambda shop: shop.publish(b"\xff\xfe"), "is not UTF-8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_is_wrong_the_catalogue_in_use_stays(shop: Shop, fault: str) -> None:
    shop.publish(shop.text())
    shop.update()
    before = shop.kept.read_bytes()
    spoil, says = FAULTS[fault]
    spoil(shop)
    with pytest.raises(ModelError, match=says) as caught:
        shop.update()
    assert caught.value.exit_code == 8
    assert caught.value.hint
    assert shop.kept.read_bytes() == before
    assert newest(shop.machine).date == NEWER


def test_a_newer_format_asks_for_a_newer_stackctl(shop: Shop) -> None:
    shop.publish(shop.text().replace("schema = 1", "schema = 99\nnew = []", 1))
    with pytest.raises(ModelError, match="newer stackctl") as caught:
        shop.update()
    assert "Upgrade stackctl" in caught.value.hint


def test_what_is_not_signed_is_not_even_parsed(shop: Shop) -> None:
    shop.publish("[" * 100_000, Ed25519PrivateKey.generate())
    with pytest.raises(ModelError, match="was not signed with this key"):
        shop.update()


def test_without_a_source_no_request_is_made(shop: Shop) -> None:
    for given in ({}, {"url": URL}, {"key": PUBLIC}):
        with pytest.raises(ConfigError, match="no update source is set"):
            update(shop.machine, **given)
    with pytest.raises(ConfigError, match="without encryption"):
        update(shop.machine, url="http://example.org/c", key=PUBLIC)
    assert shop.here.hub.asked == []


def test_the_environment_sets_the_source_and_an_option_beats_it(shop: Shop) -> None:
    shop.publish(shop.text())
    environment = {"STACKCTL_CATALOGUE_URL": "https://elsewhere.example.org/", "STACKCTL_CATALOGUE_KEY": PUBLIC}
    shop.machine.storage.environment = environment  # type: ignore[attr-defined]  # the fakes' disk
    assert update(shop.machine, url=URL).is_new
    assert shop.here.hub.asked == [URL, SIGNATURE]


def test_a_key_may_lie_in_a_file(shop: Shop, tmp_path: Path) -> None:
    shop.publish(shop.text())
    (tmp_path / "catalogue.pub").write_text(f"{PUBLIC}\n")
    assert update(shop.machine, url=URL, key=str(tmp_path / "catalogue.pub")).is_new


@pytest.mark.parametrize("key", ["none.pub", "/dev/zero", ".", "\0", "x" * 5000])
def test_a_key_that_is_none_is_an_error_before_any_request(shop: Shop, key: str) -> None:
    with pytest.raises(StackctlError):
        update(shop.machine, url=URL, key=key)
    assert shop.here.hub.asked == []


def test_a_folder_that_can_not_be_written_is_an_error_and_the_former_catalogue_stays(shop: Shop) -> None:
    shop.publish(shop.text())
    shop.kept.parent.parent.joinpath("store").write_text("a file stands where the folder should be")
    with pytest.raises(DataError, match="can't be written"):
        shop.update()
    assert newest(shop.machine).date == SHIPPED


def test_an_update_touches_no_stack(shop: Shop) -> None:
    (shop.machine.path / "stack.toml").write_text("")
    shop.publish(shop.text())
    shop.update()
    assert {one.name for one in shop.machine.path.iterdir()} == {"stack.toml", "store"}
    assert {one.name for one in shop.kept.parent.iterdir()} == {stored.FILE}


# -- the command itself, with a server on this machine


def command(server: FileServer, data: Path, *words: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "XDG_DATA_HOME": str(data),
        "STACKCTL_CATALOGUE_URL": server.url("catalogue.toml"),
        "STACKCTL_CATALOGUE_KEY": PUBLIC,
    }
    argv = [sys.executable, "-m", "stackctl", "-C", str(data), "models", *words]
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_an_update_comes_over_http_and_an_interrupted_one_leaves_the_former(shop: Shop, tmp_path: Path) -> None:
    first, second = (shop.text(one).encode() for one in (DAY_AFTER, NEWER))
    data = tmp_path / "data"
    data.mkdir()
    with serving(first) as server:
        server.answers += [Answer(), Answer(body=signature(first, KEY))]
        stdout, stderr = command(server, data, "update", "--json").communicate(timeout=30)
        assert json.loads(stdout)["catalogue_date"] == DAY_AFTER, stderr
        assert [one.path for one in server.asked] == ["/catalogue.toml", "/catalogue.toml.sig"]
        before = (data / "stackctl" / stored.FILE).read_bytes()
        server.answers += [Answer(body=second), Answer(body=signature(second, KEY), gate=(gate := threading.Event()))]
        running = command(server, data, "update")
        while len(server.asked) < 4:
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode == 130
        gate.set()
    assert (data / "stackctl" / stored.FILE).read_bytes() == before
    assert [one.name for one in (data / "stackctl").iterdir()] == [stored.FILE]


def test_without_a_source_the_command_ends_with_3_and_says_what_to_set(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "stackctl", "-C", str(tmp_path), "models", "update"]
    without = {name: value for name, value in os.environ.items() if not name.startswith("STACKCTL_CATALOGUE")}
    done = subprocess.run(argv, env=without, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "no update source is set" in done.stderr
    assert "STACKCTL_CATALOGUE_URL" in done.stderr


# -- the catalogue in use


def test_recommendations_come_from_the_catalogue_in_use(shop: Shop) -> None:
    shop.publish(shop.text())
    shop.update()
    assert recommend(shop.machine, Asked()).date == NEWER


def test_a_newer_stackctls_own_catalogue_beats_an_older_stored_one(shop: Shop) -> None:
    shop.kept.parent.mkdir()
    for one in (OLDER, SHIPPED):
        shop.kept.write_bytes(stored.dump(b"not even read", one))
        assert newest(shop.machine).date == SHIPPED
    assert shop.here.said.getvalue() == ""


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "was changed since it was verified"),
        (b"date = 1", "was changed since it was verified"),
        (stored.dump(b"\xff", NEWER), "was changed since it was verified"),
        (stored.dump(b"x" * (2 << 20), NEWER), "bytes that are read of it"),
    ],
)
def test_a_stored_catalogue_that_was_edited_is_not_used_and_said(shop: Shop, raw: bytes, says: str) -> None:
    shop.kept.parent.mkdir()
    shop.kept.write_bytes(raw)
    assert newest(shop.machine).date == SHIPPED
    said = " ".join(shop.here.said.getvalue().split())
    assert "the stored catalogue of models is not used" in said
    assert says in said


def test_a_stored_text_of_another_date_than_its_line_is_not_used(shop: Shop) -> None:
    shop.kept.parent.mkdir()
    shop.kept.write_bytes(stored.dump(shop.text(OLDER).encode(), NEWER))
    assert newest(shop.machine).date == SHIPPED


@pytest.mark.parametrize(("days", "says"), [(0, ""), (150, ""), (250, "8 months old: `stackctl models search` finds")])
def test_half_a_year_later_the_age_is_said_with_what_can_be_done(tmp_path: Path, days: int, says: str) -> None:
    here = quiet(tmp_path)
    later = date.fromisoformat(SHIPPED) + timedelta(days=days)
    here.machine.storage.today = later.isoformat  # type: ignore[attr-defined]  # the fakes' disk
    catalogue_in_use(here.machine)
    said = " ".join(here.said.getvalue().split())
    assert says in said
    assert bool(says) == bool(said)


def test_nothing_is_fetched_by_itself_however_old_the_catalogue_is(shop: Shop) -> None:
    shop.publish(shop.text())
    environment = {"STACKCTL_CATALOGUE_URL": URL, "STACKCTL_CATALOGUE_KEY": PUBLIC}
    shop.machine.storage.environment = environment  # type: ignore[attr-defined]  # the fakes' disk
    assert catalogue_in_use(shop.machine).date == SHIPPED
    assert "`stackctl models update` fetches a newer one" in " ".join(shop.here.said.getvalue().split())
    assert shop.here.hub.asked == []


# -- how a release would sign


def test_the_script_signs_what_an_update_takes_and_nothing_else(shop: Shop, tmp_path: Path) -> None:
    secret, file = tmp_path / "catalogue.pem", tmp_path / "catalogue.toml"
    secret.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.write_text(shop.text())
    main(str(file), str(secret))
    shop.here.hub.files |= {URL: file.read_bytes(), SIGNATURE: (tmp_path / "catalogue.toml.sig").read_bytes()}
    assert shop.update().is_new
    file.write_text("schema = 1\n")
    with pytest.raises(ConfigError):
        main(str(file), str(secret))
