"""The images that a stack was deployed with: whether the engine has them, for its kind of processor."""

from collections.abc import Mapping
from typing import Final

from stackctl.contracts.finding import Finding

# names of one kind of processor, as the kernel and as images have it: https://github.com/containerd/platforms
_NAMES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "i386": "386"}


def judge_images(kinds: Mapping[str, str], machine: str) -> tuple[Finding, ...]:
    """Return what is wrong with images. kinds: name -> its processor's kind, "" if the engine lacks it."""
    missing = tuple(name for name, kind in kinds.items() if not kind)
    found = [
        Finding(
            issue="image-missing",
            severity="warning",  # what runs continues
            says=f"{'images' if len(missing) > 1 else 'an image'} of the stack "
            f"{'are' if len(missing) > 1 else 'is'} not on the engine any more",
            hint="Run `stackctl deploy`, which brings it again.",
            context=", ".join(missing),
            evidence=missing,
        )
    ] * bool(missing)
    wanted = normal(machine)
    return tuple(found) + tuple(
        Finding(
            issue="image-other-platform",
            says=f"{name} is for {kind}, and the engine's machine has {wanted}",
            hint="Run `stackctl deploy --images own`, or name an image for this processor in stack.toml.",
            context=name,
        )
        for name, kind in kinds.items()
        if kind not in {"", "unknown"} and wanted and normal(kind) != wanted
    )


def normal(kind: str) -> str:
    """Return a processor's kind as images name it."""
    return _NAMES.get(kind, kind)
