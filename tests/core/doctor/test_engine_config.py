"""A setting more in the engine's configuration: the user's text stays as it is."""

import json
from typing import Any

import pytest

from stackctl.core.doctor.engine_config import config_error, with_settings

CDI = {"features": {"cdi": True}}
RUNTIME = {"runtimes": {"nvidia": {"args": [], "path": "nvidia-container-runtime"}}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "features": {\n    "cdi": true\n  }\n}\n'),
        ("  \n", '{\n  "features": {\n    "cdi": true\n  }\n}\n'),
        ("{}", '{\n  "features": {\n    "cdi": true\n  }\n}'),
        ("{\n}\n", '{\n  "features": {\n    "cdi": true\n  }\n}\n'),
        ('{"debug": true}\n', '{"debug": true, "features": {"cdi": true}}\n'),
        (
            '{\n    "debug": true\n}\n',
            '{\n    "debug": true,\n    "features": {\n        "cdi": true\n    }\n}\n',
        ),
        (
            '{\n\t"debug": true\n}',
            '{\n\t"debug": true,\n\t"features": {\n\t\t"cdi": true\n\t}\n}',
        ),
        ('{\n  "features": {"cdi": false}\n}\n', '{\n  "features": {"cdi": true}\n}\n'),
        ('{\n  "features": {"buildkit":  true}\n}\n', '{\n  "features": {"buildkit":  true, "cdi": true}\n}\n'),
        (
            '{\n  "features": {\n    "buildkit": true\n  },\n  "b": [1,\n 2]\n}\n',
            '{\n  "features": {\n    "buildkit": true,\n    "cdi": true\n  },\n  "b": [1,\n 2]\n}\n',
        ),
        ('{\n  "features": {}\n}\n', '{\n  "features": {\n    "cdi": true\n  }\n}\n'),
        ('{"features": null}', '{"features": {"cdi": true}}'),
        ('\ufeff{"debug": true}', '\ufeff{"debug": true, "features": {"cdi": true}}'),
        ('{ "a{\\"": "}" }\n', '{ "a{\\"": "}", "features": {"cdi": true} }\n'),
    ],
)
def test_a_setting_is_added_and_all_else_stays_as_the_user_wrote_it(before: str, after: str) -> None:
    assert with_settings(before, CDI) == after
    assert with_settings(after, CDI) == after


def test_order_and_values_of_a_real_file_stay() -> None:
    before = (
        '{\n  "registry-mirrors": ["https://mirror.invalid"],\n  "log-opts": { "max-size": "10m" },\n'
        '  "runtimes": {\n    "crun": { "path": "/usr/bin/crun" }\n  },\n  "data-root": "/srv/Dockér"\n}\n'
    )
    after = with_settings(before, RUNTIME)
    old, new = json.loads(before), json.loads(after)
    assert list(new) == list(old)
    assert new["runtimes"] == {**old["runtimes"], **RUNTIME["runtimes"]}
    assert [line for line in before.splitlines() if line not in after.splitlines()] == [
        '    "crun": { "path": "/usr/bin/crun" }'  # which got a comma
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"debug": true,}', "line 1, column"),
        ('{\n  "debug": true\n  "iptables": false\n}', "line 3, column 3"),
        ('{\n  // a comment\n  "debug": true\n}', "line 2, column 3"),
        ("[]", "it is no JSON object"),
        ('"text"', "it is no JSON object"),
        ('{"mtu": NaN}', "NaN is no JSON"),
        ('{"a": 1, "a": 2}', 'it has "a" twice'),
        ('{"a": "\ufffd"}', "it is not in UTF-8"),
        ("{" * 100_000, ""),
        ('{"a":' * 100_000, ""),
    ],
)
def test_a_damaged_file_is_never_written_and_its_fault_is_named(text: str, says: str) -> None:
    assert config_error(text)
    assert says in config_error(text)
    assert with_settings(text, CDI) == ""


@pytest.mark.parametrize("value", [{}, {"debug": True}, {"features": {"cdi": True}}, {"a": {"b": {"c": []}}}])
@pytest.mark.parametrize("indent", [None, 0, 1, 2, 4, "\t"])
def test_however_a_file_is_laid_out_its_meaning_is_merged(value: dict[str, Any], indent: int | str | None) -> None:
    wanted: tuple[dict[str, Any], ...] = (CDI, RUNTIME, {**CDI, **RUNTIME})
    for settings in wanted:
        after = json.loads(with_settings(json.dumps(value, indent=indent), settings))
        parts: list[dict[str, Any]] = [value.get("features", {}), dict(settings.get("features", {}))]
        features = {**parts[0], **parts[1]}
        assert after == {**value, **settings, **({"features": features} if features else {})}
