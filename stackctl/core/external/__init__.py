"""External backends, which the stack does not run."""
