"""Fetching a model, and reading one that is elsewhere."""
