"""Names, servers, ports, subnets and firewalls."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="names-not-resolved", title="names of the Internet are not resolved", kind="engine"),
    Issue(id="registry-unreachable", title="the image registry can't be reached", kind="engine"),
    Issue(id="hub-unreachable", title="the model hub can't be reached", kind="model"),
    Issue(id="certificate-not-trusted", title="a server's certificate is not trusted", kind="engine"),
    Issue(id="forwarding-off", title="the kernel forwards no packets between networks", kind="engine"),
    Issue(id="firewall-drops-forwarded", title="a firewall drops what containers send", kind="engine"),
    Issue(id="container-offline", title="a container does not reach the Internet", kind="engine"),
    Issue(id="port-taken", title="a port of the stack is taken by another program", kind="in_use"),
    Issue(
        id="subnet-overlaps-route",
        title="a subnet of the stack overlaps with a route or network of this machine",
        kind="in_use",
    ),
    Issue(id="subnets-used-up", title="no subnet is free for the stack's networks", kind="in_use"),
    Issue(id="network-in-use", title="a network of the stack is in use by another container", kind="engine"),
    Issue(id="reachable-from-outside", title="something answers where nothing of the stack may answer", kind="exposed"),
    Issue(id="open-to-web-pages", title="web pages of other origins may use SillyTavern", kind="exposed"),
    Issue(id="backend-open", title="the backend answers without its key", kind="exposed"),
)
