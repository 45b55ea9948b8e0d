"""stackctl: from a box with a GPU to a private chat that works, in one command."""

__version__ = "0.1.0"
