"""The stack's settings and files, and what is adopted."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="settings-wrong",
        title="a file, an option or an answer is wrong",
        kind="config",
        meaning="stack.toml, a file that is named in it or to a command, an option or a typed answer has a value that "
        "stackctl can't use. Nothing that runs was changed.",
        seen="All is checked before anything is done; of stack.toml every mistake is listed at once, with its line.",
        repair="Correct what the message names. The `--help` of a command lists its options, and `stackctl init` "
        "writes a commented stack.toml with every key into an empty folder.",
        undo="A setting that an option wrote into stack.toml is changed there.",
    ),
    Issue(
        id="own-file-damaged",
        title="a file that stackctl keeps is damaged",
        kind="config",
        meaning="A file of the stack that stackctl writes and reads (stack.lock, .stackctl/plan.json, compose.yml, a "
        "key or a password) is missing, empty or not as it was written.",
        seen="It is read and checked before it is used.",
        repair="By the hint: remove the file that is named, or take it from your backup or version control; then "
        "`stackctl deploy` writes it again. A new key or password is made if its file is gone.",
        undo="Keep the damaged file under another name until the stack runs.",
    ),
    Issue(
        id="exposure-refused",
        title="a setting would open the stack further than is allowed",
        kind="config",
        meaning="The setting would put SillyTavern's page on an address where anybody could reach it, with a password "
        "and chats that are not encrypted.",
        seen="The addresses of this machine are compared with `sillytavern.bind` and `sillytavern.expose`.",
        repair='Keep `bind = "127.0.0.1"`. For other devices: `stackctl deploy --expose lan`, which opens it to '
        "private networks, with a password. For the Internet put a proxy with encryption in front.",
        undo="`stackctl deploy --expose none`.",
    ),
    Issue(
        id="key-file-readable",
        title="a file with a key may be read by others",
        kind="config",
        meaning="An API key lies in a file that other users of this machine can read.",
        seen="The file's mode.",
        repair="`chmod 600 FILE`. If others may have read it, make a new key.",
        undo="`chmod 644 FILE` gives others their access back.",
    ),
    Issue(
        id="stack-missing",
        title="there is no stack in this folder",
        kind="config",
        meaning="The command is about a stack, and none was deployed in this folder, or the folder is gone.",
        seen="compose.yml is not there.",
        repair="`stackctl ls` lists the stacks of this machine with their folders: `stackctl -C FOLDER status`. "
        "`stackctl deploy` makes a new one here.",
    ),
    Issue(
        id="name-taken",
        title="another stack has this name",
        kind="config",
        meaning="Two stacks of one name would replace each other's containers, so the second one is refused.",
        seen="The engine's containers carry the folder that their stack was deployed in.",
        repair="`stackctl deploy --name OTHER` gives this one another name. `stackctl ls` shows the other one; "
        "`stackctl -C FOLDER down` removes its containers, and its chats stay.",
        undo="`stackctl deploy --name NAME` with the name before.",
    ),
    Issue(
        id="stack-renamed",
        title="this folder runs under another name",
        kind="config",
        meaning="The stack's name or the folder's name was changed while its containers run under the former name. A "
        "second stack on the same chats would corrupt them.",
        seen="Containers that were deployed from this folder have another project name.",
        repair="`docker compose -p OLD-NAME down` removes the former containers, chats stay; then `stackctl deploy`. "
        "Or set `name` in stack.toml back.",
        undo="Set `name` in stack.toml to the former name.",
    ),
    Issue(
        id="folder-moved",
        title="the folder was moved since its stack was deployed",
        kind="config",
        meaning="The containers still look for their files at the former path.",
        seen="The plan records the folder that it was made for.",
        repair="`stackctl deploy` recreates the containers here, under the name that they had; chats and settings "
        "stay.",
        undo="Move the folder back, and run `stackctl deploy` there.",
    ),
    Issue(
        id="lock-differs",
        title="the deploy differs from stack.lock",
        kind="config",
        meaning="`--locked` allows only what stack.lock records, and this deploy would decide something else, or "
        "there is no stack.lock.",
        seen="Each decision is compared with the record.",
        repair="`stackctl deploy` without `--locked` accepts the differences and writes them into stack.lock; commit "
        "that file.",
        undo="Take the former stack.lock from version control.",
    ),
    Issue(
        id="newer-stackctl",
        title="a newer stackctl wrote a file of this folder",
        kind="config",
        meaning="stack.lock, .stackctl/plan.json or a catalogue has a form or a value that this version does not know.",
        seen="The version and the values in the file.",
        repair="Use the stackctl that wrote it; `stackctl --version` shows this one. Or let this one decide again: "
        "`stackctl deploy`, after moving the file away that the message names.",
        undo="Move the file back.",
    ),
    Issue(
        id="proxy-missing",
        title="the proxy of sillytavern.proxy or its network is missing",
        kind="config",
        meaning="stack.toml says that a reverse proxy in a container serves the page, and that container does not "
        "run, or its network does not exist.",
        seen="The engine lists the containers and networks.",
        repair="Start the proxy first: it makes the network. `docker network ls` and `docker ps` show the names to "
        "set in `sillytavern.proxy`. Then run `stackctl deploy`.",
        undo="Remove `sillytavern.proxy` from stack.toml, and run `stackctl deploy`.",
    ),
    Issue(
        id="nothing-to-adopt",
        title="no SillyTavern was found to adopt",
        kind="config",
        meaning="What was named is not a SillyTavern that stackctl can take over: no installation, several of them, "
        "or one whose chats lie inside its container or in a volume of another name.",
        seen="The folder, its compose file and the engine's containers are looked at; nothing is changed.",
        repair="Give the folder of its server.js, of its compose file, its data folder, or the name of its container: "
        "`stackctl adopt FOLDER`. Of several services, choose one by `--service NAME`. Copy chats out of a container "
        "first, as the hint says.",
        undo="`stackctl adopt --undo` goes back after an adoption.",
    ),
    Issue(
        id="sillytavern-still-writes",
        title="another SillyTavern still writes into the folder to adopt",
        kind="config",
        meaning="The installation that is to be adopted runs. What it writes meanwhile would be lost, or two programs "
        "would write the same files.",
        seen="The processes of this machine and the mounts of running containers.",
        repair="Stop it as the hint says, then run `stackctl adopt` again.",
        undo="Start it again; after an adoption, `stackctl adopt --undo` first.",
    ),
    Issue(
        id="sillytavern-data-newer",
        title="the data comes from a newer SillyTavern",
        kind="config",
        meaning="SillyTavern changes its data to a newer form when it starts. An older one could damage data that is "
        "already newer.",
        seen="The version that the data names is compared with that of the stack's image.",
        repair="Set `sillytavern.image` in stack.toml to an image of that version or newer.",
        undo="Remove the key again for data that is not newer.",
    ),
)
