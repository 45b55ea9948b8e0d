"""Names of models as they come from a browser, a chat, or another program's command line."""

from collections.abc import Callable

import pytest

from stackctl.core.hub.ollama import model_name, read_manifest
from stackctl.core.hub.pasted import hint_at_source, read, read_source
from stackctl.core.hub.source import parse
from stackctl.errors import ConfigError

REPO, FILE = "hf:Owner/X-GGUF", "hf:Owner/X-GGUF/X-Q4_K_M.gguf"
PAGE = "https://huggingface.co/Owner/X-GGUF"
SCOPE = "https://modelscope.cn/models/Owner/X-GGUF"


def nothing(_: str) -> bool:
    return False


def only(*paths: str) -> Callable[[str], bool]:
    return lambda path: path in paths


@pytest.mark.parametrize(
    ("text", "means"),
    [
        # the addresses of a browser
        (PAGE, REPO),
        (f"{PAGE}/", REPO),
        (f"{PAGE}.git", REPO),
        (f"{PAGE}?library=llama-cpp-python", REPO),
        (f"{PAGE}#usage", REPO),
        (f"{PAGE}/tree/main", REPO),
        (f"{PAGE}/tree/main/", REPO),
        (f"{PAGE}/tree/main/X-Q8_0", f"{REPO}/X-Q8_0"),
        (f"{PAGE}/tree/v2", f"{REPO}@v2"),
        (f"{PAGE}/tree/refs%2Fpr%2F3/X-Q8_0", f"{REPO}@refs/pr/3/X-Q8_0"),
        (f"{PAGE}/blob/main/X-Q4_K_M.gguf", FILE),
        (f"{PAGE}/raw/main/X-Q4_K_M.gguf", FILE),
        (f"{PAGE}/resolve/main/X-Q4_K_M.gguf?download=true", FILE),
        (f"{PAGE}?show_file_info=X-Q4_K_M.gguf", FILE),
        (f"{PAGE}/tree/main?show_file_info=X-Q8_0%2FX-1.gguf", f"{REPO}/X-Q8_0/X-1.gguf"),
        (f"{PAGE}/blob/main/My%20X.gguf", f"{REPO}/My X.gguf"),
        (f"{PAGE}:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("HTTPS://HuggingFace.co/Owner/X-GGUF", REPO),
        ("https://user:hf_x@huggingface.co/Owner/X-GGUF", REPO),
        ("www.huggingface.co/Owner/X-GGUF/", REPO),
        ("huggingface.co/Owner/X-GGUF", REPO),
        ("hf.co/Owner/X-GGUF:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("hf.co/Owner/X-GGUF:latest", REPO),
        ("hf.co/Owner/X-GGUF/X-Q4_K_M.gguf", FILE),
        ("hf:hf.co/Owner/X-GGUF/X-Q8_0/", f"{REPO}/X-Q8_0"),
        # our own way, nearly
        ("Owner/X-GGUF", REPO),
        ("Owner/X-GGUF/", REPO),
        ("Owner/X-GGUF:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("HF:Owner/X-GGUF:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("hf: Owner/X-GGUF", REPO),
        ("hf://Owner/X-GGUF/X-Q4_K_M.gguf", FILE),
        ("huggingface://Owner/X-GGUF/X-Q4_K_M.gguf", FILE),
        ("hf:https://huggingface.co/Owner/X-GGUF", REPO),
        ("hf:hf.co/Owner/X-GGUF:Q8_0", f"{REPO}:Q8_0"),
        ("hf:Owner/X-GGUF: Q4_K_M", f"{REPO}:Q4_K_M"),
        ("hf:Owner/X-GGUF:latest", REPO),
        ("hf:Owner/X-GGUF/", REPO),
        ("hf:Owner/X-GGUF/X-Q8_0/", f"{REPO}/X-Q8_0"),
        ("hf:Owner/X-GGUF/tree/main/X-Q8_0", f"{REPO}/X-Q8_0"),
        ("hf:Owner/X-GGUF/resolve/main/X-Q4_K_M.gguf", FILE),
        ("hf:Owner/X-GGUF/blob/v2/X-Q4_K_M.gguf", f"{REPO}@v2/X-Q4_K_M.gguf"),
        ("hf:Owner/X-GGUF/My%20X.gguf", f"{REPO}/My X.gguf"),
        ("git@hf.co:Owner/X-GGUF", REPO),
        # what surrounds a name in a chat
        ("  Owner/X-GGUF:Q4_K_M\n", f"{REPO}:Q4_K_M"),
        ('"Owner/X-GGUF"', REPO),
        ("`hf:Owner/X-GGUF`,", REPO),
        ("<https://huggingface.co/Owner/X-GGUF>", REPO),
        (f"[X-GGUF]({PAGE}/blob/main/X-Q4_K_M.gguf)", FILE),
        (f'[X](<{PAGE}> "the model")', REPO),
        # other programs' command lines and buttons
        ("ollama run hf.co/Owner/X-GGUF:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("ollama pull huggingface.co/Owner/X-GGUF", REPO),
        ("ollama://hf.co/Owner/X-GGUF:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("-hf Owner/X-GGUF:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("llama-server -hf Owner/X-GGUF:Q4_K_M -c 8192 --jinja", f"{REPO}:Q4_K_M"),
        ("$ ./llama-cli --hf-repo Owner/X-GGUF --hf-file X-Q4_K_M.gguf -p 'Hi'", FILE),
        ("llama-cli --hf-repo=Owner/X-GGUF", REPO),
        (f"llama-server -mu {PAGE}/resolve/main/X-Q4_K_M.gguf", FILE),
        ("hf download Owner/X-GGUF X-Q4_K_M.gguf --local-dir .", FILE),
        ("huggingface-cli download --local-dir models Owner/X-GGUF", REPO),
        (f"git clone {PAGE}", REPO),
        (f"wget -c {PAGE}/resolve/main/X-Q4_K_M.gguf", FILE),
        ("vllm serve Owner/X", "hf:Owner/X"),
        ("docker model run hf.co/Owner/X-GGUF", REPO),
        ("stackctl deploy --model hf:Owner/X-GGUF:Q4_K_M", f"{REPO}:Q4_K_M"),
        ("lmstudio://open_from_hf?model=Owner/X-GGUF&file=X-Q4_K_M.gguf", FILE),
        ("jan://models/huggingface/Owner/X-GGUF", REPO),
        # other places
        ("https://example.org/models/x.gguf?a=b", "https://example.org/models/x.gguf?a=b"),
        (f"{SCOPE}/file/view/master/X Q4.gguf?status=2", f"{SCOPE}/resolve/master/X%20Q4.gguf"),
        (f"{SCOPE}/file/view/master?fileName=X.gguf&status=2", f"{SCOPE}/resolve/master/X.gguf"),
        (f"{SCOPE}/resolve/master/X.gguf", f"{SCOPE}/resolve/master/X.gguf"),
        ("modelscope.cn/models/Owner/X-GGUF/resolve/master/X.gguf", f"{SCOPE}/resolve/master/X.gguf"),
    ],
)  # fmt: skip
def test_a_name_is_understood_as_it_was_copied(text: str, means: str) -> None:
    assert read(text, nothing) == means
    assert str(parse(means)) == means


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("/models/x.gguf", "/models/x.gguf"),
        ("my models/x.gguf", "my models/x.gguf"),
        ("models/x.gguf", "models/x.gguf"),
        ("./Owner/X-GGUF", "./Owner/X-GGUF"),
        ("../x", "../x"),
        ("~/x", "~/x"),
        ("mistral", "mistral"),
        ("x.GGUF", "x.GGUF"),
        ('"/models/my x.gguf"', "/models/my x.gguf"),
        ("file:///models/my%20x.gguf", "/models/my x.gguf"),
        ("file://localhost/models/x.gguf", "/models/x.gguf"),
        ("file:/models/x.gguf", "/models/x.gguf"),
        ("C:\\Users\\me\\x.gguf", "/mnt/c/Users/me/x.gguf"),
        ("file:///D:/models/x.gguf", "/mnt/d/models/x.gguf"),
        ("\\\\wsl.localhost\\Ubuntu\\home\\me\\x.gguf", "/home/me/x.gguf"),
        ("llama-server -m /models/x.gguf -ngl 99", "/models/x.gguf"),
    ],
)
def test_a_path_stays_a_path(text: str, means: str) -> None:
    assert read(text, nothing) == means


@pytest.mark.parametrize("text", ["Owner/X-GGUF", "Owner/X-GGUF:Q4_K_M", "mistral:7b", "hf.co/o/n", "hf:o/n", "C:\\x"])
def test_a_path_that_exists_wins(text: str) -> None:
    assert read(text, only(text)) == text


def test_a_folder_of_the_first_word_makes_a_repositorys_name_a_path_unless_it_names_a_label() -> None:
    here = only("models")
    assert read("models/llama", here) == "models/llama"
    assert read("models/llama:Q4_K_M", here) == "hf:models/llama:Q4_K_M"


@pytest.mark.parametrize(
    ("text", "says", "advice"),
    [
        ("mistral:7b", "a model of Ollama's library", "stackctl models recommend"),
        ("ollama run mistral", "a model of Ollama's library", "hf:OWNER/NAME:Q4_K_M"),
        ("ollama://mistral", "a model of Ollama's library", "hf:OWNER/NAME:Q4_K_M"),
        ("registry.ollama.ai/library/mistral:7b", "a model of Ollama's library", "stackctl models recommend"),
        ("library/mistral:7b", "a model of Ollama's library", "stackctl models recommend"),
        ("https://ollama.com/library/mistral:7b", "a model of Ollama's library", "stackctl models recommend"),
        ("ollama.com/someone/mistral", "a model of Ollama's library", "stackctl models recommend"),
        (f"{PAGE}/discussions/3", "a page about Owner/X-GGUF, not about its files", "`hf:Owner/X-GGUF`"),
        (f"{PAGE}/commits/main", "a page about Owner/X-GGUF", "`hf:Owner/X-GGUF`"),
        ("https://huggingface.co/api/models/Owner/X-GGUF/tree", "a page about Owner/X-GGUF", "`hf:Owner/X-GGUF`"),
        ("https://huggingface.co/api/models/Owner/X-GGUF", "a page about Owner/X-GGUF", "`hf:Owner/X-GGUF`"),
        ("https://huggingface.co/api/whoami-v2", "no page of a model", "hf:OWNER/NAME"),
        ("https://huggingface.co/datasets/Owner/Chats", "a data set at Hugging Face", "the model's own page"),
        ("hf.co/spaces/Owner/Chat", "a Space", "the model's own page"),
        ("https://huggingface.co/models?search=gguf", "a search for models", "the model's own page"),
        ("https://huggingface.co/Owner", "no page of a model", "hf:OWNER/NAME"),
        ("https://huggingface.co", "no page of a model", "hf:OWNER/NAME"),
        (f"{PAGE}/tree/feature%2Fx/X.gguf", "a branch with a slash", "hf:Owner/X-GGUF@COMMIT"),
        ("https://hub.example.org/Owner/X-GGUF/blob/main/X.gguf", "a page about a file", "`hf:Owner/X-GGUF/X.gguf`"),
        (SCOPE, "a page of ModelScope", f"{SCOPE}/resolve/master/FILE.gguf"),
        (f"{SCOPE}/files", "a page of ModelScope", "`hf:Owner/X-GGUF`"),
        ("docker.io/ai/x:Q4_K_M", "a model of Docker Hub", "hf:OWNER/NAME:Q4_K_M"),
        ("docker model run ai/x", "a model of Docker Hub", "hf:OWNER/NAME:Q4_K_M"),
        ("s3://bucket/x.gguf", "does not fetch from s3:// addresses", "name its path"),
        ("s3://[::1/x.gguf", "does not fetch from s3:// addresses", "name its path"),
        ("hf:Owner", "names no model at Hugging Face", "hf:OWNER/NAME"),
        ("hf:Owner/X-GGUF/tree/main/../../x", "names no model at Hugging Face", "hf:OWNER/NAME"),
    ],
)  # fmt: skip
def test_what_can_not_be_fetched_is_refused_with_the_way_on(text: str, says: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, nothing)
    assert says in caught.value.message
    assert advice in caught.value.hint


def test_a_source_may_name_a_file_without_hf_for_it_can_be_no_path() -> None:
    assert read_source("Owner/X-GGUF/X-Q4_K_M.gguf") == FILE
    with pytest.raises(ConfigError, match="neither a model at Hugging Face nor an address"):
        read_source("models")


def test_a_path_that_could_be_a_file_of_a_repository_has_a_hint_at_it() -> None:
    assert f"`{FILE}`" in hint_at_source("Owner/X-GGUF/X-Q4_K_M.gguf")
    assert hint_at_source("/models/x.gguf") == hint_at_source("nas/x.gguf") == ""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mistral:7b", "registry.ollama.ai/library/mistral:7b"),
        ("ollama://mistral", "registry.ollama.ai/library/mistral:latest"),
        ("https://ollama.com/library/mistral/tags", "registry.ollama.ai/library/mistral:latest"),
        ("ollama.com/someone/mistral:7b", "registry.ollama.ai/someone/mistral:7b"),
        ("mistral", ""),
        ("Owner/X-GGUF:Q4_K_M", ""),
        ("C:x", ""),
        ("/models/x:y", ""),
    ],
)
def test_a_name_of_ollamas_library_is_known_by_its_tag_or_its_place(text: str, name: str) -> None:
    assert model_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"layers": 1}', '{"layers": [{"mediaType": "a", "digest": "b"}]}', "[" * 9999]
)
def test_what_is_no_manifest_of_ollama_is_none(text: str) -> None:
    assert read_manifest(text) is None
