"""Images."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="image-not-pulled",
        title="an image can't be pulled",
        kind="engine",
        meaning="The registry did not give an image that the stack needs. What ran before runs on.",
        seen="The engine's words follow in the message.",
        repair="Check whether this machine is online; `stackctl doctor` asks the registry. Without any registry, "
        "`stackctl deploy --images own` builds the images that can be built here. If stack.lock records a digest that "
        "the registry no longer has, `stackctl deploy --new-images` takes what the tag means now.",
        undo="`stackctl deploy --images auto` goes back to pulled images.",
        sources=("https://docs.docker.com/reference/cli/docker/image/pull/",),
    ),
    Issue(
        id="image-unknown",
        title="the registry has no such image",
        kind="engine",
        meaning="The name or the tag of an image is wrong, the image was removed, or it is private.",
        seen='The registry answers "not found", "manifest unknown" or "denied".',
        repair="Check `backend.image` and `sillytavern.image` in stack.toml. For a private image, `docker login "
        "REGISTRY` first.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="image-missing",
        title="an image of the stack is not on this machine",
        kind="engine",
        meaning="An image with which the stack was deployed is gone, mostly after a `docker image prune`. Containers "
        "that run are not affected, but can't be made again.",
        seen="The engine does not find it; `stackctl doctor` looks for the images of all services.",
        repair="`stackctl deploy` brings it again.",
    ),
    Issue(
        id="image-other-platform",
        title="an image is for another kind of processor",
        kind="engine",
        meaning='An image for x86-64 does not run on ARM, and the other way round. The container ends with "exec '
        'format error", or the registry has no image for this machine.',
        seen="`stackctl doctor` compares the image's platform with the engine's; a log has the words.",
        repair="Name an image for this processor in stack.toml, or let stackctl build one: `stackctl deploy --images "
        "own`.",
        undo="`stackctl deploy --images auto`.",
        sources=("https://docs.docker.com/build/building/multi-platform/",),
    ),
    Issue(
        id="image-lacks-program",
        title="an image lacks the program that its service starts",
        kind="config",
        meaning="The image that stack.toml names is another one than it should be: it has no node, no backend or no "
        "program for its command.",
        seen="The container ends with the exit code 126 or 127, the engine says that the program is not found, or "
        "node can't be run in the image of SillyTavern.",
        repair="Check `backend.image`, `backend.program` and `sillytavern.image` in stack.toml. Without these keys "
        "stackctl chooses images that fit; then run `stackctl deploy`.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="image-not-built",
        title="an image can't be built",
        kind="engine",
        meaning="One of stackctl's own images could not be built. What ran before runs on.",
        seen="`docker build` ended with an error, whose lines stand above the message.",
        repair="Read these lines. Mostly the machine has no way to the packages of the distribution or of npm, or the "
        "disk is full. Then run `stackctl images build` again, or take the official images: `stackctl deploy --images "
        "official`.",
        undo="`docker image rm NAME` removes what was built.",
    ),
)
