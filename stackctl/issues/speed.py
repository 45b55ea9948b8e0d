"""What makes answers slow."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="gpu-layers-in-ram",
        title="layers of the model are computed by the processor",
        kind="does_not_fit",
        is_warning=True,
        meaning="A part of the model does not fit on the GPU, and its layers or experts are computed in RAM. Each of "
        "them costs time at every token.",
        seen="The backend reports how many layers are on the GPU; `stackctl status` and `stackctl why-slow` show it.",
        repair='Free memory on the GPU: less context (`backend.context`), `backend.kv_cache = "q8_0"`, or a smaller '
        "quantisation. `stackctl why-slow` says what each change would bring; then run `stackctl deploy --replan`.",
        undo="Set the keys back, and run `stackctl deploy --replan`.",
    ),
    Issue(
        id="gpu-shared",
        title="other programs hold memory of the GPU",
        kind="does_not_fit",
        is_warning=True,
        meaning="Layers of the model that would fit are in RAM, because other programs hold the GPU's memory.",
        seen="The driver lists who holds how much; `stackctl why-slow` counts the layers.",
        repair="`stackctl status` names the programs: end them, then run `stackctl deploy --replan`.",
        undo="`stackctl deploy --replan` decides again once they run.",
    ),
    Issue(
        id="gpu-memory-overflows",
        title="the GPU's driver uses RAM as its memory",
        kind="does_not_fit",
        is_warning=True,
        meaning="Under Windows the driver puts into RAM what does not fit into the GPU's memory, without an error. "
        "Everything there is many times slower.",
        seen="`stackctl why-slow` looks at the GPU's free memory under WSL.",
        repair="Lower `backend.gpu_layers` or `backend.context`, then run `stackctl deploy`. In NVIDIA's control "
        "panel set CUDA - Sysmem Fallback Policy to Prefer No Sysmem Fallback, after which it fails instead.",
        undo="Set the keys back, and the policy to Driver Default.",
        sources=("https://nvidia.custhelp.com/app/answers/detail/a_id/5490",),
    ),
    Issue(
        id="prompt-reprocessed",
        title="the prompt is read again at each message",
        kind="timeout",
        is_warning=True,
        meaning="The backend keeps what it has read, up to the first token that differs. If something changes near "
        "the beginning of the prompt, nearly all of it is read again before the first word comes.",
        seen="`stackctl why-slow` reads the backend's timings: how many tokens of each prompt were kept, and how many "
        "read.",
        repair="By the cause that is named: move a lorebook entry, summary or author's note nearer to the end in "
        "SillyTavern, remove macros such as the time from the top, or shorten a chat that is longer than the context.",
        undo="Set these back in SillyTavern.",
    ),
    Issue(
        id="model-swapped-out",
        title="a part of the model is not in RAM",
        kind="does_not_fit",
        is_warning=True,
        meaning="Parts of the model are read from the disk while tokens are computed, because RAM is needed elsewhere.",
        seen="`stackctl why-slow` reads what the backend's process holds in memory, in swap and from the disk.",
        repair="End other programs, or use a smaller quantisation: `stackctl models fit MODEL`. `stackctl restart` "
        'reads it again. `extra_args = ["--mlock"]` under `[backend]` in stack.toml keeps llama.cpp\'s model in RAM '
        "if there is room.",
        undo="Remove the argument, and run `stackctl deploy`.",
    ),
    Issue(
        id="model-reloaded",
        title="the model is loaded again for many replies",
        kind="timeout",
        is_warning=True,
        meaning="The model is unloaded when it is idle (`backend.idle_unload`), and the next message waits until it "
        "is read again.",
        seen="`stackctl why-slow` finds the loading between the last replies in the backend's log.",
        repair="Raise `backend.idle_unload` in stack.toml, or remove it; then run `stackctl deploy`.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="processor-limited",
        title="a limit keeps the backend from the processors that it wants",
        kind="config",
        is_warning=True,
        meaning="The container may use fewer processors than the backend computes with, and waits for the rest of "
        "each period.",
        seen="`stackctl why-slow` reads the container's quota and how often it was held back.",
        repair='Raise `limits.backend_cpus` in stack.toml, or leave it `"auto"`; then run `stackctl deploy`.',
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="processor-busy",
        title="other programs use the processors",
        kind="timeout",
        is_warning=True,
        meaning="The backend shares the processors with programs that need them as much.",
        seen="`stackctl why-slow` reads how busy the processors are, and by whom.",
        repair="`top` shows the programs: end them, or move them to another time.",
    ),
    Issue(
        id="processor-throttles",
        title="the processor is slowed down by heat or power",
        kind="timeout",
        is_warning=True,
        meaning="The processor runs more slowly than it could, because it is too hot or is set to save power.",
        seen="`stackctl why-slow` reads its counters of throttling and its frequency settings in /sys.",
        repair="Clean its cooler and give it air; plug in the power supply; `powerprofilesctl set performance` "
        "chooses the system's power profile where that exists.",
        undo="`powerprofilesctl set balanced`.",
        sources=("https://docs.kernel.org/admin-guide/pm/cpufreq.html",),
    ),
)
