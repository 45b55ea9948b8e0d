"""What a smoke test checks, and how its result reads."""
