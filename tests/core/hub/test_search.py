"""The answer of the hub's search: what a hit says of itself, and foreign answers of any other kind."""

import json
from urllib.parse import urlencode

import pytest

from stackctl.core.hub.listing import repo
from stackctl.core.hub.search import Hit, Query, hits
from stackctl.errors import ModelError

FOUND = {
    "_id": "6", "id": "ggml-org/gemma-3-1b-it-GGUF", "downloads": 186325, "likes": 38, "gated": False,
    "createdAt": "2025-03-12T10:30:05.000Z",
    "gguf": {"total": 999885952, "architecture": "gemma3", "context_length": 32768, "chat_template": "{{ bos_token }}"},
}  # fmt: skip


def test_a_hit_is_read() -> None:
    assert hits(json.dumps([FOUND]), 10) == (
        Hit(
            name="ggml-org/gemma-3-1b-it-GGUF",
            created="2025-03-12",
            downloads=186325,
            likes=38,
            architecture="gemma3",
        ),
    )


def test_a_gated_hit_is_known_as_such() -> None:
    said = [{"id": "a/b", "gated": gated} for gated in ("manual", "auto")]
    assert [one.is_gated for text in said for one in hits(json.dumps([text]), 10)] == [True, True]


def test_words_of_any_kind_are_encoded_and_no_words_ask_for_the_whole_list() -> None:
    sent = urlencode(Query(words="llama & 8B\n名\udcff", sort="newest", limit=3).parameters)
    assert sent.startswith("search=llama+%26+8B%0A%E5%90%8D%3F&filter=gguf&sort=createdAt&limit=3&expand=createdAt")
    assert urlencode(Query().parameters).startswith("filter=gguf&sort=trendingScore&limit=10&")


@pytest.mark.parametrize(
    "strange",
    [
        5, None, "a/b", [], {}, {"id": 5}, {"id": "no-owner"}, {"id": "a/b\x1b[31m"}, {"id": "../../etc"},
        {"id": "a/" + "b" * 200}, {"id": "a/b/c"}, {"id": "a/b\n"}, {"name": "a/b"},
    ],
)  # fmt: skip
def test_an_entry_without_the_name_of_a_repository_is_left_out(strange: object) -> None:
    assert [one.name for one in hits(json.dumps([strange, FOUND]), 10)] == ["ggml-org/gemma-3-1b-it-GGUF"]


def test_what_has_a_wrong_type_counts_as_unknown() -> None:
    wrong = {"id": "a/b", "downloads": "many", "likes": -1, "gated": [1], "createdAt": 5, "gguf": {"architecture": 7}}
    assert hits(json.dumps([wrong, {"id": "c/d", "likes": True, "gguf": 5}]), 10) == (Hit(name="a/b"), Hit(name="c/d"))


def test_more_hits_than_were_asked_for_and_repeated_ones_are_left_out() -> None:
    many = [{"id": f"a/{number // 2}"} for number in range(1000)]
    assert [one.name for one in hits(json.dumps(many), 3)] == ["a/0", "a/1", "a/2"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no JSON"),
        ("<html>", "is no JSON"),
        ('{"error": "x"}', "is no list"),
        ('[], "hits": 5', "is no list"),
        ("[" * 5000 + "]" * 5000, "is nested too deeply"),
        ("[" + "{}," * 200_000 + "{}]", "has more entries than are read"),
    ],
)
def test_another_kind_of_answer_is_refused(text: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        hits(text, 10)


def test_a_repository_whose_description_has_wrong_types_has_what_is_right_in_it() -> None:
    said = {
        "sha": 5, "gated": "auto", "cardData": {"license": ["x"], "language": "ja", "base_model": {"a": 1}},
        "siblings": [
            7, {"rfilename": 5}, {"rfilename": "M-Q4_K_M.gguf", "size": "9", "lfs": 5},
            {"rfilename": "b", "size": True},
        ],
    }  # fmt: skip
    found = repo(json.dumps(said), "a/b")
    assert (found.commit, found.is_gated, found.licence, found.languages, found.base) == ("", True, "", ("ja",), "")
    assert [(one.name, one.size, one.sha256) for one in found.files] == [("M-Q4_K_M.gguf", 0, ""), ("b", 0, "")]
    assert repo('{"cardData": [], "siblings": {}}', "a/b").files == ()
    with pytest.raises(ModelError, match="answer about a/b is no JSON"):
        repo("<html>", "a/b")
