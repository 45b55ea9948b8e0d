"""The configuration: stack.toml, stack.lock, and configurations of other programs."""
