"""No block's weights are left out of a model's shape."""

from stackctl.core.model import gguf, gguf_shape
from tests.shapes.header import header
from tests.shapes.measured import MODELS


def test_a_header_without_the_number_of_blocks_has_those_of_its_tensors() -> None:
    model = MODELS["llama-3.1-8b"]
    metadata, tensors = dict(model.metadata()), model.tensors()
    whole = gguf_shape.shape_of(gguf.read(*header(metadata, tensors), name="m"))
    del metadata["llama.block_count"]
    found = gguf_shape.shape_of(gguf.read(*header(metadata, tensors), name="m"))
    assert len(found.layers) == len(whole.layers) == 32
    assert found.weights == whole.weights > 4_000 << 20
