"""The format of a model by its name: makers' own formats, then the base and its generation, always as whole words."""

import pytest

from stackctl.core.tavern.model_names import preset_by_name, thinks_by_name


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        # one name over several generations of the base
        ("Stheno-1.8-L2-13B.Q4_K_M.gguf", "Alpaca"),
        ("L3-8B-Stheno-v3.2.gguf", "Llama 3 Instruct"),
        ("Euryale-1.3-70B.gguf", "Alpaca"),
        ("Euryale-v2.2.gguf", "Llama 3 Instruct"),
        ("Cydonia-v1.2-22B.gguf", "Metharme"),
        ("TheDrummer_Cydonia-24B-v4zg-Q4_K_M.gguf", "Mistral V7-Tekken"),
        ("Behemoth-123B-v1.1.gguf", "Metharme"),
        ("Behemoth-R1-123B-v2.gguf", "Mistral V7"),
        ("Noromaid-13b-v0.3.gguf", "Alpaca"),
        ("Noromaid-v0.4-Mixtral-Instruct-8x7b.gguf", "Mistral V1"),
        ("Lumimaid-v0.2-12B.gguf", "Mistral V3-Tekken"),
        ("Nous-Hermes-Llama2-13b.gguf", "Alpaca"),
        ("Hermes-4-14B.gguf", "ChatML"),
        ("Hermes-4-70B.gguf", "Llama 3 Instruct"),
        ("calm2-7b-chat.gguf", "Vicuna 1.1"),
        # a maker's format stays on another base
        ("dolphin-2.9-llama3-8b.gguf", "ChatML"),
        ("Mistral-7B-OpenOrca.gguf", "ChatML"),
        ("Llama-3.1-Tulu-3-8B.gguf", "Tulu"),
        ("DeepSeek-R1-Distill-Llama-3-8B.gguf", "DeepSeek-V2.5"),
        # but a base in the name counts before a name that several bases have
        ("L3.3-70B-Magnum-v4-SE.gguf", "Llama 3 Instruct"),
        ("Llama-3.2-11B-Vision-Instruct.gguf", "Llama 3 Instruct"),
        # the size alone, where nothing else tells
        ("Emerhyst-20B.gguf", "Alpaca"),
        ("gpt-oss-20b-mxfp4.gguf", "OpenAI Harmony (Thinking)"),
        ("internlm2-chat-20b.gguf", "ChatML"),
        ("Command-A-111B.gguf", "Command R"),
        ("Frostwind-10.7B-v1.gguf", "Alpaca"),
        ("llama-30b.gguf", "Alpaca"),
        # parts of other words are no names
        ("Nemotron-Mini-4B-Instruct.gguf", ""),
        ("malaya-7b.gguf", ""),
        ("hayiana.gguf", ""),
        ("sophi3-7b.gguf", ""),
        ("xl3-turbo.gguf", ""),
        ("falcon3-10b-instruct.gguf", ""),
    ],
)
def test_a_name_tells_the_maker_the_base_and_its_generation(name: str, preset: str) -> None:
    assert preset_by_name(name) == preset
    assert preset_by_name("model.gguf", name.removesuffix(".gguf").replace("-", " ")) == preset


@pytest.mark.parametrize(
    ("name", "thinks"),
    [("QwQ-32B", True), ("DeepSeek-R1-0528", True), ("Qwen3-4B-Thinking-2507", True), ("Rethinkable-7b", False)],
)
def test_a_name_tells_whether_the_model_thinks(name: str, thinks: bool) -> None:
    assert thinks_by_name(name) is thinks
