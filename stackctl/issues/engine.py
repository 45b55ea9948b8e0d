"""The engine and Compose."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="engine-not-installed",
        title="no container engine is installed",
        kind="engine",
        meaning="stackctl runs SillyTavern and its backend in containers, and there is no Docker Engine (or Podman) "
        "on this machine to run them.",
        seen="`stackctl doctor` finds neither a socket of an engine nor the program `dockerd`.",
        repair="`stackctl setup` shows the commands that install it on this distribution, and runs each after a yes. "
        "By hand: follow the page of your distribution at https://docs.docker.com/engine/install/ .",
        undo="`stackctl uninstall` lists what was installed by `stackctl setup`, with the commands that remove it.",
        sources=("https://docs.docker.com/engine/install/",),
    ),
    Issue(
        id="engine-not-running",
        title="no container engine runs here",
        kind="engine",
        meaning="Docker is installed but stopped, or was never started; or no engine is at the socket where it is "
        "looked for. Nothing of the stack can run, and nothing is lost.",
        seen="The engine's socket does not exist, or it refuses connections. `stackctl doctor` also looks at the "
        "state of Docker's service, and for a rootless Docker or Podman at another socket.",
        repair="`sudo systemctl start docker` starts it; `systemctl status docker` says why it does not start. A "
        "rootless engine is started by `systemctl --user start docker`, and is named by `export "
        "DOCKER_HOST=unix:///run/user/$(id -u)/docker.sock`. If stackctl runs in a container, start that with `-v "
        "/var/run/docker.sock:/var/run/docker.sock`. `stackctl doctor --fix` starts it after one yes.",
        undo="`sudo systemctl stop docker` stops it again.",
        sources=("https://docs.docker.com/engine/daemon/start/",),
    ),
    Issue(
        id="engine-permission",
        title="this user may not use the engine's socket",
        kind="engine",
        meaning="Docker runs, but its socket is open only to root and to the group `docker`, and this user is not in "
        "that group, or has not logged in since.",
        seen='Opening the socket is refused ("permission denied"). `stackctl doctor` compares the groups of this '
        "login with those that the user has been given.",
        repair="`sudo usermod -aG docker $USER`, then log out and in again. Members of that group are as powerful as "
        "root. Or run stackctl with sudo. `stackctl doctor --fix` adds the user to the group after one yes.",
        undo="`sudo gpasswd -d $USER docker`, then log in again.",
        sources=("https://docs.docker.com/engine/install/linux-postinstall/",),
    ),
    Issue(
        id="engine-no-answer",
        title="the engine does not answer",
        kind="engine",
        meaning="Something listens at the engine's socket, but gives no answer in time, or stopped answering in the "
        "middle of the work. Containers that run may continue; they can't be seen or changed.",
        seen="A request of the engine's API got no answer within its time limit, or the connection was closed.",
        repair="`docker info` hangs as well as long as it is so. `sudo systemctl restart docker` restarts the engine, "
        "which stops its containers for a moment. `journalctl -u docker` shows why it hung; a disk that hangs or is "
        "full is a usual cause. With `DOCKER_HOST`, check the firewall or VPN on the way to that machine. Then run "
        "the command again.",
    ),
    Issue(
        id="engine-unreachable",
        title="the engine that DOCKER_HOST or a Docker context names can't be reached",
        kind="engine",
        meaning="The variable `DOCKER_HOST` or the current Docker context names an engine, and no engine answers "
        "there. Other engines, even one on this machine, are not used in its place.",
        seen="The connection to that address fails. The engine's or the system's words follow in the message.",
        repair="`docker info` with the same `DOCKER_HOST` shows the same. Start that engine; or use the one of this "
        "machine: `unset DOCKER_HOST`, and `docker context use default`.",
        undo="`docker context use NAME` goes back to a context; `docker context ls` lists them.",
        sources=("https://docs.docker.com/engine/manage-resources/contexts/",),
    ),
    Issue(
        id="engine-context-unreadable",
        title="the current Docker context can't be read",
        kind="engine",
        meaning="`docker context use` once chose a context whose files are missing or damaged, so it is unknown which "
        "engine is meant.",
        seen="Neither `DOCKER_HOST` nor the files in `~/.docker` (or `DOCKER_CONFIG`) give the address of an engine.",
        repair="`docker context ls` shows the contexts, `docker context use default` chooses the usual one.",
        undo="`docker context use NAME` chooses another one again.",
        sources=("https://docs.docker.com/engine/manage-resources/contexts/",),
    ),
    Issue(
        id="engine-elsewhere",
        title="the engine runs where stackctl sees neither its files nor its addresses",
        kind="engine",
        meaning="The stack's folder, the model and the addresses are those of the machine that the engine runs on. "
        "With an engine on another machine, or seen from inside a container without the host's network, stackctl "
        "would mount and check the wrong ones.",
        seen="`DOCKER_HOST` or the Docker context has an address that begins with ssh://; or stackctl runs in a "
        "container that does not share the host's network.",
        repair="Run stackctl on the engine's machine. In a container it is started with `--network host --pid host`, "
        "and with the folder mounted at the same path; the hint of the message has the whole command.",
    ),
    Issue(
        id="engine-too-old",
        title="the engine is older than stackctl supports",
        kind="engine",
        meaning="Docker Engine before 20.10 and Podman before 5 lack what the stack is built on. The containers of an "
        "older stack are not touched.",
        seen="The engine's version, as it reports it. `stackctl doctor` looks at the same.",
        repair="Update the engine by your system's package manager, or install Docker's own packages: "
        "https://docs.docker.com/engine/install/ . `stackctl setup` shows the commands for this distribution.",
        sources=("https://docs.docker.com/engine/install/",),
    ),
    Issue(
        id="engine-from-snap",
        title="Docker comes from a snap, which sees only parts of this machine",
        kind="engine",
        is_warning=True,
        meaning="The snap confines Docker: it sees what is not hidden in home folders, but no other disks and "
        "folders, and it does not work well beside NVIDIA's toolkit.",
        seen="The engine's data folder is one of a snap.",
        repair="Keep the stack's folder and its models in your home folder, in folders whose names begin with no dot. "
        "The surer way are Docker's own packages: `sudo snap remove docker`, then "
        "https://docs.docker.com/engine/install/ . Images and containers of the snap's Docker are gone then; chats "
        "lie in the stack's folder and stay.",
        undo="`sudo snap install docker` brings the snap back.",
        sources=("https://github.com/canonical/docker-snap",),
    ),
    Issue(
        id="rootless-other-user",
        title="a rootless engine can't run a service as this user",
        kind="engine",
        meaning="A rootless engine runs as one user of this machine, and its containers can be no other one. "
        "SillyTavern's folder belongs to another user, or `sillytavern.uid` names one.",
        seen="The user that listens on the engine's socket is compared with the owner that SillyTavern would run as.",
        repair="Give the stack's folder to the engine's user (the hint has the `chown` command), and set "
        '`sillytavern.uid = "auto"`. Or use that other user\'s engine, or one that runs as root, by `DOCKER_HOST`.',
        undo="`chown` gives the folder back to the owner before.",
        sources=("https://docs.docker.com/engine/security/rootless/",),
    ),
    Issue(
        id="engine-configuration-invalid",
        title="the engine's configuration file is damaged",
        kind="engine",
        meaning="Docker reads `/etc/docker/daemon.json` when it starts, and does not start with one that it can't "
        "read. An engine that still runs read it before it was changed.",
        seen="`stackctl doctor` reads the file as JSON, and lets `dockerd --validate` read it where that exists.",
        repair="Correct the line that is named: `sudoedit /etc/docker/daemon.json`. Or move the file away, which "
        "gives the default settings: `sudo mv /etc/docker/daemon.json /etc/docker/daemon.json.old`. Then run `sudo "
        "systemctl restart docker`. `stackctl doctor --fix` does not touch a file that it can't read.",
        undo="`sudo mv /etc/docker/daemon.json.old /etc/docker/daemon.json` brings the file back.",
        sources=("https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file",),
    ),
    Issue(
        id="engine-not-at-boot",
        title="the engine does not start when the machine boots",
        kind="engine",
        is_warning=True,
        meaning="The stack's services are started again by the engine. If nothing starts the engine at boot, the "
        "stack is gone after each reboot until somebody starts it.",
        seen="`stackctl doctor` asks the system's service manager whether Docker's service is enabled, and for a "
        "rootless engine whether it may run without a login.",
        repair="`sudo systemctl enable docker` once. For a rootless engine: `systemctl --user enable docker` and "
        "`sudo loginctl enable-linger $USER`. `stackctl doctor --fix` does it after one yes.",
        undo="`sudo systemctl disable docker`; `sudo loginctl disable-linger $USER`.",
        sources=(
            "https://docs.docker.com/engine/install/linux-postinstall/#configure-docker-to-start-on-boot-with-systemd",
        ),
    ),
    Issue(
        id="engine-refused",
        title="the engine refused a request",
        kind="engine",
        meaning="The engine answered, but did not do what stackctl asked of it. This page stands for refusals that no "
        "other page explains.",
        seen="The engine's own words follow in the message.",
        repair="Read these words: they mostly name the cause. `docker info` shows whether the engine is well, and "
        "prints its warnings at the end; `journalctl -u docker` has more. Then run the command again.",
    ),
    Issue(
        id="setup-failed",
        title="a command of setup failed",
        kind="engine",
        meaning="`stackctl setup` runs the commands of your distribution one by one, and one of them ended with an "
        "error or needs rights that are not there. Those before it were carried out.",
        seen="The exit code of the command; its last lines stand in the message.",
        repair="Repair what these lines say (a package manager that is locked, a mirror that does not answer, no "
        "sudo), then run `stackctl setup` again: it finds what is still lacking. `stackctl setup --print` shows the "
        "commands without running them.",
        undo="`stackctl uninstall` lists what setup has installed, with the commands that remove it.",
    ),
    Issue(
        id="docker-command-missing",
        title="the docker command is not installed",
        kind="engine",
        meaning="The engine answers, but the command `docker`, by which stackctl runs Compose and builds images, is "
        "not on this machine (or not in this container).",
        seen="No program `docker` is found on `PATH`.",
        repair="`stackctl setup` shows the commands for this distribution. By hand: install the packages "
        "`docker-ce-cli`, `docker-buildx-plugin` and `docker-compose-plugin` from "
        "https://docs.docker.com/engine/install/ , or your distribution's own. Without builds of images, the program "
        "`docker-compose` is enough.",
        undo="`stackctl uninstall` lists what `stackctl setup` installed, with the commands that remove it.",
        sources=("https://docs.docker.com/engine/install/",),
    ),
    Issue(
        id="compose-missing",
        title="Docker Compose is not installed",
        kind="engine",
        meaning="The stack is a Compose file, and nothing on this machine can run it: neither the plugin (`docker "
        "compose`) nor the program `docker-compose`.",
        seen="Both are asked for their versions, and neither answers.",
        repair="`stackctl setup` shows the commands for this distribution. By hand: install the package "
        "`docker-compose-plugin` from Docker's repository, or `docker-compose-v2` or `docker-compose` from your "
        "distribution, in version 2.20 or newer.",
        undo="Remove that package again.",
        sources=("https://docs.docker.com/compose/install/",),
    ),
    Issue(
        id="compose-too-old",
        title="Docker Compose is older than stackctl supports",
        kind="engine",
        meaning="Compose 2.20 is the oldest that runs the stack's file. Compose 1 is another program, which Debian 12 "
        "still has under the name `docker-compose`.",
        seen="The version that `docker compose version` or `docker-compose version` prints.",
        repair="Install Compose 2.20 or newer: `stackctl setup` shows the commands for this distribution, and "
        "https://docs.docker.com/compose/install/ has them by hand. On Debian 12 it comes from Docker's own "
        "repository.",
        undo="Remove that package again.",
        sources=("https://docs.docker.com/compose/install/",),
    ),
    Issue(
        id="compose-recreates-services",
        title="this Compose recreates unchanged services on the containerd image store",
        kind="engine",
        meaning="With the containerd image store, which Docker Engine 29 uses by default, Compose before 5.5 takes "
        "services whose image is named by its digest for changed. Each `docker compose up` of yours restarts them, "
        "and the model is read again. stackctl's own commands are not affected.",
        seen="`stackctl doctor` looks at the version of Compose and at the engine's image store.",
        repair="Update Compose to 5.5 or newer, by the package `docker-compose-plugin`. Until then use `stackctl "
        "start` and `stackctl deploy` instead of `docker compose up`.",
        undo="Install the version before again.",
        sources=("https://github.com/docker/compose/pull/14011",),
    ),
    Issue(
        id="compose-refuses-file",
        title="Compose refuses the stack's file",
        kind="engine",
        meaning="Compose does not take compose.yml together with compose.override.yml and a file named .env in the "
        "folder; or it does not take the compose file of a SillyTavern that is to be adopted. Nothing that runs was "
        "changed.",
        seen="`docker compose config` ends with an error, whose last line follows in the message.",
        repair="`docker compose config -q` in the folder shows the same. Look first at what you wrote into "
        "compose.override.yml, then at .env. `stackctl deploy` writes compose.yml again.",
        undo="Your own files are yours: keep a copy of compose.override.yml before you change it.",
        sources=("https://docs.docker.com/compose/how-tos/multiple-compose-files/merge/",),
    ),
    Issue(
        id="compose-failed",
        title="Compose failed",
        kind="engine",
        meaning="`docker compose` ended with an error that no other page explains, or can't run at all.",
        seen="Its exit code, and its last lines, which the message shows.",
        repair="Read these lines: they are Compose's or the engine's. If `docker compose version` fails, too, repair "
        "that first. `docker info` shows whether the engine is well; `stackctl -v deploy` shows every command that is "
        "run.",
    ),
    Issue(
        id="container-not-created",
        title="the engine can't create or start a container",
        kind="engine",
        meaning="The image is here, but the engine, or its runtime runc, can't make or start a container of it. "
        "Nothing of the program inside has run.",
        seen="The engine keeps the reason with the container, or prints it while Compose starts it. `stackctl explain "
        "FILE` finds it in a log.",
        repair="Read the engine's words: they mostly name a file to mount, a device or a setting in "
        "compose.override.yml. `stackctl start` tries it again and names what it knows. After an update of the engine "
        "or the kernel, reboot.",
    ),
    Issue(
        id="another-stackctl-runs",
        title="another stackctl works on this stack",
        kind="engine",
        meaning="Two commands that change one stack at the same time would undo each other's work, so the second one "
        "ends at once.",
        seen="The other one holds a lock: on the folder, or on the stack's name at the engine.",
        repair="Wait until it has ended, or end it with Ctrl-C. The message names its process where it is known. If "
        "two folders give their stacks the same name, deploy one of them as `stackctl deploy --name OTHER`.",
    ),
)
