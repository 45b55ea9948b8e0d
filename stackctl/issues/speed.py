"""What makes the replies slow: found by `stackctl why-slow`."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="prompt-reprocessed", title="the backend reads the whole prompt again for each reply", kind="not_ready"),
    Issue(id="processor-limited", title="the backend may use too little of the processor", kind="does_not_fit"),
    Issue(id="model-swapped-out", title="a part of the model is not in RAM", kind="does_not_fit"),
    Issue(id="processor-busy", title="other programs use the processor", kind="does_not_fit"),
    Issue(id="processor-throttles", title="the processor is slowed down by heat or a setting", kind="does_not_fit"),
    Issue(id="model-reloaded", title="the model is loaded again after each pause", kind="not_ready"),
    Issue(id="gpu-shared", title="other programs hold memory of the GPU", kind="does_not_fit"),
    Issue(id="gpu-memory-overflows", title="the GPU's driver uses RAM where the GPU is full", kind="does_not_fit"),
)
