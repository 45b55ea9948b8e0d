"""The names of what stackctl keeps in a deployment's folder, and the one that stands for the built-in model."""

from typing import Final

STATE: Final = ".stackctl"  # a folder: keys, records, the lock of the folder
API_KEY: Final = f"{STATE}/api-key"
PASSWORD: Final = f"{STATE}/sillytavern-password"
DEMO: Final = "demo"  # in the place of a model's file
