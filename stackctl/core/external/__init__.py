"""A backend that somebody else runs."""
