"""What every backend must keep, whichever it is: BACKENDS is the parameter."""

import ast
import json
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.backends import BACKENDS, find_backend, koboldcpp, llamacpp, textgen
from stackctl.backends.contract import NOT_OPENED, Backend, Launch, Run
from stackctl.contracts.host import Cpu
from stackctl.contracts.service import Variant
from stackctl.secret import Secret
from tests.backends import logs

RECORDINGS = Path(__file__).parents[1] / "standins" / "recordings"
VARIANTS: tuple[Variant, ...] = ("cpu", "cuda", "rocm", "vulkan")
KEY = Secret("-a-key-of-the-tests-43-characters-long-0123")
WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
NAME = WORD.map(lambda text: text.replace("/", "_")).filter(bool)


@pytest.fixture(params=list(BACKENDS.values()), ids=list(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.param
    return found


def a_run(  # noqa: PLR0913 - as many as Run has
    backend: Backend,
    model: str = "a.gguf",
    *,
    variant: Variant = "cuda",
    gpu_layers: int | None = None,
    kv_cache: str = "f16",
    flash_attention: bool | None = None,
    threads: int | None = None,
    batch: int | None = None,
    extra_args: tuple[str, ...] = (),
) -> Run:
    return Run(
        model=backend.MODEL_DIR / model,
        format="gguf" if model.lower().endswith(".gguf") else "safetensors",
        variant=variant,
        gpus=0 if variant == "cpu" else 1,
        cpu=Cpu(),
        context=4096,
        gpu_layers=gpu_layers,
        kv_cache=kv_cache,
        flash_attention=flash_attention,
        threads=threads,
        batch=batch,
        extra_args=extra_args,
        key=KEY,
    )


def words(launch: Launch) -> list[str]:
    """All words that the program will see: its argv, and its flags file as text-generation-webui reads it."""
    found = list(launch.command)
    for text in (text for place, text in launch.files.items() if place.endswith("FLAGS.txt")):
        # modules/shared.py: lines are stripped, trailing backslashes and comment lines dropped, then shlex
        lines = [
            line.strip().rstrip("\\").strip() for line in text.reveal().split("\n") if not line.strip().startswith("#")
        ]
        found += shlex.split(" ".join(line for line in lines if line))
    return found


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=lambda b: b.NAME)
def test_what_a_backend_can_not_do_of_the_wish_is_remarked(backend: Backend) -> None:
    assert backend.remarks(a_run(backend)) == ()
    says = backend.remarks(a_run(backend, flash_attention=False))
    assert bool(says) == (backend.NAME == "text-generation-webui")


def has(launched: list[str], wanted: str) -> bool:
    """Whether the words of `wanted` stand there one after another."""
    sought = wanted.split()
    return any(launched[i : i + len(sought)] == sought for i in range(len(launched)))


def official(backend: Backend) -> set[str]:
    """The names of its official images."""
    return {image.name for images in backend.IMAGES.values() for image in images}


# -- names and images


def test_no_two_backends_share_a_name() -> None:
    names = [name for backend in BACKENDS.values() for name in (backend.NAME, *backend.ALIASES)]
    assert len(names) == len(set(names))
    for backend in BACKENDS.values():
        assert {find_backend(name).NAME for name in (backend.NAME, *backend.ALIASES)} == {backend.NAME}


def test_a_name_is_good_as_a_host_name_and_a_service(backend: Backend) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", backend.NAME)
    assert backend.NAME != "sillytavern"
    assert backend.TITLE.strip()
    assert 1024 < backend.PORT < 65536


def test_sillytavern_knows_the_type(backend: Backend) -> None:
    assert {llamacpp.NAME: "llamacpp", koboldcpp.NAME: "koboldcpp", textgen.NAME: "ooba"}[backend.NAME] == (
        backend.TAVERN_TYPE
    )


def test_every_variant_has_an_image_and_every_image_a_tag(backend: Backend) -> None:
    assert {"cpu", "cuda"} <= set(backend.IMAGES) <= set(VARIANTS)
    assert set(backend.OWN_IMAGES) <= set(VARIANTS)
    for name in (*official(backend), *backend.OWN_IMAGES.values()):
        assert re.fullmatch(r"[a-z0-9./_-]+:[\w.-]+(@sha256:[0-9a-f]{64})?", name), name
        assert ":" in name.rsplit("/", 1)[-1]


def test_our_images_have_our_own_names(backend: Backend) -> None:
    assert all("stackctl/" in name and name not in official(backend) for name in backend.OWN_IMAGES.values())


def test_an_image_of_a_build_says_so_in_its_tag_and_a_newer_one_comes_with_its_digest(backend: Backend) -> None:
    for images in backend.IMAGES.values():
        builds = [image.build for image in images]
        assert len(builds) == len(set(builds))
        assert all(image.build == backend.build_of(image.name, "") for image in images)
        assert all("@sha256:" in image.name for image in images if image.build not in {"", "b9191"})


def test_some_image_suits_every_driver_and_the_first_that_does_is_the_newest_for_it(backend: Backend) -> None:
    for images in backend.IMAGES.values():
        assert not images[-1].cuda
        of_any_driver = [backend.BUILDS[image.build].number for image in images if image.build and not image.cuda]
        assert of_any_driver == sorted(of_any_driver, reverse=True)


def test_a_program_is_pinned_in_its_url_and_by_a_hash_where_we_know_one(backend: Backend) -> None:
    chosen = {backend.program(variant, Cpu(), ()) for variant in backend.IMAGES}
    assert chosen <= set(backend.PROGRAMS) if backend.PROGRAMS else chosen == {""}
    for name, program in backend.PROGRAMS.items():
        assert program.url.startswith("https://")
        assert program.url.endswith(f"{program.version}/{name.rpartition('/')[2]}")
        assert name.startswith(program.version)
        assert re.fullmatch(r"([0-9a-f]{64})?", program.sha256)
        assert bool(program.sha256) == (program.size > 0)
        assert program.unpacked_mib >= 256


def test_the_builds_are_named_and_the_oldest_comes_first(backend: Backend) -> None:
    assert [build.name for build in backend.BUILDS.values()] == list(backend.BUILDS)
    numbers = [build.number for build in backend.BUILDS.values()]
    assert numbers == sorted(numbers)


def test_what_stackctl_builds_or_downloads_itself_is_of_a_known_build(backend: Backend) -> None:
    images = () if backend.PROGRAMS else backend.OWN_IMAGES.values()
    found = {backend.build_of(image, "") for image in images} | {backend.build_of("", one) for one in backend.PROGRAMS}
    assert found <= set(backend.BUILDS)


@pytest.mark.parametrize(
    ("image", "build"),
    [
        ("ghcr.io/ggml-org/llama.cpp:server-b9191", "b9191"),
        (f"ghcr.io/ggml-org/llama.cpp:server-cuda13-b11277@sha256:{'0' * 64}", "b11277"),
        ("registry.example:5000/ggml-org/llama.cpp:full-vulkan-b10920", "b10920"),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda", ""),
        ("ghcr.io/ggml-org/llama.cpp:server-v0.4.1", ""),
        ("localhost/stackctl/llamacpp:debian", "debian"),
        ("example.org/mine:b9191", ""),
        ("example.org/other:test-b9191", ""),
    ],
)
def test_a_llama_cpp_image_s_tag_names_its_build(image: str, build: str) -> None:
    assert llamacpp.build_of(image, "") == build


def test_a_koboldcpp_of_the_user_s_own_is_of_no_known_build() -> None:
    assert koboldcpp.build_of("koboldai/koboldcpp:latest", "") == ""
    assert {koboldcpp.build_of("koboldai/koboldcpp:latest", one) for one in koboldcpp.PROGRAMS} == {"1.122.1"}


def test_every_backend_loads_gguf(backend: Backend) -> None:
    assert "gguf" in backend.FORMATS


# -- the probe


def test_the_probe_is_an_argv_that_starts_with_a_tool_of_the_image(backend: Backend) -> None:
    kind, tool, *_ = backend.health()
    assert kind == "CMD"  # CMD-SHELL would need /bin/sh
    assert tool in backend.IMAGE_TOOLS


def test_without_device_files_the_probe_is_as_ever_and_with_them_it_uses_tools_of_the_image_alone(
    backend: Backend,
) -> None:
    assert backend.health(()) == backend.health()
    kind, tool, *_ = backend.health(("/dev/nvidiactl",))
    assert (kind, tool in backend.IMAGE_TOOLS) == ("CMD", True)
    assert backend.health()[-1] in " ".join(backend.health(("/dev/nvidiactl",)))  # and it still asks for the model


def test_the_probe_fails_where_a_device_file_is_there_and_can_not_be_opened(backend: Backend, tmp_path: Path) -> None:
    closed = tmp_path / "nvidiactl"
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(closed))  # no user can open a socket, root neither
        done = checked(backend, (str(tmp_path / "absent"), "/dev/null", str(closed)))
    assert done.returncode == 1
    assert f"{NOT_OPENED} {closed}" in done.stdout + done.stderr
    fine = checked(backend, (str(tmp_path / "absent"), "/dev/null"))
    assert fine.returncode != 0  # there is no model
    assert NOT_OPENED not in fine.stdout + fine.stderr


def checked(backend: Backend, files: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    """Run the probe here, where nothing serves a model."""
    _, tool, *words = backend.health(files)
    program = sys.executable if tool.startswith("python") else tool
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=20)


def test_the_probe_asks_what_only_a_loaded_model_answers(backend: Backend) -> None:
    script = " ".join(backend.health())
    assert re.search(rf"127\.0\.0\.1[:/]{backend.PORT}\b", script)
    assert backend.READY.path in script
    assert backend.READY.body in script.replace("\\", "")


def recorded(backend: Backend) -> dict[str, list[dict[str, Any]]]:
    """State -> recorded requests and answers of the real program."""
    (folder,) = [RECORDINGS / name for name in (backend.NAME, *backend.ALIASES) if (RECORDINGS / name).is_dir()]
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


LOADED = {"loaded", "password-with-key", "password-without-key", "api-key-with-key"}
NOT_LOADED = {"model-failed-to-load", "model-missing", "no-model"}


def test_the_ready_request_tells_a_loaded_model_in_every_recorded_state(backend: Backend) -> None:
    method = "POST" if backend.READY.body else "GET"
    checked = set()
    for state, exchanges in recorded(backend).items():
        for one in exchanges:
            if one["request"]["method"] == method and one["request"]["path"] == backend.READY.path:
                is_ok = 200 <= one["status"] < 300
                assert is_ok or state not in LOADED, state
                assert not is_ok or state not in NOT_LOADED, state
                checked.add(state)
    assert "loaded" in checked


Answer = tuple[int, str]


@pytest.fixture
def server() -> Iterator[Callable[[Answer], int]]:
    """Starts a server that answers everything the same, where it gets the key or needs none; gives its port."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Answer, *, key: Secret | None = None) -> int:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                may_pass = key is None or self.headers.get("Authorization") == f"Bearer {key.reveal()}"
                raw = answer[1].encode()
                self.send_response(answer[0] if may_pass else 401)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = answer  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
                pass

        running.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=running[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return running[-1].server_port

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


def probe(backend: Backend, interpreter: str, port: int, empty: Path) -> int:
    """Run the probe's script against another port, with no program to be found on PATH; its exit status."""
    script = backend.health()[-1].replace(str(backend.PORT), str(port))
    for place, text in backend.launch(a_run(backend)).files.items():
        mounted = empty / PurePosixPath(place).name
        mounted.write_text(text.reveal(), encoding="utf-8")
        script = script.replace(place, str(mounted))
    done = subprocess.run(
        [interpreter, "-c", script], env={"PATH": str(empty)}, capture_output=True, timeout=20, check=False
    )
    assert b"not found" not in done.stderr
    return done.returncode


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        ((200, '{"result":"koboldcpp/tiny"}'), True),
        ((200, '{"result":"koboldcpp/protected-model"}'), True),
        ((200, '{"result": "koboldcpp/tiny"}\n'), True),
        ((200, '{"result":"inactive"}'), False),
        ((200, "<html>koboldcpp</html>"), False),
        ((200, ""), False),
        ((404, "Error: KoboldCpp HTTP Server is running, but this endpoint does not exist."), False),
    ],
)
def test_koboldcpps_probe_needs_bash_alone_and_wants_a_models_name(
    answer: Answer, is_ready: bool, server: Callable[[Answer], int], tmp_path: Path
) -> None:
    assert (probe(koboldcpp, "/bin/bash", server(answer), tmp_path) == 0) == is_ready


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        ((200, '{"length":7}'), True),
        ((200, '{"length":0}'), False),
        ((200, "{}"), False),
        ((500, "Internal Server Error"), False),
        ((401, '{"detail":"Unauthorized"}'), False),
    ],
)
def test_textgens_probe_needs_python_alone_and_wants_tokens_counted(
    answer: Answer, is_ready: bool, server: Callable[[Answer], int], tmp_path: Path
) -> None:
    assert (probe(textgen, sys.executable, server(answer), tmp_path) == 0) == is_ready


def test_textgens_probe_sends_the_key_that_it_finds_in_the_programs_own_file(
    server: Callable[..., int], tmp_path: Path
) -> None:
    answer = (200, '{"length":7}')
    assert probe(textgen, sys.executable, server(answer, key=KEY), tmp_path) == 0
    assert probe(textgen, sys.executable, server(answer, key=Secret("another")), tmp_path) != 0


@pytest.mark.parametrize(("of", "interpreter"), [(koboldcpp, "/bin/bash"), (textgen, sys.executable)])
def test_a_closed_port_is_not_ready(of: Backend, interpreter: str, tmp_path: Path) -> None:
    assert probe(of, interpreter, 1, tmp_path) != 0


def test_a_probe_in_python_imports_nothing_that_starts_programs() -> None:
    tree = ast.parse(textgen.health()[-1])
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"json", "shlex", "urllib.request"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


def test_llamacpps_probe_fails_on_an_http_error() -> None:
    _, tool, options, *_ = llamacpp.health()
    assert tool == "curl"
    assert "f" in options
    assert llamacpp.health()[-1].endswith("/health")  # 503 while the model loads


# -- launch


def test_no_backend_asks_for_gpus_by_flag_or_opens_a_tunnel(backend: Backend) -> None:
    for variant in VARIANTS:
        launch = backend.launch(a_run(backend, variant=variant, kv_cache="q8_0", flash_attention=True))
        assert not {"--gpus", "--remotetunnel", "--public-api", "--share"} & set(words(launch))


def test_the_model_is_named_by_its_path_or_its_name_in_the_model_folder(backend: Backend) -> None:
    name = "My M\u00f6del [v2] $x 'q' \"d\".gguf"
    launched = words(backend.launch(a_run(backend, name)))
    assert launched[launched.index("--model") + 1] in {str(backend.MODEL_DIR / name), name}
    assert (backend.MODEL_DIR / name).is_absolute()


COMMON = {llamacpp.NAME: "--ctx-size 4096", koboldcpp.NAME: "--contextsize 4096", textgen.NAME: "--ctx-size 4096"}
FLAGS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    (
        "the port", {},
        {llamacpp.NAME: "--port 8080", koboldcpp.NAME: "--port 5001", textgen.NAME: "--api-port 5000"},
    ),
    (
        "the address", {},
        {llamacpp.NAME: "--host 0.0.0.0", koboldcpp.NAME: "--skiplauncher", textgen.NAME: "--listen --api"},
    ),
    ("the context", {}, COMMON),
    (
        "a CPU", {"variant": "cpu", "gpu_layers": 9},
        {llamacpp.NAME: "--gpu-layers 0", koboldcpp.NAME: "--usecpu --gpulayers 0", textgen.NAME: "--gpu-layers 0"},
    ),
    (
        "some layers", {"gpu_layers": 20},
        {llamacpp.NAME: "--gpu-layers 20", koboldcpp.NAME: "--gpulayers 20", textgen.NAME: "--gpu-layers 20"},
    ),
    (
        "no layers", {"gpu_layers": 0},
        {llamacpp.NAME: "--gpu-layers 0", koboldcpp.NAME: "--gpulayers 0", textgen.NAME: "--gpu-layers 0"},
    ),
    (
        "layers as the program thinks", {},
        {llamacpp.NAME: "--parallel 1", koboldcpp.NAME: "--usecublas normal --gpulayers -1",
         textgen.NAME: "--gpu-layers -1"},
    ),
    (
        "an 8 bit KV cache", {"kv_cache": "q8_0", "flash_attention": True},
        {llamacpp.NAME: "--cache-type-k q8_0 --cache-type-v q8_0 --flash-attn on",
         koboldcpp.NAME: "--quantkv 1 --flashattention", textgen.NAME: "--cache-type q8_0"},
    ),
    (
        "a 4 bit KV cache", {"kv_cache": "q4_0", "flash_attention": True},
        {llamacpp.NAME: "--cache-type-k q4_0 --cache-type-v q4_0", koboldcpp.NAME: "--quantkv 2",
         textgen.NAME: "--cache-type q4_0"},
    ),
    ("a full KV cache", {}, {textgen.NAME: "--cache-type fp16"}),
    (
        "no flash attention", {"flash_attention": False},
        {llamacpp.NAME: "--flash-attn off", koboldcpp.NAME: "--noflashattention"},
    ),
    (
        "threads", {"threads": 6},
        {llamacpp.NAME: "--threads 6", koboldcpp.NAME: "--threads 6", textgen.NAME: "--threads 6"},
    ),
    (
        "a batch", {"batch": 256},
        {llamacpp.NAME: "--ubatch-size 256 --batch-size 256", koboldcpp.NAME: "--blasbatchsize 256",
         textgen.NAME: "--batch-size 256 --ubatch-size 256"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "wish", "expected"), FLAGS, ids=[flag[0] for flag in FLAGS])
def test_every_wish_becomes_the_programs_own_flag(
    backend: Backend, what: str, wish: dict[str, Any], expected: dict[str, str]
) -> None:
    launched = words(backend.launch(a_run(backend, **wish)))
    assert has(launched, expected.get(backend.NAME, "--model")), f"{what}: {launched}"


@pytest.mark.parametrize("flag", ["--threads", "--quantkv", "--cache-type-k", "--flash-attn", "--flashattention",
                                  "--noflashattention", "--blasbatchsize", "--batch-size", "--gpu-layers"])  # fmt: skip
def test_what_was_not_wished_is_left_to_the_program(flag: str) -> None:
    for of in (llamacpp, koboldcpp):
        assert flag not in words(of.launch(a_run(of)))


def test_textgen_is_told_nothing_about_gguf_for_a_folder_of_safetensors() -> None:
    launched = words(textgen.launch(a_run(textgen, "My Model", variant="cpu")))
    assert "--cpu" in launched
    assert not {"--loader", "--ctx-size", "--cache-type", "--gpu-layers"} & set(launched)


@pytest.mark.parametrize("name", ["a.gguf", "A.GGUF", "a.Q4_K_M.gguf"])
def test_textgen_loads_gguf_with_llamacpp_whatever_its_case(name: str) -> None:
    assert has(words(textgen.launch(a_run(textgen, name))), "--loader llama.cpp")


@given(st.lists(WORD, max_size=4), NAME)
def test_extra_arguments_come_last_and_word_for_word(extra: list[str], name: str) -> None:
    for backend in BACKENDS.values():
        launched = words(backend.launch(a_run(backend, f"{name}.gguf", extra_args=tuple(extra))))
        assert launched[len(launched) - len(extra) :] == extra


HARD = ["# x", "#", "a #b", "'", '"', "a'b\"c", "\\", "a\\", "\\\\ ", " ", "", "a b", "$x", "`id`", "\u00fc",
        "\u3042\u3099", "a\u2028b", "*", "~", "--", "-x", ";", "\ufeff"]  # fmt: skip


@pytest.mark.parametrize("hard", HARD)
def test_hard_words_survive_the_flags_file_and_argv(backend: Backend, hard: str) -> None:
    run = a_run(backend, f"a{hard}b.gguf", extra_args=(hard, "--seed", hard))
    launched = words(backend.launch(run))
    assert launched[-3:] == [hard, "--seed", hard]
    assert any(word.endswith(f"a{hard}b.gguf") for word in launched)


def test_a_name_that_begins_with_a_dash_is_no_flag(backend: Backend) -> None:
    launched = words(backend.launch(a_run(backend, "-x.gguf")))
    at = next(i for i, word in enumerate(launched) if word.startswith("--model"))
    assert launched[at] == "--model=-x.gguf" or launched[at + 1] == str(backend.MODEL_DIR / "-x.gguf")


def test_a_file_for_the_program_lies_outside_the_users_models(backend: Backend) -> None:
    for place in backend.launch(a_run(backend)).files:
        assert PurePosixPath(place).is_absolute()
        assert backend.MODEL_DIR not in PurePosixPath(place).parents


def test_the_key_stands_in_one_private_file_and_nowhere_else(backend: Backend) -> None:
    launch = backend.launch(a_run(backend))
    (text,) = launch.files.values()
    assert text.reveal().count(KEY.reveal()) == 1
    everything_else = repr((launch, backend.health(), backend.READY))
    assert KEY.reveal() not in everything_else
    assert set(launch.files) & set(launch.command) or launch.files.keys() == {"/app/user_data/CMD_FLAGS.txt"}


def test_each_program_finds_the_key_in_its_own_form() -> None:
    texts = {b.NAME: next(iter(b.launch(a_run(b)).files.values())).reveal() for b in BACKENDS.values()}
    assert texts[llamacpp.NAME] == f"{KEY.reveal()}\n"  # a key a line
    assert json.loads(texts[koboldcpp.NAME]) == {"password": KEY.reveal()}  # the flags beside it stay in force
    assert f"--api-key={KEY.reveal()}" in shlex.split(texts[textgen.NAME])


def test_nothing_that_starts_needs_the_internet() -> None:
    assert textgen.launch(a_run(textgen)).environment["HF_HUB_OFFLINE"] == "1"
    assert koboldcpp.launch(a_run(koboldcpp)).entrypoint == (koboldcpp.PROGRAM_PATH,)  # not the image's helper


# -- the model's name


@pytest.mark.parametrize(
    ("kind", "file", "shown"),
    [
        ("koboldcpp", "tiny.gguf", "koboldcpp/tiny"),
        ("koboldcpp", "Tiny Test [v2] Q4_K_M.gguf", "koboldcpp/TinyTestv2Q4_K_M"),
        ("koboldcpp", "a.b-c_d.Q8_0.gguf", "koboldcpp/a.b-c_d.Q8_0"),
        ("koboldcpp", "\u65e5\u672c (1).gguf", "koboldcpp/\u65e5\u672c1"),
        ("ooba", "My Model.gguf", "My Model.gguf"),
        ("ooba", "folder", "folder"),
        ("llamacpp", "Tiny Test [v2].gguf", "Tiny Test [v2].gguf"),
    ],
)
def test_the_models_name_is_as_sillytavern_will_see_it(kind: str, file: str, shown: str) -> None:
    assert find_backend(kind).model_id(file) == shown


@pytest.mark.parametrize("of", [koboldcpp, textgen])
def test_the_models_name_is_the_one_that_was_recorded(of: Backend) -> None:
    ids = [
        one["body"]["data"][0]["id"]
        for one in recorded(of)["loaded"]
        if one["request"]["path"] == "/v1/models" and one["request"]["method"] == "GET"
    ]
    assert ids == [of.model_id("tiny.gguf")]


def test_llamacpp_is_told_the_name_that_it_shall_show() -> None:
    name = "Tiny Test [v2].gguf"
    launched = words(llamacpp.launch(a_run(llamacpp, name)))
    assert launched[launched.index("--alias") + 1] == llamacpp.model_id(name)


# -- what logs and exit codes mean

DAMAGED = "llama_model_load: error loading model: tensor 'output.weight' data is not within the file bounds, "
FATAL_EVERYWHERE = [
    (DAMAGED + "model is corrupted or incomplete", "model"),
    ("0.00.013.817 E gguf_init_from_reader: invalid magic characters: 'xxxx', expected 'GGUF'", "model"),
    ("llama_model_load: error loading model: unknown model architecture: 'xlama'", "model"),
    ("gguf_init_from_file: failed to open GGUF file '/models/a.gguf' (Permission denied)", "model"),
    ("llama_model_load: error loading model: unable to allocate CUDA0 buffer", "memory"),
    ("llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache", "memory"),
    ("llama_init_from_model: failed to initialize the context: failed to allocate compute pp buffers", "memory"),
    ("CUDA error: out of memory", "memory"),
    ("CUDA error: CUDA driver version is insufficient for CUDA runtime version", "gpu"),
]
FATAL = [
    ("llamacpp", "error: invalid argument: --foo", "config"),
    ("llamacpp", 'error while handling argument "--cache-type-k": Unsupported cache type: q9', "config"),
    ("llamacpp", "0.00.015.536 E srv  llama_server: exiting due to model loading error", "model"),
    ("koboldcpp", "Cannot find text model file: /models/a.gguf", "model"),
    ("koboldcpp", "Load Text Model OK: False", "model"),
    ("koboldcpp", "Could not load text model: /models/a.gguf", "model"),
    ("koboldcpp", "koboldcpp: error: unrecognized arguments: --foo", "config"),
    ("koboldcpp", "koboldcpp: error: argument --contextsize: invalid int value: 'x'", "config"),
    (
        "koboldcpp",
        "[PYI-7:ERROR] Failed to load Python shared library '/tmp/l.so': failed to map segment from shared object",
        "not ready",
    ),
    ("koboldcpp", "[PYI-7:ERROR] Failed to extract x.so: failed to write: No space left on device", "not ready"),
    ("ooba", "server.py: error: unrecognized arguments: --foo", "config"),
    ("ooba", "server.py: error: argument --ctx-size: invalid int value: 'x'", "config"),
    ("ooba", "12:00 ERROR    The path to the model does not exist. Exiting.", "model"),
    (
        "ooba",
        "ERROR Error loading the model with llama.cpp: Server process terminated unexpectedly with exit code: 1",
        "model",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "kind"), FATAL_EVERYWHERE)
def test_a_line_of_the_loader_means_the_same_in_every_backend(backend: Backend, line: str, kind: str) -> None:
    cause = backend.fatal(line)
    assert cause is not None
    assert (cause.kind, bool(cause.says), bool(cause.hint)) == (kind, True, True)


@pytest.mark.parametrize(("name", "line", "kind"), FATAL)
def test_a_last_word_of_the_program_is_understood(name: str, line: str, kind: str) -> None:
    cause = find_backend(name).fatal(line)
    assert cause is not None
    assert (cause.kind, bool(cause.says), bool(cause.hint)) == (kind, True, True)


def test_a_refused_argument_is_named(backend: Backend) -> None:
    lines = {
        "llamacpp": "error: invalid argument: --frobnicate",
        "koboldcpp": "koboldcpp: error: unrecognized arguments: --frobnicate",
        "text-generation-webui": "server.py: error: unrecognized arguments: --frobnicate",
    }
    cause = backend.fatal(lines[backend.NAME])
    assert cause is not None
    assert "--frobnicate" in cause.says


# -- how fast it was


def said_of_speed(backend: Backend) -> str:
    """What the program says at SPEED after a generation, as it was recorded."""
    if backend.SPEED == "log":
        return logs.GENERATED
    path = "/completion" if backend.SPEED == "stream" else backend.SPEED.path
    (body,) = [one["body"] for one in recorded(backend)["loaded"] if one["request"]["path"] == path]
    return json.dumps(body)


def test_the_speed_is_the_programs_own_figure(backend: Backend) -> None:
    figures = {llamacpp.NAME: 17.22, koboldcpp.NAME: 8000.0, textgen.NAME: 50.19}
    assert backend.speed(said_of_speed(backend)) == pytest.approx(figures[backend.NAME], abs=0.01)


def test_a_program_that_has_written_nothing_yet_has_no_speed() -> None:
    (body,) = [
        one for one in recorded(koboldcpp)["password-without-key"] if one["request"]["path"] == "/api/extra/perf"
    ]
    assert body["status"] == 200  # open without the password
    assert koboldcpp.speed(json.dumps(body["body"])) is None
    none = logs.GENERATED.replace("50.19 tokens/s, 26 tokens", "0.00 tokens/s, 0 tokens")
    assert textgen.speed(none) is None
    one = '{"timings":{"predicted_n":1,"predicted_per_second":1000000.0}}'  # the first one costs no time there
    assert llamacpp.speed(one) is None


@pytest.mark.parametrize("figure", ["0", "-1", "null", "true", '"8"', "1e999", "NaN", "1" + "0" * 400, "[]"])
def test_what_is_no_figure_is_no_speed(figure: str) -> None:
    timings = f'{{"timings":{{"predicted_n":9,"predicted_per_second":{figure}}}}}'
    assert llamacpp.speed(timings) is None
    assert koboldcpp.speed(f'{{"last_eval":{figure},"last_token_count":9}}') is None


@pytest.mark.parametrize("said", ["", "{", "[]", "7", '{"timings":7}', "[" * 200_000, '{"a":' * 5000, logs.SERVER])
def test_what_says_nothing_of_speed_is_none(backend: Backend, said: str) -> None:
    assert backend.speed(said) is None


PACES = (
    ("I slot print_timing: id  3 | task 0 | n_decoded =   1081, tg =  12.93 t/s, tg_3s =  12.57 t/s", llamacpp, 12.57),
    ("I slot print_timing: id  0 | task 970 | n_decoded =    136, tg =  11.90 t/s", llamacpp, 11.9),
    ("  eval time = 16131.90 ms /   192 tokens (   84.02 ms per token,    11.90 tokens per second)", llamacpp, 11.9),
    ("prompt eval time = 751.87 ms / 25 tokens (   30.07 ms per token,    33.25 tokens per second)", llamacpp, None),
    ("I slot print_timing: id  0 | task 1 | n_decoded =      0, tg =   0.00 t/s", llamacpp, None),
    (f"n_decoded = 9, tg = {'9' * 400}.0 t/s", llamacpp, None),
    ("[18:44:54] CtxLimit:3/4, Amt:597/2048, Process:68.69s (563.34T/s), Generate:56.27s (10.61T/s)", koboldcpp, 10.61),
    ("Process:16.32s (11.0ms/T = 91.03T/s), Generate:80.01s (224.1ms/T = 4.46T/s), Total:96.33s", koboldcpp, 4.46),
    (logs.GENERATED, textgen, 50.19),
)  # fmt: skip


@pytest.mark.parametrize(("line", "backend", "rate"), PACES)
def test_the_pace_of_a_generation_stands_in_the_log(line: str, backend: Backend, rate: float | None) -> None:
    assert backend.pace(line) == rate


@pytest.mark.parametrize(
    ("line", "device", "term", "mib"),
    [
        ("0.00.021.055 I load_tensors:   CPU_Mapped model buffer size =     0.23 MiB", "", "weights", 0.23),
        ("0.00.021.221 I llama_context:        CPU  output buffer size =     0.49 MiB", "", "output", 0.49),
        ("0.00.024.227 I llama_kv_cache:        CPU KV buffer size =    32.00 MiB", "", "kv_cache", 32.0),
        ("llama_memory_recurrent:      CUDA0 RS buffer size =    19.00 MiB", "CUDA0", "state", 19.0),
        ("load_tensors:        CUDA0 model buffer size =  4403.49 MiB", "CUDA0", "weights", 4403.49),
        ("0.00.054.215 I sched_reserve:  CUDA_Host compute buffer size =   128.89 MiB", "", "compute", 128.89),
        ("llama_context:    Vulkan1 compute buffer size =   301.75 MiB", "Vulkan1", "compute", 301.75),
    ],
)
def test_what_the_loader_reserves_is_read_from_its_log(
    backend: Backend, line: str, device: str, term: str, mib: float
) -> None:
    found = backend.buffer(line)
    assert found is not None
    assert (found.device, found.term, found.mib) == (device, term, mib)


@pytest.mark.parametrize("line", [line for line in logs.ORDINARY if "buffer size" not in line])
def test_other_lines_reserve_nothing(backend: Backend, line: str) -> None:
    assert backend.buffer(line) is None


@pytest.mark.parametrize("line", logs.ORDINARY)
def test_an_ordinary_line_ends_nothing(backend: Backend, line: str) -> None:
    assert backend.fatal(line) is None


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("llamacpp", "0.00.041.660 I srv    load_model: loading model '/models/demo.gguf'", "reading the weights"),
        ("llamacpp", "load_tensors: offloaded 20/33 layers to GPU", "20 of 33 layers on the GPU"),
        ("llamacpp", "llama_model_loader: additional 2 GGUFs metadata loaded.", "2 more shards found"),
        ("llamacpp", "load_tensors: loading model tensors, this can take a while...", "reading the weights"),
        ("llamacpp", "llama_kv_cache: size = 1024.00 MiB (  8192 cells)", "reserving the KV cache"),
        ("llamacpp", "common_init_from_params: warming up the model with an empty run", "warming up"),
        ("llamacpp", "0.00.049.343 I srv  llama_server: model loaded", "model loaded"),
        ("llamacpp", "main: server is listening on http://0.0.0.0:8080 - starting the main loop", "serving"),
        ("koboldcpp", "load_tensors: offloaded 33/33 layers to GPU", "33 of 33 layers on the GPU"),
        ("koboldcpp", "Load Text Model OK: True", "model loaded"),
        ("koboldcpp", "Please connect to custom endpoint at http://localhost:5001", "serving"),
        ("ooba", '12:00:03-123456 INFO     Loading "a.gguf"', "loading"),
        ("ooba", '12:00:09-123456 INFO     Loaded "a.gguf" in 6.01 seconds.', "model loaded"),
        ("ooba", "12:00:10-123456 INFO     OpenAI-compatible API URL:", "serving"),
    ],
)  # fmt: skip
def test_loading_is_told_in_a_few_words(name: str, line: str, says: str) -> None:
    assert find_backend(name).progress(line) == says


@pytest.mark.parametrize(
    "line", ["", " ", "....", "print_info: n_vocab = 32000", "srv  update_slots: all slots are idle"]
)
def test_a_line_about_something_else_is_no_progress(backend: Backend, line: str) -> None:
    assert backend.progress(line) is None
    assert backend.fatal(line) is None


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("llamacpp", {132: "config", 134: "not ready"}),
        ("koboldcpp", {2: "config", 3: "model", 132: "config", 134: "not ready", 139: "model"}),
        ("text-generation-webui", {2: "config"}),
    ],
)
def test_an_exit_code_means_what_the_program_means_by_it(name: str, kinds: dict[int, str]) -> None:
    for code in (0, 1, 2, 3, 101, 126, 127, 130, 132, 134, 137, 139, 143):
        cause = find_backend(name).exit_cause(code)
        assert (cause and cause.kind) == kinds.get(code), code
        assert cause is None or (cause.says and cause.hint)
