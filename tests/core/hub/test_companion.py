import pytest

from stackctl.core.hub import companion
from stackctl.core.hub.companion import sure_companion
from stackctl.core.hub.source import is_main

COMPANIONS = {
    "mmproj-BF16.gguf": companion.PROJECTOR,
    "gemma-3-4b-it-mmproj-f16.gguf": companion.PROJECTOR,
    "Huihui-Qwen3-VL-8B-Thinking-abliterated.mmproj-Q8_0.gguf": companion.PROJECTOR,
    "mmproj/Model-f16.gguf": companion.PROJECTOR,
    "mmproj_Model_f16.gguf": companion.PROJECTOR,
    "Modelmmproj-f16.gguf": companion.PROJECTOR,
    "Qwen2-VL-vision-encoder.gguf": companion.PROJECTOR,
    "minicpmv-vision_adapter.gguf": companion.PROJECTOR,
    "imatrix_unsloth.gguf": companion.IMATRIX,
    "Qwen_Qwen3-Coder-Next-imatrix.gguf": companion.IMATRIX,
    "Model.imatrix.gguf": companion.IMATRIX,
    "imat.gguf": companion.IMATRIX,
    "MTP/gemma-4-12b-it-MTP-Q8_0.gguf": companion.DRAFT,
    "mtp-gemma-4-12b-it.gguf": companion.DRAFT,
    "Qwen3.8-27B-Uncensored-FastMTP-32K.gguf": companion.DRAFT,
    "gemma-4-12b-it-assistant-Q8_0.gguf": companion.DRAFT,
    "EAGLE3-LLaMA3.1-Instruct-8B_fp16.gguf": companion.DRAFT,
    "dflash-draft-3.6-q4_k_m.gguf": companion.DRAFT,
    "laguna-s-2.1-DFlash-BF16.gguf": companion.DRAFT,
    "ds4flash-dspark.gguf": companion.DRAFT,
    "draft/Model-0.6B-Q8_0.gguf": companion.DRAFT,
    "ggml-vocab-llama-bpe.gguf": companion.VOCABULARY,
    "lora-adapter-f16.gguf": companion.ADAPTER,
    "Model-QLoRA-f16.gguf": companion.ADAPTER,
    "happy-control-vector.gguf": companion.CONTROL_VECTOR,
    "Qwen3-Embedding-0.6B-Q4_K_M-imat.gguf": companion.EMBEDDING,
    "nomic-embed-text-v1.5.Q8_0.gguf": companion.EMBEDDING,
    "bge-reranker-v2-m3-Q8_0.gguf": companion.RERANKER,
    "WavTokenizer-Large-75-F16.gguf": companion.SOUND,
}
MODELS = [
    "Model-7B_iq3xxs_imatrix.gguf", "Model-7B-imatrix-Q4_K_M.gguf", "Llama-3-8B.Imatrix.Q5_K_M.gguf",
    "model_imatrix/Model-Q4_K_M.gguf", "GGUF-imatrix/Model-Q4_K_M.gguf", "Model-Q4_K_M-imatrix.gguf",
    "Model-IQ-imatrix-IQ4_XS.gguf", "LightChatAssistant-2x7B_q6k.gguf", "model-Q4_K_M.Q8_0-embed.gguf",
    "vocabulary-tutor-8B-Q4_K_M.gguf", "Qwen3-VL-8B-Instruct-Q4_K_M.gguf", "imatrix/Model-Q4_K_M.gguf",
]  # fmt: skip


@pytest.mark.parametrize(("name", "says"), COMPANIONS.items())
def test_a_companions_name_says_what_it_is(name: str, says: str) -> None:
    assert companion.companion(name) == says
    assert not is_main(name)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_not_taken_for_a_companion(name: str) -> None:
    assert companion.companion(name) == ""
    assert is_main(name)


def test_only_names_that_no_model_has_are_sure() -> None:
    assert sure_companion("mmproj-F16.gguf")
    assert sure_companion("imatrix_unsloth.gguf")
    assert not sure_companion("Qwen3.6-35B-A3B-MTP-Q4_K_M.gguf")
    assert not sure_companion("Open-Assistant-Q4_K_M.gguf")
