"""Whether the processor has the instructions for which the backends' programs are built."""

from stackctl.contracts.finding import Finding
from stackctl.contracts.host import Cpu
from stackctl.core.gpu.surroundings import slow_cpu


def judge_processor(cpu: Cpu, hypervisor: str) -> tuple[Finding, ...]:
    """Return what the processor lacks. hypervisor: the name of the one below this virtual machine, "" for none.

    It is a warning: each backend has builds for older processors, and chooses them.
    """
    says, _, how = slow_cpu(cpu, hypervisor).partition("; ")
    if not says:
        return ()
    hint = "Run the model on a GPU, or take a small one: `stackctl models recommend` shows what suits this machine."
    if how:
        hint = f"Give the virtual machine the processor's own features in {hypervisor}: {how.partition(': ')[2]}."
    return (
        Finding(
            issue="processor-lacks-instructions",
            severity="warning",
            says=says,
            hint=hint,
            evidence=(
                f"/proc/cpuinfo: flags {'avx, ' if cpu.avx else 'neither avx nor '}{'no ' if cpu.avx else ''}avx2",
            ),
        ),
    )
