"""What a person wrote: stack.toml, its lock, and configurations of others."""
