"""Labels as well-known uploaders write them: only the names of the files, each with what it is called."""

import pytest

from stackctl.core.hub.labels import bits, label, matches, matches_loosely, model_name

NAMES = {
    # bartowski
    "Llama-3.1-70B-Q4_K_L.gguf": "Q4_K_L",
    "Qwen_Qwen3-Coder-Next-Q6_K_L-00001-of-00002.gguf": "Q6_K_L",
    "Mistral-Nemo-Instruct-2407-Q3_K_XL.gguf": "Q3_K_XL",
    "Llama-3.2-3B-Instruct-Q4_0_4_8.gguf": "Q4_0_4_8",
    "gemma-2-27b-it-IQ4_XS.gguf": "IQ4_XS",
    # mradermacher
    "translategemma-27b-it.i1-Q4_K_M.gguf": "I1-Q4_K_M",
    "Llama-3.2-3B-Instruct-uncensored.i1-IQ3_XXS.gguf": "I1-IQ3_XXS",
    "Gemma-4-E4B-Abliterated-i1-Q4_K_M.gguf": "I1-Q4_K_M",
    "gpt-oss-20b-heretic-v2.i1-MXFP4_MOE.gguf": "I1-MXFP4_MOE",
    "Some-Model.IQ4_NL.gguf": "IQ4_NL",
    # Unsloth
    "Qwen3.5-35B-A3B-UD-Q4_K_XL.gguf": "UD-Q4_K_XL",
    "UD-IQ3_XXS/DeepSeek-V4-Flash-UD-IQ3_XXS-00001-of-00004.gguf": "UD-IQ3_XXS",
    "Kimi-K2-Instruct-UD-TQ1_0.gguf": "UD-TQ1_0",
    "Qwen3.5-35B-A3B-UD-MXFP4_MOE.gguf": "UD-MXFP4_MOE",
    "Qwen3.6-35B-A3B-MXFP4_MOE.gguf": "MXFP4_MOE",
    "Qwen3-8B-UD-Q8_K_XL.gguf": "UD-Q8_K_XL",
    "BF16/Qwen3-235B-A22B-BF16-00001-of-00010.gguf": "BF16",
    "Q4_K_M/DeepSeek-R1-00001-of-00009.gguf": "Q4_K_M",
    # ubergarm and others of ik_llama.cpp
    "smol-IQ2_KS/GLM-4.6-smol-IQ2_KS-00001-of-00003.gguf": "SMOL-IQ2_KS",
    "IQ2_KS/GLM-5.2-smol-IQ2_KS-00001-of-00033.gguf": "SMOL-IQ2_KS",
    "IQ2_KS/GLM-4.6-IQ2_KS-00001-of-00003.gguf": "IQ2_KS",
    "smol-IQ1_KT/Kimi-K2-Instruct-0905-smol-IQ1_KT-00001-of-00005.gguf": "SMOL-IQ1_KT",
    "IQ4_KSS/Qwen3-235B-A22B-Thinking-IQ4_KSS-00001-of-00003.gguf": "IQ4_KSS",
    "Qwen3-30B-A3B-IQ2_KL.gguf": "IQ2_KL",
    "DeepSeek-V3-0324-IQ2_K_R4-00001-of-00005.gguf": "IQ2_K_R4",
    "DeepSeek-R1-IQ1_S_R4.gguf": "IQ1_S_R4",
    "Kimi-K2.6-Q4_X-00001-of-00014.gguf": "Q4_X",
    "Qwen3-8B-Q8_KV.gguf": "Q8_KV",
    "DeepSeek-V3-Q8_0_R8.gguf": "Q8_0_R8",
    # TheBloke
    "mythomax-l2-13b.Q5_K_S.gguf": "Q5_K_S",
    "llama-2-70b-chat.q8_0.gguf": "Q8_0",
    "phi-2.Q2_K.GGUF": "Q2_K",
    # with an importance matrix, before or after the label
    "LightChatAssistant-2x7B_iq3xxs_imatrix.gguf": "IQ3_XXS",
    "Llama-3-8B.Imatrix.Q5_K_M.gguf": "Q5_K_M",
    "nsfw-3b-iq4_xs-imat.gguf": "IQ4_XS",
    "Qwen3-8B-Hivemind-Inst-Hrtic-Ablit-Uncensored-Q4_K_M-imat.gguf": "Q4_K_M",
    "L3-8B-Stheno-D_AU-IQ4_XS-imat13.gguf": "IQ4_XS",
    "DeepSeek-V4-Flash-IQ2XXS-w2Q2K-AProjQ8-SExpQ8-OutQ8-chat-v2-imatrix.gguf": "IQ2_XXS",
    # without separators, or with others
    "qwen2.5-1.5b-q4km.gguf": "Q4_K_M",
    "Llama-Q4KM-00001-of-00003.gguf": "Q4_K_M",
    "LightChatAssistant-2x7B_q6k.gguf": "Q6_K",
    "Model-7B_iq4xs.gguf": "IQ4_XS",
    "Mixtral-8x22B.IQ3-M.gguf": "IQ3_M",
    "Model-Q4-K-M.gguf": "Q4_K_M",
    "model-q5.0.gguf": "Q5_0",
    "model-q4.gguf": "Q4",
    "gemma-3-4b-q8.gguf": "Q8",
    # one word more
    "Qwen3.8-27B-Uncensored-HauhauCS-Aggressive-Q4_K_P.gguf": "Q4_K_P",
    "Model-Q4_K_H.gguf": "Q4_K_H",
    "Model-IQ4_XS-4.25bpw.gguf": "IQ4_XS",
    "Qwen3-Coder-Next-Q4_K_M-v2.gguf": "Q4_K_M",
    "Qwen3.6-35B-A3B-MTP-Q4_K_M.gguf": "Q4_K_M",
    "Model-IQ2_M_smol.gguf": "IQ2_M",
    "model-Q1_0_g128.gguf": "Q1_0",
    # a label of a few tensors, or of the model before it was quantised
    "model-Q4_K_M.Q8_0-embed.gguf": "Q4_K_M",
    "Model-Q8_0-bf16.gguf": "Q8_0",
    "Mistral-7B.f16.q6.gguf": "Q6",
    # other types
    "gpt-oss-20b-mxfp4.gguf": "MXFP4",
    "Qwen3.6-35B-A3B-NVFP4.gguf": "NVFP4",
    "model-f16.gguf": "F16",
    "model.fp16.gguf": "FP16",
    "Model-FP32.gguf": "FP32",
    "ggml-model-i2_s.gguf": "I2_S",
    "bitnet-TL1.gguf": "TL1",
    "Falcon3-1B-TQ2_0.gguf": "TQ2_0",
    "Ternary-Bonsai-2-27B-PTQ1_0.gguf": "PTQ1_0",
    # none
    "Model-APEX-I-Quality.gguf": "Model-APEX-I-Quality.gguf",
    "Model-4.0bpw.gguf": "Model-4.0bpw.gguf",
    "Qwen1.5-7B-Chat.gguf": "Qwen1.5-7B-Chat.gguf",
}


@pytest.mark.parametrize(("name", "says"), NAMES.items())
def test_a_file_is_called_by_the_label_that_its_uploader_wrote(name: str, says: str) -> None:
    assert label(name) == says


@pytest.mark.parametrize("asked", ["q4km", "Q4_K_M", "Q4-K-M", "q4_k_m", "Q4.K.M", "q4k_m", "Q4 K M"])
def test_what_a_user_asks_is_the_label_in_every_spelling(asked: str) -> None:
    assert matches("Q4_K_M", asked)
    assert not matches("Q4_K_S", asked)
    assert not matches("UD-Q4_K_M", asked)
    assert matches_loosely("UD-Q4_K_M", asked)
    assert matches_loosely("I1-Q4_K_M", asked)


@pytest.mark.parametrize(
    ("one", "other"), [("FP16", "f16"), ("F32", "fp32"), ("Q8", "q8_0"), ("Q6", "Q6_K"), ("UD-Q4_K_XL", "ud_q4kxl")]
)
def test_two_names_of_the_same_type_are_one(one: str, other: str) -> None:
    assert matches(one, other)
    assert matches(other, one)


def test_a_smaller_mix_is_not_the_one_that_it_was_made_smaller_from() -> None:
    assert not matches_loosely("SMOL-IQ2_KS", "IQ2_KS")
    assert not matches("BF16", "F16")
    assert matches_loosely("MXFP4_MOE", "mxfp4")


def test_the_models_name_is_the_same_for_all_its_files() -> None:
    names = ["M-7B_q6k.gguf", "M-7B_iq3xxs_imatrix.gguf", "M-7B.i1-Q4_K_M.gguf", "UD-Q2_K_XL/M-7B-UD-Q2_K_XL.GGUF"]
    assert {model_name(name) for name in names} == {"m-7b"}
    assert model_name("M-7B-v2-Q4_K_M-00001-of-00002.gguf") == "m-7b-v2"


@pytest.mark.parametrize(
    ("name", "said"), [("M-IQ2_XXS.gguf", 2), ("M-BF16.gguf", 16), ("M-FP32.gguf", 32), ("M.gguf", 4), ("M-q8.gguf", 8)]
)
def test_a_label_says_roughly_how_many_bits_a_weight_has(name: str, said: int) -> None:
    assert bits(name) == said
