"""The generated pages are as the code is now, and the schema means what the parser does."""

import json
import subprocess
import tomllib
from dataclasses import fields

import jsonschema
import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.cli.options import KEYS, ConfigFlags
from stackctl.core.config import stack_toml
from stackctl.core.config.spec import OneModel, Spec
from tests.docs import generate


@pytest.mark.parametrize("name", generate.names())
def test_a_generated_page_is_up_to_date(name: str) -> None:
    written = (generate.DOCS / name).read_text(encoding="utf-8")
    says = "run: python -m tests.docs.generate; a change of a schema needs a line in CHANGELOG.md"
    assert written == generate.pages()[name], says


def test_every_page_is_compared() -> None:
    assert sorted(generate.names()) == sorted(generate.pages())


def test_the_page_of_stack_toml_has_every_key_and_the_file_as_init_writes_it() -> None:
    page = generate.stack_page()
    keys = {f"{name}.{key}".lstrip(".") for name, found in generate.sections().items() for key in found}
    entry = {f"models.NAME.{key}" for key in OneModel.model_fields}
    assert keys == entry | {key for key, _ in _flat(Spec().model_dump())}
    table = [line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| `")]
    assert sorted(table) == sorted(key.rpartition(".")[2] for key in keys)
    shown = page.rpartition("```toml\n")[2].removesuffix("```\n")
    assert stack_toml.parse(shown) == Spec()


def test_every_option_that_names_a_setting_stands_beside_its_key() -> None:
    options = generate.flags()
    assert options["model.path"] == "--model"
    assert options["backend.context"] == "--context"
    assert options.keys() == set(KEYS.values())
    assert KEYS.keys() == {field.name for field in fields(ConfigFlags)}


def test_the_schema_is_one_and_takes_the_example() -> None:
    schema = json.loads(generate.schema_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(stack_toml.example()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"backend": {"contxt": 4096}}, schema)


def test_stackctl_schema_prints_the_page() -> None:
    assert CliRunner().invoke(main, ["schema"]).stdout == generate.schema_text()


def test_every_command_has_its_help_on_the_page() -> None:
    page = generate.cli_page()
    for name in generate.commands():
        assert f"\n## {name}\n" in page
        assert f"Usage: {name} " in page


def test_the_completion_for_bash_is_a_bash_script() -> None:
    done = CliRunner().invoke(main, ["completion", "bash"])
    assert done.exit_code == 0
    assert "_STACKCTL_COMPLETE=bash_complete" in done.stdout
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_completion_for_other_shells_names_the_command(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_STACKCTL_COMPLETE={shell}_complete" in done.stdout


def _flat(values: dict[str, object], above: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in values.items():
        found += _flat(value, f"{above}{key}.") if isinstance(value, dict) else [(above + key, value)]
    return found
