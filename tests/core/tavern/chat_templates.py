"""Chat templates of our own, each with one trait of those in real models, and their rendering without a process."""

from stackctl.core.tavern.cut_talks import Tokens
from stackctl.core.tavern.derived_turns import derive_turns
from stackctl.core.tavern.talks import Request
from stackctl.core.tavern.turns import Turns
from stackctl.effects.chat_template import child

USUAL = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SWITCHED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.reasoning_content and loop.last %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
OPENED = USUAL.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
REFUSING = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
LATE = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set s = messages[0].content %}{% set t = messages[1:] %}"
    "{% else %}{% set t = messages %}{% endif %}{% for m in t %}"
    "{% if m.role == 'user' %}[INST]{% if loop.last and s %}{{ s }}\n\n{% endif %}{{ m.content }}[/INST]"
    "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
DATED = (
    "{% for m in messages %}<|begin|>{{ m.role }}\n"
    "{% if m.role == 'system' %}You are Moon. Today is {{ strftime_now('%d %B %Y') }}.\n\n{% endif %}"
    "{{ m.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)
DEFAULT_TEXT = "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are Moon.<|im_end|>\n{% endif %}" + USUAL
AFTER_STORY = (
    "{% for m in messages %}{% if m.role == 'system' %}<sys>{{ m.content }}</sys><dev>tools: none</dev>"
    "{% elif m.role == 'user' %}<usr>{{ m.content }}</usr>{% else %}<bot>{{ m.content }}</bot>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<bot>{% endif %}"
)
NO_LAST_NEWLINE = (
    "{% for m in messages %}{% if m.role == 'system' %}<|system|>\n{{ m.content }}\n{% elif m.role == 'user' %}"
    "<|user|>\n{{ m.content }}\n{% else %}<|assistant|>\n{{ m.content }}{{ eos_token }}"
    "{% if not loop.last %}{{ '\\n' }}{% endif %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
ALWAYS_BEGINS = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n\n{% elif m.role == 'user' %}USER: "
    "{{ m.content }}\n{% else %}ASSISTANT: {{ m.content }}{{ eos_token }}\n{% endif %}{% endfor %}ASSISTANT:"
)
CHANNELS = (
    "{% for m in messages %}<|start|>{{ m.role }}{% if m.role == 'assistant' %}{% if m.thinking %}<|channel|>analysis"
    "<|message|>{{ m.thinking }}<|end|><|start|>assistant{% endif %}<|channel|>final{% endif %}<|message|>"
    "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
BRACKETS = REFUSING + "{# [THINK] thoughts [/THINK] #}{% if 0 %}[THINK]{% endif %}"
NO_TOOLS = "{% for t in tools %}{{ t }}{% endfor %}" + USUAL
OLD_SWITCH = USUAL + "{% if add_generation_prompt and not thinking %}</think>{% endif %}"
PARTS = USUAL.replace("{{ m.content }}", "{% for c in m.content if c.type == 'text' %}{{ c.text }}{% endfor %}")
EXTRAS = (
    "{% for m in messages %}{% if loop.index > 90 %}{% break %}{% endif %}<|{{ m.role }}|>{% for k, v in m.items() %}"
    "{% if k == 'content' %}{% generation %}{{ v.strip() }}{% endgeneration %}{% endif %}{% endfor %}"
    "{% if {'a': 1} | tojson == '{\"a\": 1}' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CHANGING = USUAL.replace("{{ m.content }}", "{{ m.content | lower }}")
GUARD = "{% set m = messages[-1] %}Is this text safe?\n{{ m.content }}\nAnswer:"


def render(request: Request) -> tuple[str | None, ...] | str:
    """Render in this process: these templates do no harm."""
    found = child.answer_to(request.as_json())
    return str(found["fault"]) if "fault" in found else tuple(one.get("text") for one in found["answers"])


def turns(template: str, tokens: Tokens | None = None) -> Turns:
    found = derive_turns(template, tokens or Tokens(bos="<s>", eos="</s>"), render)
    assert isinstance(found, Turns), found
    return found
