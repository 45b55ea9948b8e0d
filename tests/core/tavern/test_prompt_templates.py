"""The prompt template of real model families: by the signs of their chat templates, else by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.core.model.model import Header
from stackctl.core.tavern import prompt_templates
from stackctl.core.tavern.prompt_templates import Template

# What tells one family's chat template from another's: the way each writes a turn, not the template itself.
# Sources: tests/test-chat-template.cpp and models/templates of ggml-org/llama.cpp; mistralai/cookbook.
CHATML = "'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'"
THINKING_CHATML = CHATML + "{%- if '</think>' in content %}{%- endif %}'<think>\\n\\n</think>\\n\\n'"
HEADERS = "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] + '<|eot_id|>'"
OLD_MISTRAL = "{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ message['content'] + eos_token }}"
V1 = "{{- ' [INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}"
V3 = '"[AVAILABLE_TOOLS] [" {{- "[INST] " + message["content"] + "[/INST]" }}'
NEMO = '"[AVAILABLE_TOOLS][" {{- "[INST]" + message["content"] + "[/INST]" }}'
V7 = '"[SYSTEM_PROMPT] " + system + "[/SYSTEM_PROMPT]" {{- "[INST] " + message["content"] + "[/INST]" }}'
V7_TEKKEN = "'[SYSTEM_PROMPT]' + system_message + '[/SYSTEM_PROMPT]' {{- '[INST]' + message['content'] + '[/INST]' }}"
LLAMA_2 = "'<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' {{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
GEMMA = "'<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n'"
COHERE = "'<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + message['content'] + '<|END_OF_TURN_TOKEN|>'"
DEEPSEEK = "'<｜User｜>' + message['content'] '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'"
R1 = DEEPSEEK + "{% if '</think>' in content %}{{'<｜Assistant｜><think>\\n'}}"
PHI_3 = "'<|user|>' + '\\n' + message['content'] + '<|end|>' + '\\n' + '<|assistant|>' + '\\n'"
PHI_4 = "'<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|>'"
GLM = "[gMASK]<sop>{% for item in messages %}<|user|>\n{{ item['content'] }}<|assistant|>"
TULU = "'<|user|>\\n' + message['content'] + '\\n' '<|assistant|>\\n' + message['content'] + eos_token"
HARMONY = '"<|start|>user<|message|>" + content + "<|end|>" "<|start|>assistant<|channel|>final<|message|>"'
KIMI = "<|im_user|>user<|im_middle|> <|im_assistant|>assistant<|im_middle|> <|im_end|>"
SOLAR = "'### User:\\n' + message['content'] '### Assistant:\\n'"
VICUNA = "'USER: ' + message['content'] + ' ' 'ASSISTANT: ' + message['content'] + '</s>'"

FAMILIES: list[tuple[str, str, str, str, str]] = [  # file, chat template, tokenizer, instruct preset, reasoning preset
    ("llama-2-7b-chat.Q4_K_M.gguf", LLAMA_2, "", "Llama 2 Chat", ""),
    ("Meta-Llama-3-8B-Instruct.gguf", HEADERS, "llama-bpe", "Llama 3 Instruct", ""),
    ("Meta-Llama-3.1-8B-Instruct.gguf", "Environment: ipython" + HEADERS, "llama-bpe", "Llama 3 Instruct", ""),
    ("Llama-3.3-70B-Instruct.gguf", HEADERS, "llama-bpe", "Llama 3 Instruct", ""),
    ("L3-8B-Stheno-v3.2.gguf", HEADERS, "llama-bpe", "Llama 3 Instruct", ""),
    (
        "Llama-4-Scout.gguf",
        "'<|header_start|>user<|header_end|>\\n\\n' '<|eot|>'",
        "llama4",
        "Llama 4 Instruct",
        "",
    ),
    ("mistral-7b-instruct-v0.1.gguf", OLD_MISTRAL, "", "Mistral V1", ""),
    ("mistral-7b-instruct-v0.2.gguf", V1, "", "Mistral V1", ""),
    ("mixtral-8x7b-instruct-v0.1.gguf", OLD_MISTRAL, "", "Mistral V1", ""),
    ("Mistral-7B-Instruct-v0.3.gguf", V3, "", "Mistral V2 & V3", ""),
    ("Mistral-Large-Instruct-2407.gguf", V3, "", "Mistral V2 & V3", ""),
    ("Mistral-Nemo-Instruct-2407.gguf", NEMO, "tekken", "Mistral V3-Tekken", ""),
    ("Rocinante-12B-v1.1.gguf", OLD_MISTRAL, "tekken", "Mistral V3-Tekken", ""),
    ("Mistral-Large-Instruct-2411.gguf", V7, "", "Mistral V7", ""),
    ("Mistral-Small-24B-Instruct-2501.gguf", V7_TEKKEN, "tekken", "Mistral V7-Tekken", ""),
    ("Mistral-Small-3.1-24B-Instruct-2503.gguf", V7_TEKKEN, "tekken", "Mistral V7-Tekken", ""),
    ("Qwen2.5-7B-Instruct.gguf", CHATML, "qwen2", "ChatML", ""),
    ("Qwen3-8B.gguf", THINKING_CHATML, "qwen2", "ChatML", "Think XML"),
    ("QwQ-32B.gguf", THINKING_CHATML, "qwen2", "ChatML", "Think XML"),
    ("Hermes-3-Llama-3.1-8B.gguf", CHATML, "llama-bpe", "ChatML", ""),
    ("Yi-34B-Chat.gguf", CHATML, "", "ChatML", ""),
    ("SmolLM2-1.7B-Instruct.gguf", CHATML, "smollm", "ChatML", ""),
    ("gemma-2-9b-it.gguf", "raise_exception('System role not supported')" + GEMMA, "", "Gemma 2", ""),
    ("gemma-3-12b-it.gguf", "'<start_of_image>'" + GEMMA, "", "Gemma 2", ""),
    ("gemma-4-31B-it.gguf", "'<|turn>model\\n' '<turn|>' '<|channel>thought\\n'", "", "Gemma 4", "Gemma 4"),
    ("c4ai-command-r-v01.gguf", COHERE, "command-r", "Command R", ""),
    ("c4ai-command-a-03-2025.gguf", COHERE + "'<|CHATBOT_TOKEN|>'", "", "Command R", ""),
    ("aya-expanse-32b.gguf", COHERE, "command-r", "Command R", ""),
    ("Phi-3.5-mini-instruct.gguf", PHI_3, "", "Phi", ""),
    ("phi-4.gguf", PHI_4, "dbrx", "ChatML", ""),
    ("glm-4-9b-chat.gguf", GLM, "chatglm-bpe", "GLM-4", ""),
    ("GLM-4.6.gguf", GLM + "<think></think>", "glm4", "GLM-4", "Think XML"),
    ("DeepSeek-V2.5.gguf", DEEPSEEK, "deepseek-llm", "DeepSeek-V2.5", ""),
    ("DeepSeek-V3.gguf", DEEPSEEK, "deepseek-v3", "DeepSeek-V2.5", ""),
    ("DeepSeek-R1.gguf", R1, "deepseek-v3", "DeepSeek-V2.5", "DeepSeek"),
    ("DeepSeek-R1-Distill-Llama-8B.gguf", R1, "llama-bpe", "DeepSeek-V2.5", "DeepSeek"),
    ("DeepSeek-R1-Distill-Qwen-32B.gguf", R1, "deepseek-r1-qwen", "DeepSeek-V2.5", "DeepSeek"),
    ("gpt-oss-20b-mxfp4.gguf", HARMONY, "gpt-4o", "OpenAI Harmony (Thinking)", "OpenAI Harmony"),
    ("Kimi-K2-Instruct.gguf", KIMI, "kimi-k2", "Moonshot AI", ""),
    ("Llama-3.1-Tulu-3-8B.gguf", TULU, "llama-bpe", "Tulu", ""),
    ("OLMo-2-1124-13B-Instruct.gguf", TULU, "dbrx", "Tulu", ""),
    ("dots.llm1.inst.gguf", "<|userprompt|> <|endofuserprompt|> <|response|>", "", "Dots1", ""),
    ("SOLAR-10.7B-Instruct-v1.0.gguf", SOLAR, "", "Alpaca", ""),
    ("vicuna-13b-v1.5.gguf", VICUNA, "", "Vicuna 1.1", ""),
    # conversions from before chat templates stood in the file
    ("mythomax-l2-13b.Q5_K_M.gguf", "", "", "Alpaca", ""),
    ("pygmalion-2-13b.gguf", "", "", "Metharme", ""),
    ("mythalion-13b.gguf", "", "", "Metharme", ""),
    ("Synthia-70B-v1.5.gguf", "", "", "Synthia", ""),
    ("goliath-120b.gguf", "", "", "Vicuna 1.1", ""),
    ("openchat_3.5.gguf", "", "", "OpenOrca-OpenChat", ""),
    ("dolphin-2.6-mistral-7b.gguf", "", "", "ChatML", ""),
    ("Midnight-Miqu-70B.gguf", "", "", "Vicuna 1.1", ""),
    ("pivot-0.1-evil-a.gguf", "", "", "Alpaca", ""),  # nothing tells: the fallback
]


@pytest.mark.parametrize(("file", "chat_template", "tokenizer", "instruct", "reasoning"), FAMILIES)
def test_a_family_gets_its_template(
    file: str, chat_template: str, tokenizer: str, instruct: str, reasoning: str
) -> None:
    header = Header(format="gguf", chat_template=chat_template, tokenizer=tokenizer)
    found = prompt_templates.recognise_template(header, file)
    assert (found.instruct, found.reasoning) == (instruct, reasoning)


def test_more_than_25_families_are_in_the_table() -> None:
    assert len({file.partition("-")[0].lower() for file, *_ in FAMILIES}) > 25


def test_what_told_us_is_said_and_a_guess_has_no_source() -> None:
    known = prompt_templates.recognise_template(Header(format="gguf", chat_template=CHATML), "x.gguf")
    by_name = prompt_templates.recognise_template(Header(format="gguf", title="MythoMax L2 13B"), "model.gguf")
    guess = prompt_templates.recognise_template(Header(format="gguf"), "model.gguf")
    assert [one.source for one in (known, by_name, guess)] == ["its chat template", "its name", ""]
    assert [one.is_guess for one in (known, by_name, guess)] == [False, False, True]


def test_an_unknown_chat_template_is_a_guess_whatever_the_name_says() -> None:
    header = Header(format="gguf", chat_template="'<|start_of_role|>' + role + '<|end_of_role|>'")  # Granite
    assert prompt_templates.recognise_template(header, "granite-mistral.gguf").is_guess


def test_where_sillytavern_has_nothing_just_like_it_the_nearest_says_so() -> None:
    assert prompt_templates.recognise_template(Header(format="gguf", chat_template=PHI_4), "phi-4.gguf").is_near
    assert not prompt_templates.recognise_template(Header(format="gguf", chat_template=CHATML), "x.gguf").is_near


def test_the_context_preset_goes_with_the_instruct_preset() -> None:
    assert prompt_templates.template_named("ChatML") == Template(
        instruct="ChatML", context="ChatML", source="stack.toml"
    )
    assert prompt_templates.template_named("Vicuna 1.1").context == "Default"
    assert prompt_templates.template_named("OpenAI Harmony (Thinking)").context == "OpenAI Harmony"


@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=10))
def test_any_text_ends_in_a_template(chat_template: str, name: str, tokenizer: str) -> None:
    found = prompt_templates.recognise_template(
        Header(format="gguf", chat_template=chat_template, tokenizer=tokenizer), name
    )
    assert found.instruct
    assert found.context
