"""The head of a README.md: licence and languages, however it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.model.model_card import Card, read

CARDS: dict[str, tuple[str, Card]] = {
    "scalars": ("---\nlicense: apache-2.0\nlanguage: en\n---\n# x", Card(licence="apache-2.0", languages=("en",))),
    "list": (
        '---\nlanguage:\n- en\n  - "ja"\n- no\ntags:\n- chat\nlicense: mit\n---\n',
        Card(licence="mit", languages=("en", "ja", "no")),
    ),
    "brackets": ("---\nlanguage: [en, 'de', \"fr\"]\n---\n", Card(languages=("en", "de", "fr"))),
    "brackets over lines": (
        "---\nlanguage: [\n  en,\n  de\n]\nlicense: mit\n---\n",
        Card(licence="mit", languages=("en", "de")),
    ),
    "a licence of its own": (
        "---\nlicense: other\nlicense_name: llama3.1\nlicense_link: x\n---\n",
        Card(licence="llama3.1"),
    ),
    "comments and a mark": ("\ufeff---\r\nlicense: mit # really\r\n---\r\n", Card(licence="mit")),
    "inner keys": ("---\nmodel-index:\n- name: x\n  license: fake\nlicense: mit\n---\n", Card(licence="mit")),
    "none": ("# A model\nlicense: mit\n", Card()),
    "behind the head": ("---\n---\nlicense: mit\n", Card()),
    "never ends": ("---\nlicense: mit\n", Card(licence="mit")),
    "empty": ("", Card()),
}


@pytest.mark.parametrize(("text", "card"), CARDS.values(), ids=CARDS)
def test_a_card_is_read(text: str, card: Card) -> None:
    assert read(text) == card


def test_a_card_is_bounded() -> None:
    found = read("---\nlicense: " + "x" * 9000 + "\nlanguage: [" + "ab," * 9000 + "]\n---\n")
    assert (len(found.licence), len(found.languages)) == (60, 100)


@given(st.lists(st.sampled_from(["license:", "language:", "- en", "  - x", "[", "]", "a, b", "---", "&a *a", "!!x"])))
def test_any_head_is_a_card(lines: list[str]) -> None:
    found = read("\n".join(["---", *lines]))
    assert all(0 < len(one) <= 60 for one in found.languages)
