"""The pure half of `models update`: addresses, keys, signatures, what is stored, and how old a catalogue is."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from stackctl.core.catalogue import age, signature, stored, update_source
from stackctl.core.catalogue.parse import parse
from stackctl.core.catalogue.update_source import UpdateSource
from stackctl.effects.storage import package_root
from stackctl.errors import ConfigError, DataError, ModelError

# the same in every process: the names of the tests are made of them
OURS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = b64encode(OURS.public_key().public_bytes_raw()).decode()
PEM = OURS.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
SECRET = OURS.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
OTHER_KIND = (
    X25519PrivateKey.from_private_bytes(bytes(range(32)))
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


# -- the source


def test_the_project_has_no_address_and_no_key_yet() -> None:
    assert update_source.of_environment({}) == UpdateSource(url="", key="")


@pytest.mark.parametrize(
    ("source", "lacks"),
    [
        (UpdateSource(), "no address and no key"),
        (UpdateSource(url="https://a"), "stackctl has no key"),
        (UpdateSource(key=RAW), "stackctl has no address for"),
    ],
)
def test_without_an_address_or_a_key_no_update_source_is_set(source: UpdateSource, lacks: str) -> None:
    with pytest.raises(ConfigError, match=f"no update source is set: .*{lacks}") as caught:
        update_source.refuse_unset(source)
    assert "STACKCTL_CATALOGUE_URL" in caught.value.hint
    assert "STACKCTL_CATALOGUE_KEY" in caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/c.toml", "http://127.0.0.1.example.org/c", "http://192.168.1.5/c", "ftp://example.org/c",
        "file:///etc/passwd", "example.org/c.toml", "https://", "https:///c", "https://a:port/c", "https://[::1/c", "",
        "https://example.org/a b", "https://example.org/\x1b[31m", "https://example.org/\nHost: x", "http://0/c",
    ],
)  # fmt: skip
def test_an_address_that_is_not_encrypted_or_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        update_source.refuse_address(url)


@pytest.mark.parametrize(
    "url", ["https://example.org/c.toml", "http://127.0.0.1:8000/c", "http://[::1]/c", "http://localhost/c"]
)
def test_https_is_taken_and_http_from_this_machine(url: str) -> None:
    update_source.refuse_address(url)


@pytest.mark.parametrize(
    ("to", "after", "is_followed"),
    [
        ("https://cdn.example.org/c", "https://example.org/c", True),
        ("http://cdn.example.org/c", "https://example.org/c", False),
        ("http://127.0.0.1/admin", "https://example.org/c", False),
        ("https://127.0.0.1/admin", "https://example.org/c", False),
        ("https://localhost/admin", "https://example.org/c", False),
        ("file:///etc/passwd", "https://example.org/c", False),
        ("https://example.org/c", "http://127.0.0.1/c", True),
        ("http://127.0.0.1:81/c", "http://127.0.0.1/c", True),
        ("http://example.org/c", "http://127.0.0.1/c", False),
    ],
)
def test_a_redirect_stays_encrypted_and_leads_to_no_server_of_this_machine(
    to: str, after: str, is_followed: bool
) -> None:
    assert update_source.is_allowed(to, after) == is_followed


def test_the_signature_lies_beside_the_file_and_keeps_the_query() -> None:
    source = UpdateSource(url="https://me:secret@example.org/a/c.toml?token=s3cret")
    assert source.signature_url == "https://me:secret@example.org/a/c.toml.sig?token=s3cret"
    assert update_source.shown(source.url) == "https://example.org/a/c.toml"


# -- the key and the signature


@pytest.mark.parametrize("text", [RAW, f" {RAW}\n", PEM, f"\n{PEM}\n"])
def test_a_key_is_pem_or_base64(text: str) -> None:
    assert signature.is_key(text)
    assert signature.public_key(text) == OURS.public_key()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SECRET, "a private one"),
        (OTHER_KIND.decode(), "another kind than Ed25519"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "damaged PEM text"),
        ("-----BEGIN PUBLIC KEY-----\n\xe9", "damaged PEM text"),
        (RAW[:-4], "no Ed25519 public key"),
        ("", "no Ed25519 public key"),
        ("é", "no Ed25519 public key"),
    ],
)
def test_what_is_no_public_key_is_refused_and_not_shown(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        signature.public_key(text)
    assert not text or text.strip() not in caught.value.message


@pytest.mark.parametrize("form", [bytes, b64encode, lambda raw: b64encode(raw) + b"\n"])
def test_a_signature_is_raw_or_base64(form: object) -> None:
    assert callable(form)
    signature.verify(b"content", form(OURS.sign(b"content")), OURS.public_key(), "here")


@pytest.mark.parametrize(
    ("content", "beside", "says"),
    [
        (b"content!", OURS.sign(b"content"), "was not signed with this key, or was changed"),
        (b"content", Ed25519PrivateKey.from_private_bytes(bytes(32)).sign(b"content"), "was not signed with this key"),
        (b"content", bytes(64), "was not signed with this key"),
        (b"content", OURS.sign(b"content")[:-1], "is not signed"),
        (b"content", b"", "is not signed"),
        (b"content", b"<html>\xff</html>", "is not signed"),
    ],
)
def test_only_the_keys_own_signature_over_every_byte_counts(content: bytes, beside: bytes, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        signature.verify(content, beside, OURS.public_key(), "here")


# -- what is stored


def test_what_is_stored_comes_back_byte_by_byte_with_its_date() -> None:
    text = 'date = "2027-01-05"\r\n# é\n'
    assert stored.parse(stored.dump(text.encode(), "2027-01-05")) == stored.Stored(date="2027-01-05", text=text)


@pytest.mark.parametrize("cut", [1, 40, 200, 300])
def test_a_stored_catalogue_that_was_changed_anywhere_is_none(cut: int) -> None:
    raw = stored.dump(b'date = "2027-01-05"\n' * 20, "2027-01-05")
    for spoilt in (raw[:cut], raw[:cut] + b"x" + raw[cut + 1 :], raw + b"\n", raw[cut:]):
        with pytest.raises(DataError, match="was changed since it was verified"):
            stored.parse(spoilt)


def test_the_date_of_the_shipped_catalogue_is_read_without_the_rest() -> None:
    text = (package_root() / "catalogue.toml").read_text(encoding="utf-8")
    assert stored.date_of(text) == parse(text).date


# -- its age


@pytest.mark.parametrize(
    ("date", "today", "months"),
    [
        ("2026-11-25", "2026-11-25", 0),
        ("2026-11-25", "2026-12-24", 0),
        ("2026-11-25", "2026-12-25", 1),
        ("2026-08-31", "2027-02-28", 5),
        ("2026-11-25", "2027-05-25", 6),
        ("2026-11-25", "2028-11-25", 24),
        ("2026-11-25", "1970-01-01", 0),  # a clock that was never set
    ],
)
def test_the_age_is_whole_months_and_never_negative(date: str, today: str, months: int) -> None:
    assert age.months(date, today) == months


def test_an_old_catalogue_is_named_with_the_way_to_newer_models() -> None:
    assert age.remark("2026-11-25", "2027-05-24", has_source=True) == ""
    updates = age.remark("2026-11-25", "2027-05-25", has_source=True)
    assert updates == "the catalogue of models is 6 months old: `stackctl models update` fetches a newer one"
    assert "`stackctl models search`" in age.remark("2026-11-25", "2027-05-25", has_source=False)
