"""CDI, the Container Device Interface, which passes on GPUs of several makes.

Source: https://github.com/cncf-tags/container-device-interface (SPEC.md)
"""


def cdi_names(spec: object) -> tuple[str, ...]:
    """Return the full names of the devices that the content of a CDI file describes; () if it is no CDI file."""
    if not isinstance(spec, dict) or not isinstance(devices := spec.get("devices"), list):
        return ()
    return tuple(f"{spec.get('kind')}={one['name']}" for one in devices if isinstance(one, dict) and "name" in one)


def cdi_nodes(spec: object, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the device files, with their paths inside a container, that a CDI file's content describes for devices."""
    if not isinstance(spec, dict) or not isinstance(devices := spec.get("devices"), list):
        return ()
    wanted = [one for one in devices if isinstance(one, dict) and f"{spec.get('kind')}={one.get('name')}" in names]
    edits = [one.get("containerEdits") for one in (spec, *wanted)] if wanted else []
    nodes = [node for edit in edits if isinstance(edit, dict) for node in edit.get("deviceNodes") or ()]
    return tuple(str(node["path"]) for node in nodes if isinstance(node, dict) and "path" in node)
