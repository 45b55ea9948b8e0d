import pytest

from stackctl.core.hub.source import Source, parse
from stackctl.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("hf:owner/name", Source(repo="owner/name")),
        ("hf:owner/na.me-GGUF:Q4_K_M", Source(repo="owner/na.me-GGUF", quant="Q4_K_M")),
        ("hf:owner/name/sub/x Q4.gguf", Source(repo="owner/name", file="sub/x Q4.gguf")),
        ("hf:owner/name@abc123:Q8_0", Source(repo="owner/name", revision="abc123", quant="Q8_0")),
        ("https://huggingface.co/owner/name", Source(repo="owner/name")),
        ("https://huggingface.co/owner/name/blob/main/x.gguf", Source(repo="owner/name", file="x.gguf")),
        ("https://hf.co/o/n/resolve/v1/x.gguf?download=true", Source(repo="o/n", revision="v1", file="x.gguf")),
        ("https://example.org/models/x.gguf", Source(url="https://example.org/models/x.gguf")),
        ("http://127.0.0.1:9/x.gguf?a=b", Source(url="http://127.0.0.1:9/x.gguf?a=b")),
    ],
)  # fmt: skip
def test_a_source_is_a_repository_or_one_of_its_files_or_an_address(text: str, means: Source) -> None:
    assert parse(text) == means
    assert parse(str(means)) == means


@pytest.mark.parametrize("text", ["/models/x.gguf", "x.gguf", "demo", "~/x.gguf", "hf", "models/hf:x"])
def test_anything_else_is_a_path(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "hf:", "hf:name", "hf:a/b/../../etc/passwd", "hf:a/..", "hf:../b", "hf:a/b:", "hf:a/b\\c", "hf:a/b/%2e%2e/c",
        "https://", "http://[::1/x", "hf:a/b//etc/x.gguf", "hf:a/b/c//d.gguf", "hf:a/b/.hidden.gguf", "hf:a/b/./c.gguf",
        "hf:a/b/c\0.gguf", "hf:a/b/c\x1b[2J.gguf", "hf:a/b/c\u202e.gguf", "hf:a/b/x.gguf.part",
        f"hf:a/b/{'x' * 250}.gguf", "hf:./.", "hf:a/b@.",
    ],
)  # fmt: skip
def test_a_wrong_source_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.hint
