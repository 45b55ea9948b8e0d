"""CDI, the Container Device Interface, which passes on GPUs of several makes.

Source: https://github.com/cncf-tags/container-device-interface (SPEC.md)
"""


def cdi_names(spec: object) -> tuple[str, ...]:
    """Return the full names of the devices that the content of a CDI file describes; () if it is no CDI file."""
    if not isinstance(spec, dict) or not isinstance(devices := spec.get("devices"), list):
        return ()
    return tuple(f"{spec.get('kind')}={one['name']}" for one in devices if isinstance(one, dict) and "name" in one)
