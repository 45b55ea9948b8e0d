"""Docker Compose: everything that speaks its language."""
