"""Adopts an existing SillyTavern folder."""
