"""compose.yml as anybody may have left it: read as texts, or refused with a way on; it never ends the program."""

import re
import subprocess
import sys

import pytest
import yaml

from stackctl.core.formats import yaml_text
from stackctl.errors import ConfigError
from stackctl.orchestrators.compose import render

NINES = "9" * 6000
DEEP = {
    "flow": '{"a":' * 200_000,
    "lists": "[" * 200_000,
    "block": "- " * 5000 + "a",
    "indented": "".join(" " * depth + "a:\n" for depth in range(2000)),
    "closed": "[" * 500 + "]" * 500,
    "keys": "? " * 5000 + "a",
}
NOT_YAML = {
    "tab": "services:\n\t- a",
    "tag without a name": "a: !none!x 1",
    "twice": "services: {a: {}}\nservices: {}",
    "twice, as another type": "{1: a, '1': b}",
    "key": "{[a]: b}",
    "circle": "a: &a [*a]",
    "circle of keys": "&a {? *a : b}",
    "two documents": "a: 1\n---\na: 2",
    "no anchor": "a: *b",
    "control": "a: \x07",
}
STRANGE = (f'{{"a":{NINES}}}', "a: 2001-99-99", 'a: !!float "x"', 'a: !!int "x"', "a: !!bool zz", "a: !!set [x]",
           "a: !!timestamp x", "a: !!binary '%'", "a: !!omap x", "a: !!python/name:os.system x", "a: 1:99:99",
           "a: .inf", "a: !!null x", "a: !!merge x", "? !!int x\n: b", "<<: [a, b]", "a: !!pairs {x: y}")  # fmt: skip


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_is_nested_without_end_is_refused_and_does_not_end_the_process(text: str) -> None:
    script = "import sys; from stackctl.errors import ConfigError\n"
    script += "from stackctl.orchestrators.compose import render\ntry: render.services(sys.stdin.read())\n"
    script += "except ConfigError as e: print(e.message, e.hint)"
    done = subprocess.run([sys.executable, "-c", script], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search("is not YAML: .*nest", done.stdout)  # from PyYAML 6.0.4 on libyaml itself counts the levels
    assert "stackctl deploy" in done.stdout


@pytest.mark.parametrize("text", NOT_YAML.values(), ids=NOT_YAML)
def test_what_is_not_yaml_is_refused_with_a_way_on(text: str) -> None:
    with pytest.raises(ConfigError, match=r"compose\.yml.* is not YAML") as caught:
        render.services(text)
    assert "stackctl deploy" in caught.value.hint


@pytest.mark.parametrize("text", STRANGE)
def test_no_tag_and_no_number_means_anything(text: str) -> None:
    assert isinstance(yaml_text.texts(text), dict)
    with pytest.raises(ConfigError, match="has no services"):
        render.services(text)


def test_aliases_and_merges_grow_to_nothing() -> None:
    lines = ["a0: &a0 {x: y}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 40))]
    assert len(yaml_text.texts("\n".join(lines))) == 40


def test_every_scalar_is_the_text_that_stands_there() -> None:
    assert yaml_text.texts('{a: 1, b: "1", c: yes, d: , e: [0x10, null]}') == {
        "a": "1", "b": "1", "c": "yes", "d": "", "e": ["0x10", "null"]
    }  # fmt: skip
    with pytest.raises(yaml.YAMLError):
        yaml_text.texts("[")
