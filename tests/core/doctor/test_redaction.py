"""A secret whose value is known is found however it is written; an unknown one by its form or its name."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.doctor.known_secret import Known, secrets_in
from stackctl.core.doctor.log_lines import of_program, program_lines
from stackctl.core.doctor.redaction import Redaction
from stackctl.core.doctor.report_archive import Source, as_json, manifest, members
from stackctl.core.doctor.secret_names import is_secret_name
from tests.backends.logs import ORDINARY

WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "JSON": json.dumps,
    "JSON with all its characters": lambda value: json.dumps(value, ensure_ascii=False),
    "JSON in JSON": lambda value: json.dumps(json.dumps({"key": value})),
    "URL": lambda value: quote(value, safe=""),
    "form": quote_plus,
    "HTML": html.escape,
    "YAML": lambda value: f"'{value.replace(chr(39), chr(39) * 2)}'",
    "Compose": lambda value: value.replace("$", "$$"),
    "repr": repr,
    "hex": lambda value: value.encode().hex(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "Basic": lambda value: f"Basic {base64.b64encode(f'user:{value}'.encode()).decode()}",
    "inside of base64": lambda value: base64.b64encode(f'{{"a": 1, "k": "{value}", "z": 2}}'.encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(f"ab{value}".encode()).decode(),
}
# what no form of it shares with the text around it
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("Cc", "Cs", "Zs")), min_size=6
)


def redaction(*values: str) -> Redaction:
    return Redaction([Known(kind="password", value=one) for one in values], {})


@pytest.mark.parametrize("way", WRITTEN)
@given(value=SECRETS)
def test_a_known_secret_is_found_in_whichever_way_it_is_written(way: str, value: str) -> None:
    form = WRITTEN[way](value)
    found = redaction(value).clean(f"before, {form} after")
    assert value not in found.replace("[redacted password]", "")
    assert form not in found
    assert not redaction(value).leaks(found)


@given(value=SECRETS, around=st.text(max_size=40), after=st.text(max_size=40))
def test_nothing_that_was_cleaned_leaks(value: str, around: str, after: str) -> None:
    one = redaction(value)
    assert not one.leaks(one.clean(f"{around}{value}{after}\n{value}{value}"))


def test_what_is_left_after_a_secret_was_cut_from_between_its_own_halves_is_none() -> None:
    one = redaction("secret-value")
    assert not one.leaks(one.clean("secret-secret-valuevalue"))


def test_a_short_secret_counts_as_a_word_alone_and_a_shorter_one_or_a_default_not_at_all() -> None:
    assert redaction("abcd").clean("abcd abcde --key abcd,") == "[redacted password] abcde --key [redacted password],"
    assert not [*secrets_in("password", "*"), *secrets_in("password", " password\n"), *secrets_in("password", "")]


def test_each_line_of_a_private_key_is_a_secret() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEAAoI\n-----END PRIVATE KEY-----"
    assert "BAQEFAASCBKcwggSjAgEAAoI" not in Redaction(secrets_in("key", key), {}).clean("x BAQEFAASCBKcwggSjAgEAAoI y")


PLANTED = "p1anted-S3cret-value"


@pytest.mark.parametrize(
    "text",
    [
        f"HF_TOKEN={PLANTED}",
        f"export MY_API_KEY='{PLANTED}'",
        f'{{"password": "{PLANTED}"}}',
        f'{{"apiKey": "{PLANTED}", "other": 1}}',
        f"basicAuthUser:\n  username: x\n  password: {PLANTED}\n",
        f"password: correct horse {PLANTED}\n",
        f"  secret: |\n    {PLANTED}\n",
        f'extra_args = ["--api-key", "{PLANTED}"]',
        f"command:\n  - --password\n  - {PLANTED}\n",
        f"--adminpassword {PLANTED} --port 1",
        f"--gradio-auth=bob:{PLANTED}",
        f"Authorization: Bearer {PLANTED}",
        f"curl -H 'Authorization: Bearer {PLANTED}' http://x",
        f'"authorization": "Basic {PLANTED}"',
        f"Cookie: session={PLANTED}; a=b",
        f"x-api-key: {PLANTED}",
        f"http://user:{PLANTED}@example.org/path",
        f"https://example.org/file?token={PLANTED}&x=1",
        f"https://example.org/file?X-Amz-Signature={PLANTED}",
        f"the token {PLANTED}",
        "hf_" + "aB3" * 11,
        "sk-proj-" + "aB3-" * 9,
        "ghp_" + "aB3" * 12,
        "github_pat_" + "aB3" * 12,
        "AKIA" + "ABCD" * 4,
        "dckr_pat_" + "aB3" * 9,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabcdefgh\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nabcdefgh cut",
        "write to some.body@mail.example.org",
        "from 8.8.8.8",
        "8.8.8.8 is where it comes from",
        "0.00.102.883 I srv  init_listene: api_keys: ****uK0s",
        "from 2606:4700:4700::1111",
        "link/ether a4:bb:6d:12:34:56",
    ],
)
def test_an_unknown_secret_is_found_by_its_form_or_by_the_name_before_it(text: str) -> None:
    found = redaction().clean(text)
    assert "[redacted " in found
    for gone in (
        PLANTED,
        "abcdefgh",
        "aB3aB3",
        "ABCDABCD",
        "c2lnbmF0dXJl",
        "some.body",
        "8.8.8.8",
        "4700",
        "a4:bb",
        "uK0s",
    ):
        assert gone not in found


@pytest.mark.parametrize(
    "text",
    [
        'key_file = ".stackctl/api-key"',
        '"password_file": ".stackctl/sillytavern-password"',
        "print_info: EOS token        = 2 '</s>'",
        "n_tokens = 512, max_tokens: 20, tokens_per_s: 12.5",
        "basicAuthMode: true\npassword: null",
        "image: ghcr.io/a/b:1.19.0@sha256:" + "a" * 64,
        "172.18.0.2:5001 192.168.1.5/24 10.0.0.1 127.0.0.1 100.64.0.1 fd00::1 fe80::1 ::1",
        "12:00:01 driver 570.86.15 build 1.2.3",
        "3.35.198.184 I srv  update_slots: all slots are idle",
        "key: value, author: x, monkey: y",
        "SSH_AUTH_SOCK=/run/agent PWD=/srv/stack",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redaction().clean(text) == text


def test_a_value_that_is_a_secret_by_its_name_in_one_file_is_found_without_it_in_another() -> None:
    sources = (
        Source(name="a", about="settings", text=f"environment:\n  FOO_PASSWORD: {PLANTED}\n"),
        Source(name="b", about="a text", text=f"it says {PLANTED} here"),
    )
    found = tuple(members(sources, redaction(), frozenset()))
    assert not [one for one in found if PLANTED in one.text]
    assert "1 x value named as a secret" in manifest(found, "0.1.0")


def test_names_of_people_and_machines_are_replaced() -> None:
    one = Redaction([], {"/home/anna": "~", "anna": "USER", "tower.lan": "HOST"})
    assert one.clean("/home/anna/stack of anna at tower.lan, annabel") == "~/stack of USER at HOST, annabel"


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "api-key", "apiKey", "API_KEY", "adminpassword", "client_secret", "sshKey"]
)
def test_a_name_says_that_its_value_is_a_secret(name: str) -> None:
    assert is_secret_name(name)


# -- chats

CHAT = (
    'Input: {"prompt": "She opened the old letter and wept", "max_length": 120}',
    "Output: She opened the old letter and wept",
    "She opened the old letter and wept",
    "  prompt: 'She opened the old letter and wept' +",
    "Anna: the model is not loaded",
    "You: Error: connect refused",
    'srv  send_final_: content: "it was a file"',
    "slot update_slots: id 0 | prompt = the model was loaded",
    "error: I love you",
    "INFO: She opened the old letter",
    "ValueError: could not parse 'she was here with you'",
    "Traceback (most recent call last): love",
    "Das Modell wurde geladen, mein Schatz",
)


@pytest.mark.parametrize("line", CHAT)
def test_a_line_with_a_chat_is_no_line_of_a_program(line: str) -> None:
    assert not of_program(line)


def test_the_lines_of_programs_that_help_stay() -> None:
    kept = [line for line in ORDINARY if of_program(line, frozenset({"ge", "force", "nvidia", "rtx"}))]
    assert len(kept) > len(ORDINARY) * 0.8
    for line in (
        "load_tensors: offloaded 33/33 layers to GPU",
        "CUDA error: out of memory",
        "Error: connect ECONNREFUSED 172.18.0.2:5001",
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        '  File "/app/modules/models.py", line 12, in load',
        "SillyTavern 1.19.0",
    ):
        assert of_program(line), line


def test_what_is_left_out_of_a_log_is_counted() -> None:
    kept = program_lines(["CUDA error: out of memory", "a chat", "more of it", "CUDA error: out of memory"])
    assert kept.left_out == 2
    assert kept.text.splitlines()[1] == "[2 lines of 16 characters left out]"


@given(st.lists(st.text(alphabet="abcdefghijklmnopqrstuvwxyz .,'!?", min_size=3), max_size=5))
def test_a_sentence_never_stays(lines: list[str]) -> None:
    assert not [one for one in lines if one.strip(" .") and of_program(one)]


def test_lines_of_logs_within_a_table_are_looked_at_one_by_one() -> None:
    text = as_json({"findings": [{"message": "it failed", "evidence": ["CUDA error: out of memory", "my dear Anna"]}]})
    assert "CUDA error" in text
    assert "dear" not in text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("open /home/bobby/x.gguf", "open /home/[redacted name of a user]/x.gguf"),
        ("C:\\Users\\carol\\x", "C:\\Users\\[redacted name of a user]\\x"),
        ("C:\\\\Users\\\\carol\\\\x", "C:\\\\Users\\\\[redacted name of a user]\\\\x"),
        ("/mnt/c/Users/dave/x", "/mnt/c/Users/[redacted name of a user]/x"),
        ("/run/media/erin/disk", "/run/media/[redacted name of a user]/disk"),
        ("/home/node/app/config", "/home/node/app/config"),
        ("GET /api/users/me 200", "GET /api/users/me 200"),
    ],
)
def test_the_users_of_other_homes_are_taken_out_too(text: str, cleaned: str) -> None:
    assert redaction().clean(text) == cleaned


def test_a_login_without_a_scheme_is_found_and_an_image_is_none() -> None:
    assert "s3cret" not in redaction().clean("HTTPS_PROXY=me:s3cret@proxy.lan:3128")
    image = f"ghcr.io/x/y:tag@sha256:{'1' * 64}"
    assert redaction().clean(f"{image} y:tag@sha256:1") == f"{image} y:tag@sha256:1"
