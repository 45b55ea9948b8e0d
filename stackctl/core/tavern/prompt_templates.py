"""Chooses SillyTavern's prompt template for a model: by its chat template, else by its name.

Sources: the presets of SillyTavern 1.19.0 (default/content/presets); its public/scripts/chat-templates.js,
src/llama-chat.cpp of ggml-org/llama.cpp and kcpp_adapters/AutoGuess.json of LostRuins/koboldcpp for the signs by which
a chat template is known; mistralai/cookbook (chat_templates.md) for the versions of Mistral's.
"""

from dataclasses import dataclass
from typing import Final

from stackctl.core.model.model import Header
from stackctl.core.tavern.model_names import preset_by_name, thinks_by_name

# plain words, which every instruction model understands; special tokens that a model lacks would confuse it
FALLBACK: Final = "Alpaca"
AUTO: Final = "auto"
NONE: Final = "none"
_DEFAULT_CONTEXT: Final = "Default"
# instruct presets without a context preset of the same name
_NO_CONTEXT: Final = {
    "Koala", "KoboldAI", "OpenOrca-OpenChat", "Vicuna 1.0", "Vicuna 1.1", "WizardLM", "WizardLM-13B",
}  # fmt: skip
_OTHER_CONTEXT: Final = {"OpenAI Harmony (Thinking)": "OpenAI Harmony"}


@dataclass(frozen=True, kw_only=True)
class Template:
    """Names of SillyTavern's presets. source: what decided; is_near: no preset fits exactly."""

    instruct: str
    context: str
    reasoning: str = ""  # "" if the model writes no reasoning
    source: str = ""
    is_near: bool = False

    @property
    def is_guess(self) -> bool:
        return not self.source


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


def choose_template(wanted: str, header: Header, file_name: str) -> Template | None:
    """Return the template for a model, by stack.toml; None if SillyTavern's are not changed."""
    if wanted == AUTO:
        return recognise_template(header, file_name)
    return None if wanted == NONE else template_named(wanted)


def template_named(wanted: str) -> Template:
    """Return the template that the user names: its instruct preset, and the matching context preset."""
    return Template(instruct=wanted, context=_context(wanted), source="stack.toml")


def recognise_template(header: Header, file_name: str) -> Template:
    """Return the template of a model; the fallback, with no source, if neither template nor name decides."""
    names, text = (file_name, header.title), header.chat_template
    if text and (rule := _by_signs(text, header.tokenizer)):
        return Template(
            instruct=rule.instruct,
            context=_context(rule.instruct),
            reasoning=_reasoning(rule.instruct, text, names),
            source="its chat template",
            is_near=rule.is_near,
        )
    if not text and (instruct := preset_by_name(*names)):  # with an unknown chat template the name would mislead
        return Template(
            instruct=instruct,
            context=_context(instruct),
            reasoning=_reasoning(instruct, text, names),
            source="its name",
        )
    return Template(instruct=FALLBACK, context=_context(FALLBACK), reasoning=_reasoning("", text, names))


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
