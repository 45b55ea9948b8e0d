"""Chooses SillyTavern's prompt template for a model: by its own chat template, else by its name.

The turns that its chat template writes decide: where one of SillyTavern's presets writes them to the character, that
one is chosen, else they become presets of the model's own. The signs of a chat template count only where no turns can
be derived from it.

Sources: the presets of SillyTavern 1.19.0 (default/content/presets); its public/scripts/chat-templates.js,
src/llama-chat.cpp of ggml-org/llama.cpp and kcpp_adapters/AutoGuess.json of LostRuins/koboldcpp for the signs by which
a chat template is known; mistralai/cookbook (chat_templates.md) for the versions of Mistral's.
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from stackctl.core.hub import labels, part_names
from stackctl.core.model.model import Header
from stackctl.core.tavern.model_names import preset_by_name, thinks_by_name
from stackctl.core.tavern.preset_files import PresetFile, safe_name
from stackctl.core.tavern.shipped_presets import exact_preset, shipped_reasoning
from stackctl.core.tavern.turns import Marks, Turns, context_preset, instruct_preset, reasoning_preset

# off and on: its chat template has a switch; always: it has none; "": nothing shows that the model thinks
Thinking = Literal["", "off", "on", "always"]

# plain words, which every instruction model understands; special tokens that a model lacks would confuse it
FALLBACK: Final = "Alpaca"
AUTO: Final = "auto"
NONE: Final = "none"
_OWN: Final = "its own chat template"
_DEFAULT_CONTEXT: Final = "Default"
# instruct presets without a context preset of the same name
_NO_CONTEXT: Final = {
    "Koala", "KoboldAI", "OpenOrca-OpenChat", "Vicuna 1.0", "Vicuna 1.1", "WizardLM", "WizardLM-13B",
}  # fmt: skip
_OTHER_CONTEXT: Final = {"OpenAI Harmony (Thinking)": "OpenAI Harmony"}


@dataclass(frozen=True, kw_only=True)
class Template:
    """Names of presets, SillyTavern's or the model's own. source: what decided; is_near: no preset fits exactly."""

    instruct: str
    context: str
    reasoning: str = ""  # "" if the model writes no reasoning
    source: str = ""
    is_near: bool = False
    turns: Turns | None = None  # the content of the instruct and context presets; None if these are SillyTavern's
    marks: Marks | None = None  # the content of the reasoning preset; None if that is SillyTavern's
    opening: str = ""  # with what the model's thoughts begin, where its chat template writes that
    thinking: Thinking = ""
    lack: str = ""  # a sentence: why these are not all of the model's turns

    @property
    def is_guess(self) -> bool:
        return not self.source

    @property
    def is_own(self) -> bool:
        """Return whether the turns are those of the model's own chat template, as its own presets."""
        return self.source == _OWN

    @property
    def files(self) -> tuple[PresetFile, ...]:
        """Return the presets of the model's own, for SillyTavern's data folder."""
        made: list[tuple[str, str, dict[str, Any]]] = []
        if self.turns:
            made.append(("instruct", self.instruct, instruct_preset(self.instruct, self.turns)))
            made.append(("context", self.context, context_preset(self.context, self.turns)))
        if self.marks:
            made.append(("reasoning", self.reasoning, reasoning_preset(self.reasoning, self.marks)))
        return tuple(
            PresetFile(kind=kind, name=name, content={key: one for key, one in content.items() if key != "name"})
            for kind, name, content in made
        )


@dataclass(frozen=True)
class _Rule:
    """A preset, and the marks that a chat template must all contain; is_near: SillyTavern has only a similar preset."""

    instruct: str
    signs: tuple[str, ...]
    is_near: bool = False


_RULES: Final = (
    _Rule("OpenAI Harmony (Thinking)", ("<|start|>", "<|message|>", "<|channel|>")),
    _Rule("Moonshot AI", ("<|im_user|>", "<|im_middle|>")),
    _Rule("ChatML", ("<|im_start|>", "<|im_sep|>"), is_near=True),  # Phi-4: no preset has its separator
    _Rule("ChatML", ("<|im_start|>",)),
    _Rule("Llama 4 Instruct", ("<|header_start|>",)),
    _Rule("Llama 3 Instruct", ("<|start_header_id|>",)),
    _Rule("Gemma 4", ("<|turn>",)),
    _Rule("Gemma 2", ("<start_of_turn>",)),  # Gemma 3 and 3n, too
    _Rule("Command R", ("<|START_OF_TURN_TOKEN|>",)),  # Command A and Aya, too
    _Rule("GLM-4", ("[gMASK]",)),
    _Rule("DeepSeek-V2.5", ("<｜User｜>", "<｜Assistant｜>")),  # V3 and R1, too
    _Rule("Dots1", ("<|userprompt|>",)),
    _Rule("Metharme", ("<|user|>", "<|model|>")),
    _Rule("Phi", ("<|end|>", "<|assistant|>")),
    _Rule("Tulu", ("<|user|>", "<|assistant|>")),  # OLMo 2, too; Zephyr and Falcon 3 but for their end of turn
    _Rule("Vicuna 1.1", ("USER:", "ASSISTANT:")),
    _Rule("Alpaca", ("### Instruction:", "### Response:")),
    _Rule("Alpaca", ("### User:", "### Assistant:"), is_near=True),  # SOLAR
    _Rule("OpenOrca-OpenChat", ("GPT4 Correct",), is_near=True),
)


def choose_template(wanted: str, header: Header, file_name: str, *, thinking: str = AUTO) -> Template | None:
    """Return the template for a model, by stack.toml; None if SillyTavern's are not changed.

    thinking: whether the model shall think before it answers: auto, on or off.
    """
    if wanted == AUTO:
        return recognise_template(header, file_name, thinking=thinking)
    return None if wanted == NONE else template_named(wanted)


def template_named(wanted: str) -> Template:
    """Return the template that the user names: its instruct preset, and the matching context preset."""
    return Template(instruct=wanted, context=_context(wanted), source="stack.toml")


def recognise_template(header: Header, file_name: str, *, thinking: str = AUTO) -> Template:
    """Return the template of a model; the fallback, with no source, if neither template nor name decides."""
    names, text = (file_name, header.title), header.chat_template
    rule = _by_signs(text, header.tokenizer) if text else None
    if text and header.turns and (header.turns.is_exact or not rule):
        return _by_turns(header, names, rule.instruct if rule else "", thinking, header.turns)
    if rule:
        lack = "; ".join(header.turns.lacks) if header.turns else header.template_fault
        return Template(
            instruct=rule.instruct,
            context=_context(rule.instruct),
            reasoning=_reasoning(rule.instruct, text, names),
            source="its chat template",
            is_near=rule.is_near or bool(lack),
            lack=lack,
        )
    if not text and (instruct := preset_by_name(*names)):  # with an unknown chat template the name would mislead
        return Template(
            instruct=instruct,
            context=_context(instruct),
            reasoning=_reasoning(instruct, text, names),
            source="its name",
        )
    return Template(
        instruct=FALLBACK,
        context=_context(FALLBACK),
        reasoning=_reasoning("", text, names),
        lack=header.template_fault,
    )


def describe_template(template: Template) -> str:
    """Return a clause about what SillyTavern writes for a model."""
    by = f", by {template.source}" if template.source else ", by a guess"
    what = f"prompt template by its own chat template, in SillyTavern under {template.instruct}"
    thinks = {
        "off": 'thinking off (sillytavern.thinking = "on" turns it on)',
        "on": "thinking on",
        "always": "and it always thinks before it answers",
    }
    said = what if template.is_own else f"prompt template {template.instruct}{by}"
    may_think = "and it may think before it answers" if template.reasoning else ""
    return ", ".join(filter(None, (said, thinks.get(template.thinking, may_think))))


def own_name(names: tuple[str, ...]) -> str:
    """Return the name for presets of a model: that of its file without its quantisation, else its title."""
    stem = labels.without_labels(part_names.stem_of(PurePosixPath(names[0]).name)).strip("-_. ")
    return safe_name(stem or " ".join(names[1:]))


def _by_turns(header: Header, names: tuple[str, ...], by_signs: str, thinking: str, turns: Turns) -> Template:
    """Return the template of a model whose turns are known. by_signs: the preset to try first."""
    wanted, state = _with_thinking(turns, thinking)
    opening = "" if state == "off" else wanted.opening  # SillyTavern finds thoughts only if their start is its own
    written = replace(wanted, generation=wanted.generation.removesuffix(opening), quiet=None, thinking=None)
    instruct, name = exact_preset(written, by_signs), own_name(names)
    marks, reasoning = wanted.reasoning or turns.reasoning, ""
    if marks:
        reasoning = shipped_reasoning(marks, prefers="DeepSeek" if instruct == "DeepSeek-V2.5" else "")
        marks = None if reasoning else replace(marks, prefix=marks.prefix.strip(), suffix=marks.suffix.strip())
    elif by_signs:
        reasoning = _reasoning(by_signs, header.chat_template, names)
    return Template(
        instruct=instruct or name,
        context=_context(instruct) if instruct else name,
        reasoning=name if marks else reasoning,
        source="its chat template" if instruct else _OWN,
        is_near=not turns.is_exact,
        turns=None if instruct else written,
        marks=marks,
        opening=opening,
        thinking=state,
        lack="; ".join(turns.lacks),
    )


def _with_thinking(turns: Turns, thinking: str) -> tuple[Turns, Thinking]:
    """Return the turns with thoughts on or off, and which of them they are.

    Off is the default wherever the chat template can turn them off: thoughts make prose worse and fill the length of
    an answer before it begins.
    """
    if thinking == "on" and turns.thinking:
        return turns.thinking, "on"
    if turns.quiet:
        return (turns, "on") if thinking == "on" else (turns.quiet, "off")
    if turns.thinking:
        return turns, "off"
    return turns, "always" if turns.opening else ""


def _by_signs(text: str, tokenizer: str) -> _Rule | None:
    if "[INST]" in text:
        return _Rule(_mistral(text, tokenizer), ())
    return next((rule for rule in _RULES if all(sign in text for sign in rule.signs)), None)


def _mistral(text: str, tokenizer: str) -> str:
    """Return Mistral's version, by the spaces around its tokens and the tokenizer; Llama 2 used the same tokens."""
    if "<<SYS>>" in text:
        return "Llama 2 Chat"
    is_tekken = tokenizer == "tekken"
    if "[SYSTEM_PROMPT]" in text:
        return "Mistral V7" if "[INST] " in text and not is_tekken else "Mistral V7-Tekken"
    if is_tekken or '"[INST]"' in text:
        return "Mistral V3-Tekken"
    return "Mistral V1" if " [/INST]" in text else "Mistral V2 & V3"


def _reasoning(instruct: str, text: str, names: tuple[str, ...]) -> str:
    """Return SillyTavern's reasoning template for a model that reasons before it answers."""
    if instruct.startswith("OpenAI Harmony"):
        return "OpenAI Harmony"
    if instruct == "Gemma 4":
        return "Gemma 4"
    if "<think>" in text or "</think>" in text or (not text and thinks_by_name(*names)):
        return "DeepSeek" if instruct == "DeepSeek-V2.5" else "Think XML"
    return ""


def _context(instruct: str) -> str:
    return _DEFAULT_CONTEXT if instruct in _NO_CONTEXT else _OTHER_CONTEXT.get(instruct, instruct)
