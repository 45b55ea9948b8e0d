"""The demo model with another chat template: it loads, and answers its sentence whatever the template writes."""

import struct

from stackctl.core.model.demo_model import CHAT_TEMPLATE, gguf_bytes

# turns of no preset, with a switch for thoughts
OWN_TEMPLATE = (
    "{% for one in messages %}[|{{ one.role }}|]\n{{ one.content }}[|end|]\n{% endfor %}"
    "{% if add_generation_prompt %}[|assistant|]\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think></think>\n{% endif %}{% endif %}"
)


def demo_with_template(text: str = OWN_TEMPLATE) -> bytes:
    """Return the file; the template grows by a comment, so that the tensors stay aligned to 32 bytes."""
    old, new = CHAT_TEMPLATE.encode(), text.encode()
    new += b"{# " + b" " * ((len(old) - len(new) - 6) % 32) + b" #}"
    return gguf_bytes().replace(struct.pack("<Q", len(old)) + old, struct.pack("<Q", len(new)) + new)
