"""Docker Compose: everything that knows its syntax and its commands."""
