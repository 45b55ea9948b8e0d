"""Names, servers, ports, subnets and firewalls."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="names-not-resolved",
        title="names of the Internet are not resolved",
        kind="engine",
        meaning="The registry and the model hub can't be found by their names. What is on this machine runs on.",
        seen="`stackctl doctor` asks the system's resolver for their names.",
        repair="`resolvectl status`, or `cat /etc/resolv.conf`, shows who is asked. `ping -c1 1.1.1.1` tells whether "
        "the network itself works. With a VPN, see whether names work without it. Containers ask the engine's "
        'resolver: `"dns": ["1.1.1.1"]` in `/etc/docker/daemon.json` names another one, after `sudo systemctl restart '
        "docker`.",
        undo="Remove `dns` from daemon.json again, and restart Docker.",
        sources=("https://docs.docker.com/engine/daemon/troubleshoot/#dns-issues",),
    ),
    Issue(
        id="registry-unreachable",
        title="the image registry can't be reached",
        kind="engine",
        meaning="Images can't be pulled. Those that are here run on.",
        seen="`stackctl doctor` sends the registry an HTTPS request with a short time limit.",
        repair='`curl -I https://ghcr.io` shows what arrives. Behind a proxy, the engine needs it, too: `"proxies"` '
        "in `/etc/docker/daemon.json`. Without any registry: `stackctl deploy --images own` builds the images that "
        "can be built here.",
        undo="Remove `proxies` from daemon.json again, and restart Docker.",
        sources=("https://docs.docker.com/engine/daemon/proxy/",),
    ),
    Issue(
        id="hub-unreachable",
        title="the model hub can't be reached",
        kind="model",
        meaning="Models can't be listed or downloaded. A model that is on this machine can be used.",
        seen="A request to the hub (or to `HF_ENDPOINT`) fails, or answers with an error of its side; or "
        "`HF_HUB_OFFLINE` forbids it.",
        repair="`curl -I https://huggingface.co` shows what arrives; https://status.huggingface.co tells whether it "
        "is down. `unset HF_HUB_OFFLINE HF_ENDPOINT` if they are set without need. Behind a proxy set `HTTPS_PROXY`. "
        "Meanwhile name a file: `stackctl deploy --model /path/to/MODEL.gguf`.",
        sources=("https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables",),
    ),
    Issue(
        id="certificate-not-trusted",
        title="a server's certificate is not trusted",
        kind="engine",
        meaning="What answers for the registry or the hub shows a certificate that this system does not know: a "
        "company's proxy or a virus scanner reads along, or the clock is wrong. Nothing is fetched from it.",
        seen="The encrypted connection fails while the certificate is checked.",
        repair="`date` must be right. Behind a company's proxy install its certificate: copy it to "
        "`/usr/local/share/ca-certificates/NAME.crt`, run `sudo update-ca-certificates`, then `sudo systemctl restart "
        "docker`. For stackctl alone: `export SSL_CERT_FILE=/path/to/certificates.pem`.",
        undo="Remove the file, then run `sudo update-ca-certificates --fresh`.",
        sources=("https://docs.docker.com/engine/security/certificates/",),
    ),
    Issue(
        id="forwarding-off",
        title="the kernel forwards no packets between networks",
        kind="engine",
        meaning="Containers do not reach the Internet, and other devices do not reach the published page. On this "
        "machine itself the page answers, and the chat works.",
        seen="`stackctl doctor` asks the engine, and reads `net.ipv4.ip_forward`.",
        repair="`sudo sysctl -w net.ipv4.ip_forward=1`; and correct the line in `/etc/sysctl.conf` or "
        "`/etc/sysctl.d/` that sets it to 0. `stackctl doctor --fix` sets it until the next boot.",
        undo="`sudo sysctl -w net.ipv4.ip_forward=0`.",
        sources=("https://docs.docker.com/engine/network/packet-filtering-firewalls/",),
    ),
    Issue(
        id="firewall-drops-forwarded",
        title="a firewall drops what containers send",
        kind="engine",
        meaning="A rule of ufw, firewalld or nftables drops the packets that the kernel forwards for containers, so "
        "that the page does not answer or containers have no network.",
        seen="`stackctl doctor` reads the rules as far as this user may, and otherwise the firewall's files.",
        repair="`sudo systemctl restart docker` writes Docker's rules again after a reload of the firewall. Remove "
        '`"iptables": false` from `/etc/docker/daemon.json`. In a chain of nftables that you wrote, let forwarded '
        "packets of the bridges pass; a drop there wins over Docker's accept.",
        undo="Restore the firewall's file from before, and reload it.",
        sources=("https://docs.docker.com/engine/network/packet-filtering-firewalls/",),
    ),
    Issue(
        id="container-offline",
        title="a container does not reach the Internet",
        kind="engine",
        meaning="This machine reaches the registry, and a container on it does not. SillyTavern can't fetch "
        "extensions or use services of the Internet; the chat with a backend of the stack works.",
        seen="`stackctl doctor --deep` starts a short container of an image that is here, and lets it ask the "
        "registry by its name.",
        repair="`sudo iptables -S FORWARD` shows rules that drop what containers send. If names alone fail, "
        '`/etc/resolv.conf` names a server that only this machine can ask: write `"dns": ["1.1.1.1"]` into '
        "`/etc/docker/daemon.json`, then run `sudo systemctl restart docker`. A proxy that only this machine knows is "
        "set for containers in `~/.docker/config.json`.",
        undo="Remove that line again, and restart Docker.",
        sources=("https://docs.docker.com/engine/daemon/troubleshoot/#dns-issues",),
    ),
    Issue(
        id="port-taken",
        title="a port of the stack is taken by another program",
        kind="in_use",
        meaning="Another program listens on the port of SillyTavern's page, of the backend or of a companion. It was "
        "not touched.",
        seen="Before a deploy the ports of this machine and of the engine's containers are read; at the start the "
        'engine says "port is already allocated". `stackctl doctor` looks as well.',
        repair="`stackctl deploy --port 8010` takes another port for the page; `backend.publish` in stack.toml sets "
        "the backend's. `docker ps` and `sudo ss -ltnp` show who holds a port.",
        undo="`stackctl deploy --port 8000` goes back to the usual one.",
    ),
    Issue(
        id="subnet-overlaps-route",
        title="a subnet of the stack overlaps with a route or network of this machine",
        kind="in_use",
        meaning="The stack's network has addresses that a VPN, another network of this machine or another container "
        "network uses, too. Either the stack or those machines can't be reached.",
        seen="Before a deploy the subnets are compared with the routes of this machine and the engine's networks; the "
        "engine refuses a pool that overlaps. `stackctl doctor` compares them again, as a VPN may have come later.",
        repair="`stackctl deploy --replan` chooses other subnets; run it while the VPN is up. Or name free ones in "
        "stack.toml: `network.inner` and `network.edge`. `docker network ls` and `ip route` show those in use.",
        undo="Set `network.inner` and `network.edge` back, and run `stackctl deploy --replan`.",
    ),
    Issue(
        id="subnets-used-up",
        title="no subnet is free for the stack's networks",
        kind="in_use",
        meaning="Networks of the engine and routes of this machine cover all private ranges from which stackctl, or "
        "the engine, takes subnets.",
        seen="All of them are compared before a deploy; `stackctl doctor` counts the engine's pools.",
        repair="`docker network prune` removes networks that no container uses. Or name two free subnets in "
        'stack.toml (`network.inner`, `network.edge`), or give the engine more by `"default-address-pools"` in '
        "`/etc/docker/daemon.json`.",
        undo="A network that was removed comes back when its stack is started.",
        sources=("https://docs.docker.com/engine/network/#automatic-subnet-allocation",),
    ),
    Issue(
        id="network-in-use",
        title="a network of the stack is in use by another container",
        kind="engine",
        meaning="A network of the stack must be made again, and a container that is not part of the stack is in it, "
        "which would lose its network.",
        seen="The engine lists who is in the network, or refuses to remove it.",
        repair="`docker network inspect NAME` shows them; `docker network disconnect NAME CONTAINER` takes one from "
        "it. Then run `stackctl deploy` again.",
        undo="`docker network connect NAME CONTAINER` puts it back.",
        sources=("https://docs.docker.com/reference/cli/docker/network/",),
    ),
    Issue(
        id="reachable-from-outside",
        title="something answers where nothing of the stack may answer",
        kind="exposed",
        meaning="A service can be reached from a place from which it was not planned: other devices, other networks "
        "or another container may read chats or use the backend.",
        seen="`stackctl smoke` looks at the published addresses and networks of the containers that run, and tries "
        "each way.",
        repair="Mostly compose.override.yml, or a container that was started by hand, opens it: remove that. "
        "`stackctl deploy` recreates the services as they are planned; `stackctl smoke` shows whether it is closed. "
        "`stackctl down` closes all at once.",
        undo="What others may use is set by `sillytavern.expose` and `backend.publish` in stack.toml.",
    ),
    Issue(
        id="open-to-web-pages",
        title="web pages of other origins may use SillyTavern",
        kind="exposed",
        meaning="SillyTavern answers to foreign host names, or lets other web pages read or change its data. Any page "
        "that is open in your browser could read your chats.",
        seen="`stackctl smoke` asks it with a foreign host name and origin, and without the token against forged "
        "requests.",
        repair="Its config.yaml or compose.override.yml switches off a protection that stackctl sets: remove that, "
        "then run `stackctl deploy`.",
        sources=("https://docs.sillytavern.app/administration/config-yaml/",),
    ),
    Issue(
        id="backend-open",
        title="the backend answers without its key",
        kind="exposed",
        meaning="Every program that reaches the backend may use it. stackctl starts it with an API key, and something "
        "removed that.",
        seen="`stackctl smoke` sends the backend a request without the key.",
        repair="Remove what changes the key from `backend.extra_args` or compose.override.yml, then run `stackctl "
        "deploy`.",
    ),
)
