"""The house keeps its shape: floors, sizes, one voice, bare templates (see CONTRIBUTING.md)."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import click
import pytest

from stackctl.backends import BACKENDS
from stackctl.cli import main
from stackctl.core.config.stack_toml import schema

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "stackctl"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TEMPLATES = sorted((ROOT / "compose-templates").rglob("*.j2"))
# an arrow may only point down; what stands side by side does not see each other
FLOORS = [
    "", "errors", "secret", "contracts", "backends", "core", "ports", "effects", "orchestrators", "machine",
    "steps", "commands", "report", "cli", "__main__",
]  # fmt: skip
SIDE_BY_SIDE = {
    "scripts": "errors",
    "terminal": "errors",
    "outputs": "errors",
    "issues": "contracts",
    "companions": "backends",
    "gpus": "backends",
    "ui": "effects",
}
PURE = {"core", "companions", "gpus", "backends", "contracts", "issues"}
# within core/, from the ground up; a module that stands beside these rooms may see those before it
CORE = [
    "container_paths",
    "formats",
    "hub",
    "model",
    "observed",
    "gpu",
    "fit",
    "catalogue",
    "gpu",
    "config",
    "history",
    "external",
    "tavern",
    "adoption",
    "plan",
    "engine",
    "start",
    "advice",
    "smoke",
    "explain",
    "slow",
    "doctor",
    "setup",
    "uninstall",
]
KNOW_NO_BACKEND = {f"core.{name}" for name in ("formats", "hub", "model", "observed", "tavern")}
MAX_FILE, MAX_FUNCTION, MAX_TEMPLATE = 300, 60, 60


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Every module that a module names in an import, wherever in the file; of ours the exact one."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            name = node.module or ""
            found |= {f"{name}.{a.name}" if f"{name}.{a.name}" in MODULES else name for a in node.names}
    return frozenset(found)


def ours(module: str) -> set[str]:
    return {name for name in imports(module) if name in MODULES and name != module}


def room(module: str) -> str:
    """The first name below stackctl: core, effects, cli, ..."""
    return (*module.split("."), "", "")[1]


def folder(module: str) -> str:
    """The room within core/ or effects/: core.plan, effects.storage; else the first name below stackctl."""
    return ".".join(module.split(".")[1:3]) if room(module) in {"core", "effects"} else room(module)


def floor(module: str) -> int:
    return FLOORS.index(SIDE_BY_SIDE.get(room(module), room(module)))


def reached(module: str, seen: set[str] | None = None) -> set[str]:
    """Every module of ours that an import of this one loads, itself included."""
    seen = {module} if seen is None else seen
    for other in ours(module) - seen:
        seen.add(other)
        reached(other, seen)
    return seen


# -- floors


@pytest.mark.parametrize("module", MODULES)
def test_an_import_points_down_or_stays_in_its_room(module: str) -> None:
    for other in ours(module):
        same_room = room(module) == room(other) and room(module) != "effects"
        assert floor(other) < floor(module) or same_room or one_effect(module, other), other


def one_effect(module: str, other: str) -> bool:
    """Whether both are the same effect, which may have a folder."""
    return room(module) == room(other) == "effects" and module.split(".")[2:3] == other.split(".")[2:3]


def test_no_import_goes_in_a_circle() -> None:
    for module in MODULES:
        for other in ours(module):
            assert module not in reached(other), f"{module} -> {other} -> ... -> {module}"


@pytest.mark.parametrize("module", [module for module in MODULES if folder(module) in KNOW_NO_BACKEND])
def test_what_is_wanted_and_what_is_read_know_no_backend(module: str) -> None:
    config = {one for one in MODULES if folder(one) == "core.config"}  # whose choices are the backends' names
    assert not any(room(other) == "backends" for other in reached(module, {module} | config))


def test_no_code_asks_which_backend_it_is_but_the_backends_own() -> None:
    backends = {f"stackctl.backends.{name}" for name in ("koboldcpp", "llamacpp", "textgen")}
    assert backends <= MODULES.keys()
    for module in MODULES.keys() - backends - {"stackctl.backends"}:
        assert not ours(module) & backends, module
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Compare | ast.match_case):
                compared = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
                assert not compared & set(BACKENDS), module


IMPURE = {
    "os", "sys", "subprocess", "socket", "httpx", "docker", "pynvml", "psutil", "time", "click", "datetime", "random",
    "secrets", "tempfile", "shutil", "glob", "io", "urllib", "requests", "threading", "logging", "filelock",
}  # fmt: skip


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) in PURE])
def test_the_core_and_what_it_plans_with_touch_nothing(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module) - {"urllib.parse"}} & IMPURE  # that one reads text alone
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module == "pathlib":
            assert {alias.name for alias in node.names} == {"PurePosixPath"}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) in {"commands", "steps", "report"}])
def test_a_command_reaches_the_world_by_the_machines_ports_alone(module: str) -> None:
    assert not [other for other in ours(module) if room(other) == "effects"]


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) in {"commands", "steps"}])
def test_a_command_knows_neither_click_nor_the_environment(module: str) -> None:
    names = {name.split(".")[0] for name in imports(module)}
    assert not names & {"click", "os", "subprocess", "docker", "httpx", "pynvml", "psutil", "sys"}


ONE_PLACE = {
    "pynvml": {"effects.gpu.child"},
    # huggingface_hub's; our own requests use httpx
    "httpx2": {"effects.hub", "effects.hub.api", "effects.hub.refusals"},
    "requests": {"effects.docker.client", "effects.tavern.exec"},  # the docker SDK's
}


@pytest.mark.parametrize("library", ONE_PLACE)
def test_a_library_with_errors_of_its_own_is_known_to_few(library: str) -> None:
    users = {module for module in MODULES if library in {name.split(".")[0] for name in imports(module)}}
    assert {module.removeprefix("stackctl.") for module in users} == ONE_PLACE[library]


def test_interfaces_and_routes_are_read_in_one_place() -> None:
    for module, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        reads = "net_if_addrs" in text or "/proc/net/route" in text
        # the latter is a program that another machine runs
        assert reads == (module in {"stackctl.effects.host.network", "stackctl.orchestrators.swarm.look_text"}), module


def test_the_environment_is_read_in_effects_and_at_the_door_only() -> None:
    readers = {
        m for m in MODULES if any(isinstance(n, ast.Attribute) and n.attr == "environ" for n in ast.walk(tree(m)))
    }
    assert {room(module) for module in readers} <= {"effects", "orchestrators", "cli", "ui"}


@pytest.mark.parametrize("start", ["import stackctl.cli", "import stackctl.cli, stackctl.commands.render"])
def test_help_and_render_load_nothing_that_is_slow(start: str) -> None:
    slow = {"docker", "httpx", "rich", "pynvml", "huggingface_hub", "requests", "asyncio", "stackctl.issues"}
    if "render" not in start:  # the names that options offer are looked up where they are shown or checked
        slow |= {
            "pydantic",
            "jinja2",
            "yaml",
            "tomlkit",
            "psutil",
            "stackctl.backends",
            "stackctl.gpus",
            "stackctl.core.fit",
        }
    script = f"{start}, sys\nprint(*sorted({slow!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_a_command_that_fails_names_an_issue_without_reading_all_of_their_pages(tmp_path: Path) -> None:
    script = (
        "import atexit, sys\nfrom stackctl.cli import main\n"
        "atexit.register(lambda: print('loaded:', *(one for one in sys.modules if 'stackctl.issues' in one)))\n"
        "main(['status'])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("\nmore: `stackctl explain stack-missing`\n")
    assert (done.returncode, done.stdout) == (3, "loaded:\n")


def test_a_render_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    """A command's time is that of its imports; these cost a tenth of it, and come back easily."""
    # tarfile comes with the SDK of the engine, which is asked for SillyTavern's image
    unused = {"psutil", "huggingface_hub", "stackctl.core.smoke.result", "stackctl.core.hub.repository"}
    unused |= {f"stackctl.core.model.{name}" for name in ("safetensors_header", "shards", "safetensors", "model_card")}
    script = (
        "import sys\nfrom stackctl.cli import main\nmain(sys.argv[1:], standalone_mode=False)\n"
        f"print('loaded:', *sorted({unused!r} & sys.modules.keys()))"
    )
    argv = [sys.executable, "-c", script, "render", "--model", "demo", "--gpu", "none"]
    _first, second = (
        subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )  # the first one looks for a free port
    assert second.splitlines()[-1] == "loaded:"
    assert (tmp_path / "compose.yml").is_file()


def test_history_reads_its_records_and_loads_nothing_that_reads_a_config(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom stackctl.cli import main\nmain(['history'], standalone_mode=False)\n"
        "print('loaded:', *sorted({'pydantic', 'jinja2', 'httpx', 'tomlkit', 'docker'} & sys.modules.keys()))"
    )
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) == "core"])
def test_within_the_core_an_import_points_down_too(module: str) -> None:
    for other in ours(module):
        if room(other) == "core" and folder(other) != folder(module):
            above, below = (CORE.index(folder(one).partition(".")[2]) for one in (module, other))
            assert below < above, other


# what starts other programs, each for one purpose
STARTS_PROGRAMS = {
    "stackctl.effects.chat_template.render", "stackctl.effects.docker.images", "stackctl.effects.docker.registry",
    "stackctl.effects.gpu.driver_process", "stackctl.effects.storage.git", "stackctl.effects.system.programs",
    "stackctl.orchestrators.compose.run",
}  # fmt: skip


@pytest.mark.parametrize("module", sorted(MODULES.keys() - STARTS_PROGRAMS))
def test_only_one_module_each_starts_another_program_and_that_of_compose_is_its_run(module: str) -> None:
    assert not {
        name for name in called(module) if re.fullmatch(r"subprocess\.\w+|os\.(exec|spawn|posix_spawn|system)\w*", name)
    }


def test_the_table_of_contributing_lists_the_rooms_from_the_roof_down() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("| floor | holds |") :].partition("\n\n")[0]
    listed = [re.findall(r"`(\w+)(?:/|\.py)`", line.split("|")[1]) for line in table.splitlines()[2:]]
    assert {name for names in listed for name in names} == {room(module) for module in MODULES} - {"", "__main__"}
    heights = [{FLOORS.index(SIDE_BY_SIDE.get(name, name)) for name in names} for names in listed]
    assert all(len(height) == 1 for height in heights)
    assert [*heights] == sorted(heights, key=max, reverse=True)


# -- sizes


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_at_most_300_lines(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MAX_FILE


@pytest.mark.parametrize("module", MODULES)
def test_a_function_is_at_most_60_lines(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= MAX_FUNCTION, node.name


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for_and_is_named_for_it(module: str) -> None:
    assert ast.get_docstring(tree(module))
    assert module.rsplit(".", 1)[-1] not in {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}


@pytest.mark.parametrize("module", MODULES)
def test_constants_stand_above_the_code(module: str) -> None:
    """One that is made of the module's own classes or functions stands below them."""
    own: set[str] = set()
    for node in tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
            is_constant = any(re.fullmatch("_*[A-Z][A-Z0-9_]*", name) for name in names)
            assert not (own and is_constant) or used & own, f"line {node.lineno}: {', '.join(names)}"


# -- one voice, and no error swallowed


def called(module: str) -> Iterator[str]:
    """The dotted names of everything that a module calls."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"stackctl.ui"}))
def test_only_ui_prints(module: str) -> None:
    says = {
        "print",
        "click.echo",
        "click.secho",
        "sys.stdout.write",
        "sys.stderr.write",
        "pprint",
        "click.echo_via_pager",
    }
    assert not says & set(called(module))


@pytest.mark.parametrize("module", MODULES)
def test_no_bug_is_caught_and_nothing_ends_the_program_from_within(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            is_passed_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            catches_bugs = re.search(r"\b(everything|Exception|BaseException)\b", caught)
            assert is_passed_on or not catches_bugs, f"line {node.lineno}: {caught}"
    if room(module) not in {"cli", "__main__"}:
        assert not {"sys.exit", "exit", "quit", "os._exit"} & set(called(module))


# -- templates


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.name for path in TEMPLATES])
def test_a_template_is_short_and_its_logic_is_if_for_and_include(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MAX_TEMPLATE
    assert "\t" not in text
    for tag in re.findall(r"{%-?\s*(\w+)", text):
        assert tag in {"if", "elif", "else", "endif", "for", "endfor", "include"}, tag
    assert "|" not in "".join(chain.from_iterable(re.findall(r"{%(.*?)%}|{{(.*?)}}", text)))


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.name for path in TEMPLATES])
def test_a_hole_is_bare(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        value = line.split(" #", 1)[0]
        for before, hole, after in re.findall(r"(.?){{(.*?)}}(.?)", value):
            assert re.fullmatch(r" [a-z_]+(\.[a-z_]+)* ", hole), line
            assert before in {"", " "}, line
            assert after in {"", " ", ":"}, line
        assert not re.search(r"""["'][^"']*{{""", value), line


# -- the command line and its words


def commands(group: click.Group, above: str = "stackctl") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found |= (
            commands(command, f"{above} {name}") if isinstance(command, click.Group) else {f"{above} {name}": command}
        )
    return found


COMMANDS = commands(main)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert command.get_short_help_str(limit=200).endswith(".")
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, f"{name} {option.opts}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_docs(name: str) -> None:
    assert f"\n## {name}\n" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("key", "option"), [("backend.kind", "--backend"), ("backend.kv_cache", "--kv-cache"), ("gpu.mode", "--gpu")]
)
def test_the_command_line_offers_what_stack_toml_takes(key: str, option: str) -> None:
    section, name = key.split(".")
    sections = schema()["$defs"]
    (offered,) = [one.type for one in COMMANDS["stackctl render"].params if option in one.opts]
    assert isinstance(offered, click.Choice)
    assert list(offered.choices) == sections[section.capitalize()]["properties"][name]["enum"]


# -- every file


@cache
def texts() -> dict[str, str]:
    """Path -> text of every file that is, or could be, under version control."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = {}
    for name in filter(None, listed):
        raw = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in raw:
            found[name] = raw.decode()
    return found


def test_no_file_knows_where_it_was_written() -> None:
    here = f"{ROOT}/"  # a short one, such as /app, may well be a path inside a container
    assert len(ROOT.parts) < 3 or not [name for name, text in texts().items() if here in text]


def test_every_exception_to_a_check_names_the_check() -> None:
    for name, text in texts().items():
        if name.endswith(".py"):
            for number, line in enumerate(text.splitlines(), 1):
                assert not re.search(r"#\s*type:\s*ignore(?!\[[a-z-]+)", line), f"{name}:{number}"
                assert not re.search(r"#\s*(ruff:\s*)?noqa(?!:\s*[A-Z]+\d+)", line), f"{name}:{number}"


def test_nothing_is_skipped_and_nothing_is_patched() -> None:
    banned = {"skip", "skipif", "xfail", "importorskip"}
    for name, text in texts().items():
        if name.startswith("tests/") and name.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                assert not (isinstance(node, ast.Attribute) and node.attr in banned), f"{name}:{node.lineno}"
                modules = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
                modules |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
                assert not any(module.startswith("unittest") for module in modules), name


def test_every_text_is_unix_text() -> None:
    for name, text in texts().items():
        assert "\r" not in text, name
        assert not text or text.endswith("\n"), name
