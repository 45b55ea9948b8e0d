"""Fetch a model, and read one that is not here yet."""
