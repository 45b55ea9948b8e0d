"""The names of what stackctl keeps in a deployment's folder."""

from typing import Final

STATE: Final = ".stackctl"  # a folder: keys, records, the lock of the folder
API_KEY: Final = f"{STATE}/api-key"
PASSWORD: Final = f"{STATE}/sillytavern-password"
