"""The names of stackctl's files in a deployment's folder, and the name of the built-in model."""

from typing import Final

STATE: Final = ".stackctl"  # a folder: keys, records, the lock of the folder
API_KEY: Final = f"{STATE}/api-key"
PASSWORD: Final = f"{STATE}/sillytavern-password"
DEMO: Final = "demo"  # written instead of a model's path
