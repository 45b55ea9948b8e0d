"""The sum over most architectures that llama.cpp knows, against what llama.cpp says it reserves."""

from dataclasses import dataclass, replace

from stackctl.backends import llamacpp
from stackctl.core.fit import ALL, Fit, Settings, fit
from tests.shapes.families import ROWS, shape

_RESERVES = replace(llamacpp.MEMORY, base_mib=0)


@dataclass(frozen=True)
class Compared:
    """One GPU of one row: MiB of weights, of caches and states, and of the compute buffer, theirs and ours."""

    row: str
    theirs: tuple[float, float, float]
    ours: tuple[float, float, float]

    @property
    def error(self) -> float:
        return sum(self.ours) / sum(self.theirs) - 1


def of(row: dict[str, str]) -> Fit:
    has_gpu = row["ngl"] != "nogpu"
    settings = Settings(
        context=int(row["context"]),
        kv_type=row["kv_type"],
        batch=int(row["batch"]),
        slots=None if row["slots"] == "auto" else int(row["slots"]),
        flash_attention=row["flash_attention"] == "on",
        gpu_layers=ALL if row["ngl"] == "all" else int(row["ngl"]),
        cpu_experts=int(row["cpu_experts"]),
        device="vulkan" if has_gpu else "cpu",
        split=(1.0,) * int(row["gpus"]),
    )
    reserves = replace(_RESERVES, logits="batch" if row["outputs"] == "ubatch" else "slots")
    return fit(shape(row["model"]), settings, reserves)


def compared(rows: list[dict[str, str]]) -> list[Compared]:
    found = []
    for row in rows:
        theirs = zip(*(map(float, row[f"dev_{term}"].split()) for term in ("model", "context", "compute")), strict=True)
        for device, terms in zip(of(row).devices, theirs, strict=True):
            ours = (device.weights_mib, round(device.kv_cache_mib + device.state_mib, 2), device.compute_mib)
            found.append(Compared(" ".join(row.values()), terms, ours))
    return found


def are_right(found: list[Compared], *, share: float, below: float = 0.01) -> None:
    """So many are within 2 %, and hardly any tells much less than it takes."""
    found = sorted(found, key=lambda one: -abs(one.error))
    worst = "\n".join(f"{one.error:+.1%} {one.row}: {one.ours}" for one in found[:30])
    assert sum(abs(one.error) <= 0.02 for one in found) >= share * len(found), worst
    assert sum(one.error < -0.03 for one in found) <= below * len(found), worst


ONE = [row for row in ROWS if row["gpus"] == "1" and row["cpu_experts"] == "0"]
FULL = [row for row in ONE if row["ngl"] == "all"]
PART = [row for row in ONE if row["ngl"] != "all"]
EXPERTS = [row for row in ROWS if row["cpu_experts"] != "0"]
SEVERAL = [row for row in ROWS if row["gpus"] in {"2", "4"} and row["ngl"] == "all"]
TWO_IN_PART = [row for row in ROWS if row["gpus"] == "2" and row["ngl"] != "all"]


def test_there_are_many_of_each() -> None:
    assert len({row["model"] for row in ROWS}) > 135
    assert len({shape(row["model"]).architecture for row in ROWS}) > 110
    assert min(map(len, (FULL, PART, EXPERTS, SEVERAL, TWO_IN_PART))) >= 50


def test_caches_and_states_are_exact() -> None:
    wrong = [f"{one.row}: {one.ours}" for one in compared(ROWS) if abs(one.ours[1] - one.theirs[1]) > 0.02]
    assert wrong == []


def test_with_everything_on_the_gpu() -> None:
    are_right(compared(FULL), share=0.99)


def test_with_a_part_on_the_gpu() -> None:
    are_right(compared(PART), share=0.93)


def test_with_experts_in_ram() -> None:
    are_right(compared(EXPERTS), share=0.95)


def test_with_everything_on_several_gpus() -> None:
    are_right(compared(SEVERAL), share=0.95)


def test_with_a_part_on_two_gpus() -> None:
    # llama.cpp splits by what each has free, which may put a block on the other one
    are_right(compared(TWO_IN_PART), share=0.9, below=0.04)


def test_what_ram_holds_beside_the_gpus() -> None:
    """Masks and inputs, from where they go to the GPUs."""
    pairs = [(of(row).host.compute_mib, float(row["host_compute"]), " ".join(row.values())) for row in FULL + SEVERAL]
    wrong = [f"{row}: {ours}" for ours, theirs, row in pairs if abs(ours - theirs) > 4 + 0.1 * theirs]
    assert len(wrong) <= 0.1 * len(pairs), "\n".join(wrong)
