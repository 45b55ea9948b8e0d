"""The checks of a smoke test, and its reports."""
