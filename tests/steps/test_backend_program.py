"""KoboldCpp's program: chosen for the machine, mounted from its place, refused where nobody knows its hash."""

from pathlib import Path

import pytest
import yaml

from stackctl.commands.render import render
from stackctl.contracts.host import Cpu, Gpu
from stackctl.core.config.lock import Lock
from stackctl.core.plan.plan import plan
from stackctl.errors import ModelError
from stackctl.steps.backend_program import fetch_program
from stackctl.steps.config_request import load_config
from stackctl.steps.observe import observe_without_engine
from tests.commands.machines import quiet

GPU = Gpu(index=0, uuid="GPU-1", name="Tesla K80", total_mib=11441, free_mib=11441, cuda=(11, 4))
FLAGS = {"backend.kind": "koboldcpp", "gpu.mode": "auto"}


def mounted(text: str) -> str:
    """The host's side of the program's mount."""
    service = yaml.safe_load(text)["services"]["koboldcpp"]
    sources = [one["source"] for one in service["volumes"] if one["target"] == service["entrypoint"][0]]
    return str(sources[0])


@pytest.mark.parametrize(
    ("gpus", "cpu", "asset"),
    [
        ((GPU,), Cpu(), "koboldcpp-linux-x64-oldpc"),
        ((), Cpu(avx2=False), "koboldcpp-linux-x64-nocuda"),
    ],
)
def test_what_was_seen_of_the_machine_decides_which_program_is_mounted(
    tmp_path: Path, gpus: tuple[Gpu, ...], cpu: Cpu, asset: str
) -> None:
    here = quiet(tmp_path)
    here.gpus.found, here.host.processor = gpus, cpu
    text = render(here.machine, FLAGS, to_stdout=True, absolute=False, replan=False).text
    assert mounted(text) == f"{tmp_path}/store/programs/koboldcpp/1.122.1/{asset}"


def test_a_program_of_unknown_hash_is_refused_before_a_byte_is_fetched(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.gpus.found = (GPU,)
    spec = load_config(here.machine, FLAGS).spec
    decided = plan(spec, observe_without_engine(spec, here.machine, Lock()), Lock()).plan
    with pytest.raises(ModelError, match="koboldcpp-linux-x64-oldpc") as refused:
        fetch_program(decided, spec, here.machine, trust_first_download=False)
    assert "--trust-first-download" in refused.value.hint
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("own", ["/opt/koboldcpp", "https://host/koboldcpp"])
def test_the_users_own_program_is_mounted_whatever_the_machine(tmp_path: Path, own: str) -> None:
    here = quiet(tmp_path)
    here.host.processor = Cpu(architecture="riscv64")
    (tmp_path / "stack.toml").write_text(f'[backend]\nprogram = "{own}"\n')
    text = render(here.machine, FLAGS, to_stdout=True, absolute=False, replan=False).text
    assert mounted(text).endswith("/koboldcpp")
    assert mounted(text) == own or mounted(text).startswith(f"{tmp_path}/store/programs/koboldcpp/url-")
