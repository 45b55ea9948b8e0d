"""The JSON that each command prints with --json: its keys and their types. docs/schemas/ is generated from these.

A key is a noun or a claim, with its unit in its name. What is not known or does not apply is null. A new key may come
at any time; `version` goes up when a key is removed or renamed, or when its type or meaning changes.
"""

from typing import Final

from stackctl.report.contract import (
    deploy,
    doctor,
    explain,
    failure,
    free,
    gpu,
    models,
    moving,
    nodes,
    progress,
    recommend,
    search,
    setup,
    slow,
    stack,
    stored_models,
    uninstall,
)

# command -> what it prints, unless it fails or is answered no
OUTPUTS: Final[dict[str, tuple[type, ...]]] = {
    "deploy": (deploy.Deployed, deploy.DryRun),
    "render": (deploy.Rendered,),
    "diff": (deploy.Difference,),
    "use": (deploy.Deployed, models.Choices),
    "models recommend": (recommend.Recommended,),
    "models search": (search.Found,),
    "models update": (models.Updated,),
    "models inspect": (models.Inspected,),
    "models can-load": (models.CanLoad,),
    "models fit": (models.Fitted, models.Quantisations),
    "models pull": (stored_models.Pulled, nodes.Served),
    "models list": (stored_models.Stored,),
    "models verify": (stored_models.Verified,),
    "models remove": (stored_models.Removed,),
    "smoke": (stack.Smoked,),
    "doctor": (doctor.Diagnosis,),
    "setup": (setup.SetUp, setup.TakenBack),
    "explain": (explain.Explained, explain.IssuePage),
    "status": (stack.Status,),
    "ls": (stack.Stacks,),
    "url": (stack.Address,),
    "open": (stack.Opened,),
    "gpu": (gpu.Look,),
    "why-slow": (slow.Why,),
    "history": (stack.History,),
    "free": (free.Freed,),
    "nodes": (nodes.Nodes,),
    "stop": (stack.Stopped,),
    "start": (stack.Started,),
    "restart": (stack.Started,),
    "down": (stack.Removed,),
    "init": (deploy.Initialised,),
    "adopt": (moving.Adoption, moving.Undoing),
    "import": (moving.Imported,),
    "uninstall": (uninstall.Uninstalled,),
    "images list": (stack.Images,),
    "images build": (stack.Built,),
}
FAILED: Final = failure.Failed
DECLINED: Final = failure.Declined
EVENTS: Final = (progress.Told, progress.Progress, progress.Error)
